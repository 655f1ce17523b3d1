"""Leaks where there is nothing to learn: by photograph, by copies, by choosing, by masks."""

import numpy as np
import pandas as pd
import pytest

from defectlab.experiments import leaking


@pytest.fixture(scope="module")
def photos():
    return leaking.photograph(16, 3, seed=0)


def test_photographs_of_a_part_share_its_label_and_are_alike(photos):
    assert photos.images.shape == (48, leaking.SIDE, leaking.SIDE, 3)
    assert photos.labels.reshape(16, 3).std(1).max() == 0 and photos.labels.mean() == 0.5
    likeness = photos.signatures @ photos.signatures.T
    same = photos.parts[:, None] == photos.parts[None]
    assert likeness[same].mean() > likeness[~same].mean() + 0.2


def test_a_split_by_photograph_finds_what_is_not_there(photos):
    mean = leaking.split_two_ways(photos, repeats=6, seed=0).groupby("split")["AP"].mean()
    assert mean["by photograph"] > 0.9
    assert mean["by part"] < 0.8


def test_an_audit_by_neighbours_finds_which_set_a_generator_repeats(photos):
    found = leaking.audit_neighbours(photos, seed=0).set_index("generator")
    assert found.loc["repeats training", "nearer to training"] > 0.95
    assert found.loc["repeats test", "nearer to test"] > 0.95
    others = [("new images", "nearer to training"), ("new images", "nearer to test"),
              ("repeats training", "nearer to test"), ("repeats test", "nearer to training")]  # fmt: skip
    assert all(0.1 < found.loc[where] < 0.9 for where in others)


def test_the_score_of_memory_by_hand():
    train = np.array([[1.0, 0.0], [0.0, 1.0]])
    test = np.array([[1.0, 0.0], [0.6, 0.8]])
    assert leaking.recognise(train, np.array([1, 0]), test) == pytest.approx([1.0, -0.2])


def test_copies_are_worth_what_the_equation_says(photos):
    assert leaking.ap_with_copies(0, 0.3) == pytest.approx(0.3, abs=1e-3)
    assert leaking.ap_with_copies(1, 0.3) == 1
    frame = leaking.copies_dose(photos, [0.0, 1.0], repeats=3, seed=0).pivot(index="share", columns="kind", values="AP")
    assert frame.loc[1.0, "measured"] > 0.97
    rng = np.random.default_rng(0)
    labels = (np.arange(20_000) < 2000).astype(int)
    known = rng.random(20_000) < 0.2
    scores = np.where(known, 2.0 * labels - 0.5, rng.random(20_000))
    simulated = leaking.average_precision(labels, scores)
    assert leaking.ap_with_copies(0.2, 0.1) == pytest.approx(simulated, abs=0.03)


def test_the_best_of_many_exceeds_the_truth_and_stays_below_the_bound():
    frame = leaking.best_of_many([1, 20], 30, 120, 2.0, repeats=30, seed=0).pivot(
        index="count", columns="kind", values="AP"
    )
    assert frame.loc[20, "truth"] < frame.loc[20, "reported"] < frame.loc[20, "bound"]
    assert frame.loc[1, "reported"] == pytest.approx(frame.loc[1, "truth"], abs=0.03)
    assert leaking.chosen_from(1, 0.5) == 0


def test_masks_of_one_law_are_not_told_apart_and_others_are():
    rng = np.random.default_rng(0)

    def shapes(name, shift):
        return pd.DataFrame({column: rng.normal(shift, 1, 60) for column in leaking.SHAPE}).assign(source=name)

    frame = pd.concat([shapes("test", 0), shapes("same", 0), shapes("other", 3)])
    told = leaking.tell_apart(frame, "test", 0).set_index("source")["AUROC"]
    assert told["other"] > 0.95 and told["same"] < 0.7 and "test" not in told


def test_every_source_gives_its_masks():
    frame = leaking.mask_sources(4, (64, 48), seed=0)
    assert frame["source"].value_counts().to_dict() == dict.fromkeys(
        ["real, test", "real, training", "lines", "blobs", "Perlin"], 4
    )
    assert frame[leaking.SHAPE].notna().all().all() and (frame["area"] > 0).all()

"""Does it help, on a few small images: what is equal, what is paired, what is read from the rows."""

import json

import numpy as np
import pandas as pd
import pytest
from small_data import write_folder

from defectlab.detection.config import laptop
from defectlab.evaluation.calibration import prior_shift
from defectlab.experiments import helping, helping_calibration, helping_transfer
from defectlab.experiments.helping_bench import Bench, _first, stages
from defectlab.experiments.helping_parameters import HelpingParameters
from defectlab.params import ParameterError, resolve
from defectlab.report.reliability_plot import reliability_plot
from defectlab.report.saturation_plot import saturation_plot
from defectlab.runs import Run

TINY = {"dataset": "folder", "profile": "smoke", "device": "cpu", "weights": "none", "backbone": "test_resnet"}
TINY |= {"synthesizers": ["memseg", "texture"], "textures": "none"}


def resolved(**values):
    return resolve(HelpingParameters, {**TINY, **values})


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    root = write_folder(tmp_path_factory.mktemp("helping") / "images")
    params = resolved(data_root=str(root), synthesizers=["memseg"])
    return Bench(params, Run.open(tmp_path_factory.mktemp("runs"), "helping", params))


def test_every_count_has_images_of_its_own_and_so_has_every_seed(bench):
    params = bench.params
    assert params.n_of("memseg") == 1 + 2 + 3 + 4 == len(bench.made("memseg", 0))
    assert bench.made("memseg", 0) is bench.made("memseg", 0)
    first, other = bench.made("memseg", 0).items[0], bench.made("memseg", 1).items[0]
    assert not np.array_equal(first.image, other.image)


def test_rows_have_every_count_and_seed_and_start_from_one_training(bench):
    counted = helping.by_count(bench)
    assert len(counted) == 5 * 2 and set(counted["n"]) == {0, 1, 2, 3, 4}
    assert counted["AP"].between(0, 1).all()
    stored = helping.by_count(bench)
    pd.testing.assert_frame_equal(counted, stored)
    plot = saturation_plot(counted, helping.saturation_curves(counted, helping.saturations(counted)), "smoke")
    assert "2 seeds from" in plot.alt and plot.alt.endswith("not a result.")


def test_without_synthetic_images_both_readings_of_a_mixture_are_one_training(bench):
    mixed = helping.by_mixture(bench)
    start = mixed[mixed["share"] == 0].pivot(index="seed", columns="kind", values="AP")
    assert (start["memseg"] == start[helping.ALONE]).all()
    assert not ((mixed["kind"] == helping.ALONE) & (mixed["share"] == 1)).any()
    assert helping.mixture_table(mixed).frame.iloc[-1, -1] == "no positives left"
    assert set(helping.mixture_bands(mixed)["kind"]) == {helping.ALONE, "with MemSeg"}


def test_real_positives_are_nested_and_skipped_images_are_others(bench):
    positives = bench.part("positives")
    one, two, last = (_first(positives, n, 0, skip).digest for n, skip in ((1, 0), (2, 0), (2, 1)))
    places = [json.loads(digest.split("/")[1]) for digest in (one, two, last)]
    assert places[0] + places[2] == places[1]


def test_every_order_draws_as_much_of_each_kind():
    assert {sum(shares) / len(shares) for shares in helping.ORDERS.values()} == {0.5}


def test_orders_are_compared_with_the_mixture(bench):
    table = helping.order_table(helping.by_order(bench)).frame
    assert list(table["order"]) == list(helping.ORDERS) and table["against mixed"].iloc[0] == "–"


def test_repairs_are_fitted_to_validation_images_and_shown_on_test_images(bench):
    scored = helping_calibration.scores(bench)
    found = helping_calibration.repaired(scored)
    held = scored[scored["part"] == "validation"].groupby("seed")["label"].mean().iloc[0]
    test = scored[(scored["part"] == "test") & (scored["seed"] == 0)]
    corrected = found[(found["seed"] == 0) & (found["repair"] == helping_calibration.SHIFTED)]
    assert np.allclose(corrected["logit"], test["logit"] + prior_shift(0.5, held))
    assert len(found) == 3 * 2 * len(test)
    assert list(helping_calibration.calibration_table(found).frame["scores"]) == [
        helping_calibration.TRAINED, helping_calibration.SHIFTED, helping_calibration.COOLED,
    ]  # fmt: skip
    curves = helping_calibration.reliability_curves(found, "memseg")
    assert set(curves["repair"]) == set(found["repair"].unique())
    plot = reliability_plot({"memseg": curves}, "smoke")
    assert "MemSeg, as trained: " in plot.alt and plot.alt.endswith("not a result.")
    with pytest.raises(ValueError, match="one to 3 repairs"):
        reliability_plot({})


def test_both_readings_of_a_transfer_have_one_diagonal(bench):
    crossed = helping_transfer.transfer(bench.params, bench.run)
    assert len(crossed) == 2 * 3 * 3 * 2
    same = crossed[crossed["defects"] == crossed["tested"]].pivot_table(
        index=["defects", "seed"], columns="reading", values="AUROC"
    )
    assert (same[helping_transfer.WHOLE] == same[helping_transfer.CROSSED]).all()
    cells = helping_transfer.transfer_table(crossed).frame
    assert cells["tested on leather"].str.startswith("[").sum() == 2


def test_steps_are_shared_out_among_the_stages():
    params = resolved(steps=10)
    size = laptop().batch_size
    assert stages(params).draws == 5 * size and stages(params).shares == (None, None)
    assert stages(params, 1.0, 0.0).draws == 5 * size


def table_of(values):
    rows = [("memseg", n, seed, value) for seed, line in enumerate(values) for n, value in enumerate(line)]
    return pd.DataFrame(rows, columns=["synthesizer", "n", "seed", "AP"])


def test_a_flat_curve_is_said_to_be_none():
    line = helping.saturation_table(helping.saturations(table_of([[0.5] * 6] * 3))).frame.iloc[0]
    assert line["told from a constant"] == "no" and line["images for 95 %"] == "–"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"counts": [1, 2, 3, 4, 5]}, "counts: expected 0 and 4 rising"),
        ({"counts": [0, 1, 2]}, "expected 0 and 4"),
        ({"synthesizers": ["diag"], "n_painted": 2}, "n_painted limits"),
        ({"seeds": [1]}, "two at least"),
        ({"seeds": [1, 1]}, "each once"),
    ],
)
def test_counts_and_seeds_that_show_nothing_are_refused(given, words):
    with pytest.raises(ParameterError, match=words):
        resolved(**given)


def test_too_few_real_positives_stop_at_once(bench, tmp_path):
    params = resolved(data_root=bench.params.data_root, total=500)
    with pytest.raises(ValueError, match="500 real positives asked for"):
        Bench(params, Run.open(tmp_path, "helping", params))


def test_a_killed_chapter_keeps_the_seeds_that_are_done(bench):
    asked = []

    def rows(bench, seed):
        asked.append(seed)
        if len(asked) == 2:
            raise KeyboardInterrupt
        yield {"seed": seed, "AP": 0.5}

    with pytest.raises(KeyboardInterrupt):
        bench.table("killed", rows)
    assert bench.table("killed", rows)["seed"].tolist() == [0, 1] and asked == [0, 1, 1]

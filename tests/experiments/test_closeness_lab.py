"""Sets whose closeness is known: the law of the bias, equal moments, copies."""

import pytest
import torch

from defectlab.experiments import closeness_lab as lab


def test_the_expected_distance_is_the_one_that_samples_have():
    frame = lab.by_count(8, [400], repeats=10, seed=0).set_index("measure")
    assert frame.loc["Fréchet", "value"] == pytest.approx(lab.expected_frechet(400, 400, 8), rel=0.15)
    assert frame.loc["Fréchet, expected", "value"] == pytest.approx(2 / 400 * (8 + 8 * 9 / 4))
    assert abs(frame.loc["kernel, x 1000", "value"]) < 5


def test_equal_moments_deceive_the_frechet_distance_and_not_the_kernel():
    frame = lab.same_moments(3000, 4, seed=0).set_index("against")
    other, same = "two values a coordinate", "another normal sample"
    assert frame.loc[other, "Fréchet"] < 2 * frame.loc[same, "Fréchet"] + 0.05
    assert frame.loc[other, "kernel, x 1000"] > 10 * abs(frame.loc[same, "kernel, x 1000"])


def test_the_line_to_infinity_goes_through_the_truth():
    generator = torch.Generator().manual_seed(0)
    real, made = (torch.randn(2000, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    frame = lab.to_infinity(real, made + 1, [100, 200, 400, 800], repeats=5, seed=0)
    line = frame[frame["kind"] == "line"]
    assert line["inverse"].iloc[0] == 0 and line["value"].iloc[0] == pytest.approx(4, rel=0.1)
    assert frame["value"].iloc[0] > frame["value"].iloc[3]


@pytest.fixture(scope="module")
def features():
    generator = torch.Generator().manual_seed(0)

    def normal(n=60):
        return torch.randn(n, 6, generator=generator, dtype=torch.float64)

    train = normal()
    return {
        "train": train,
        "held out": normal(),
        "new and real": normal(),
        "copies": train + 1e-3,
        "one image": train[:1].repeat(60, 1) + 1e-3 * normal(),
    }


def test_copies_win_by_the_frechet_distance_and_are_caught_by_their_nearest(features):
    frame = lab.judge_sets(features).set_index("set")
    assert frame["Fréchet"].idxmin() == "copies"
    assert frame.loc["copies", "nearest"] < 0.05 < 0.5 < frame.loc["new and real", "nearest"]
    assert frame.loc["one image", "diversity"] < 0.05 < 0.8 < frame.loc["new and real", "diversity"]
    assert list(frame.index) == ["new and real", "copies", "one image"]


def test_nearest_ratios_are_cumulative(features):
    frame = lab.nearest_ratios(features, ["held out", "copies"])
    assert frame.groupby("set")["share"].max().tolist() == [1, 1]
    assert frame.groupby("set")["ratio"].median()["copies"] < 0.05


def test_sets_of_surfaces_are_what_their_names_say():
    sets = lab.generators(3, 32, seed=0)
    images = {name: held.images() for name, held in sets.items()}
    assert {tuple(image.shape) for image in images.values()} == {(3, 3, 32, 32)}
    assert (
        (images["copies"] - images["train"]).abs().mean()
        < 0.02
        < (images["new and real"] - images["train"]).abs().mean()
    )
    assert images["one image"].std(0).mean() < 0.02
    assert images["blurred"].diff(dim=-1).abs().mean() < images["train"].diff(dim=-1).abs().mean()
    assert lab.features_of({"train": sets["train"]}, "pocket")["train"].shape[0] == 3

"""FID: both libraries on one tiny injected extractor, from tensors and from files; names, warnings, refusals."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pytorch_fid.fid_score import calculate_frechet_distance, get_activations
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance

from defectlab.evaluation.extraction import as_bytes, extract
from defectlab.evaluation.fid import (
    TOLERANCE,
    FidReport,
    SmallSampleWarning,
    fid,
    frechet_by_library,
    image_distances,
)
from defectlab.evaluation.frechet import FrechetReport, frechet_distance


class TinyConv(nn.Module):
    """A random convolution with pooled features, one size."""

    name = "tiny"
    num_features = 6

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(6, 3, 5, 5, generator=generator), requires_grad=False)

    def pooled(self, images: Tensor) -> Tensor:
        return nn.functional.conv2d(images.float() / 255, self.weight).relu().mean(dim=(2, 3))

    def forward(self, images: Tensor) -> dict[int, Tensor]:
        return {6: self.pooled(images)}


def images(n: int, seed: int = 0, brightness: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    base = torch.rand(n, 3, 1, 1, generator=generator) * torch.rand(n, 3, 24, 20, generator=generator)
    return (base * brightness * 255).to(torch.uint8)


def test_all_three_values_agree_on_the_injected_extractor():
    (report,) = image_distances(images(40), images(30, 1, 0.8), TinyConv(), "as it is")
    assert set(report.libraries) == {"torchmetrics", "pytorch_fid"}
    for value in report.libraries.values():
        assert value == pytest.approx(report.frechet.distance, abs=TOLERANCE * report.scale)
    assert report.agrees and report.disagreement <= TOLERANCE


def test_torchmetrics_fed_with_images_gives_the_value_reported():
    class Pooled(TinyConv):
        def forward(self, images: Tensor) -> Tensor:
            return self.pooled(images)

    real, synthetic = images(40), images(30, 1, 0.8)
    metric = FrechetInceptionDistance(feature=Pooled())
    metric.update(real, real=True)
    metric.update(synthetic, real=False)
    (report,) = image_distances(real, synthetic, TinyConv(), "as it is")
    assert float(metric.compute()) == pytest.approx(report.libraries["torchmetrics"], rel=1e-5)


@pytest.mark.filterwarnings("ignore:The `disp` argument:DeprecationWarning")
def test_pytorch_fid_fed_with_files_gives_the_value_reported(tmp_path: Path):
    class Maps(TinyConv):
        def forward(self, images: Tensor) -> list[Tensor]:
            return [self.pooled(images * 255)[:, :, None, None]]

    real, synthetic = images(12), images(10, 1, 0.8)
    moments: list[np.ndarray] = []
    for name, batch in (("real", real), ("synthetic", synthetic)):
        files = [tmp_path / f"{name} {i:02d}.png" for i in range(len(batch))]
        for file, image in zip(files, batch, strict=True):
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(file)
        activations = get_activations(files, Maps(), batch_size=5, dims=6, num_workers=0)
        moments += [activations.mean(0), np.cov(activations, rowvar=False)]
    (report,) = image_distances(real, synthetic, TinyConv(), "as it is")
    assert calculate_frechet_distance(*moments) == pytest.approx(report.libraries["pytorch_fid"], rel=1e-4)


def test_with_full_rank_the_libraries_agree_to_many_digits():
    generator = torch.Generator().manual_seed(0)
    real, synthetic = (torch.randn(n, 16, generator=generator, dtype=torch.float64) for n in (300, 200))
    ours = frechet_distance(real, synthetic).distance
    assert list(frechet_by_library(real, synthetic).values()) == pytest.approx([ours, ours], rel=1e-9)


@pytest.mark.parametrize(("n", "m", "d"), [(300, 200, 64), (30, 20, 64), (110, 246, 192)])
def test_the_libraries_agree_with_ours_for_few_and_for_many_images(n, m, d):
    generator = torch.Generator().manual_seed(0)
    mix = torch.randn(d, d, generator=generator) * torch.linspace(1, 0.01, d)
    real = torch.randn(n, d, generator=generator) @ mix
    synthetic = torch.randn(m, d, generator=generator) @ mix + 0.1
    ours = frechet_distance(real, synthetic).distance
    scale = float(real.var(0).sum() + synthetic.var(0).sum())
    for value in frechet_by_library(real, synthetic).values():
        assert value == pytest.approx(ours, abs=TOLERANCE * scale)


def test_only_inception_makes_a_fid():
    (report,) = image_distances(images(40), images(30, 1), TinyConv(), "as it is")
    assert report.name == "Fréchet distance (tiny-6)"
    assert "FID" not in str(report)


def test_the_print_holds_the_counts_the_floor_the_libraries_and_the_convention():
    text = str(image_distances(images(40), images(30, 1), TinyConv(), "resized by nobody")[0])
    for part in ("40 real, 30 synthetic", "real against real", "torchmetrics", "pytorch_fid", "resized by nobody"):
        assert part in text


def test_a_disagreement_is_shouted():
    report = FidReport("FID-64", FrechetReport(1.0, 99, 99, 64, 0.1), {"torchmetrics": 1.1}, 10.0, "x")
    assert not report.agrees and "THEY DISAGREE by 1.0e-02" in str(report)


def test_a_library_that_gives_nan_does_not_agree():
    report = FidReport("FID-64", FrechetReport(1.0, 99, 99, 64, 0.1), {"pytorch_fid": float("nan")}, 10.0, "x")
    assert not report.agrees


def test_fewer_images_than_features_warn_with_the_counts():
    with pytest.warns(SmallSampleWarning, match="6 real and 30 synthetic images for 6 features"):
        image_distances(images(6), images(30, 1), TinyConv(), "as it is")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image_distances(images(7), images(30, 1), TinyConv(), "as it is")


def test_batches_and_batch_sizes_change_nothing():
    network, whole = TinyConv(), images(11)
    expected = extract(whole, network, batch_size=11)[6]
    torch.testing.assert_close(extract(whole, network, batch_size=3)[6], expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(extract(iter(whole.split(4)), network)[6], expected, rtol=1e-5, atol=1e-6)
    assert expected.dtype == torch.float64


def test_bytes_survive_the_way_through_float32():
    every = torch.arange(256, dtype=torch.uint8).repeat(3).reshape(1, 3, 16, 16)
    assert torch.equal(as_bytes(every.float() / 255), every)
    assert as_bytes(every) is every


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (torch.full((2, 3, 4, 4), 1.5), r"floating in \[0, 1\]"),
        (torch.full((2, 3, 4, 4), float("nan")), r"floating in \[0, 1\]"),
        (torch.zeros(2, 3, 4, 4, dtype=torch.int64), "must be uint8"),
        (torch.zeros(2, 1, 4, 4), r"shape \(n, 3, H, W\), got \(2, 1, 4, 4\)"),
    ],
)
def test_unfit_images_are_named(batch, message):
    with pytest.raises(ValueError, match=message):
        as_bytes(batch)


def test_no_image_is_an_error():
    with pytest.raises(ValueError, match="no image was given"):
        extract(images(0), TinyConv())


def test_fid_without_weights_says_what_to_report_instead():
    with pytest.raises(ValueError, match=r"weights='download' .* report defectlab.evaluation.frechet_distance"):
        fid(images(4), images(4), weights=None)


def test_missing_weights_are_an_error_before_any_work(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="inception.pth"):
        fid(images(4), images(4), weights=tmp_path / "inception.pth")


def test_an_unknown_library_is_named():
    with pytest.raises(ValueError, match="libraries must be out of .* got .*cleanfid"):
        fid(images(4), images(4), weights=None, libraries=("cleanfid",))

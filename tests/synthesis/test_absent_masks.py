"""A mask that is absent, not empty, on its way through data sets, export, figure and detectors."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from defectlab.data import concatenate
from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.detection import ClassifierConfig, require_masks
from defectlab.detection.classifier import Classifier
from defectlab.experiments.contents import contents
from defectlab.report.grids import draw_row, sample_grid
from defectlab.synthesis.base import Synthetic, SyntheticSet
from defectlab.synthesis.export import LAYOUTS, export
from defectlab.synthesis.masks import RealMasks

SIZE = (64, 32)


def one(i: int, mask: str) -> Synthetic:
    """Noise with a black bar; its mask right, absent or empty."""
    image = np.random.default_rng(i).integers(100, 156, (*SIZE, 3), dtype=np.uint8)
    image[10 + i : 16 + i, 4:28] = 0
    known = {"right": image[..., 0] == 0, "absent": None, "empty": np.zeros(SIZE, bool)}
    return Synthetic(image, known[mask], {"method": "ddpm" if mask == "absent" else "memseg"})


def made(mask: str, n: int = 4, name: str = "made") -> SyntheticSet:
    return SyntheticSet([one(i, mask) for i in range(n)], name)


def good(n: int = 8) -> MappedDataset:
    def read(record: Record) -> Sample:
        pixels = np.random.default_rng(100 + int(record.id)).integers(100, 156, (3, *SIZE), dtype=np.uint8)
        return Sample(torch.from_numpy(pixels).float() / 255, torch.zeros(1, *SIZE) > 0, 0)

    return MappedDataset(read, "good", "train", [Record(str(i), 0) for i in range(n)], SIZE)


def test_joined_and_cut_sets_keep_what_is_absent_absent():
    both = made("absent") + made("right")
    assert [item.mask is None for item in both.items] == [True] * 4 + [False] * 4
    joined = concatenate(good(2), made("absent", 1, "a"), made("empty", 1, "b"), made("right", 1, "c"))
    assert [None if sample.mask is None else int(sample.mask.sum()) for sample in joined] == [0, 0, None, 0, 144]
    assert both.subset(indices=[3, 4])[0].mask is None and both.subset(indices=[3, 4])[1].mask is not None


def test_a_detector_of_masks_refuses_a_mixed_set_and_names_the_first_image():
    mixed = concatenate(good(2), made("right", 2, "memseg"), made("absent", 2, "ddpm"))
    with pytest.raises(
        ValueError, match=r"segmenter learns from pixel masks, but 'ddpm/000000' .* such as `classifier`"
    ):
        require_masks(mixed, "segmenter")
    require_masks(concatenate(good(2), made("empty", 2)), "segmenter")


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_no_layout_turns_an_absent_mask_into_an_empty_one(tmp_path, layout):
    problem = rf"the layout {layout} says where each defect is, but 4 of 8 images have no mask, first 000004 \(ddpm\)"
    with pytest.raises(ValueError, match=problem):
        export(made("right") + made("absent"), tmp_path / "out", layout)
    assert not (tmp_path / "out").exists()


def test_the_figure_shows_images_without_masks_and_outlines_those_that_have_one():
    rows = [draw_row(made(mask), mask, n=2, outline=True) for mask in ("absent", "right")]
    plot = sample_grid(rows)
    panels = plot.figure.axes
    assert [len(panel.collections) for panel in panels] == [0, 0, 1, 1]
    plt.close(plot.figure)
    with pytest.raises(ValueError, match="row 'DDPM': no mask for made/00000"):
        draw_row(made("absent"), "DDPM", masks=True)


def test_no_masks_can_be_drawn_from_images_that_have_none():
    with pytest.raises(ValueError, match="expected at least one mask with a pixel .* found none"):
        RealMasks(made("absent"))
    assert len(RealMasks(concatenate(made("absent", 2, "a"), made("right", 3, "b")))) == 3


def test_absent_and_empty_are_different_contents():
    assert len({contents(made(mask)) for mask in ("absent", "right")}) == 2


@pytest.mark.parametrize("head", ["patch", "gap"])
def test_the_classifier_learns_from_labels_and_never_looks_at_a_mask(head):
    config = ClassifierConfig(
        backbone="test_resnet", weights="none", head=head, finetune="none", epochs=2, batch_size=4, lr=1e-2, hidden=8
    )
    scores = [
        Classifier(config, "cpu").fit(concatenate(good(), made(mask))).score(concatenate(good(), made(mask))).image
        for mask in ("absent", "right", "empty")
    ]
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])

import numpy as np
import pytest
import torch

from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.detection import Scores, require_both_classes, require_masks


def dataset(labels: list[int], with_masks: bool) -> MappedDataset:
    def read(record: Record) -> Sample:
        mask = torch.zeros(1, 4, 4, dtype=torch.bool) if with_masks or record.label == 0 else None
        return Sample(torch.zeros(3, 4, 4), mask, record.label)

    records = [Record(f"part/{i}", label, path=f"part/{i}.png") for i, label in enumerate(labels)]
    return MappedDataset(read, "parts", "train", records)


def test_a_detector_of_masks_refuses_a_defect_that_was_never_located():
    with pytest.raises(ValueError, match=r"student_teacher learns from pixel masks, but 'part/1' of 'parts'"):
        require_masks(dataset([0, 1], with_masks=False), "student_teacher")


def test_an_empty_mask_is_a_mask():
    require_masks(dataset([0, 1], with_masks=True), "student_teacher")


def test_one_class_is_refused_with_the_counts_and_a_remedy():
    with pytest.raises(ValueError, match="holds 3 normal and 0 defective: add real or synthetic defects"):
        require_both_classes(dataset([0, 0, 0], with_masks=False), "training")


def test_scores_name_the_first_image_that_is_not_finite():
    with pytest.raises(ValueError, match="image scores contain a non-finite value, first in image 1"):
        Scores(np.array([0.0, np.nan]))


def test_pixel_scores_must_be_as_many_as_image_scores():
    with pytest.raises(ValueError, match=r"pixel scores must have shape \(2, H, W\), got \(3, 4, 4\)"):
        Scores(np.zeros(2), np.zeros((3, 4, 4)))

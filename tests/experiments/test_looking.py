"""A look at the data: counts, masks by hand, what resampling loses, cheap detectors, planted copies."""

import numpy as np
import pytest
import torch

from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.experiments import looking
from defectlab.experiments.surfaces_parameters import SurfacesParameters
from defectlab.params import resolve

SIDE = 64


def dataset(masks, brighter=0.0, split="train"):
    """Noise images; those with a mask are defective, darker inside it, and brighter as a whole if asked."""
    records = [
        Record(f"{split}/{i}", int(m is not None), "scratch" if m is not None else "good") for i, m in enumerate(masks)
    ]

    def read(record):
        number = int(record.id.rsplit("/", 1)[1])
        generator = torch.Generator().manual_seed(number + (1000 if split == "test" else 0))
        image = 0.5 + 0.05 * torch.randn(3, SIDE, SIDE, generator=generator) + brighter * record.label
        mask = masks[number]
        drawn = torch.zeros(1, SIDE, SIDE, dtype=torch.bool) if mask is None else torch.from_numpy(mask)[None]
        return Sample((image - 0.3 * drawn).clamp(0, 1), drawn, record.label, record.defect)

    return MappedDataset(read, "toy", split, records, (SIDE, SIDE))


def bar(height=1, length=20):
    mask = np.zeros((SIDE, SIDE), bool)
    mask[33 : 33 + height, 10 : 10 + length] = True
    return mask


def seen(masks, **options):
    whole = dataset(masks, **options)
    return looking.read(whole, range(len(whole)))


def test_counts_are_of_the_whole_split_and_not_of_what_was_read():
    whole = dataset([None] * 6 + [bar()] * 2)
    table = looking.counts({"train": looking.read(whole, [0, 6])})
    assert table.to_dict("records") == [
        {"split": "train", "normal": 6, "defective": 2, "base rate": 0.25, "scratch": 2}
    ]


def test_the_procedural_set_is_read_in_part_and_repeats_itself():
    params = resolve(SurfacesParameters, {"profile": "smoke", "n_normal": 4, "n_defective": 4})
    first, again = (looking.look_at_splits(params) for _ in range(2))
    assert {name: len(part.images) for name, part in first.items()} == {"train": 8, "test": 8}
    assert len(first["train"].whole) == 2331
    assert np.array_equal(first["test"].images, again["test"].images)


def test_a_batch_without_a_defect_by_hand():
    assert looking.batches_without_defect(0.5, [1, 3])["chance"].tolist() == [0.5, 0.125]


def test_a_bar_is_measured_as_a_ruler_would():
    (row,) = looking.measure_masks(seen([None, bar(2, 20)])).to_dict("records")
    assert row["area"] == pytest.approx(40 / SIDE**2) and row["regions"] == 1
    assert row["elongation"] == pytest.approx(10)
    assert (row["down"], row["across"]) == pytest.approx((33.5 / SIDE, 19.5 / SIDE))
    assert row["contrast"] < -3  # darker by 0.3 in noise of 0.05, averaged over three channels


def test_elongation_of_two_regions_is_that_of_the_larger():
    mask = bar(2, 20)
    mask[5:8, 50:53] = True
    shape = looking.mask_shape(mask)
    assert shape["regions"] == 2 and shape["elongation"] == pytest.approx(10)


def test_resampling_loses_what_the_chapter_says():
    lines = [np.arange(SIDE)[:, None] == row + np.zeros(SIDE) for row in range(SIDE)]
    lost = looking.lost_masks(seen(lines), [4]).set_index("resampling")["lost"].to_dict()
    assert lost == {"nearest": 0.75, "average above one half": 1.0, "bilinear, truncated": 1.0, "area maximum": 0.0}


def test_a_brighter_exposure_of_defects_is_found_by_the_mean_and_an_equal_one_is_not():
    masks = [None] * 20 + [bar()] * 20
    leaking = looking.cheap_detectors(seen(masks, brighter=0.2)).set_index("score")
    assert leaking.loc["mean grey level", "AUROC"] == 1
    assert leaking.loc["constant", "AP"] == 0.5


def test_the_mean_of_masks_is_brightest_where_all_meet():
    picture = looking.mean_mask(seen([None, bar(1, 20), bar(1, 10)]))
    assert picture.shape == (SIDE, SIDE, 3)
    assert picture[33, 12, 0] == 255 and picture[33, 25, 0] == 128 and picture[0, 0, 0] == 0


def test_cumulative_shares_end_in_one_for_each_class():
    frame = looking.measure_masks(seen([bar(1), bar(2), bar(3)]))
    share = looking.cumulative(frame, "area", "defect")
    assert share["share"].tolist() == pytest.approx([1 / 3, 2 / 3, 1])
    assert share["area"].is_monotonic_increasing


def test_planted_copies_are_found_and_nothing_else():
    both = {split: seen([None] * 6, split=split) for split in ("train", "test")}
    table = looking.copies_table(looking.plant_copies(both, n=2, seed=0))
    assert len(table) == 2 and (table["splits"] == "test and train").all()
    assert all("(copy)" in names for names in table["images"])
    assert looking.copies_table(looking.plant_copies(both, n=0, seed=0)).empty

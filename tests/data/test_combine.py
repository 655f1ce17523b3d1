from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_data import write_folder

from defectlab.data import Record, Sample, concatenate, load_dataset, split_by_group
from defectlab.data.base import MappedDataset
from defectlab.data.splits import grouped_split


def toy(name="toy", value=0.5, labels=(0, 0, 1, 1), groups=None, split="train", size=(2, 2), licence="CC0"):
    groups = groups or [""] * len(labels)
    known = enumerate(zip(labels, groups, strict=True))
    records = [Record(f"{split}/{i}", label, "dent" if label else "good", group) for i, (label, group) in known]

    def read(record):
        mask = torch.zeros(1, *size, dtype=torch.bool)
        return Sample(torch.full((3, *size), value), mask, record.label, record.defect, record.group, record.id)

    return MappedDataset(read, name, split, records, size, licence)


def test_each_sample_is_read_by_its_own_data_set():
    joined = concatenate(toy(value=0.25), toy("made", value=0.75, labels=(1,)))
    assert len(joined) == 5
    assert joined.images()[:, 0, 0, 0].tolist() == [0.25] * 4 + [0.75]
    assert joined.labels.tolist() == [0, 0, 1, 1, 1]
    assert joined.subset(normal=False, indices=[3, 4]).images()[:, 0, 0, 0].tolist() == [0.25, 0.75]
    assert (joined.name, joined.split, joined.size, joined.licence) == ("toy+made", "train", (2, 2), "CC0")


def test_names_splits_and_licences_are_said_once():
    joined = concatenate(toy(), toy(split="test", licence="BY"))
    assert (joined.name, joined.split, joined.licence) == ("toy", "train+test", "CC0; BY")
    assert [record.id for record in joined.records][:5] == ["train/0", "train/1", "train/2", "train/3", "test/0"]


def test_identifiers_that_occur_twice_get_the_position_of_their_data_set():
    joined = concatenate(toy(labels=(0,)), toy(value=1.0, labels=(0,)))
    assert [record.id for record in joined.records] == ["0/train/0", "1/train/0"]
    assert joined[1].image.max() == 1
    assert joined[1].path == "train/0"


def test_joined_sets_join_again():
    joined = concatenate(concatenate(toy(labels=(0,)), toy(value=1.0, labels=(0,))), toy(value=0.1, labels=(1,)))
    assert [round(float(sample.image.max()), 1) for sample in joined] == [0.5, 1.0, 0.1]


def test_sizes_must_be_equal():
    with pytest.raises(ValueError, match=r"one size .* toy/train \(2, 2\), made/train \(4, 2\)"):
        concatenate(toy(), toy("made", size=(4, 2)))
    with pytest.raises(ValueError, match="expected at least one data set"):
        concatenate()


def test_files_of_one_size_join_a_set_of_that_size(tmp_path):
    photos = load_dataset("folder", "all", write_folder(tmp_path, 3, 1, (24, 16)))
    joined = concatenate(photos, toy("made", size=(24, 16)))
    assert (len(joined), joined.size) == (8, (24, 16)) and joined.images().shape == (8, 3, 24, 16)
    assert concatenate(photos, photos).size is None  # nothing is read that nobody asked for
    with pytest.raises(ValueError, match=r"folder/all as the files, made/train \(16, 24\); load with size=\(16, 24\)"):
        concatenate(photos, toy("made", size=(16, 24)))


def test_a_set_whose_size_cannot_be_known_cheaply_does_not_join():
    unknown = toy("drawn")
    unknown.size = None
    with pytest.raises(ValueError, match="drawn/train as the files"):
        concatenate(toy(), unknown)


def test_a_part_keeps_groups_whole_and_labels_in_proportion():
    dataset = toy(
        labels=[0] * 40 + [1] * 10, groups=[f"n{i // 4}" for i in range(40)] + [f"d{i // 2}" for i in range(10)]
    )
    rest, part = split_by_group(dataset, 0.2, seed=0)
    assert (len(rest), len(part)) == (40, 10)
    assert part.labels.sum() == 2
    assert not set(rest.groups) & set(part.groups)
    assert type(part) is type(dataset)


def test_the_seed_decides_which():
    dataset = toy(labels=[0] * 20 + [1] * 20)
    chosen = [[record.id for record in split_by_group(dataset, 0.5, seed)[1].records] for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1] != chosen[2]


def test_a_group_with_both_labels_is_not_parted_either():
    dataset = toy(labels=[0, 1] * 6, groups=[f"g{i // 2}" for i in range(12)])
    rest, part = split_by_group(dataset, 0.5, seed=3)
    assert rest.labels.sum() == part.labels.sum() == 3
    assert not set(rest.groups) & set(part.groups)


@pytest.mark.parametrize(
    ("labels", "groups", "problem"),
    [
        ([0, 0, 1, 1], list("abcc"), "2 defective images, all of group 'c', and images of one object never part; add"),
        ([0, 0, 0, 1], None, "1 defective image, and both sides of a split need one; add at least one more"),
        ([0, 1, 1, 1], None, "1 normal image, and both sides"),
    ],
)
def test_a_label_that_cannot_be_on_both_sides_is_named_with_what_would_mend_it(labels, groups, problem):
    with pytest.raises(ValueError, match=f"split_by_group: toy/train has {problem}"):
        split_by_group(toy(labels=labels, groups=groups), 0.5, seed=0)


def test_two_defects_are_too_few_for_a_small_part_and_the_remedy_works():
    dataset = toy(labels=[0] * 20 + [1] * 2)
    with pytest.raises(ValueError, match=r"2 defective images in 2 groups; a part of 0\.2 .* fraction nearer to 0\.5"):
        split_by_group(dataset, 0.2, seed=0)
    assert [part.labels.sum() for part in split_by_group(dataset, 0.5, seed=0)] == [1, 1]


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5])
def test_a_fraction_lies_inside_0_and_1(fraction):
    with pytest.raises(ValueError, match="a fraction between 0 and 1"):
        split_by_group(toy(), fraction, seed=0)


@given(st.integers(0, 1000), st.integers(2, 60), st.floats(0.1, 0.9))
def test_no_split_parts_a_group_and_single_images_come_within_one_of_their_share(seed, n, fraction):
    rng = np.random.default_rng(seed)
    classes = rng.choice(["good", "dent", "crack"], n)
    groups = [f"g{i}" for i in rng.integers(0, n // 2 + 1, n)]
    chosen = grouped_split(list(classes), groups, fraction, seed)
    for group in set(groups):
        assert len(set(chosen[np.array(groups) == group])) == 1
    single = grouped_split(list(classes), [""] * n, fraction, seed)
    for name in set(classes):
        assert abs(single[classes == name].sum() - fraction * (classes == name).sum()) <= 1


def test_a_group_named_like_a_position_is_no_position():
    chosen = grouped_split(["a"] * 4, ["i1", "", "i1", ""], 0.5, 0)
    assert chosen[0] == chosen[2]
    assert chosen.sum() == 2


def test_records_of_a_joined_set_keep_everything_but_the_identifier():
    one = toy(labels=(1,), groups=["a"])
    joined = concatenate(one, one)
    assert [replace(record, id="train/0") for record in joined.records] == [*one.records, *one.records]

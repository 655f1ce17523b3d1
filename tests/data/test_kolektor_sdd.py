import logging

import numpy as np
import pytest
from PIL import Image

from defectlab.data import load_dataset


def add(item, part, defect):
    item.mkdir(parents=True, exist_ok=True)
    mask = np.zeros((25, 10), bool)
    mask[3:20, 4] = defect
    Image.fromarray(np.full((25, 10), 120, np.uint8)).save(item / f"Part{part}.jpg")
    Image.fromarray(mask).save(item / f"Part{part}_label.bmp")


@pytest.fixture
def root(tmp_path):
    for item in range(1, 8):
        for part in range(3):
            add(tmp_path / f"kos{item:02d}", part, defect=part == 1)
    return tmp_path


def table(root, *rows):
    (root / "split.csv").write_text("\n".join(["item,part,split,label,group", *rows]))


def test_labels_come_from_the_masks_and_groups_are_items(root):
    dataset = load_dataset("kolektor_sdd", "all", root)
    assert len(dataset) == 21
    assert dataset.labels.tolist() == [0, 1, 0] * 7
    assert dataset.defects == ("crack",)
    assert dataset.records[0].id == "kos01/Part0"
    assert dataset.groups[:4].tolist() == ["kos01"] * 3 + ["kos02"]
    assert dataset[1].mask.sum() == 17
    assert not dataset[0].mask.any()


def test_three_folds_test_every_item_once_and_part_none(root):
    tested = []
    for fold in range(3):
        test = set(load_dataset("kolektor_sdd", "test", root, fold=fold).groups)
        assert not test & set(load_dataset("kolektor_sdd", "train", root, fold=fold).groups)
        tested += test
    assert sorted(tested) == [f"kos{item:02d}" for item in range(1, 8)]
    assert set(load_dataset("kolektor_sdd", "test", root).groups) == {"kos01", "kos04", "kos07"}


def test_a_fold_is_0_1_or_2(root):
    with pytest.raises(ValueError, match="fold: expected 0 to 2, got 3"):
        load_dataset("kolektor_sdd", "test", root, fold=3)


def test_a_table_gives_split_label_and_group(root, caplog):
    table(root, "kos01,Part0,train,0,a", "kos01,Part1,train,1,a", "kos02,Part0,test,0,b", "kos02,Part1,test,1,b")
    with caplog.at_level(logging.WARNING):
        test = load_dataset("kolektor_sdd", "test", root)
    assert [record.id for record in test.records] == ["kos02/Part0", "kos02/Part1"]
    assert test.groups.tolist() == ["b", "b"]
    assert "does not name 17 images" in caplog.text


def test_folds_keep_the_groups_of_the_table_together(root):
    table(root, *[f"kos0{i},Part{p},train,{int(p == 1)},{'a' if i < 3 else i}" for i in range(1, 8) for p in range(3)])
    for fold in range(3):
        train = {record.id[:5] for record in load_dataset("kolektor_sdd", "train", root, fold=fold).records}
        assert ("kos01" in train) == ("kos02" in train)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (["kos01,Part0,val,0,a"], "row 2: expected split train or test and label 0 or 1, found 'val' and '0'"),
        (["kos01,Part0,train,0,a", "kos01,Part1,test,1,a"], "expected each group in one split, found in both: a"),
        (["kos99,Part0,train,0,a"], "names images that are not there: kos99/Part0"),
    ],
)
def test_a_wrong_table_is_told_by_row_or_name(root, rows, text):
    table(root, *rows)
    with pytest.raises((ValueError, FileNotFoundError), match=text):
        load_dataset("kolektor_sdd", "train", root)


def test_a_table_lacking_a_column_is_told(root):
    (root / "split.csv").write_text("item,part,split\nkos01,Part0,train\n")
    with pytest.raises(ValueError, match="found no label, group"):
        load_dataset("kolektor_sdd", "train", root)


def test_an_image_without_a_mask_is_named(root):
    (root / "kos03" / "Part2_label.bmp").unlink()
    with pytest.raises(ValueError, match="found none for kos03/Part2.jpg"):
        load_dataset("kolektor_sdd", "train", root)


def test_a_folder_without_items_is_told_with_the_layout(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected Part0.jpg, found nothing. Layout: kos01/Part0.jpg"):
        load_dataset("kolektor_sdd", "train", tmp_path)


def test_parts_come_in_the_order_of_their_numbers(tmp_path):
    for part in (10, 2, 1):
        add(tmp_path / "kos01", part, defect=False)
    ids = [record.id for record in load_dataset("kolektor_sdd", "all", tmp_path).records]
    assert ids == ["kos01/Part1", "kos01/Part2", "kos01/Part10"]


def test_two_takes_of_one_commutator_are_never_parted(tmp_path):
    for item in (37, 38, 39, 40):
        add(tmp_path / f"kos{item}", 0, defect=False)
    assert load_dataset("kolektor_sdd", "all", tmp_path).groups.tolist() == ["kos37", "kos38", "kos38", "kos40"]

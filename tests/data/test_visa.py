"""VisA from a small tree in the official layout with its table."""

import logging

import numpy as np
import pytest
from PIL import Image

from defectlab.data import load_dataset
from defectlab.data.anomaly_layout import Count, category_of
from defectlab.data.registry import get_entry
from defectlab.data.visa import CATEGORIES

HEAD = "object,split,label,image,mask"


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def add(home, name, rows):
    for i in range(3):
        place = f"{name}/Data/Images/Normal/{i:04}.JPG"
        save(home / place, np.full((12, 18, 3), 90, np.uint8))
        rows.append(f"{name},{'test' if i == 2 else 'train'},normal,{place},")
    mask = np.zeros((12, 18), np.uint8)
    mask[4, 7] = 3  # the number of a class, black to the eye
    save(home / f"{name}/Data/Images/Anomaly/000.JPG", np.full((12, 18, 3), 90, np.uint8))
    save(home / f"{name}/Data/Masks/Anomaly/000.png", mask)
    rows.append(f"{name},test,anomaly,{name}/Data/Images/Anomaly/000.JPG,{name}/Data/Masks/Anomaly/000.png")


def write(home, rows, table="1cls"):
    (home / "split_csv").mkdir(exist_ok=True)
    (home / "split_csv" / f"{table}.csv").write_text("\n".join([HEAD, *rows]) + "\n")


@pytest.fixture
def home(tmp_path):
    rows = []
    for name in ("candle", "pcb1"):
        add(tmp_path / "VisA", name, rows)
    write(tmp_path / "VisA", rows)
    return tmp_path / "VisA"


def test_the_table_says_what_is_trained_on(home):
    train, test = (load_dataset("visa", split, home, category="candle") for split in ("train", "test"))
    assert [record.id for record in train.records] == ["candle/train/good/0000", "candle/train/good/0001"]
    assert test.labels.tolist() == [0, 1] and test.defects == ("anomaly",)
    assert test[1].mask.sum() == 1 and test[1].mask[0, 4, 7]
    assert not test[0].mask.any()


def test_all_categories_come_together_where_none_is_named(home):
    dataset = load_dataset("visa", "all", home)
    assert [category_of(record) for record in dataset.records] == ["candle"] * 4 + ["pcb1"] * 4
    assert len({record.id for record in dataset.records}) == 8


def test_a_defect_of_one_pixel_keeps_its_label_at_any_size(home):
    for size in ((5, 5), (3, 50)):
        test = load_dataset("visa", "test", home, size)
        assert [bool(sample.mask.any()) for sample in test] == [False, True] * 2


def test_another_official_split_is_an_option(home):
    write(
        home,
        [
            f"candle,train,anomaly,{'candle/Data/Images/Anomaly/000.JPG'},candle/Data/Masks/Anomaly/000.png",
            "candle,train,normal,candle/Data/Images/Normal/0000.JPG,",
        ],
        "2cls_fewshot",
    )
    assert load_dataset("visa", "train", home, table="2cls_fewshot").labels.tolist() == [1, 0]
    with pytest.raises(ValueError, match="unknown table of visa '2cls'"):
        load_dataset("visa", "train", home, table="2cls")
    with pytest.raises(FileNotFoundError, match="expected 2cls_highshot.csv"):
        load_dataset("visa", "train", home, table="2cls_highshot")


def test_the_official_release_has_twelve_categories_and_10821_images():
    assert len(CATEGORIES) == 12
    assert sum(sum(part) for part in get_entry("visa").counts.values()) == 10821
    counts = CATEGORIES.values()
    total = {"train": (sum(count.train for count in counts), 0)}
    total |= {"test": (sum(count.good for count in counts), sum(count.defective for count in counts))}
    assert total == get_entry("visa").counts


def test_a_reduced_copy_is_told_in_the_log_and_a_whole_one_is_not(home, caplog, monkeypatch):
    load_dataset("visa", "train", home)
    assert "visa/candle/train: found {'train': 2, 'good': 0, 'defective': 0}, the official release has" in caplog.text
    assert "visa: 10 categories are not there: capsules, cashew" in caplog.text
    caplog.clear()
    monkeypatch.setitem(CATEGORIES, "pcb1", Count(2, 1, 1))
    with caplog.at_level(logging.WARNING):
        for split in ("train", "test", "all"):
            load_dataset("visa", split, home, category="pcb1")
    assert not caplog.records


def test_files_that_the_table_names_and_that_are_not_there_are_named(home):
    (home / "pcb1/Data/Masks/Anomaly/000.png").unlink()
    with pytest.raises(FileNotFoundError, match="1cls.csv names 1 files of 3 that are not there: .*pcb1.*000.png"):
        load_dataset("visa", "test", home, category="pcb1")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("candle,test,bad,candle/Data/Images/Anomaly/000.JPG,", "label must be normal or anomaly, got 'bad'"),
        ("candle,test,anomaly,candle/Data/Images/Anomaly/000.JPG,", "expected a mask for each anomaly, found none for"),
    ],
)
def test_a_wrong_row_is_named(home, row, message):
    write(home, [row])
    with pytest.raises(ValueError, match=message):
        load_dataset("visa", "test", home)


def test_an_unknown_category_gets_the_near_miss(home):
    with pytest.raises(ValueError, match="unknown category of visa 'pcb5'; did you mean 'pcb"):
        load_dataset("visa", "test", home, category="pcb5")

"""MVTec AD and MPDD from small trees in the official layout."""

import logging

import numpy as np
import pytest
from PIL import Image

from defectlab.data import load_dataset
from defectlab.data import mpdd as mpdd_room
from defectlab.data import mvtec as mvtec_room
from defectlab.data.anomaly_layout import category_of
from defectlab.data.registry import get_entry
from defectlab.paths import MissingPathError


def picture(path, shape=(20, 16, 3), value=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(shape, value, np.uint8)).save(path)


def located(path, row=3, column=5, shape=(20, 16)):
    mask = np.zeros(shape, np.uint8)
    mask[row, column] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)


def category(home, name, suffix="png", defects=("crooked", "scratch")):
    for i in range(3):
        picture(home / name / "train" / "good" / f"{i:03}.{suffix}")
    for i in range(2):
        picture(home / name / "test" / "good" / f"{i:03}.{suffix}")
        for defect in defects:
            picture(home / name / "test" / defect / f"{i:03}.{suffix}")
            located(home / name / "ground_truth" / defect / f"{i:03}_mask.png")
    return home


@pytest.fixture
def home(tmp_path):
    return category(category(tmp_path / "mvtec_anomaly_detection", "screw"), "bottle", defects=("crooked",))


def test_good_images_are_trained_on_and_defects_tested_by_type(home):
    train = load_dataset("mvtec", "train", home, category="screw")
    test = load_dataset("mvtec", "test", home, category="screw")
    assert [record.id for record in train.records] == [f"screw/train/good/00{i}" for i in range(3)]
    assert not train.labels.any() and not train[0].mask.any()
    assert test.defects == ("crooked", "scratch") and test.labels.tolist() == [0, 0, 1, 1, 1, 1]
    assert len(test.subset(normal=False, defects=["scratch"])) == 2
    assert test[2].mask.sum() == 1 and test[2].mask[0, 3, 5]
    both = load_dataset("mvtec", "all", home, category="screw")
    assert both.records == (*train.records, *test.records)


def test_all_categories_come_together_where_none_is_named(home, caplog):
    dataset = load_dataset("mvtec", "test", home, size=(8, 8))
    assert [category_of(record) for record in dataset.records] == ["bottle"] * 4 + ["screw"] * 6
    assert len({record.id for record in dataset.records}) == len(set(dataset.groups)) == 10
    assert "13 categories are not there: cable, capsule, carpet" in caplog.text


def test_it_is_found_by_its_official_name_and_by_the_folder_of_a_category(home, monkeypatch):
    monkeypatch.setenv("DEFECTLAB_DATA", str(home.parent))
    assert len(load_dataset("mvtec", "train", category="bottle")) == 3
    assert len(load_dataset("mvtec", "train", home / "screw")) == 3
    with pytest.raises(ValueError, match="expected the category 'bottle', found that of 'screw'"):
        load_dataset("mvtec", "train", home / "screw", category="bottle")


@pytest.mark.parametrize("size", [(5, 4), (7, 3), (40, 33)])
def test_a_defect_of_one_pixel_keeps_its_label_at_any_size(home, size):
    test = load_dataset("mvtec", "test", home, size, category="screw").subset(normal=False)
    assert all(sample.mask.any() and sample.mask.shape == (1, *size) for sample in test)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "PNG"])
def test_images_come_in_any_format(tmp_path, suffix):
    home = category(tmp_path, "tubes", suffix)
    dataset = load_dataset("mpdd", "test", home)
    assert len(dataset) == 6 and dataset.name == "mpdd"
    assert dataset[3].image.shape == (3, 20, 16) and abs(float(dataset[3].image.mean()) - 100 / 255) < 0.01


def test_the_official_counts_add_up_to_those_of_the_papers():
    for room, name in ((mvtec_room, "mvtec"), (mpdd_room, "mpdd")):
        counts = room.CATEGORIES.values()
        total = {
            "train": (sum(count.train for count in counts), 0),
            "test": (sum(count.good for count in counts), sum(count.defective for count in counts)),
        }
        assert total == dict(get_entry(name).counts)
    assert len(mvtec_room.CATEGORIES) == 15 and len(mpdd_room.CATEGORIES) == 6
    assert sum(sum(part) for part in get_entry("mvtec").counts.values()) == 5354


def test_a_reduced_copy_is_told_in_the_log_and_a_whole_one_is_not(home, caplog, monkeypatch):
    load_dataset("mvtec", "train", home, category="screw")
    assert "mvtec/screw/train: found {'train': 3, 'good': 0, 'defective': 0}, the official release has" in caplog.text
    caplog.clear()
    monkeypatch.setitem(mvtec_room.CATEGORIES, "screw", mvtec_room.Count(3, 2, 4))
    with caplog.at_level(logging.WARNING):
        for split in ("train", "test", "all"):
            load_dataset("mvtec", split, home, category="screw")
    assert not caplog.records


def test_a_defective_image_without_a_mask_is_named(home):
    (home / "screw" / "ground_truth" / "scratch" / "001_mask.png").unlink()
    with pytest.raises(ValueError, match="ground_truth.scratch: expected a mask NAME_mask.png .* none for 001.png"):
        load_dataset("mvtec", "test", home, category="screw")
    assert len(load_dataset("mvtec", "train", home, category="screw")) == 3


def test_defects_among_the_training_images_are_refused(home):
    picture(home / "screw" / "train" / "scratch" / "000.png")
    with pytest.raises(ValueError, match="expected good images only to train on, found scratch"):
        load_dataset("mvtec", "train", home, category="screw")


def test_what_is_missing_or_unknown_is_named(home, tmp_path):
    with pytest.raises(ValueError, match="unknown category of mvtec 'screws'; did you mean 'screw'"):
        load_dataset("mvtec", "train", home, category="screws")
    with pytest.raises(FileNotFoundError, match="expected zipper, found bottle, screw. Layout: bottle/train/good"):
        load_dataset("mvtec", "train", home, category="zipper")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="expected bracket_black, .*, found nothing"):
        load_dataset("mpdd", "train", tmp_path / "empty")
    with pytest.raises(MissingPathError, match="expected the folder of 'mpdd'"):
        load_dataset("mpdd", "train", tmp_path / "nowhere")


def test_surfaces_come_in_the_same_form():
    train = load_dataset("surfaces", "train", preset="anomaly", scale=0.02)
    test = load_dataset("surfaces", "test", preset="anomaly", scale=0.1)
    assert not train.labels.any() and {0, 1} == set(test.labels) and len(test.defects) > 3

import logging

import numpy as np
import pytest
from PIL import Image

from defectlab.data import load_dataset
from defectlab.data.images import ImageError


def add(folder, name, defect=False, size=(63, 23)):
    folder.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(size, np.uint8)
    if defect:
        mask[7, 11] = 255  # one pixel: what resampling loses
    Image.fromarray(np.full((*size, 3), 90, np.uint8)).save(folder / f"{name}.png")
    Image.fromarray(mask).save(folder / f"{name}_GT.png")


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("DEFECTLAB_DATA", str(tmp_path))
    home = tmp_path / "KolektorSDD2"
    for i in range(4):
        add(home / "train", 10000 + i, defect=i == 2, size=(63 + i, 23))
    for i in range(3):
        add(home / "test", 20000 + i, defect=i == 0)
    return home


def test_images_and_masks_are_paired_and_the_mask_gives_the_label(root):
    train = load_dataset("ksdd2", "train")
    assert [record.id for record in train.records] == [f"train/1000{i}" for i in range(4)]
    assert train.labels.tolist() == [0, 0, 1, 0]
    assert train.defects == ("defect",)
    assert load_dataset("ksdd2", "test").labels.tolist() == [1, 0, 0]
    assert len(load_dataset("ksdd2", "all")) == 7


def test_tall_images_of_different_heights_come_at_one_size_with_their_thin_defect(root):
    train = load_dataset("ksdd2", "train", size=(16, 8))
    assert train.images().shape == (4, 3, 16, 8)
    assert [bool(sample.mask.any()) for sample in train] == [False, False, True, False]
    assert train[0].mask.shape == (1, 16, 8)
    assert load_dataset("ksdd2")[1].image.shape == (3, 64, 23)


def test_stray_copies_are_named_and_left_out(root, caplog):
    for name in ("10301 (copy)", "10301_GT (copy)"):
        (root / "train" / f"{name}.png").write_bytes((root / "train" / "10000.png").read_bytes())
    with caplog.at_level(logging.WARNING):
        assert len(load_dataset("ksdd2", "train")) == 4
    assert "left out 2 stray copies: 10301 (copy).png, 10301_GT (copy).png" in caplog.text


def test_an_image_without_a_mask_has_no_label(root):
    (root / "train" / "10001_GT.png").unlink()
    with pytest.raises(ValueError, match="found none for 10001.png"):
        load_dataset("ksdd2", "train")


def test_a_mask_without_an_image_is_named_and_left_out(root, caplog):
    (root / "train" / "10001.png").unlink()
    with caplog.at_level(logging.WARNING):
        assert len(load_dataset("ksdd2", "train")) == 3
    assert "10001_GT.png" in caplog.text


def test_a_broken_mask_stops_before_training(root):
    (root / "train" / "10001_GT.png").write_bytes(b"")
    with pytest.raises(ImageError, match="10001_GT.png: expected an image, found an empty file"):
        load_dataset("ksdd2", "train")


def test_a_wrong_folder_is_told_with_its_content_and_the_layout(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(FileNotFoundError, match="expected train, test, found images. Layout: train/10000.png"):
        load_dataset("ksdd2", "all", tmp_path)


def test_an_empty_split_is_refused(root):
    for path in (root / "test").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="ksdd2/test: expected images, found none"):
        load_dataset("ksdd2", "test")

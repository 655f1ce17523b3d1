import numpy as np
import pytest
from PIL import Image

from defectlab.data import load_dataset
from defectlab.data.images import ImageError
from defectlab.paths import MissingPathError


def write(folder, n, size=(8, 8)):
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        pixels = np.random.default_rng(i).integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


def classes_of(dataset):
    return sorted({record.defect for record in dataset.records})


def load(root, split="all", **options):
    return load_dataset("class_folders", split, root, **options)


@pytest.fixture
def four(tmp_path):
    for name in ("corrosion", "dent", "scratch", "Smooth"):
        write(tmp_path / name, 10)
    return tmp_path


def test_four_folders_of_ones_own_are_four_classes_and_smooth_is_normal(four):
    dataset = load(four)
    assert classes_of(dataset) == ["corrosion", "dent", "good", "scratch"] and len(dataset) == 40
    assert dataset.labels.sum() == 30
    assert dataset.records[0].id == "corrosion/0.png" and dataset[0].image.shape == (3, 8, 8)
    assert dataset[0].mask is None


def test_without_parts_images_are_parted_by_class_and_every_image_is_on_one_side(four):
    train, test = load(four, "train"), load(four, "test")
    assert {name: sum(r.defect == name for r in test.records) for name in classes_of(test)} == {
        "corrosion": 3, "dent": 3, "good": 3, "scratch": 3,
    }  # fmt: skip
    assert sorted(r.id for r in (*train.records, *test.records)) == sorted(r.id for r in load(four).records)


@pytest.mark.parametrize("second", ["test", "validation"])
def test_the_layout_of_neu_det_has_parts_and_no_normal_class(tmp_path, second):
    for part, n in (("train", 4), (second, 2)):
        for name in ("crazing", "inclusion", "patches"):
            write(tmp_path / part / "images" / name, n)
        (tmp_path / part / "annotations").mkdir()
    assert len(load(tmp_path, "train")) == 12 and len(load(tmp_path, "test")) == 6
    assert classes_of(load(tmp_path, "train")) == ["crazing", "inclusion", "patches"]


def test_classes_that_are_asked_for_are_loaded_and_others_not(four):
    assert classes_of(load(four, classes=("dent", "good"))) == ["dent", "good"]


def test_a_missing_class_is_named_with_those_there_are(four):
    with pytest.raises(FileNotFoundError, match="no folder of the class rust; class folders there: corrosion, dent"):
        load(four, classes=("rust", "dent"))


def test_an_empty_class_folder_is_refused(four):
    (four / "pit").mkdir()
    with pytest.raises(ValueError, match="pit: no image; a class needs at least 2"):
        load(four)


def test_a_class_of_one_image_is_refused(four):
    write(four / "pit", 1)
    with pytest.raises(ValueError, match=r"pit: one image only, 0\.png; a class needs at least 2"):
        load(four)


def test_one_class_has_nothing_to_be_told_from(tmp_path):
    write(tmp_path / "dent", 3)
    with pytest.raises(FileNotFoundError, match="expected a folder of images for each class, two at least, found dent"):
        load(tmp_path)


def test_images_of_mixed_sizes_are_refused_with_the_odd_one_named(four):
    write(four / "pit", 2, size=(8, 9))
    with pytest.raises(ImageError, match=r"40 are 8 x 8, but .*pit/0\.png is 8 x 9, .*resize them to one size"):
        load(four)


def test_a_file_that_is_no_image_is_refused_by_name(four):
    (four / "dent" / "notes.txt").write_text("seen in March")
    with pytest.raises(ValueError, match=r"dent: expected images and nothing else, found notes\.txt"):
        load(four)
    (four / "dent" / "notes.txt").rename(four / "dent" / "notes.png")
    with pytest.raises(ImageError, match=r"1 of 41 files are no images that can be read: .*notes\.png"):
        load(four)


def test_both_parts_have_the_same_classes(tmp_path):
    for part in ("train", "test"):
        write(tmp_path / part / "dent", 2)
        write(tmp_path / part / "scratch", 2)
    write(tmp_path / "test" / "rust", 2)
    with pytest.raises(FileNotFoundError, match="the same classes in both, only one has rust"):
        load(tmp_path, "train")


def test_files_of_the_system_are_passed_over(four):
    for name in ("Thumbs.db", ".DS_Store"):
        (four / "dent" / name).write_bytes(b"x")
    assert len(load(four)) == 40


def test_the_folder_must_be_given():
    with pytest.raises(MissingPathError, match="data_root: .* give their folder"):
        load_dataset("class_folders")


def test_aluminium_is_four_balanced_classes_drawn_by_the_program():
    train = load_dataset("aluminium", "train", size=(32, 32), scale=0.04)
    counts = [sum(r.defect == name for r in train.records) for name in ("corrosion", "dent", "scratch", "good")]
    assert counts == [2, 2, 2, 2] and train.name == "aluminium" and train[0].image.shape == (3, 32, 32)
    with pytest.raises(ValueError, match="aluminium is made by the program"):
        load_dataset("aluminium", root="somewhere")

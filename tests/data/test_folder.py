import logging

import numpy as np
import pytest
from PIL import Image

from defectlab.data import load_dataset
from defectlab.data.files import require_readable
from defectlab.data.images import ImageError


def picture(path, mask=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((10, 8), np.uint8) if mask else np.full((10, 8, 3), 90, np.uint8)
    if mask:
        pixels[2, 3] = 255
    Image.fromarray(pixels).save(path)


def by_id(dataset):
    return {record.id: record for record in dataset.records}


@pytest.fixture
def root(tmp_path):
    home = tmp_path / "mes pièces"
    for i in range(6):
        picture(home / "good" / f"{i}.png")
    for i in range(4):
        picture(home / "defect" / f"d{i}.jpg")
    picture(home / "masks" / "d0.png", mask=True)
    picture(home / "masks" / "d1_mask.png", mask=True)
    return home


def test_masks_have_the_stem_of_their_image_or_none_is_known(root):
    dataset = load_dataset("folder", "all", root)
    assert [record.id for record in dataset.records[:2]] == ["good/0.png", "good/1.png"]
    assert dataset.labels.tolist() == [0] * 6 + [1] * 4
    masks = [dataset[i].mask for i in range(len(dataset))]
    assert [mask is None for mask in masks] == [False] * 8 + [True] * 2
    assert [int(mask.sum()) for mask in masks[:8]] == [0] * 6 + [1, 1]


def test_a_split_is_drawn_the_same_way_every_time_with_both_classes(root):
    train, test = (load_dataset("folder", split, root, test_fraction=0.5) for split in ("train", "test"))
    assert len(train) == len(test) == 5
    assert train.labels.sum() == test.labels.sum() == 2
    assert not set(by_id(train)) & set(by_id(test))
    again = load_dataset("folder", "test", root, test_fraction=0.5)
    assert list(by_id(again)) == list(by_id(test))


def test_folders_inside_defect_are_classes_and_their_masks_lie_in_folders_alike(root):
    for name in ("scratch", "dent"):
        picture(root / "defect" / name / "same.png")
    picture(root / "masks" / "dent" / "same.png", mask=True)
    dataset = load_dataset("folder", "all", root)
    assert dataset.defects == ("defect", "dent", "scratch")
    records = by_id(dataset)
    assert records["defect/dent/same.png"].mask_path == str(root / "masks" / "dent" / "same.png")
    assert records["defect/scratch/same.png"].mask_path is None


def test_a_mask_that_could_belong_to_two_images_is_refused(root):
    for name in ("scratch", "dent"):
        picture(root / "defect" / name / "same.png")
    picture(root / "masks" / "same.png", mask=True)
    with pytest.raises(
        ValueError, match="expected one defective image of this name, found .*dent.*scratch.*masks/CLASS"
    ):
        load_dataset("folder", "all", root)


def test_two_masks_of_one_image_are_refused(root):
    picture(root / "masks" / "d0_mask.png", mask=True)
    with pytest.raises(ValueError, match="expected one mask, found .*d0.png and .*d0_mask.png"):
        load_dataset("folder", "all", root)


def test_a_mask_of_no_image_is_named(root, caplog):
    picture(root / "masks" / "typo.png", mask=True)
    with caplog.at_level(logging.WARNING):
        load_dataset("folder", "all", root)
    assert "left out 1 masks without a defective image: typo.png" in caplog.text


def test_given_splits_are_taken(tmp_path):
    for name in ("train/good/a.png", "train/good/b.png", "test/good/a.png", "test/defect/a.png"):
        picture(tmp_path / name)
    picture(tmp_path / "test/masks/a.png", mask=True)
    assert list(by_id(load_dataset("folder", "train", tmp_path))) == ["train/good/a.png", "train/good/b.png"]
    test = load_dataset("folder", "test", tmp_path)
    assert list(by_id(test)) == ["test/good/a.png", "test/defect/a.png"]
    assert test[1].mask.sum() == 1
    assert len(load_dataset("folder", "all", tmp_path)) == 4


def test_normal_images_alone_are_enough_to_synthesise_from(tmp_path):
    picture(tmp_path / "good" / "a.png")
    assert len(load_dataset("folder", "all", tmp_path)) == 1


def test_a_folder_of_another_layout_is_told(tmp_path):
    picture(tmp_path / "pictures" / "a.png")
    with pytest.raises(FileNotFoundError, match="expected good, defect, found pictures. Layout: good/ and defect/"):
        load_dataset("folder", "all", tmp_path)


def test_other_files_and_hidden_ones_are_not_images(root):
    (root / "good" / "notes.txt").write_text("x")
    (root / "good" / ".hidden.png").write_text("x")
    assert len(load_dataset("folder", "all", root)) == 10


def manifest(root, *lines, header="image,label,mask,defect,group,split"):
    (root / "manifest.csv").write_text("\n".join([header, *lines]), encoding="utf-8")


def test_a_manifest_says_everything(root):
    manifest(
        root,
        "good/0.png,0,,,left,train",
        "good/1.png,normal,,,right,test",
        "defect/d0.jpg,1,masks/d0.png,rayure,right,test",
        "defect/d1.jpg,defective,,,left,train",
    )
    test = load_dataset("folder", "test", root)
    assert [(r.id, r.label, r.defect, r.group) for r in test.records] == [
        ("good/1.png", 0, "good", "right"),
        ("defect/d0.jpg", 1, "rayure", "right"),
    ]
    assert test[1].mask.sum() == 1
    assert load_dataset("folder", "train", root)[1].mask is None


def test_a_manifest_without_splits_is_parted_by_group(root):
    lines = [f"good/{i}.png,0,group {i // 2}" for i in range(6)] + [
        f"defect/d{i}.jpg,1,pair {i // 2}" for i in range(4)
    ]
    manifest(root, *lines, header="image,label,group")
    train, test = (load_dataset("folder", split, root, test_fraction=0.5) for split in ("train", "test"))
    assert not set(train.groups) & set(test.groups)
    assert train.labels.sum() == test.labels.sum() == 2


@pytest.mark.parametrize(
    ("header", "line", "text"),
    [
        ("image,labels", "good/0.png,0", "found no label"),
        ("image,label,size", "good/0.png,0,3", "found the unknown size"),
        ("image,label", "good/0.png,maybe", "row 2: expected label 0 or 1, found 'maybe'"),
        ("image,label", "good/none.png,0", "row 2: expected a file, found none at .*none.png"),
        ("image,label,mask", "defect/d0.jpg,1,masks/no.png", "row 2: expected a file, found none at .*no.png"),
        ("image,label,split", "good/0.png,0,val", "row 2: expected split train or test .* found 'val'"),
        ("image,label,defect", "good/0.png,0,dent", "row 2: label 0 is a normal image, found the defect 'dent'"),
        ("image,label", "good/0.png,0\ngood/0.png,0", "expected each image once, found twice: good/0.png"),
    ],
)
def test_a_wrong_manifest_is_told_by_row(root, header, line, text):
    manifest(root, line, header=header)
    with pytest.raises((ValueError, FileNotFoundError), match=text):
        load_dataset("folder", "all", root)


def test_a_manifest_that_is_no_table_is_told(root):
    (root / "manifest.csv").write_bytes(b"\xff\xfe\x00image")
    with pytest.raises(ValueError, match="expected a CSV table in UTF-8 with the columns image, label, mask"):
        load_dataset("folder", "all", root)


def test_reading_every_file_finds_what_a_header_does_not_show(root):
    dataset = load_dataset("folder", "all", root)
    require_readable(dataset)
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    for name in ("d2.jpg", "d3.jpg"):
        Image.fromarray(noise).save(root / "defect" / name)
        (root / "defect" / name).write_bytes((root / "defect" / name).read_bytes()[:1500])
    dataset = load_dataset("folder", "all", root)  # the headers are whole
    with pytest.raises(ImageError, match=r"(?s)2 of 10 .*defect/d2\.jpg.*defect/d3\.jpg"):
        require_readable(dataset)

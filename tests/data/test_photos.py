"""Folders of images with and without a layout."""

from small_data import write_folder

from defectlab.data.photos import has_layout, known_label, masks_beside, plain_folder


def test_a_layout_is_known_by_its_folders_or_its_manifest(tmp_path):
    photos = write_folder(tmp_path / "photos", 2, 1)
    assert has_layout(photos) and not has_layout(photos / "good")
    (photos / "good" / "manifest.csv").touch()
    assert has_layout(photos / "good")


def test_masks_are_left_out_where_they_lie_beside_images_with_labels(tmp_path):
    root = tmp_path / "all"
    write_folder(root / "test", 2, 1)
    write_folder(root / "train", 1, 2)
    names = [record.id for record in plain_folder(root).records]
    assert names == [
        "test/defect/000.png", "test/good/000.png", "test/good/001.png",
        "train/defect/000.png", "train/defect/001.png", "train/good/000.png",
    ]  # fmt: skip
    assert masks_beside(root) == 3
    assert len(plain_folder(root / "test" / "masks")) == 1  # asked for by name: they are images


def test_the_path_of_an_image_says_its_label():
    assert [known_label(name) for name in ("good/1.png", "test/defect/crack/1.png", "more/1.png", "good.png")] == [
        0, 1, None, None
    ]  # fmt: skip

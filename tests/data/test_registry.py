import numpy as np
import pytest
from PIL import Image

from defectlab.data import load_dataset
from defectlab.data.images import ImageError
from defectlab.data.registry import ENTRIES, checked_size, get_entry, names, open_dataset
from defectlab.paths import MissingPathError


def picture(path, size=(8, 6), value=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(path)
    return path


def folder_of(root, **counts):
    for place, count in counts.items():
        for i in range(count):
            picture(root / place.replace("__", "/") / f"{i}.png")
    return root


def test_an_unknown_name_gets_the_near_miss():
    with pytest.raises(ValueError, match=r"unknown data set 'magnetic_tiles'; did you mean 'magnetic_tile'\? Known"):
        load_dataset("magnetic_tiles")


def test_an_unknown_split_gets_the_near_miss():
    with pytest.raises(ValueError, match="unknown split 'tets'; did you mean 'test'"):
        load_dataset("surfaces", "tets")


def test_an_unknown_option_names_those_of_the_loader():
    with pytest.raises(ValueError, match="unknown option of kolektor_sdd 'folds'; did you mean 'fold'"):
        load_dataset("kolektor_sdd", folds=2)


@pytest.mark.parametrize("size", [128, (0, 4), (1, 2, 3), (1.5, 2), "big", (True, 4)])
def test_a_size_is_two_whole_numbers(size):
    with pytest.raises(ValueError, match="expected \\(height, width\\)"):
        load_dataset("surfaces", size=size)


def test_a_size_may_come_as_a_list_as_a_notebook_gives_it():
    assert checked_size([704, 256]) == (704, 256)
    assert checked_size(None) is None


def test_a_missing_data_set_says_where_it_was_looked_for_and_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("DEFECTLAB_DATA", str(tmp_path))
    with pytest.raises(MissingPathError) as caught:
        load_dataset("ksdd2")
    for part in (str(tmp_path), "DEFECTLAB_DATA", get_entry("ksdd2").home, "train/10000.png", "KolektorSDD2"):
        assert part in str(caught.value)


def test_the_own_folder_must_be_given():
    with pytest.raises(MissingPathError, match="data_root: .* give their folder"):
        load_dataset("folder")


def test_textures_are_no_data_set_of_surfaces():
    with pytest.raises(ValueError, match="'dtd' is a source of textures"):
        load_dataset("dtd")
    assert "dtd" not in names()


def test_every_public_set_has_what_a_reader_needs_to_get_and_to_cite_it():
    for entry in ENTRIES.values():
        assert entry.title and entry.licence and entry.layout and entry.how_to_get
        if not (entry.made or entry.own):
            assert entry.home.startswith("https://") and entry.citation and entry.counts


def test_the_official_counts_of_ksdd2_are_those_of_the_paper():
    assert dict(get_entry("ksdd2").counts) == {"train": (2085, 246), "test": (894, 110)}


def test_surfaces_come_at_the_size_asked_for_and_all_is_both_splits():
    parts = [load_dataset("surfaces", split, size=(32, 48), scale=0.01) for split in ("train", "test")]
    both = load_dataset("surfaces", "all", size=(32, 48), scale=0.01)
    assert both.name == "surfaces" and both.split == "all"
    assert [record.id for record in both.records] == [record.id for part in parts for record in part.records]
    assert both[len(parts[0])].image.equal(parts[1][0].image)


def test_surfaces_take_no_folder(tmp_path):
    with pytest.raises(ValueError, match="surfaces is made by the program and reads no files"):
        load_dataset("surfaces", root=tmp_path)
    assert len(load_dataset("surfaces", root="", scale=0.01))


def test_a_training_split_needs_a_normal_image(tmp_path):
    root = folder_of(tmp_path, train__defect=2, test__good=1, test__defect=1)
    with pytest.raises(ValueError, match="folder/train: expected normal images to train on, found 2 defective ones"):
        load_dataset("folder", "train", root)


@pytest.mark.parametrize(("place", "only"), [("test__good", "1 normal"), ("test__defect", "1 defective")])
def test_a_test_split_needs_both_classes(tmp_path, place, only):
    root = folder_of(tmp_path, train__good=2, **{place: 1})
    with pytest.raises(ValueError, match=f"folder/test: expected normal and defective .* found {only} ones only"):
        load_dataset("folder", "test", root)


def test_an_empty_split_is_refused(tmp_path):
    (tmp_path / "good").mkdir()
    with pytest.raises(ValueError, match="folder/train: expected images, found none"):
        load_dataset("folder", "train", tmp_path)


def test_a_mask_of_another_size_is_found_before_an_image_is_asked_for(tmp_path):
    folder_of(tmp_path, good=1)
    image = picture(tmp_path / "defect" / "a.png", (8, 6))
    mask = picture(tmp_path / "masks" / "a.png", (8, 7))
    with pytest.raises(ImageError) as caught:
        load_dataset("folder", "all", tmp_path)
    assert f"{mask} is 8 x 7, {image} is 8 x 6" in str(caught.value)


def test_bad_files_are_told_together_and_passed_on_to_a_check(tmp_path):
    folder_of(tmp_path, good=1)
    for i in range(5):
        (tmp_path / "good" / f"text {i}.png").write_text("hello")
    with pytest.raises(ImageError) as caught:
        load_dataset("folder", "all", tmp_path)
    assert str(caught.value).startswith("5 of 6 images or masks cannot be used:")
    assert str(tmp_path / "good" / "text 0.png") in str(caught.value)
    assert str(caught.value).endswith("and 2 more")
    assert len(open_dataset("folder", "all", tmp_path)) == 6


def test_reading_a_mask_of_another_size_is_an_error_even_if_it_changed_after_loading(tmp_path):
    folder_of(tmp_path, good=1)
    picture(tmp_path / "defect" / "a.png")
    picture(tmp_path / "masks" / "a.png")
    dataset = load_dataset("folder", "all", tmp_path).subset(normal=False)
    picture(tmp_path / "masks" / "a.png", (9, 9))
    with pytest.raises(ImageError, match="differ in size"):
        dataset[0]


def test_a_name_far_from_all_that_are_known_ends_its_sentence():
    with pytest.raises(ValueError, match=r"unknown data set 'zzz'\. Known: surfaces"):
        load_dataset("zzz")
    with pytest.raises(ValueError, match="data_root .*surfaces is made by the program"):
        load_dataset("surfaces", "train", "anywhere")

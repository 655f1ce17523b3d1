from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from defectlab.data import load_dataset
from defectlab.data.magnetic_tile import CLASSES, SAME_TILE, derived_groups, join_same_tiles


def add(root, name, stem, located=True):
    folder = root / f"MT_{name}" / "Imgs"
    folder.mkdir(parents=True, exist_ok=True)
    mask = np.zeros((12, 9), bool)
    mask[4:6, 3] = located and name != "Free"
    Image.fromarray(np.full((12, 9), 120, np.uint8)).save(folder / f"{stem}.jpg")
    Image.fromarray(mask).save(folder / f"{stem}.png")


@pytest.fixture
def root(tmp_path):
    home = tmp_path / "Magnetic-tile-defect-datasets.-master"
    for position, name in enumerate(CLASSES):
        for tile in range(4):
            for shot in range(1, 4):
                add(home, name, f"exp{shot}_num_{10_000 * position + 1000 * tile + 20 * shot}")
    return home


def test_the_folder_gives_the_label_and_the_class(root):
    dataset = load_dataset("magnetic_tile", "all", root)
    assert Counter(record.defect for record in dataset.records) == Counter(
        {"good": 12, "blowhole": 12, "break": 12, "crack": 12, "fray": 12, "uneven": 12}
    )
    assert dataset.labels.sum() == 60
    assert dataset.records[0].id == "Free/exp1_num_20"
    assert dataset.subset(defects=["crack"], normal=False)[0].mask.sum() == 2


def test_it_is_found_under_the_name_that_unpacking_gives_it(root, monkeypatch):
    monkeypatch.setenv("DEFECTLAB_DATA", str(root.parent))
    assert len(load_dataset("magnetic_tile", "all")) == 72


def test_shots_of_one_tile_stay_on_one_side_and_classes_in_proportion(root):
    train, test = (load_dataset("magnetic_tile", split, root) for split in ("train", "test"))
    assert not set(train.groups) & set(test.groups)
    assert len(train) + len(test) == 72
    for part in (train, test):
        assert set(Counter(record.defect for record in part.records).values()) == {6}


def test_the_split_is_the_same_every_time_and_another_with_another_seed(root):
    ids = [
        [record.id for record in load_dataset("magnetic_tile", "test", root, seed=seed).records] for seed in (0, 0, 1)
    ]
    assert ids[0] == ids[1] != ids[2]


def test_the_share_that_is_tested_is_an_option(root):
    test = load_dataset("magnetic_tile", "test", root, test_fraction=0.25)
    assert set(Counter(record.defect for record in test.records).values()) == {3}


def test_a_run_of_numbers_is_one_tile_over_all_classes():
    names = ["exp1_num_500", "exp2_num_520", "exp3_num_720", "exp1_num_921", "exp0_num_3"]
    assert derived_groups([Path(f"{name}.jpg") for name in names]) == ["seq500", "seq500", "seq500", "seq921", "seq3"]
    assert derived_groups([Path(f"{name}.jpg") for name in names[::-1]])[0] == "seq3"


def test_a_name_without_a_number_asks_for_a_table(root):
    add(root, "Crack", "mine")
    with pytest.raises(ValueError, match="expected names exp1_num_123.jpg \\(or a groups.csv\\), found .*mine.jpg"):
        load_dataset("magnetic_tile", "all", root)


def test_numbers_far_apart_that_show_one_tile_share_its_group(root):
    for name, stem in (("Free", "exp1_num_34101"), ("Crack", "exp2_num_34120"), ("Free", "exp3_num_43853")):
        add(root, name, stem)

    def groups():
        records = load_dataset("magnetic_tile", "all", root).records
        return {record.group for record in records if record.id.split("_")[-1] in ("34101", "34120", "43853")}

    assert groups() == {"seq34101"}
    stems = [(name, path.stem) for name in CLASSES for path in (root / f"MT_{name}" / "Imgs").glob("*.jpg")]
    (root / "groups.csv").write_text("class,stem,group\n" + "\n".join(f"{n},{s},own {s}" for n, s in stems))
    assert groups() == {"own exp1_num_34101", "own exp2_num_34120"}


def test_joining_leaves_all_other_groups_as_they_are():
    images = [Path(f"exp1_num_{number}.jpg") for number in (65067, 53011, 8676, 3)] + [Path("mine.jpg")]
    assert join_same_tiles(images, ["b", "a", "c", "d", "d"]) == ["a", "a", "c", "d", "d"]
    assert join_same_tiles(images, ["", "a", "c", "", "b"]) == ["a", "a", "c", "", "b"]
    assert join_same_tiles(images, ["", "", "", "", ""]) == ["seq53011", "seq53011", "seq8676", "", ""]
    assert all(len(set(tile)) > 1 for tile in SAME_TILE)


def test_a_table_gives_the_groups(root):
    stems = [(name, path.stem) for name in CLASSES for path in (root / f"MT_{name}" / "Imgs").glob("*.jpg")]
    (root / "groups.csv").write_text("class,stem,group\n" + "\n".join(f"{n},{s},tile {n}" for n, s in stems))
    assert set(load_dataset("magnetic_tile", "all", root).groups) == {f"tile {name}" for name in CLASSES}
    (root / "groups.csv").write_text(f"class,stem,group\nFree,{stems[0][1]},a\n")
    with pytest.raises(ValueError, match="expected a group for each image, found none for .* and 68 more"):
        load_dataset("magnetic_tile", "all", root)


def test_a_defect_that_was_never_located_has_no_mask_and_not_an_empty_one(root):
    add(root, "Uneven", "exp1_num_99000", located=False)
    dataset = load_dataset("magnetic_tile", "all", root)
    (position,) = [i for i, record in enumerate(dataset.records) if record.id == "Uneven/exp1_num_99000"]
    assert dataset[position].label == 1
    assert dataset[position].mask is None
    assert not dataset[0].mask.any()


def test_a_defective_image_without_a_mask_file_is_named(root):
    (root / "MT_Break" / "Imgs" / "exp1_num_20020.png").unlink()
    with pytest.raises(ValueError, match="none for .*exp1_num_20020.jpg"):
        load_dataset("magnetic_tile", "all", root)


def test_a_missing_class_is_named(root):
    (root / "MT_Fray").rename(root / "Fray")
    with pytest.raises(FileNotFoundError, match="expected MT_Fray, found Fray, MT_Blowhole"):
        load_dataset("magnetic_tile", "all", root)

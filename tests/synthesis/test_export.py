"""Synthetic sets in the layouts of other tools, read back by pycocotools, yaml and Pillow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from pycocotools import mask as rle
from pycocotools.coco import COCO

from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.synthesis.base import Synthetic, SyntheticSet
from defectlab.synthesis.export import export
from defectlab.synthesis.regions import regions_of
from defectlab.synthesis.store import save

SIZE = (20, 30)


def masks() -> list[np.ndarray]:
    """A rectangle and a line one pixel wide; a disc; nothing."""
    two, disc, none = (np.zeros(SIZE, bool) for _ in range(3))
    two[2:6, 3:10] = True
    two[10:18, 25] = True
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    disc[(rows - 9) ** 2 + (columns - 14) ** 2 <= 49] = True
    return [two, disc, none]


def synthetic() -> SyntheticSet:
    rng = np.random.default_rng(0)
    prompts = ["a crack", "a stain/größer", "a crack"]
    return SyntheticSet(
        [
            Synthetic(rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8), mask, {"prompt": prompt, "seed": 0})
            for mask, prompt in zip(masks(), prompts, strict=True)
        ],
        "diag",
    )


def normals() -> MappedDataset:
    def read(record: Record) -> Sample:
        return Sample(torch.full((3, *SIZE), 0.5), torch.zeros((1, *SIZE), dtype=torch.bool), 0)

    return MappedDataset(read, "plain", "train", [Record(id=str(i), label=0) for i in range(2)], SIZE)


def names(folder) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_mvtec_folders_hold_images_and_masks_by_class(tmp_path):
    export(synthetic(), tmp_path, "mvtec", normals(), category="prompt")
    assert names(tmp_path) == [
        "ground_truth/a-crack/000000_mask.png",
        "ground_truth/a-crack/000002_mask.png",
        "ground_truth/a-stain-größer/000001_mask.png",
        "records.csv",
        "test/a-crack/000000.png",
        "test/a-crack/000002.png",
        "test/a-stain-größer/000001.png",
        "train/good/000000.png",
        "train/good/000001.png",
    ]
    mask = np.asarray(Image.open(tmp_path / "ground_truth/a-crack/000000_mask.png"))
    np.testing.assert_array_equal(mask, masks()[0] * np.uint8(255))
    image = np.asarray(Image.open(tmp_path / "test/a-crack/000000.png"))
    np.testing.assert_array_equal(image, synthetic().items[0].image)
    assert (np.asarray(Image.open(tmp_path / "train/good/000000.png")) == 128).all()


def test_coco_is_read_by_pycocotools_and_its_polygons_give_the_masks_back(tmp_path):
    export(synthetic(), tmp_path, "coco", normals(), category="prompt")
    coco = COCO(str(tmp_path / "annotations.json"))
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == ["a crack", "a stain/größer"]
    assert len(coco.getImgIds()) == 5 and len(coco.getAnnIds(imgIds=[0])) == 2 and not coco.getAnnIds(imgIds=[2, 3, 4])
    for i, mask in enumerate(masks()):
        found = np.zeros(SIZE, bool)
        for annotation in coco.loadAnns(coco.getAnnIds(imgIds=[i])):
            found |= coco.annToMask(annotation).astype(bool)
        assert (found & mask).sum() >= 0.93 * (found | mask).sum()
    rectangle = coco.loadAnns(coco.getAnnIds(imgIds=[0]))[0]
    assert rectangle["bbox"] == [3, 2, 7, 4] and rectangle["area"] == 28
    for image in coco.loadImgs(coco.getImgIds()):
        assert Image.open(tmp_path / "images" / image["file_name"]).size == (image["width"], image["height"])


def test_yolo_boxes_are_centres_and_sizes_as_fractions(tmp_path):
    export(synthetic(), tmp_path, "yolo", normals())
    assert (tmp_path / "labels/train/000000.txt").read_text().splitlines() == [
        "0 0.216667 0.200000 0.233333 0.200000",  # (3 + 3.5) / 30, (2 + 2) / 20, 7 / 30, 4 / 20
        "0 0.850000 0.700000 0.033333 0.400000",  # (25 + .5) / 30, (10 + 4) / 20, 1 / 30, 8 / 20
    ]
    assert (tmp_path / "labels/train/000002.txt").read_text() == ""
    described = yaml.safe_load((tmp_path / "data.yaml").read_text())
    assert described["names"] == {0: "defect"} and described["train"] == "images/train"
    images = {path.stem for path in (tmp_path / "images/train").iterdir()}
    assert images == {path.stem for path in (tmp_path / "labels/train").iterdir()} and len(images) == 5


def test_yolo_polygons_cover_the_mask(tmp_path):
    export(synthetic(), tmp_path, "yolo-seg", category="prompt")
    lines = [line.split() for line in (tmp_path / "labels/train/000001.txt").read_text().splitlines()]
    assert len(lines) == 1 and lines[0][0] == "1"
    points = np.array(lines[0][1:], float).reshape(-1, 2) * (SIZE[1], SIZE[0])
    found = rle.decode(rle.merge(rle.frPyObjects([points.ravel().tolist()], *SIZE))).astype(bool)
    assert (found & masks()[1]).sum() >= 0.93 * (found | masks()[1]).sum()


@pytest.mark.parametrize("shape", ["pixel", "row", "column", "diagonal", "frame", "all"])
def test_outlines_of_awkward_regions_rasterise_to_the_region_with_its_holes_filled(shape):
    mask = np.zeros((9, 11), bool)
    mask[{"pixel": (4, 5), "row": (4,), "column": (slice(None), 5)}.get(shape, (slice(0), slice(0)))] = True
    if shape == "diagonal":
        mask[range(9), range(9)] = True
    if shape in ("frame", "all"):
        mask[:] = True
    filled = mask.copy()
    if shape == "frame":
        mask[3:6, 3:6] = False
    (region,) = regions_of(mask)
    assert region.area == mask.sum()
    found = rle.decode(rle.merge(rle.frPyObjects([list(region.polygon)], 9, 11))).astype(bool)
    if shape == "diagonal":  # pixels that touch at corners are joined or lost by the rasteriser, not by the outline
        assert found[mask].mean() >= 0.5
    else:
        np.testing.assert_array_equal(found, filled)


def test_an_empty_mask_has_no_region():
    assert regions_of(np.zeros((4, 4), bool)) == []


def test_a_stored_set_is_exported_from_its_folder_and_again_in_place(tmp_path):
    save(synthetic(), tmp_path / "set")
    export(tmp_path / "set", tmp_path / "out", "coco")
    first = {name: (tmp_path / "out" / name).read_bytes() for name in names(tmp_path / "out")}
    export(synthetic(), tmp_path / "out", "coco")
    assert first == {name: (tmp_path / "out" / name).read_bytes() for name in names(tmp_path / "out")}
    assert "000002.png,a crack,0" in (tmp_path / "out" / "records.csv").read_text()


def test_what_cannot_be_exported_is_named(tmp_path):
    with pytest.raises(ValueError, match="unknown layout 'voc'"):
        export(synthetic(), tmp_path, "voc")
    bare = SyntheticSet([Synthetic(np.zeros((4, 4, 3), np.uint8), None, {})])
    with pytest.raises(ValueError, match="1 of 1 images have no mask, first 000000"):
        export(bare, tmp_path)
    with pytest.raises(ValueError, match="'promt'; did you mean 'prompt'"):
        export(synthetic(), tmp_path, category="promt")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"1 files that are not of this set, first notes.txt"):
        export(synthetic(), tmp_path)
    with pytest.raises(ValueError, match="is a file"):
        export(synthetic(), tmp_path / "notes.txt")

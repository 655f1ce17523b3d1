"""A synthetic set in the layouts that other tools read: MVTec-like folders, COCO, YOLO boxes and polygons."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from defectlab.choices import unknown_choice
from defectlab.data.base import SurfaceDataset
from defectlab.files import slug
from defectlab.synthesis.base import Synthetic, SyntheticSet
from defectlab.synthesis.journal import RECORDS
from defectlab.synthesis.png import encode_png
from defectlab.synthesis.records import text_of_csv
from defectlab.synthesis.regions import Region, regions_of
from defectlab.synthesis.store import load
from defectlab.synthesis.stored import write_atomic

DEFAULT_CATEGORY = "defect"


class _File(NamedTuple):
    path: str
    content: Callable[[], bytes]


def export(
    synthetic: SyntheticSet | str | Path,
    folder: str | Path,
    layout: str = "mvtec",
    normals: SurfaceDataset | None = None,
    category: str | None = None,
) -> Path:
    """Write a set for training elsewhere, with ``records.csv`` beside it.

    Args:
        synthetic: the set, or the folder that it was stored in.
        folder: made where it is not there; an earlier export of the same set is overwritten.
        layout: ``"mvtec"``: ``train/good``, ``test/<category>``, ``ground_truth/<category>/*_mask.png``;
            ``"coco"``: ``images`` and ``annotations.json``, one annotation a connected region, with polygon;
            ``"yolo"`` and ``"yolo-seg"``: ``images/train``, ``labels/train`` and ``data.yaml``, boxes or polygons.
        normals: normal images to go with them: ``train/good``, or images without a label.
        category: column of the records that names the class, such as ``"prompt"``; one class for all by default.

    Returns:
        The folder.

    Raises:
        ValueError: if the layout is unknown, an image has no mask, a record no such column, or the folder holds
            files of something else.
    """
    if layout not in LAYOUTS:
        raise unknown_choice("layout", layout, LAYOUTS)
    items = (synthetic if isinstance(synthetic, SyntheticSet) else load(synthetic)).items
    if without := [i for i, item in enumerate(items) if item.mask is None]:
        raise ValueError(
            f"export: the layout {layout} says where each defect is, but {len(without)} of {len(items)} images have "
            f"no mask, first {without[0]:06d} ({items[without[0]].record.get('method', 'method unknown')}); export the "
            "images of a method that gives masks, or train on image labels with the stored set as it is"
        )
    names = [_category(i, item, category) for i, item in enumerate(items)]
    files = [*LAYOUTS[layout](items, names, normals), _records(items)]
    folder = Path(folder)
    _require_no_others(folder, {file.path for file in files})
    for file in files:
        write_atomic(folder / file.path, file.content())
    return folder


def _mvtec(items: tuple[Synthetic, ...], names: list[str], normals: SurfaceDataset | None) -> Iterator[_File]:
    yield from _normal_files(normals, "train/good")
    for i, (item, name) in enumerate(zip(items, names, strict=True)):
        yield _png(f"test/{slug(name)}/{i:06d}.png", item.image)
        yield _png(f"ground_truth/{slug(name)}/{i:06d}_mask.png", _mask(item))


def _coco(items: tuple[Synthetic, ...], names: list[str], normals: SurfaceDataset | None) -> Iterator[_File]:
    classes = sorted(set(names))
    images = [_coco_image(i, f"{i:06d}.png", item.image.shape) for i, item in enumerate(items)]
    if normals is not None:
        for i in range(len(normals)):
            images.append(_coco_image(len(items) + i, f"good_{i:06d}.png", normals[i].image.shape[1:]))
    annotations = [
        {
            "image_id": i,
            "category_id": classes.index(names[i]) + 1,  # COCO counts categories from 1
            "bbox": list(region.box),
            "area": region.area,
            "segmentation": [list(region.polygon)],
            "iscrowd": 0,
        }
        for i, item in enumerate(items)
        for region in regions_of(_mask(item))
    ]
    content = {
        "info": {"description": "synthetic defects made by defectlab"},
        "images": images,
        "annotations": [{"id": number, **annotation} for number, annotation in enumerate(annotations, 1)],
        "categories": [{"id": number, "name": name} for number, name in enumerate(classes, 1)],
    }
    yield _text("annotations.json", json.dumps(content, ensure_ascii=False, indent=1))
    yield from (_png(f"images/{i:06d}.png", item.image) for i, item in enumerate(items))
    yield from _normal_files(normals, "images", "good_")


def _yolo(items: tuple[Synthetic, ...], names: list[str], normals: SurfaceDataset | None) -> Iterator[_File]:
    return _yolo_files(items, names, normals, _yolo_box)


def _yolo_seg(items: tuple[Synthetic, ...], names: list[str], normals: SurfaceDataset | None) -> Iterator[_File]:
    return _yolo_files(items, names, normals, _yolo_polygon)


LAYOUTS: dict[str, Callable[..., Iterator[_File]]] = {
    "mvtec": _mvtec,
    "coco": _coco,
    "yolo": _yolo,
    "yolo-seg": _yolo_seg,
}


def _yolo_files(
    items: tuple[Synthetic, ...],
    names: list[str],
    normals: SurfaceDataset | None,
    line: Callable[[Region, int, int], list[float]],
) -> Iterator[_File]:
    classes = sorted(set(names))
    listed = "".join(f"  {number}: {json.dumps(name, ensure_ascii=False)}\n" for number, name in enumerate(classes))
    note = "# synthetic images are for training: point val to real images\n"
    yield _text("data.yaml", f"{note}path: .\ntrain: images/train\nval: images/train\nnames:\n{listed}")
    for i, item in enumerate(items):
        height, width = item.image.shape[:2]
        rows = [(classes.index(names[i]), *line(region, height, width)) for region in regions_of(_mask(item))]
        text = "".join(" ".join([str(row[0]), *(f"{value:.6f}" for value in row[1:])]) + "\n" for row in rows)
        yield _png(f"images/train/{i:06d}.png", item.image)
        yield _text(f"labels/train/{i:06d}.txt", text)
    yield from _normal_files(normals, "images/train", "good_")
    for i in range(0 if normals is None else len(normals)):
        yield _text(f"labels/train/good_{i:06d}.txt", "")


def _yolo_box(region: Region, height: int, width: int) -> list[float]:
    """Centre and size as fractions of the image."""
    left, top, wide, high = region.box
    return [(left + wide / 2) / width, (top + high / 2) / height, wide / width, high / height]


def _yolo_polygon(region: Region, height: int, width: int) -> list[float]:
    """Points as fractions of the image."""
    return [value / (height if i % 2 else width) for i, value in enumerate(region.polygon)]


def _coco_image(number: int, name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"id": number, "file_name": name, "height": int(shape[0]), "width": int(shape[1])}


def _normal_files(normals: SurfaceDataset | None, place: str, prefix: str = "") -> Iterator[_File]:
    if normals is not None:
        for i in range(len(normals)):
            yield _File(f"{place}/{prefix}{i:06d}.png", partial(_normal_png, normals, i))


def _normal_png(normals: SurfaceDataset, index: int) -> bytes:
    return encode_png(normals[index].image.permute(1, 2, 0).mul(255).round().byte().numpy())


def _mask(item: Synthetic) -> np.ndarray:
    assert item.mask is not None  # `export` has refused sets without masks
    return item.mask


def _category(index: int, item: Synthetic, column: str | None) -> str:
    if column is None:
        return DEFAULT_CATEGORY
    if column not in item.record:
        raise unknown_choice(f"category in the record of image {index:06d}", column, item.record)
    return str(item.record[column])


def _records(items: tuple[Synthetic, ...]) -> _File:
    rows = {i: {"image": f"{i:06d}.png", **item.record} for i, item in enumerate(items)}
    return _text(RECORDS, text_of_csv(rows))


def _png(path: str, pixels: np.ndarray) -> _File:
    return _File(path, lambda: encode_png(pixels))


def _text(path: str, text: str) -> _File:
    return _File(path, lambda: text.encode("utf-8"))


def _require_no_others(folder: Path, planned: set[str]) -> None:
    """Refuse a folder that would mix this export with files of something else."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"export: {folder} is a file; expected a folder")
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    if others := sorted(there - planned):
        raise ValueError(
            f"export: {folder} holds {len(others)} files that are not of this set, first {others[0]}; "
            "give another folder, or empty this one"
        )

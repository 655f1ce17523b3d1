"""Every data set by name: what it is, whose, under which terms, how many images it has, and its loader."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

from defectlab.data.base import SurfaceDataset
from defectlab.data.files import require_equal_sizes
from defectlab.paths import MissingPathError, resolve_data

SPLITS = ("train", "test", "all")
FIXED = ("split", "root", "size")


@dataclass(frozen=True)
class Entry:
    """What is known of a data set without reading it.

    Attributes:
        name: as in parameters and on the command line.
        title: in full.
        licence: terms of the images.
        citation: how its authors ask to be cited.
        home: address of the official page, empty where there is none.
        counts: ``{split: (normal, defective)}`` of the official release; ``"all"`` where it has no split.
        layout: the official folders and files.
        folders: further names of the folder, looked for beside ``name``.
        how_to_get: what a person does to have it.
        module: its loader is ``load`` of this module; empty for images that are no data set of surfaces.
        made: drawn by the program, so there is no folder.
    """

    name: str
    title: str
    licence: str
    citation: str = ""
    home: str = ""
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    layout: str = ""
    folders: tuple[str, ...] = ()
    how_to_get: str = ""
    module: str = ""
    made: bool = False


def load_dataset(
    name: str,
    split: str = "train",
    root: str | Path | None = None,
    size: tuple[int, int] | None = None,
    **options: Any,
) -> SurfaceDataset:
    """A split of a data set.

    Args:
        name: ``"surfaces"``, ``"ksdd2"``, ``"kolektor_sdd"``, ``"magnetic_tile"`` or ``"folder"``.
        split: ``"train"``, ``"test"`` or ``"all"``.
        root: its folder or one that holds it; where it is empty, ``DEFECTLAB_DATA`` and the user's cache are looked at.
        size: ``(height, width)`` in pixels that every image is brought to; ``None`` keeps the size of each file
            (of ``surfaces``: takes the preset's).
        options: of the loader, such as ``fold`` of ``kolektor_sdd``, ``test_fraction`` of ``folder`` or ``preset`` of
            ``surfaces``.

    Returns:
        The images in a stable order.

    Raises:
        FileNotFoundError: if the data are not there; the message says where they were looked for and how to get them.
        ImageError: if a file is no image, or a mask is not of the size of its image.
        ValueError: if a name, a split, a size or an option is unknown, or if the split is empty, has no normal image
            to train on, or only one class to test on.
    """
    dataset = open_dataset(name, split, root, size, **options)
    require_usable(dataset)
    if not get_entry(name).made:
        require_equal_sizes(dataset.records)
    return dataset


def open_dataset(
    name: str,
    split: str = "train",
    root: str | Path | None = None,
    size: tuple[int, int] | None = None,
    **options: Any,
) -> SurfaceDataset:
    """As `load_dataset`, but with bad files and useless splits let through, for a check to report.

    Masks that give the labels are read all the same.
    """
    entry = get_entry(name)
    if not entry.module:
        raise ValueError(
            f"{name!r} is a source of textures, not a data set of surfaces; choose from {', '.join(names())}"
        )
    require_choice("split", split, SPLITS)
    loader: Callable[..., SurfaceDataset] = import_module(entry.module).load
    known = [option for option in inspect.signature(loader).parameters if option not in FIXED]
    for option in options:
        require_choice(f"option of {name}", option, known)
    place = {} if entry.made else {"root": root}
    if entry.made and root is not None and str(root):
        raise ValueError(f"root: {name} is made by the program and reads no files, got {root}; leave it empty")
    if entry.made and split == "all":
        return _train_and_test(loader, checked_size(size), options)
    return loader(split=split, size=checked_size(size), **place, **options)


def get_entry(name: str) -> Entry:
    """What is known of a data set.

    Raises:
        ValueError: if there is none of that name; the message suggests the nearest.
    """
    require_choice("data set", name, ENTRIES)
    return ENTRIES[name]


def names() -> tuple[str, ...]:
    """Names that `load_dataset` takes."""
    return tuple(name for name, entry in ENTRIES.items() if entry.module)


def find(name: str, root: str | Path | None = None) -> tuple[Entry, Path]:
    """The entry of a data set and the folder it lies in.

    Raises:
        MissingPathError: saying where it was looked for and how to get it.
    """
    entry = get_entry(name)
    given = root if root is not None and str(root) else None
    if name == "folder" and given is None:
        raise MissingPathError(
            f"data_root: the data set 'folder' is your own images, so give their folder. {entry.layout}"
        )
    try:
        return entry, resolve_data(name, given, entry.folders)
    except MissingPathError as error:
        raise MissingPathError(f"{error}\n{entry.title}: {entry.how_to_get} Layout: {entry.layout}") from error


def require_usable(dataset: SurfaceDataset) -> None:
    """Stop before long work where a split cannot serve.

    Raises:
        ValueError: if it is empty, has no normal image to train on, or only one class to test on.
    """
    what = f"{dataset.name}/{dataset.split}"
    defective = int(dataset.labels.sum())
    normal = len(dataset) - defective
    if not len(dataset):
        raise ValueError(f"{what}: expected images, found none")
    if dataset.split == "train" and not normal:
        raise ValueError(f"{what}: expected normal images to train on, found {defective} defective ones only")
    if dataset.split == "test" and not (normal and defective):
        only = f"{defective} defective" if defective else f"{normal} normal"
        raise ValueError(f"{what}: expected normal and defective images to test on, found {only} ones only")


def require_choice(what: str, given: object, known: Iterable[str]) -> None:
    """Stop where a name is not one of those known, with the nearest of them.

    Raises:
        ValueError: naming what is known.
    """
    choices = list(known)
    if given in choices:
        return
    near = get_close_matches(str(given), choices, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"unknown {what} {given!r}{hint} Known: {', '.join(choices) or 'none'}")


def checked_size(size: object) -> tuple[int, int] | None:
    """A size as ``(height, width)``.

    Raises:
        ValueError: if it is not ``None`` or two whole numbers of at least 1.
    """
    if size is None:
        return None
    values = list(size) if isinstance(size, (tuple, list)) else []
    if len(values) != 2 or any(isinstance(v, bool) or not isinstance(v, int) or v < 1 for v in values):
        raise ValueError(f"size: expected (height, width) in whole pixels, such as (704, 256), or None; got {size!r}")
    return values[0], values[1]


def _train_and_test(
    loader: Callable[..., SurfaceDataset], size: tuple[int, int] | None, options: Mapping[str, Any]
) -> SurfaceDataset:
    from defectlab.data.combine import concatenate

    dataset = concatenate(*(loader(split=split, size=size, **options) for split in ("train", "test")))
    dataset.split = "all"
    return dataset


ENTRIES: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            name="surfaces",
            title="surfaces, procedural images of surfaces with defects",
            licence="made by the program: CC0",
            layout="none: image i of a split follows from the seed, the split and i",
            how_to_get="Nothing to get: the program draws it.",
            module="defectlab.data.surfaces",
            made=True,
        ),
        Entry(
            name="ksdd2",
            title="Kolektor Surface-Defect Dataset 2 (KolektorSDD2)",
            licence="CC BY-NC-SA 4.0",
            citation=(
                "J. Božič, D. Tabernik, D. Skočaj: Mixed supervision for surface-defect detection: from weakly to "
                "fully supervised learning. Computers in Industry 129 (2021) 103459. doi:10.1016/j.compind.2021.103459"
            ),
            home="https://www.vicos.si/resources/kolektorsdd2/",
            counts={"train": (2085, 246), "test": (894, 110)},
            layout="train/10000.png with its mask train/10000_GT.png, test/20000.png with test/20000_GT.png",
            folders=("KolektorSDD2", "KSDD2"),
            how_to_get="download the archive from https://www.vicos.si/resources/kolektorsdd2/ and unpack it.",
            module="defectlab.data.ksdd2",
        ),
        Entry(
            name="kolektor_sdd",
            title="Kolektor Surface-Defect Dataset (KolektorSDD, the first)",
            licence="CC BY-NC-SA 4.0",
            citation=(
                "D. Tabernik, S. Šela, J. Skvarč, D. Skočaj: Segmentation-based deep-learning approach for "
                "surface-defect detection. Journal of Intelligent Manufacturing 31 (2020) 759-776. "
                "doi:10.1007/s10845-019-01476-x"
            ),
            home="https://www.vicos.si/resources/kolektorsdd/",
            counts={"all": (347, 52)},
            layout="kos01/Part0.jpg with its mask kos01/Part0_label.bmp, to kos50/Part7.jpg; optional split.csv",
            folders=("KolektorSDD", "KSDD"),
            how_to_get="download the archive from https://www.vicos.si/resources/kolektorsdd/ and unpack it.",
            module="defectlab.data.kolektor_sdd",
        ),
        Entry(
            name="magnetic_tile",
            title="Magnetic-tile surface defects",
            licence="no licence file; the authors write that the data set is welcome to be used and ask to be cited",
            citation=(
                "Y. Huang, C. Qiu, K. Yuan: Surface defect saliency of magnetic tile. "
                "The Visual Computer 36 (2020) 85-96. doi:10.1007/s00371-018-1588-5"
            ),
            home="https://github.com/abin24/Magnetic-tile-defect-datasets.",
            counts={"all": (952, 392)},
            layout="MT_Blowhole/Imgs/exp1_num_108719.jpg with its mask exp1_num_108719.png; so for MT_Break, MT_Crack, "
            "MT_Fray, MT_Uneven, MT_Free; optional groups.csv",
            folders=(
                "Magnetic-tile-defect-datasets",
                "Magnetic-tile-defect-datasets.",
                "Magnetic-tile-defect-datasets.-master",
                "Magnetic-Tile-Defect",
            ),
            how_to_get="clone or download https://github.com/abin24/Magnetic-tile-defect-datasets. (with the dot).",
            module="defectlab.data.magnetic_tile",
        ),
        Entry(
            name="folder",
            title="Your own images",
            licence="the user's own",
            layout="good/ and defect/ (images, or a folder for each class), optional masks/ with the same stems; the "
            "same inside train/ and test/; or manifest.csv with the columns image, label, mask, defect, group, split",
            how_to_get="Put your images into such folders and give the folder as data_root.",
            module="defectlab.data.folder",
        ),
        Entry(
            name="dtd",
            title="Describable Textures Dataset (textures that MemSeg and DRAEM paste)",
            licence="for research purposes; the images keep their own copyrights",
            citation=(
                "M. Cimpoi, S. Maji, I. Kokkinos, S. Mohamed, A. Vedaldi: Describing textures in the wild. CVPR 2014"
            ),
            home="https://www.robots.ox.ac.uk/~vgg/data/dtd/",
            counts={"all": (5640, 0)},
            layout="images/CLASS/NAME.jpg, 47 classes of 120 images",
            folders=("DTD",),
            how_to_get="download the archive from https://www.robots.ox.ac.uk/~vgg/data/dtd/ and unpack it.",
        ),
    )
}

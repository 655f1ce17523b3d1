"""Where MemSeg and DRAEM take foreign textures from: a folder such as DTD, or the procedural surfaces."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from defectlab.choices import unknown_choice
from defectlab.data.images import read_image
from defectlab.paths import resolve_data

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})


class TextureSource(Protocol):
    """Gives textures of any size.

    Attributes:
        name: names the source in records and settings; two sources that draw differently differ in it.
    """

    @property
    def name(self) -> str:
        """Names the source in records and settings."""
        ...

    def draw(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        """One texture, uint8, shape ``(height, width, 3)``."""
        ...


class FolderTextures:
    """Images of a folder and its subfolders, one drawn uniformly and stretched to the size asked for.

    Args:
        folder: searched to any depth for images, in sorted order.
        name: of the source; the folder's own name where it is empty.

    Raises:
        FileNotFoundError: if the folder does not exist or holds no image.
    """

    def __init__(self, folder: str | Path, name: str = "") -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise FileNotFoundError(f"textures: expected a folder of images, found nothing at {self.folder}")
        self.paths = image_files(self.folder)
        if not self.paths:
            raise FileNotFoundError(f"textures: no image in {self.folder} or below ({', '.join(sorted(SUFFIXES))})")
        self.name = f"{name or self.folder.name}[{len(self.paths)}]"

    def draw(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        """One texture, uint8, shape ``(height, width, 3)``, resized bilinearly as MemSeg's released code does."""
        image = read_image(self.paths[rng.integers(len(self.paths))])
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)  # OpenCV takes (width, height)


class SurfaceTextures:
    """Textures of the procedural data set `surfaces`: nothing to download."""

    name = "surfaces"

    def draw(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        """One texture, uint8, shape ``(height, width, 3)``."""
        from defectlab.data.surfaces import texture

        return texture(rng, height, width)


def image_files(folder: Path) -> tuple[Path, ...]:
    """Image files of a folder and its subfolders, sorted by their path below it; hidden ones are left out."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    visible = [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return tuple(sorted(visible, key=lambda path: path.relative_to(folder).as_posix()))


def dtd(root: str | Path | None = None) -> FolderTextures:
    """The Describable Textures Dataset, in its official layout ``images/CLASS/NAME.jpg``.

    Args:
        root: its folder or one that holds it; otherwise it is looked for where all data sets are.

    Raises:
        FileNotFoundError: if it is not there, with the places that were looked at.

    Source: Cimpoi et al. 2014.
    """
    return FolderTextures(resolve_data("dtd", root) / "images", "dtd")


def texture_source(spec: str | Path, root: str | Path | None = None) -> TextureSource | None:
    """Texture source by name: ``"surfaces"``, ``"dtd"``, ``"none"``, or a folder of images.

    Args:
        spec: name, or path of a folder.
        root: where data sets are, for ``"dtd"``.

    Raises:
        ValueError: for a name that is neither known nor a folder, with the near miss.
        FileNotFoundError: if DTD is not there or the folder holds no image.
    """
    if spec == "none":
        return None
    if spec == "surfaces":
        return SurfaceTextures()
    if spec == "dtd":
        return dtd(root)
    if Path(spec).expanduser().is_dir():
        return FolderTextures(Path(spec).expanduser())
    raise unknown_choice("texture source", str(spec), ("surfaces", "dtd", "none", "path of a folder of images"))

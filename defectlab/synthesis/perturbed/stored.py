"""Whole triplets in one folder: beside the images A and masks M of a set, the normal images I that they came from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from defectlab.synthesis.png import decode_image, encode_png
from defectlab.synthesis.store import load
from defectlab.synthesis.stored import write_atomic

NORMALS = "normals"


def keep_normal(folder: Path, number: int, image: np.ndarray) -> None:
    """Writes a normal image, uint8 ``(H, W, 3)``, as ``normals/000000.png``, once, whole or not at all."""
    path = folder / NORMALS / f"{number:06d}.png"
    if not path.exists():
        write_atomic(path, encode_png(image))


class StoredTriplets:
    """The triplets of a folder that `PerturbedDdpm.synthesize` wrote, without the data set they were made from.

    Args:
        folder: of the set.

    Raises:
        FileNotFoundError: if the folder holds no set.
        ValueError: if a file is damaged, or a record names no normal image.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.set = load(self.folder)
        absent = [i for i, item in enumerate(self.set.items) if str(item.record.get("normal", "")) == ""]
        if absent:
            raise ValueError(f"{folder}: the record of image {absent[0]:06d} names no normal image: no set of triplets")

    def __len__(self) -> int:
        return len(self.set)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """I and A, float32 ``(3, H, W)`` in [0, 1], and M, bool ``(1, H, W)``."""
        item, sample = self.set.items[index], self.set[index]
        path = self.folder / NORMALS / f"{int(item.record['normal']):06d}.png"
        if not path.is_file() or sample.mask is None:
            raise ValueError(f"{path} or the mask of image {index:06d} is missing; make the set anew in another folder")
        image = torch.from_numpy(decode_image(path.read_bytes())).permute(2, 0, 1).float().div(255)
        return image, sample.image, sample.mask

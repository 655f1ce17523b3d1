"""A mask drawn by hand: strokes that add up, each through points, and a mask from a file below them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from defectlab.data.images import read_mask, resize_mask

Point = tuple[int, int]
"""Column and row, in pixels."""


@dataclass(frozen=True)
class Stroke:
    """A line through points with a round brush; a dot where there is one point.

    Attributes:
        points: in the order that they were set.
        width: of the brush, in pixels.
    """

    points: tuple[Point, ...]
    width: int


@dataclass(frozen=True)
class Drawing:
    """Strokes on a surface; every change gives a new drawing.

    Attributes:
        height: of the surface, in pixels.
        width: of the surface, in pixels.
        strokes: all that were drawn; the last one goes on with the next point.
        below: mask of a file, bool ``(height, width)``; `None` for none.
    """

    height: int
    width: int
    strokes: tuple[Stroke, ...] = ()
    below: np.ndarray | None = None

    def with_point(self, point: Point, width: int) -> Drawing:
        """The last stroke goes on to a point; a brush of another width begins a new one there."""
        if not self.strokes or (self.strokes[-1].points and self.strokes[-1].width != width):
            return self.lifted(width).with_point(point, width)
        *before, last = self.strokes
        return replace(self, strokes=(*before, Stroke((*last.points, point), width)))

    def lifted(self, width: int) -> Drawing:
        """The next point begins a stroke of its own."""
        if self.strokes and not self.strokes[-1].points:
            return self
        return replace(self, strokes=(*self.strokes, Stroke((), width)))

    def undone(self) -> Drawing:
        """Without the last point; without the file's mask where no point is left."""
        strokes = [stroke for stroke in self.strokes if stroke.points]
        if not strokes:
            return replace(self, strokes=(), below=None)
        *before, last = strokes
        shorter = Stroke(last.points[:-1], last.width)
        return replace(self, strokes=(*before, *([shorter] if shorter.points else [])))

    def with_file(self, content: bytes, name: str) -> Drawing:
        """With the mask of an image file below the strokes, brought to the size of the surface.

        Args:
            content: of the file.
            name: of the file; its ending tells nothing, but an error names it.

        Raises:
            ValueError: if it is no image that can be read.
        """
        with tempfile.TemporaryDirectory(prefix="defectlab-mask-") as folder:
            path = Path(folder) / (Path(name).name or "mask")
            path.write_bytes(content)
            return replace(self, below=resize_mask(read_mask(path), (self.height, self.width)))

    @property
    def mask(self) -> np.ndarray:
        """All strokes and the file together, bool ``(height, width)``."""
        canvas = np.zeros((self.height, self.width), np.uint8)
        for stroke in self.strokes:
            points = np.array(stroke.points, np.int32).reshape(-1, 2)
            for start, end in zip(points, points[1:] if len(points) > 1 else points, strict=False):
                cv2.line(canvas, start.tolist(), end.tolist(), color=1, thickness=stroke.width)
        return (canvas > 0) if self.below is None else (canvas > 0) | self.below

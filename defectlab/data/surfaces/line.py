"""A production line: one product under one light, so that two pieces differ as pieces of one product do."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator

OWN_SHARE = 0.15
"""How much of a property is the piece's own; the rest is the line's."""


class Piece(Generator):
    """A generator for drawing one piece of a line: in place of an ordinary one wherever a scene is made.

    What describes a product and its inspection (numbers on a range, directions, choices) comes from the line, and from
    the piece by a small share; what no two pieces share (grain, noise, places) comes from the piece alone.

    Args:
        line: seed of the line; the same for all of its pieces.
        piece: generator of the piece; it goes on from where it is, and shares its state.
        share: of the piece in each property, in [0, 1]; 1 is a piece of no line.
    """

    def __init__(self, line: list[int], piece: Generator, share: float = OWN_SHARE) -> None:
        super().__init__(piece.bit_generator)
        self.line, self.share = np.random.default_rng(line), share

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        """Between the line's draw and the piece's; within the range, as both are."""
        return self._between(self.line.uniform(low, high, size), super().uniform(low, high, size))

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        """Between the line's draw and the piece's."""
        return self._between(self.line.normal(loc, scale, size), super().normal(loc, scale, size))

    def choice(self, *arguments: Any, **options: Any) -> Any:
        """The line's."""
        return self.line.choice(*arguments, **options)

    def _between(self, line: Any, piece: Any) -> Any:
        return line + self.share * (piece - line)

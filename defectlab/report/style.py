"""One figure style for the book, and one function that shows a figure with its alt text."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from PIL import Image

from defectlab.report.provenance_strip import SMOKE_TEXT, Provenance
from defectlab.runs import current_run

#: Width and height of a figure in inches, by its role on the page.
SIZES = {"column": (5.2, 4.2), "wide": (8.4, 3.6), "square": (5.8, 6.4), "grid": (8.4, 6.4)}
MOST_PIXELS = 2_000_000
"""Pixels of a figure at most; a page shows about half a million."""
MOST_BYTES = 1_000_000
"""Bytes of a figure in all its colours; a heavier one, which is a grid of photographs, gets a palette."""


@dataclass(frozen=True)
class Plot:
    """A figure and what it says.

    Attributes:
        figure: the matplotlib figure.
        alt: one or two sentences computed from the data, read out in place of the picture.
        made: where its data come from, of a stored run; ``None`` for the run of the notebook that shows it.
    """

    figure: Figure
    alt: str
    made: Provenance | None = None

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise ValueError("a figure needs an alt text, got an empty one")


def styled() -> AbstractContextManager[None]:
    """The style of the book for the length of a ``with`` block; global settings stay as they are."""
    return plt.style.context(str(files("defectlab.report") / "defectlab.mplstyle"))


def size(role: str) -> tuple[float, float]:
    """Inches for a role.

    Raises:
        ValueError: for an unknown role.
    """
    if role not in SIZES:
        raise ValueError(f"no figure role {role!r}; there are: {', '.join(SIZES)}")
    return SIZES[role]


def watermark(figure: Figure, profile: str) -> None:
    """Writes across the figure that a smoke run is not a result; does nothing for the other profiles."""
    if profile == "smoke":
        mark = figure.text(0.5, 0.5, SMOKE_TEXT, ha="center", va="center", rotation=25, size=20, color="#b00000")
        # A white rim keeps it legible on dark photographs.
        mark.set(alpha=0.45, zorder=10, path_effects=[withStroke(linewidth=3, foreground="white", alpha=0.45)])


def show(plot: Plot, caption: str = "", name: str = "", display: Callable[..., Any] | None = None) -> None:
    """Displays a figure in a notebook, with its alt text in the output's metadata; elsewhere shows it plainly.

    The notebook converter reads ``metadata["image/png"]["alt"]``; the book build carries it, with the caption and
    the label, into the page. End the cell with this call: one figure a cell. Below it stands one line that says what
    made it: the run that the notebook has opened, or the stored one that the figure names.

    Args:
        plot: figure and alt text.
        caption: what is shown and what to notice; numbered in the book.
        name: label for references, such as ``"fig-diag-pr"``; unique in the book.
        display: stands in for `IPython.display.display` in tests.
    """
    metadata = {"image/png": {"alt": plot.alt, "caption": caption, "name": name}}
    bundle = {"image/png": png(plot.figure), "text/plain": plot.alt}
    plt.close(plot.figure)  # else the inline backend shows it a second time
    if display is None:
        from IPython.display import display as notebook_display

        display = notebook_display
    display(bundle, raw=True, metadata=metadata)
    opened = current_run()
    made = plot.made or (Provenance.of(opened, seconds=time.time() - opened.started) if opened else None)
    if made:
        display({"text/html": made.line, "text/plain": str(made)}, raw=True)


def png(figure: Figure) -> str:
    """The figure as base64 PNG, byte-identical for equal figures; one of many pixels has fewer dots an inch.

    Photographs hardly compress, and a page with several grids of them has to stay below three megabytes. So a heavy
    figure gets a palette of 256 colours, which moves a pixel by one or two grey levels in the mean.
    """
    drawn, small = io.BytesIO(), io.BytesIO()
    with styled():
        inches = float(np.prod(figure.get_size_inches()))
        dots = min(float(plt.rcParams["savefig.dpi"]), (MOST_PIXELS / inches) ** 0.5)
        figure.savefig(drawn, format="png", dpi=dots, metadata={"Software": None})
    image = Image.open(drawn).convert("RGB")  # the ground is opaque
    image.save(small, format="png", optimize=True)
    if small.tell() > MOST_BYTES:
        small = io.BytesIO()
        image.quantize(256, dither=Image.Dither.NONE).save(small, format="png", optimize=True)
    return base64.b64encode(small.getvalue()).decode("ascii")

"""The human in the loop: point at a place of a surface, say what should be there, and see it painted.

Open the notebook in Jupyter with ``interactive = True``; the built pages show fixed draws instead, for widgets need a
running kernel.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import cv2
import ipywidgets as widgets
import numpy as np
from IPython.display import Markdown
from PIL import Image

from defectlab.experiments.filling import Easel

ZOOM = 3  # screen pixels a pixel


class PaintingLab:
    """Widgets around an `Easel`: a stroke from one end to the other, words, severity, and a button.

    Args:
        easel: surface and model; its region is replaced by the stroke.
        prompts: words to begin with; others can be typed.
        steps: of the sampler.
    """

    def __init__(self, easel: Easel, prompts: Sequence[str], steps: int = 8) -> None:
        self.easel, self.steps = easel, steps
        height, width = easel.mask.shape
        self.prompt = widgets.Combobox(value=prompts[0], options=list(prompts), description="words")
        self.severity = widgets.FloatSlider(value=0.7, min=0.0, max=1.0, step=0.05, description="severity")
        self.draw = widgets.IntText(value=0, description="draw")
        self.across = widgets.IntRangeSlider(value=(width // 4, 3 * width // 4), max=width - 1, description="across")
        self.down = widgets.IntRangeSlider(value=(height // 4, 3 * height // 4), max=height - 1, description="down")
        self.rising = widgets.Checkbox(value=False, description="rising")
        self.thick = widgets.IntSlider(value=9, min=1, max=41, description="width")
        self.button = widgets.Button(description="Paint", button_style="primary")
        self.said = widgets.HTML()
        self.screen = widgets.Image(format="png", width=2 * ZOOM * width)
        self.button.on_click(lambda _: self.paint())
        for control in (self.across, self.down, self.rising, self.thick):
            control.observe(lambda _: self.show(self.outlined()), names="value")
        self.show(self.outlined())

    @property
    def mask(self) -> np.ndarray:
        """The stroke, bool ``(H, W)``."""
        canvas = np.zeros(self.easel.mask.shape, np.uint8)
        (left, right), (top, bottom) = self.across.value, self.down.value
        ends = ((left, bottom), (right, top)) if self.rising.value else ((left, top), (right, bottom))
        cv2.line(canvas, *ends, color=1, thickness=self.thick.value)
        return canvas > 0

    def outlined(self) -> np.ndarray:
        """The surface with the border of the stroke."""
        edges, _ = cv2.findContours(self.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        return cv2.drawContours(self.easel.pixels.copy(), edges, -1, (213, 94, 0), 1)

    def paint(self) -> np.ndarray:
        """Paints what the controls say, shows it beside the stroke, and gives it back, uint8 ``(H, W, 3)``."""
        easel = replace(self.easel, mask=self.mask, seed=self.draw.value)
        settings = {"num_inference_steps": self.steps, "severity": self.severity.value}
        try:
            painted = easel.paint(self.prompt.value, 1, **settings)[0]
        except ValueError as error:  # words that the model does not know; the reader may try others
            self.said.value = f"<p>{error}</p>"
            return self.easel.pixels
        inside, outside = easel.change(painted)
        self.said.value = f"<p>Change inside {inside:.1f} grey levels, outside {outside:.0f}.</p>"
        self.show(painted)
        return painted

    def show(self, picture: np.ndarray) -> None:
        """Puts the outlined surface and a picture on the screen."""
        buffer = io.BytesIO()
        pair = np.hstack([self.outlined(), picture])
        Image.fromarray(pair).resize((pair.shape[1] * ZOOM, pair.shape[0] * ZOOM), Image.Resampling.NEAREST).save(
            buffer, "png"
        )
        self.screen.value = buffer.getvalue()

    @property
    def box(self) -> widgets.Widget:
        """All controls, to be displayed."""
        controls = (self.prompt, self.severity, self.draw, self.across, self.down, self.rising, self.thick, self.button)
        return widgets.HBox([widgets.VBox([*controls, self.said]), self.screen])


def open_lab(easel: Easel, prompts: Sequence[str], steps: int, interactive: bool) -> widgets.Widget | Markdown:
    """The lab where somebody sits at a kernel, and otherwise a sentence on how to open it."""
    if interactive:
        return PaintingLab(easel, prompts, steps).box
    return Markdown("*The lab is closed:* set `interactive = True` in the parameters and run this notebook in Jupyter.")

"""The human in the loop: draw a region on a surface, say what should be there, and see it painted.

Open the notebook in Jupyter with ``interactive = True``; the built pages show fixed draws instead, for widgets need a
running kernel.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from html import escape

import cv2
import ipywidgets as widgets
import numpy as np
from IPython.display import Markdown
from PIL import Image

from defectlab.experiments.drawing import Drawing, Point, Stroke
from defectlab.experiments.filling import Easel

ZOOM = 3  # screen pixels a pixel
ORANGE, BLUE = (213, 94, 0), (0, 114, 178)


class PaintingLab:
    """Widgets around an `Easel`: strokes through points, a mask from a file, words, severity, and a button.

    The cross is moved by two sliders; *Add point* draws a line to it, *New stroke* lifts the brush. Strokes add up.

    Args:
        easel: surface and model; its region is replaced by what is drawn.
        prompts: words to begin with; others can be typed.
        steps: of the sampler.
    """

    def __init__(self, easel: Easel, prompts: Sequence[str], steps: int = 8) -> None:
        self.easel, self.steps = easel, steps
        height, width = easel.mask.shape
        self.prompt = widgets.Combobox(value=prompts[0], options=list(prompts), description="words")
        self.severity = widgets.FloatSlider(value=0.7, min=0.0, max=1.0, step=0.05, description="severity")
        self.draw = widgets.IntText(value=0, description="draw")
        self.across = widgets.IntSlider(value=width // 2, max=width - 1, description="across")
        self.down = widgets.IntSlider(value=height // 2, max=height - 1, description="down")
        self.thick = widgets.IntSlider(value=9, min=1, max=41, description="brush")
        self.point, self.lift, self.undo, self.clear = (
            widgets.Button(description=words) for words in ("Add point", "New stroke", "Undo", "Clear")
        )
        self.upload = widgets.FileUpload(accept="image/*", multiple=False, description="Mask from a file")
        self.button = widgets.Button(description="Paint", button_style="primary")
        self.said = widgets.HTML()
        self.screen = widgets.Image(format="png", width=2 * ZOOM * width)
        self.button.on_click(lambda _: self.paint())
        self.point.on_click(lambda _: self.change(self.drawing.with_point(self.cross, self.thick.value)))
        self.lift.on_click(lambda _: self.change(self.drawing.lifted(self.thick.value)))
        self.undo.on_click(lambda _: self.change(self.drawing.undone()))
        self.clear.on_click(lambda _: self.change(Drawing(height, width)))
        self.upload.observe(lambda _: self.take_file(), names="value")
        for control in (self.across, self.down):
            control.observe(lambda _: self.show(self.outlined()), names="value")
        ends = ((width // 4, height // 4), (3 * width // 4, 3 * height // 4))
        self.change(Drawing(height, width, (Stroke(ends, self.thick.value),)).lifted(self.thick.value))

    @property
    def mask(self) -> np.ndarray:
        """What is drawn, bool ``(H, W)``."""
        return self.drawing.mask

    @property
    def cross(self) -> Point:
        """Where the next point goes."""
        return self.across.value, self.down.value

    def change(self, drawing: Drawing) -> None:
        """Puts another drawing on the surface."""
        self.drawing = drawing
        self.said.value = ""
        self.show(self.outlined())

    def take_file(self) -> None:
        """Puts the mask of the chosen file below the strokes, or says why it cannot be read."""
        for chosen in self.upload.value:
            try:
                self.change(self.drawing.with_file(bytes(chosen["content"]), chosen["name"]))
            except ValueError as error:
                self.said.value = f"<p>{escape(str(error))}</p>"

    def outlined(self) -> np.ndarray:
        """The surface with the border of what is drawn, and the cross."""
        edges, _ = cv2.findContours(self.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        outlined = cv2.drawContours(self.easel.pixels.copy(), edges, -1, ORANGE, 1)
        return cv2.drawMarker(outlined, self.cross, BLUE, cv2.MARKER_CROSS, 5, 1)

    def paint(self) -> np.ndarray:
        """Paints what the controls say, shows it beside the drawing, and gives it back, uint8 ``(H, W, 3)``."""
        if not self.mask.any():
            self.said.value = "<p>Nothing is drawn yet: move the cross and add a point.</p>"
            return self.easel.pixels
        easel = replace(self.easel, mask=self.mask, seed=self.draw.value)
        settings = {"num_inference_steps": self.steps, "severity": self.severity.value}
        try:
            painted = easel.paint(self.prompt.value, 1, **settings)[0]
        except ValueError as error:  # words that the model does not know; the reader may try others
            self.said.value = f"<p>{escape(str(error))}</p>"
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
        place = (self.across, self.down, self.thick)
        buttons = (self.point, self.lift, self.undo, self.clear)
        words = (self.prompt, self.severity, self.draw, self.button)
        controls = (*place, widgets.HBox(buttons[:2]), widgets.HBox(buttons[2:]), self.upload, *words)
        return widgets.HBox([widgets.VBox([*controls, self.said]), self.screen])


def open_lab(easel: Easel, prompts: Sequence[str], steps: int, interactive: bool) -> widgets.Widget | Markdown:
    """The lab where somebody sits at a kernel, and otherwise a sentence on how to open it."""
    if interactive:
        return PaintingLab(easel, prompts, steps).box
    return Markdown("*The lab is closed:* set `interactive = True` in the parameters and run this notebook in Jupyter.")

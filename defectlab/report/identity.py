"""What a method looks like everywhere in the book: name, colour, marker and line style, set once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any


@dataclass(frozen=True)
class Method:
    """The face of one method.

    Attributes:
        key: short name, as in result rows.
        name: name in tables and legends.
        colour: hexadecimal colour of the Okabe-Ito palette (its pale yellow is left out: too faint for lines).
        marker: matplotlib marker.
        line: matplotlib line style.
    """

    key: str
    name: str
    colour: str
    marker: str
    line: str | tuple[int, tuple[int, ...]]

    def style(self) -> dict[str, Any]:
        """Keyword arguments of `matplotlib.axes.Axes.plot`."""
        return {"color": self.colour, "marker": self.marker, "linestyle": self.line, "label": self.name}


# The first five are told apart in greyscale by lightness alone; the later two by marker and line.
_AUGMENTATION = (
    Method("none", "No augmentation", "#000000", "o", (0, (1, 1))),
    Method("diag", "DIAG", "#0072B2", "D", "-"),
    Method("in_and_out", "In&Out", "#D55E00", "^", (0, (6, 2))),
    Method("ddpm", "DDPM", "#CC79A7", "v", (0, (6, 2, 1, 2))),
    Method("memseg", "MemSeg", "#E69F00", "s", (0, (3, 2))),
    Method("cutpaste", "CutPaste", "#009E73", "P", (0, (6, 2, 1, 2, 1, 2))),
    Method("draem", "DRAEM", "#56B4E9", "X", (0, (1, 3))),
)

# Beside the first five of the group above, in figures of all synthesizers.
_SYNTHESIZERS = (
    Method("perturbed", "Perturbed DDPM", "#009E73", "P", (0, (6, 2, 1, 2, 1, 2))),
    Method("texture", "Perlin texture", "#56B4E9", "X", (0, (1, 3))),
    Method("class_ddpm", "Class DDPM", "#555555", ">", (0, (4, 4))),
)

_CONTRASTIVE = (
    Method("untrained", "Untrained", "#000000", "o", (0, (1, 1))),
    Method("supervised", "Supervised", "#009E73", "P", (0, (6, 2, 1, 2, 1, 2))),
    Method("moco_original", "MoCo, original loss", "#0072B2", "D", "-"),
    Method("moco_improved", "MoCo, improved loss", "#D55E00", "^", (0, (6, 2))),
    Method("moco_literal", "MoCo, Equation 7", "#CC79A7", "v", (0, (6, 2, 1, 2))),
)

# Beside `ddpm`, which the first group has.
_GENERATORS = (
    Method("gan", "GAN", "#0072B2", "D", "-"),
    Method("vae", "VAE", "#E69F00", "s", (0, (3, 2))),
    Method("flow", "Flow", "#009E73", "P", (0, (6, 2))),
)

# Detectors that locate, of the student-teacher paper. RealNet, PyramidFlow, DiAD and UniAD are named and not run.
_LOCALISATION = (
    Method("nearest", "Nearest neighbour", "#000000", "o", (0, (1, 1))),
    Method("simplenet", "SimpleNet", "#E69F00", "s", (0, (3, 2))),
    Method("destseg", "DeSTSeg", "#D55E00", "^", (0, (6, 2))),
    Method("cflow", "CFLOW-AD", "#CC79A7", "v", (0, (6, 2, 1, 2))),
    Method("student_teacher", "Student-teacher", "#0072B2", "D", "-"),
)
_REPORTED = (
    Method("realnet", "RealNet", "#009E73", "P", (0, (6, 2, 1, 2, 1, 2))),
    Method("pyramidflow", "PyramidFlow", "#56B4E9", "X", (0, (1, 3))),
    Method("diad", "DiAD", "#BBBBBB", "<", (0, (2, 4))),
    Method("uniad", "UniAD", "#555555", ">", (0, (4, 4))),
)
_REFERENCES = (
    Method("patchcore", "PatchCore", "#009E73", "P", (0, (6, 2, 1, 2, 1, 2))),
    Method("reverse_distillation", "Reverse Distillation", "#56B4E9", "X", (0, (1, 3))),
    Method("dinomaly", "Dinomaly", "#CC79A7", "<", (0, (2, 4))),
    Method("super_simplenet", "SuperSimpleNet", "#555555", ">", (0, (4, 4))),
)
_ABLATIONS = (
    Method("wo_decoder", "w/o decoder", "#D55E00", "^", (0, (6, 2))),
    Method("wo_cosine", "w/o cosine loss", "#CC79A7", "v", (0, (6, 2, 1, 2))),
    Method("wo_seg", "w/o segmentation head", "#E69F00", "s", (0, (3, 2))),
    Method("wo_focal", "w/o focal loss", "#009E73", "P", (0, (6, 2, 1, 2, 1, 2))),
    Method("l2_for_l1", "L2 for L1", "#56B4E9", "X", (0, (1, 3))),
    Method("textures_for_p", "Textures for P", "#000000", "o", (0, (1, 1))),
)

GROUPS: dict[str, tuple[Method, ...]] = {
    "augmentation": _AUGMENTATION,
    "synthesizers": _SYNTHESIZERS,
    "contrastive": _CONTRASTIVE,
    "contrastive, original data": tuple(
        replace(identity, key=f"{identity.key}_original_data", name=f"{identity.name}, original data")
        for identity in _CONTRASTIVE
    ),
    "generators": _GENERATORS,
    "localisation": _LOCALISATION,
    "reported": _REPORTED,
    "references": _REFERENCES,
    "ablations": _ABLATIONS,
}
"""Methods that figures show together: within a group colour, marker and line all differ."""

_ALL = tuple(identity for group in GROUPS.values() for identity in group)
METHODS: dict[str, Method] = {method.key: method for method in _ALL}


def method(key: str) -> Method:
    """The identity of a method.

    Raises:
        ValueError: if no method has that short name; the nearest is suggested.
    """
    if key not in METHODS:
        near = get_close_matches(key, METHODS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(f"no method {key!r}; {hint}known: {', '.join(METHODS)}")
    return METHODS[key]


def in_order(keys: list[str] | set[str]) -> list[Method]:
    """Identities in the fixed order of the book, whatever the order of the keys."""
    wanted = {method(key).key for key in keys}
    return [identity for identity in _ALL if identity.key in wanted]

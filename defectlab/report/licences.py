"""Terms of the code, the data sets and the weights that the book speaks of, as tables."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, metadata, requires
from textwrap import shorten

import pandas as pd

from defectlab.data.entries import ENTRIES
from defectlab.report.tables import ReportTable

WEIGHTS = (
    (
        "pocket, pocket-sd, pocket encoder, pocket teacher",
        "this project",
        "that of the package; trained on its own drawings",
    ),
    ("Stable Diffusion 1.5", "CompVis, Runway", "CreativeML OpenRAIL-M: use is restricted, also of fine-tuned weights"),
    ("SDXL and its inpainting model", "Stability AI, diffusers", "CreativeML Open RAIL++-M: likewise"),
    ("ResNet-50 and others through timm", "torchvision, timm", "BSD-3-Clause or Apache-2.0; ImageNet: research"),
    ("Inception for FID", "converted from TensorFlow's", "Apache-2.0; ImageNet: research"),
)
"""Name, whose, terms; none but the first ships with the package. The model pages are what counts."""


def licence_tables() -> list[ReportTable]:
    """Three tables: data sets, weights, and the packages that this one imports, with what each says of itself."""
    data = pd.DataFrame(
        [(entry.title, entry.licence, entry.home or "–") for entry in ENTRIES.values()],
        columns=["data set", "licence", "page"],
    )
    weights = pd.DataFrame(WEIGHTS, columns=["weights", "whose", "terms"])
    code = pd.DataFrame([("defectlab", "MIT"), *dependencies()], columns=["package", "licence"])
    return [
        ReportTable(data, "Data sets", ("As their pages state; read them before use.",)),
        ReportTable(weights, "Weights", ("As their pages state; read them before use.",)),
        ReportTable(code, "Code: this package and those that it imports", ("As their metadata state.",)),
    ]


def dependencies() -> list[tuple[str, str]]:
    """Name and licence of each package that this one requires, in the order of their names; extras are left out."""
    wanted = [text for text in requires("defectlab") or [] if "extra ==" not in text]
    names = sorted(re.split(r"[\s<>=!~;\[(]", text)[0] for text in wanted)
    return [(name, licence_of(name)) for name in names]


def licence_of(package: str) -> str:
    """What the metadata of a package say of its licence, in a few words; a dash where it is not installed."""
    try:
        said = metadata(package)
    except PackageNotFoundError:
        return "–"
    expression, classifiers, text = (
        said.get_all(name) or [] for name in ("License-Expression", "Classifier", "License")
    )
    classified = ", ".join(line.rsplit("::", 1)[1].strip() for line in classifiers if "License ::" in line)
    words = "".join(expression[:1]) or classified or "".join(text[:1]) or "see its page"
    return shorten(words, 70, placeholder=" and others")

"""Terms of the code, the data sets and the weights that the book speaks of, as tables."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, metadata, requires
from textwrap import shorten

import pandas as pd

from defectlab.data.entries import ENTRIES
from defectlab.report.tables import ReportTable
from defectlab.report.terms import DATA_COMMERCIAL, DATA_LICENCES, OTHER_DATA, SHIPPED_CODE, WEIGHTS

COMMERCIAL = "commercial use, as the owners state it"
READ_THEM = "As their owners' pages state; read them before use."
MARK = "Where the owners say nothing, the table says so, whatever a copy elsewhere may claim."


def licence_tables() -> list[ReportTable]:
    """Three tables: data sets, weights, and the packages that this one imports, with what each says of itself."""
    return [
        ReportTable(data_terms(), "Data sets", (READ_THEM, MARK)),
        ReportTable(weight_terms(), "Weights", (READ_THEM, MARK)),
        ReportTable(
            pd.DataFrame([("defectlab", "MIT"), *SHIPPED_CODE, *dependencies()], columns=["package", "licence"]),
            "Code: this package, what it ships, and what it imports",
            ("As their metadata state.",),
        ),
    ]


def data_terms() -> pd.DataFrame:
    """One line a data set that is loaded, shipped or named: licence, page, and whether commercial use is allowed."""
    own = [
        (entry.title, DATA_LICENCES.get(name, entry.licence), entry.home or "–", DATA_COMMERCIAL[name])
        for name, entry in ENTRIES.items()
    ]
    others = [(terms.title, terms.licence, terms.source, terms.commercial) for terms in OTHER_DATA]
    return pd.DataFrame(own + others, columns=["data set", "licence", "page or owner", COMMERCIAL])


def weight_terms() -> pd.DataFrame:
    """One line a set of weights: source, licence, and whether commercial use is allowed."""
    lines = [(terms.title, terms.source, terms.licence, terms.commercial) for terms in WEIGHTS]
    return pd.DataFrame(lines, columns=["weights", "source", "licence", COMMERCIAL])


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

"""What differs between a paper, the code released with it, and this project: numbered, as data, in neutral words."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files

import pandas as pd

from defectlab.report.tables import ReportTable


@dataclass(frozen=True)
class Difference:
    """One point on which three sources can disagree.

    Attributes:
        number: place in the list of the paper, from 1.
        topic: what it is about.
        where: section, table or equation of the paper.
        paper: what the paper says.
        code: what the released code does.
        here: what this project does, and why.
        register: number in the register of discrepancies, or empty.
        test: test that checks our side, as ``file::name``, or empty where it cannot be tested.
    """

    number: int
    topic: str
    where: str
    paper: str
    code: str
    here: str
    register: str = ""
    test: str = ""


def load_differences(paper: str = "diag") -> tuple[Difference, ...]:
    """The differences of a paper, in order.

    Raises:
        ValueError: if there is no list for the paper.
    """
    file = files(__name__) / f"{paper}.toml"
    if not file.is_file():
        known = sorted(entry.name[:-5] for entry in files(__name__).iterdir() if entry.name.endswith(".toml"))
        raise ValueError(f"no differences of paper {paper!r}; there are lists for: {', '.join(known)}")
    entries = tomllib.loads(file.read_text(encoding="utf-8"))["difference"]
    return tuple(Difference(number, **entry) for number, entry in enumerate(entries, 1))


def differences_table(paper: str = "diag") -> ReportTable:
    """The list as a table: number, topic, paper, released code, here, the test of it, and its name in the chapters."""
    lines = [
        {
            "no.": item.number,
            "topic": f"{item.topic} ({item.where})",
            "paper": item.paper,
            "released code": item.code,
            "here": item.here,
            "checked by": f"`{item.test}`" if item.test else "–",
            "point": item.register or "–",
        }
        for item in load_differences(paper)
    ]
    return ReportTable(pd.DataFrame(lines), "Paper, released code, and this project, point by point")

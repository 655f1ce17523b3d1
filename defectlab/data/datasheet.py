"""A check as text for a terminal, and the datasheet of a data set: counts, splits, copies, licence, known errors."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from defectlab.data.findings import Finding, Severity
from defectlab.data.registry import Entry, get_entry

if TYPE_CHECKING:
    from defectlab.data.check import CheckReport

SHOWN = 10
WIDTH = 110
TITLES: dict[Severity, str] = {"error": "Errors", "warning": "Warnings", "info": "Good to know"}


def render_report(report: CheckReport, shown: int | None = SHOWN) -> str:
    """The findings of a check for a terminal, errors first.

    Args:
        report: what the check found.
        shown: files named for each finding, ``None`` for all; how many more there are is said. Each file that cannot
            be read is a finding of its own, and so is always named.
    """
    lines = [f"{report.name} at {report.root}", *(f"  {line}" for line in _count_lines(report))]
    severity = ""
    for finding in report.findings:
        if finding.severity != severity:
            lines.append("")
            severity = finding.severity
        text = f"{finding.severity}: {finding.kind}: {finding.text}"
        lines += textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        lines += [f"    {line}" for line in _file_lines(finding, report.root, shown)]
    return "\n".join([*lines, "", summary(report)])


def render_datasheet(report: CheckReport) -> str:
    """The datasheet of a copy of a data set, in Markdown; the same copy gives the same text, wherever it lies."""
    entry = get_entry(report.name)
    lines = [f"# {entry.title}", "", *(f"- **{what}**: {text}" for what, text in about(entry).items() if text)]
    lines += ["", "## This copy", "", *(f"- {line}" for line in _count_lines(report))]
    for severity, title in TITLES.items():
        if findings := report.of(severity):
            lines += ["", f"## {title}", ""]
        for finding in findings:
            lines.append(f"- **{finding.kind}**: {finding.text.replace(report.root + '/', '')}")
            lines += [f"  - `{line}`" for line in _file_lines(finding, report.root, None)]
    return "\n".join(lines) + "\n"


def about(entry: Entry) -> dict[str, str]:
    """What is known of a data set without reading it; an answer may be empty."""
    return {
        "Name": f"`{entry.name}`",
        "Licence": entry.licence,
        "Citation": entry.citation,
        "Home": entry.home,
        "Layout": entry.layout,
        "Official counts": official_counts(entry),
    }


def official_counts(entry: Entry) -> str:
    """Official numbers of normal and defective images, such as ``train 2085 + 246, test 894 + 110``."""
    return ", ".join(f"{split} {normal} + {defective}" for split, (normal, defective) in entry.counts.items())


def summary(report: CheckReport) -> str:
    """One line: how many errors and warnings."""
    amounts = [_plural(len(report.of("error")), "error"), _plural(len(report.of("warning")), "warning")]
    return f"{report.name}: {', '.join(amounts)}"


def _count_lines(report: CheckReport) -> list[str]:
    rows = [
        f"{split}: {normal + defective} images, {normal} normal and {defective} defective"
        for split, (normal, defective) in report.counts.items()
    ]
    images = sum(sum(counts) for counts in report.counts.values())
    return [*rows, f"groups: {report.groups}"] if 0 < report.groups < images else rows


def _file_lines(finding: Finding, root: str, shown: int | None) -> list[str]:
    """The files that the text does not name, as seen from the folder of the data set."""
    files = [_within(path, root) for path in finding.files if path not in finding.text]
    rest = len(files) - len(files[:shown])
    return files[:shown] + ([f"and {rest} more"] if rest else [])


def _within(path: str, root: str) -> str:
    return Path(path).relative_to(root).as_posix() if Path(path).is_relative_to(root) else path


def _plural(amount: int, noun: str) -> str:
    return f"{amount or 'no'} {noun}{'' if amount == 1 else 's'}"

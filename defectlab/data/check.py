"""Check the files of a data set before anything is trained on them; nothing stops at the first fault."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from defectlab.data.base import Record
from defectlab.data.duplicates import BOUND, require_bound
from defectlab.data.findings import (
    SEVERITIES,
    Counts,
    Finding,
    Look,
    Severity,
    count_findings,
    duplicate_findings,
    fault_findings,
    group_findings,
    look_at,
    mask_findings,
    mismatch_findings,
    size_findings,
    stray_findings,
)
from defectlab.data.pairing import mask_beside, pair_files
from defectlab.data.registry import find, get_entry, open_dataset, require_usable

READERS = 4  # threads: reading waits for the disk, decoding leaves the interpreter
SPLITS = ("train", "test")

Splits = Mapping[str, Sequence[Record]]
Watch = Callable[[Iterable[Look], int], Iterable[Look]]


@dataclass(frozen=True)
class CheckReport:
    """All that a check found out.

    Attributes:
        name: of the data set.
        root: its folder.
        counts: normal and defective images of each split that the loader opened.
        groups: number of groups.
        findings: errors first, then warnings, then what is good to know.
    """

    name: str
    root: str
    counts: Counts
    groups: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """True where there is no error; warnings may remain."""
        return not self.of("error")

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """Findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity == severity)


@dataclass(frozen=True)
class Opened:
    """Records of a folder, however far its loader came.

    Attributes:
        loaded: records of each split that the loader opened.
        named: images of the rest, found by the names of the files alone, without labels.
        findings: why a split was refused, or is of no use.
    """

    loaded: Splits
    named: Splits
    findings: tuple[Finding, ...]


def check_dataset(
    name: str, root: str | Path | None = None, bound: float = BOUND, watch: Watch | None = None
) -> CheckReport:
    """Check a data set: counts, sizes, copies, files that cannot be read, masks, stray files, groups.

    Args:
        name: in the registry.
        root: its folder, or one that holds it; looked for where it is empty.
        bound: correlation from which images count as near-identical; see `find_duplicates`.
        watch: passes images through and shows how far the check is; takes them and their number.

    Raises:
        MissingPathError: if the data set is not there; says how to get it.
        ValueError: if the name is unknown or has no files to check, or the bound is not a correlation.
    """
    require_bound(bound)
    if get_entry(name).made:
        raise ValueError(f"{name} is drawn by the program, so there are no files to check")
    entry, folder = find(name, root)
    if not entry.module:
        raise ValueError(f"{name} holds textures without labels, so there is no layout to check; it lies at {folder}")
    opened = _open(name, folder)
    labels = {record.path: record.label for records in opened.loaded.values() for record in records}
    counts = _counts(opened.loaded)
    looks = _look([*opened.loaded.items(), *opened.named.items()], watch)
    findings = [
        *opened.findings,
        *count_findings(counts, {} if opened.named else entry.counts),
        *size_findings(looks),
        *fault_findings(looks),
        *mismatch_findings(looks),
        *mask_findings([look for look in looks if look.record.path in labels]),
        *group_findings(looks),
        *duplicate_findings(looks, labels, bound),
        *stray_findings(folder, looks),
    ]
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    groups = len({look.record.group for look in looks} - {""})
    return CheckReport(name, str(folder), counts, groups, tuple(findings))


def _open(name: str, folder: Path) -> Opened:
    """Records by split; where the loader refuses one, its images by the names of the files."""
    loaded: dict[str, Sequence[Record]] = {}
    findings: dict[str, Finding] = {}  # by text: a fault of the whole folder is told once
    for split in SPLITS:
        try:
            dataset = open_dataset(name, split, folder)
        except (ValueError, OSError) as error:
            text = f"{error}. Its images are checked without their labels"
            findings[text] = Finding("refused by the loader", "error", text)
            continue
        loaded[split] = dataset.records
        try:
            require_usable(dataset)
        except ValueError as error:
            findings[str(error)] = Finding("unusable split", "warning", str(error))
    known = {record.path for records in loaded.values() for record in records}
    refused = len(loaded) < len(SPLITS)
    pairs = pair_files(folder) if refused else {}
    named = {split: [record for record in records if record.path not in known] for split, records in pairs.items()}
    return Opened(loaded, {split: records for split, records in named.items() if records}, tuple(findings.values()))


def _look(splits: Iterable[tuple[str, Sequence[Record]]], watch: Watch | None) -> list[Look]:
    wanted = [(record, split) for split, records in splits for record in records]
    used = {record.mask_path for record, _ in wanted}

    def look(pair: tuple[Record, str]) -> Look:
        record, split = pair
        beside = None if record.mask_path else mask_beside(Path(record.path))
        # a mask that no record uses may belong to a normal image, or be empty: then the loader passed it over
        guessed = str(beside) if beside and str(beside) not in used else None
        return look_at(record, split, record.mask_path or guessed)

    with ThreadPoolExecutor(READERS) as pool:
        looks = pool.map(look, wanted)
        return list(watch(looks, len(wanted)) if watch else looks)


def _counts(splits: Splits) -> Counts:
    defective = {split: sum(record.label for record in records) for split, records in splits.items()}
    return {split: (len(records) - defective[split], defective[split]) for split, records in splits.items()}

"""The strip under a figure or a table: what made it, how long it took, and the command that makes it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Self

from defectlab.command_lines import readable
from defectlab.runs import Run

SMOKE_TEXT = "smoke profile: not a result"
ANCHOR = "made-by"
"""Where the strip at the end of a page is, which the line under a figure leads to."""


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from.

    Attributes:
        profile: ``"smoke"``, ``"laptop"`` or ``"paper"``.
        dataset: name in the registry.
        seeds: seeds of the runs.
        device: device that ran it.
        seconds: wall-clock time of the whole run.
        commit: commit of the package, short.
        command: line that makes it again.
        stored: name of a stored profile when the values come from an earlier, larger run; empty for this
            run's, which the book names by its build or its commit, see `defectlab.book.strips`.
    """

    profile: str
    dataset: str
    seeds: Sequence[int]
    device: str
    seconds: float
    commit: str
    command: str
    stored: str = ""

    @classmethod
    def of(cls, run: Run, dataset: str = "", seconds: float | None = None) -> Self:
        """What made the results of a run.

        Args:
            run: its parameters name profile, data and seeds: ``seeds``, or ``n_seeds`` in a row from ``seed`` on.
            dataset: what the numbers were computed on; the parameter of that name by default.
            seconds: of an open run so far; those on record by default.
        """
        given, record = run.parameters, run.provenance()
        first = int(given.get("seed", 0))
        return cls(
            profile=str(given.get("profile", "laptop")),
            dataset=dataset or str(given.get("dataset", "")),
            seeds=given.get("seeds") or list(range(first, first + (given.get("n_seeds") or 1))),
            device=run.device,
            seconds=record["seconds"] if seconds is None else seconds,
            commit=record["commit"],
            command=record["command"],
        )

    def fields(self) -> dict[str, str]:
        """Label to text, in the order of the strip."""
        seeds = ", ".join(str(seed) for seed in self.seeds)
        source = f"stored run {self.stored}" if self.stored else "this run"
        return {
            "From": source,
            "Profile": SMOKE_TEXT if self.profile == "smoke" else self.profile,
            "Data": self.dataset,
            "Seeds": seeds,
            "Device": self.device,
            "Minutes": f"{self.seconds / 60:.1f}",
            "Commit": self.commit,
            "Again": readable(self.command),
        }

    @property
    def sentence(self) -> str:
        """For the notes of a table: which command made it, at which commit, where and in how long."""
        return (
            f"{self.dataset}: made by `{readable(self.command)}`, commit {self.commit}, on {self.device}, "
            f"in {self.seconds / 60:.1f} minutes."
        )

    @property
    def line(self) -> str:
        """HTML of one muted line for under a figure; the command is a click away."""
        fields = self.fields()
        profile = fields["Profile"] if self.profile == "smoke" else f"{self.profile} profile"
        said = [fields["From"], profile, f"seeds {fields['Seeds']}", self.device, f"commit {self.commit}"]
        said.append(f"{fields['Minutes']} min")
        again = f'<a href="#{ANCHOR}">command</a>'
        if self.stored:
            again = f"<details><summary>command</summary><code>{escape(fields['Again'])}</code></details>"
        return f'<div class="defectlab-made">{escape(" · ".join(said))} · {again}</div>'

    def __str__(self) -> str:
        return " | ".join(f"{label}: {text}" for label, text in self.fields().items())

    def _repr_html_(self) -> str:
        kind = "stored" if self.stored else "built"
        items = "".join(
            f"<dt>{escape(label)}</dt><dd>{f'<code>{escape(text)}</code>' if label == 'Again' else escape(text)}</dd>"
            for label, text in self.fields().items()
        )
        name = "" if self.stored else f' id="{ANCHOR}"'
        return f'<dl{name} class="defectlab-provenance defectlab-{kind} defectlab-{escape(self.profile)}">{items}</dl>'

"""The strip under a figure or a table: what made it, how long it took, and the command that makes it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from defectlab.report.style import SMOKE_TEXT


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
        stored: name of a stored profile when the values come from an earlier, larger run; empty for this build's.
    """

    profile: str
    dataset: str
    seeds: Sequence[int]
    device: str
    seconds: float
    commit: str
    command: str
    stored: str = ""

    def fields(self) -> dict[str, str]:
        """Label to text, in the order of the strip."""
        seeds = ", ".join(str(seed) for seed in self.seeds)
        source = f"stored run {self.stored}" if self.stored else "this build"
        return {
            "From": source,
            "Profile": SMOKE_TEXT if self.profile == "smoke" else self.profile,
            "Data": self.dataset,
            "Seeds": seeds,
            "Device": self.device,
            "Minutes": f"{self.seconds / 60:.1f}",
            "Commit": self.commit,
            "Again": self.command,
        }

    def __str__(self) -> str:
        return " | ".join(f"{label}: {text}" for label, text in self.fields().items())

    def _repr_html_(self) -> str:
        kind = "stored" if self.stored else "built"
        items = "".join(
            f"<dt>{escape(label)}</dt><dd>{f'<code>{escape(text)}</code>' if label == 'Again' else escape(text)}</dd>"
            for label, text in self.fields().items()
        )
        return f'<dl class="defectlab-provenance defectlab-{kind} defectlab-{escape(self.profile)}">{items}</dl>'

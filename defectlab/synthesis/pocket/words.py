"""What `pocket` understands: an open vocabulary from words to defect, polarity and severity, and no silent guess."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

DEFECTS = ("good", "scratch", "crack", "dent", "pore", "stain", "corrosion")
"""Classes of the model; ``good`` changes nothing."""
POLARITIES = ("any", "dark", "bright")

DEFECT_WORDS: dict[str, tuple[str, ...]] = {
    "good": ("good", "normal", "clean", "intact", "flawless", "smooth", "plain", "perfect"),
    "scratch": ("scratch", "scratches", "scratched", "scuff", "scuffs", "mark", "marks", "line", "lines", "score"),
    "crack": ("crack", "cracks", "cracked", "fissure", "fissures", "fracture", "fractured", "split", "break"),
    "dent": ("dent", "dents", "dented", "bump", "bumps", "dimple", "depression", "impression"),
    "pore": ("pore", "pores", "hole", "holes", "pit", "pits", "blowhole", "blowholes", "pinhole", "void", "bubble"),
    "stain": ("stain", "stains", "stained", "spot", "spots", "smear", "blot", "discoloration", "discolouration"),
    "corrosion": ("corrosion", "corroded", "rust", "rusty", "rusted", "oxidation", "oxidised", "oxidized"),
}
POLARITY_WORDS: dict[str, tuple[str, ...]] = {
    "dark": ("dark", "black", "shadow", "shadows"),
    "bright": ("white", "bright", "light", "shiny"),
}
SEVERITY_WORDS: dict[str, tuple[float, float]] = {
    "faint": (0.05, 0.2), "slight": (0.1, 0.3), "fine": (0.1, 0.35), "small": (0.15, 0.4), "light-weight": (0.1, 0.3),
    "strong": (0.6, 0.85), "severe": (0.7, 1.0), "deep": (0.6, 0.9), "heavy": (0.65, 0.95), "large": (0.5, 0.8),
}  # fmt: skip
DEFAULT_SEVERITY = (0.25, 0.8)

_CLASS_OF = {word: defect for defect, words in DEFECT_WORDS.items() for word in words}
_POLARITY_OF = {word: polarity for polarity, words in POLARITY_WORDS.items() for word in words}


class UnknownPromptError(ValueError):
    """A prompt that names no defect `pocket` knows."""


@dataclass(frozen=True)
class Meaning:
    """What a prompt means to `pocket`.

    Attributes:
        defect: one of `DEFECTS`.
        polarity: one of `POLARITIES`.
        severity: range of severities, [0, 1], that an image's severity is drawn from.
    """

    defect: str
    polarity: str = "any"
    severity: tuple[float, float] = DEFAULT_SEVERITY


def understand(prompt: str) -> Meaning:
    """Reads a prompt word by word; the last defect word counts, words without a meaning here are passed over.

    Args:
        prompt: free text such as ``"copper metal scratches"``.

    Returns:
        The defect, its polarity and severity.

    Raises:
        UnknownPromptError: if no word names a defect; the message holds the vocabulary and the nearest word.
    """
    words = re.findall(r"[a-z-]+", prompt.lower())
    defects = [_CLASS_OF[word] for word in words if word in _CLASS_OF]
    if not defects:
        raise UnknownPromptError(_explain(prompt, words))
    polarity = next((_POLARITY_OF[word] for word in words if word in _POLARITY_OF), "any")
    severity = next((SEVERITY_WORDS[word] for word in words if word in SEVERITY_WORDS), DEFAULT_SEVERITY)
    return Meaning(defects[-1], polarity, severity)


def _explain(prompt: str, words: list[str]) -> str:
    near = [match for word in words for match in difflib.get_close_matches(word, _CLASS_OF, n=1, cutoff=0.75)]
    hint = f" Did you mean {near[0]!r}?" if near else ""
    known = "; ".join(f"{defect}: {', '.join(names)}" for defect, names in DEFECT_WORDS.items())
    return (
        f"pocket finds no defect it knows in the prompt {prompt!r}.{hint} It knows: {known}. "
        "For free text use a larger model, for example generator='sdxl'."
    )

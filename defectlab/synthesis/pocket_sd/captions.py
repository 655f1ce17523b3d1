"""What a rendered surface is called: captions in many wordings, so that short prompts find their way."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

from numpy.random import Generator

MATERIAL_WORDS: dict[str, tuple[str, ...]] = {
    "brushed": ("brushed steel", "brushed metal", "brushed aluminium"),
    "ground": ("ground steel", "ground metal", "machined metal"),
    "cast": ("cast iron", "cast metal", "rough metal"),
    "granular": ("granular", "concrete", "sintered", "plaster"),
    "ceramic": ("ceramic", "porcelain", "smooth tile", "enamel"),
    "fabric": ("fabric", "woven fabric", "textile", "cloth"),
    "wood": ("wood", "wooden"),
    "stone": ("stone", "rock"),
}
"""What each training material is called."""
DEFECT_PHRASES: dict[str, tuple[str, ...]] = {
    "crack": (
        "cracked", "cracked", "cracked", "with a crack", "with cracks", "crack", "cracks", "fractured", "fissure",
    ),
    "scratch": (
        "scratched", "scratched", "scratched", "with a scratch", "with scratches", "scratch", "scratches", "scuffed",
    ),
    "dent": ("dented", "dented", "with a dent", "with dents", "dent", "dents", "bump"),
    "pore": ("with a pore", "with pores", "porous", "pitted", "with a hole", "pore", "hole", "holes", "blowhole"),
    "stain": ("stained", "stained", "with a stain", "with stains", "stain", "stains", "spot", "smear"),
    "corrosion": ("corroded", "corroded", "with corrosion", "with rust", "rusty", "rusted", "corrosion", "rust"),
    "good": ("good", "clean", "intact", "normal", "flawless", "without defect"),
}  # fmt: skip
"""How each defect is said; ``good`` is mostly left unsaid."""
NOUNS = ("background", "background", "background", "surface", "texture", "plate", "part", "object")
OPENINGS = ("a photo of", "photo of", "a", "an image of", "close-up of")
COLOURS = (
    (20, ("reddish", "red")), (48, ("brown", "brownish", "copper")), (75, ("yellowish", "yellow")),
    (165, ("greenish", "green")), (265, ("bluish", "blue")), (340, ("purple", "violet")), (361, ("reddish", "red")),
)  # fmt: skip
"""Words by the largest hue in degrees that they are used for."""
GREY = ("grey", "gray", "neutral")
BRIGHTNESS = {"dark": ("dark", "black"), "bright": ("bright", "white", "light")}
SEVERITY = {"faint": ("slightly", "faint", "small"), "strong": ("heavily", "severe", "large", "deep")}


@dataclass(frozen=True)
class Facts:
    """What is told of an image.

    Attributes:
        material: a key of `MATERIAL_WORDS`.
        tint: factors of red, green and blue.
        brightness: mean luminance, [0, 1].
        defect: a key of `DEFECT_PHRASES`.
        severity: of the defect, [0, 1].
    """

    material: str
    tint: tuple[float, float, float]
    brightness: float
    defect: str = "good"
    severity: float = 0.5


def caption(rng: Generator, facts: Facts) -> str:
    """A caption: material, colour and brightness are often left out, a defect never.

    Args:
        rng: source of the wording.
        facts: what may be told.
    """
    words = []
    if rng.random() < 0.3:
        words.append(invented_word(rng))  # names without a meaning, as DreamBooth uses, are passed over
    words += _adjectives(rng, facts)
    said = rng.random() < 0.6
    if said:
        words.append(_pick(rng, MATERIAL_WORDS[facts.material]))
    if not said or rng.random() < 0.75:
        words.append(_pick(rng, NOUNS))
    defect = _defect(rng, facts)
    phrase = " ".join(words)
    if defect:
        before = not defect.startswith("with") and rng.random() < 0.25
        phrase = f"{defect} {phrase}" if before else f"{phrase} {defect}"
    return f"{_pick(rng, OPENINGS)} {phrase}" if rng.random() < 0.25 else phrase


def invented_word(rng: Generator) -> str:
    """Two to five letters at random, such as ``skt``."""
    letters = rng.integers(ord("a"), ord("z") + 1, int(rng.integers(2, 6)))
    return "".join(chr(letter) for letter in letters)


def colour_words(tint: tuple[float, float, float]) -> tuple[str, ...]:
    """What a tint is called."""
    if max(tint) - min(tint) < 0.06:
        return GREY
    hue = 360 * colorsys.rgb_to_hsv(*(v / max(tint) for v in tint))[0]
    return next(words for border, words in COLOURS if hue < border)


def vocabulary() -> tuple[str, ...]:
    """Every word that a caption can hold, invented ones apart, sorted."""
    groups = (*MATERIAL_WORDS.values(), *DEFECT_PHRASES.values(), NOUNS, OPENINGS, GREY)
    groups += (*(words for _, words in COLOURS), *BRIGHTNESS.values(), *SEVERITY.values())
    phrases = (phrase for group in groups for phrase in group)
    return tuple(sorted({word for phrase in phrases for word in phrase.replace("-", " ").split()}))


def _adjectives(rng: Generator, facts: Facts) -> list[str]:
    words = []
    key = "dark" if facts.brightness < 0.3 else "bright" if facts.brightness > 0.65 else ""
    if key and rng.random() < 0.4:
        words.append(_pick(rng, BRIGHTNESS[key]))
    colour = colour_words(facts.tint)
    if rng.random() < (0.15 if colour is GREY else 0.5):
        words.append(_pick(rng, colour))
    return words


def _defect(rng: Generator, facts: Facts) -> str:
    phrase = _pick(rng, DEFECT_PHRASES[facts.defect])
    if facts.defect == "good":
        return phrase if rng.random() < 0.25 else ""
    key = "faint" if facts.severity < 0.4 else "strong" if facts.severity > 0.75 else ""
    if key and not phrase.startswith("with") and rng.random() < 0.35:
        return f"{_pick(rng, SEVERITY[key])} {phrase}"
    return phrase


def _pick(rng: Generator, words: tuple[str, ...]) -> str:
    return words[int(rng.integers(len(words)))]

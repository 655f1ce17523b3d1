"""`PerturbedSettings`: how globally abnormal images are drawn and blended in; the paper states none of the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from defectlab.choices import unknown_choice
from defectlab.synthesis.diffusion.settings import VARIANCES, DiffusionSettings

CONTENTS = ("diffusion", "texture")
EXTRAS = ("proportional", "constant")
LABELS = ("changed", "drawn")
SAMPLERS = ("ddpm", "ddim")
STRENGTHS = {"ddpm": (0.1, 0.2), "ddim": (0.01, 0.03)}
"""RealNet's ranges; ancestral steps forget more of what was added than DDIM's, so they need more of it."""

PROFILE_STRENGTHS: dict[str, tuple[float, float]] = {"laptop": (1.0, 6.0)}
"""Range of s of a profile where none is given; RealNet's elsewhere, which fits a long-trained model. The model of the
laptop is trained short: what it draws is hardly abnormal below 1."""


@dataclass(frozen=True)
class PerturbedSettings:
    """How a synthetic defect comes about; see `PerturbedDdpm`.

    Attributes:
        content: what is blended in: ``"diffusion"``, the globally abnormal image P (the paper); ``"texture"``, a
            foreign texture in its place, the ablation that the paper omits.
        strength: range that s is drawn from, uniform, for each image; 0 gives normal images. ``None``: RealNet's
            range for the sampler, `STRENGTHS`.
        extra: how s disturbs a step of variance sigma_t^2. ``"proportional"``: by ``s sigma_t^2`` more, the same
            share at each step (RealNet). ``"constant"``: by ``s`` more, the paper's words to the letter.
        sampler: ``"ddpm"`` (ancestral) or ``"ddim"`` (without noise of its own).
        variance: sigma_t^2: ``"small"`` (the posterior's) or ``"large"`` (beta).
        steps: of the reverse process, a divisor of the model's T; 20 as RealNet.
        opacity: range of delta, uniform, weight of P in Eq. 3. 0.5 to 1 as RealNet with diffusion; RealNet takes 0.2
            to 1 with textures, but the ablation changes one thing at a time.
        label: M: ``"changed"``, pixels of the mask that really differ from I; ``"drawn"``, the whole mask, as the
            paper draws it: the record tells the share of it that did not change.
        batch_size: images P at a time; they depend on it by rounding alone.
        max_draws: masks to try before giving up on an image that none of them changes.
    """

    content: str = "diffusion"
    strength: tuple[float, float] | None = None
    extra: str = "proportional"
    sampler: str = "ddpm"
    variance: str = "small"
    steps: int = 20
    opacity: tuple[float, float] = (0.5, 1.0)
    label: str = "changed"
    batch_size: int = 16
    max_draws: int = 100

    def __post_init__(self) -> None:
        known = {
            "content": CONTENTS, "extra": EXTRAS, "sampler": SAMPLERS, "variance": VARIANCES, "label": LABELS
        }  # fmt: skip
        for name, choices in known.items():
            if getattr(self, name) not in choices:
                raise unknown_choice(name, getattr(self, name), choices)
        for name in ("steps", "batch_size", "max_draws"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        low, high = self.strengths
        if not 0 <= low <= high:
            raise ValueError(f"strength: expected 0 <= low <= high, got {self.strength}")
        low, high = self.opacity
        if not 0 < low <= high <= 1:
            raise ValueError(f"opacity: expected 0 < low <= high <= 1, got {self.opacity}")

    @property
    def strengths(self) -> tuple[float, float]:
        """The range of s."""
        return STRENGTHS[self.sampler] if self.strength is None else self.strength

    @classmethod
    def laptop(cls) -> Self:
        """The paper's; an image P is a second of one core or less at 128 pixels."""
        return cls()

    @classmethod
    def smoke(cls) -> Self:
        """Four steps."""
        return cls(steps=4, batch_size=4)


def paper_model() -> DiffusionSettings:
    """256 pixels, as RealNet; the paper states neither size nor training. Hours of a GPU."""
    return DiffusionSettings(
        size=256, channels=(64, 128, 128, 256, 256, 512), attention_at=(32, 16, 8), steps=60_000, batch_size=16
    )


def laptop_model() -> DiffusionSettings:
    """128 pixels in patches of 4: about two minutes of one core."""
    return DiffusionSettings(
        size=128, patch=4, guess="linear", channels=(64, 96, 128), layers=1, attention_at=(16, 8), steps=400,
        batch_size=8, lr=1e-3, ema=0.99, precision="no", checkpoint_every=50,
    )  # fmt: skip


def smoke_model() -> DiffusionSettings:
    """Seconds: shows that everything runs, learns next to nothing."""
    return DiffusionSettings.smoke()

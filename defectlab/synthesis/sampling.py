"""How a fine-tuned model is asked for defects: `SamplingSettings`, with what paper, release and small machines choose.

Source: the In&Out paper, sections 4 and 5; the sampling script of its release.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from defectlab.choices import unknown_choice
from defectlab.synthesis.dreambooth.presets import PAPER_MERGE_RATIO, REGIMES, RELEASED
from defectlab.synthesis.tall import require_rule

DEFECTS = ("cracked", "scratched")
"""What the paper adds to the instance prompt in the zero-shot regime, section 5.2."""
TOKEN = "skt background"


@dataclass(frozen=True)
class SamplingSettings:
    """How a fine-tuned model is asked for defects; the defaults are those of `paper` in the zero-shot regime.

    Attributes:
        prompts: taken in turn, image ``i`` the prompt ``i`` modulo their number, so that each has half of any set
            and no image depends on how many there are. The paper does not say how it divides its two.
        steps: of the DDIM sampler, at least 1.
        guidance_scale: weight of the text, at least 1; 1 is no guidance.
        merge_ratio: rho, how much of the adapter is added to the model, 0 (none) to 1; the paper calls it alpha.
        side: of the square of the area to generate, in pixels; ``None`` for that of the model.
        square_to_tall: how it becomes the size of the surface; see `defectlab.synthesis.tall`.
        batch_size: images made at a time on a GPU; no result depends on it but by rounding there.
    """

    prompts: tuple[str, ...] = tuple(f"{TOKEN} {defect}" for defect in DEFECTS)
    steps: int = 50
    guidance_scale: float = 7.5
    merge_ratio: float = 0.60
    side: int | None = 512
    square_to_tall: str = "native"
    batch_size: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "prompts", (self.prompts,) if isinstance(self.prompts, str) else tuple(self.prompts))
        if not self.prompts or not all(isinstance(prompt, str) and prompt.strip() for prompt in self.prompts):
            raise ValueError(f"prompts: expected at least one, none empty, got {self.prompts!r}")
        for name in ("steps", "guidance_scale", "batch_size"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if not 0 <= self.merge_ratio <= 1:
            raise ValueError(f"merge_ratio: expected a value in [0, 1], got {self.merge_ratio}")
        if self.side is not None and self.side < 1:
            raise ValueError(f"side: expected a number of pixels above 0, or None, got {self.side}")
        require_rule(self.square_to_tall)

    @classmethod
    def paper(cls, regime: str = "zero_shot") -> Self:
        """The paper: its prompts and merge ratio; steps, guidance and side from the script it refers to."""
        return cls(prompts=prompts_of(regime), merge_ratio=PAPER_MERGE_RATIO[regime])

    @classmethod
    def released(cls, regime: str = "zero_shot") -> Self:
        """The release: one merge ratio; squares, which its loader resizes without a cut, so ``stretch``."""
        prompts = prompts_of(regime, RELEASED["instance_prompt"])
        return cls(prompts=prompts, merge_ratio=RELEASED["merge_ratio"], square_to_tall="stretch")

    @classmethod
    def laptop(cls, regime: str = "zero_shot") -> Self:
        """For ``pocket-sd``: its own side, fewer steps, gentler guidance."""
        return cls(prompts_of(regime), 15, 3.0, PAPER_MERGE_RATIO[regime], side=None)

    @classmethod
    def smoke(cls, regime: str = "zero_shot") -> Self:
        """For ``pocket-sd``: shows that everything runs; no guidance, two steps, the side of the smoke fine-tuning."""
        return cls(prompts_of(regime), 2, 1.0, PAPER_MERGE_RATIO[regime], side=64)


def prompts_of(regime: str, instance_prompt: str = TOKEN) -> tuple[str, ...]:
    """The paper's prompts: with defects where the model saw none, else the instance prompt as it is.

    Raises:
        ValueError: if the regime is unknown.
    """
    if regime not in REGIMES:
        raise unknown_choice("regime", regime, REGIMES)
    return tuple(f"{instance_prompt} {defect}" for defect in DEFECTS) if regime == "zero_shot" else (instance_prompt,)

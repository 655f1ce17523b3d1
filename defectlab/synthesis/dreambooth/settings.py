"""`DreamBoothSettings`: every switch of a fine-tuning; what paper, release and small machines choose is in `presets`.

Source: Ruiz et al. 2023 (DreamBooth), Hu et al. 2021 (LoRA), the In&Out paper, section 5.1, and the configuration of
its release, which is one of the kohya trainer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from defectlab.choices import unknown_choice
from defectlab.synthesis.dreambooth import presets

REGIMES = presets.REGIMES
REGULARISATIONS = ("subset", "ordinary", "none")
OPTIMISERS = ("auto", "adamw", "adamw8bit")
PRECISIONS = ("no", "bf16", "fp16")


@dataclass(frozen=True)
class DreamBoothSettings:
    """Settings of one fine-tuning; the defaults are those of `paper` in the zero-shot regime.

    Attributes:
        instance_prompt: caption of the instance images: identifier token and class.
        class_prompt: caption of the regularisation images, and the prompt that they are generated with.
        rank: of the adapters of linear layers and 1 x 1 convolutions.
        alpha: their network alpha; an adapter adds ``alpha / rank * B A``.
        conv_rank: rank of the adapters of k x k convolutions in residual blocks and of all that `rank` means in
            these blocks (LoRA-C3Lier); ``None`` adapts attention blocks only (LoRA-LierLa).
        conv_alpha: network alpha of the k x k convolutions.
        train_text_encoder: adapt the text encoder too.
        regularisation: ``"subset"`` gives the regularisation images their own weight and repeats them up to the
            number of instance images (prior preservation); ``"ordinary"`` trains on them as on any other image,
            with their own caption, ``num_repeats`` times and with weight 1, so that ``prior_weight`` has no effect;
            ``"none"`` makes none.
        prior_weight: lambda, weight of the loss of the regularisation subset.
        regularisation_images: how many of them the model itself generates before it is trained.
        regularisation_steps: steps of the sampler for them.
        regularisation_guidance: weight of the text for them.
        regularisation_seed: of their noise; apart from ``seed``, so that fine-tunings share one set.
        epochs: passes over all images.
        schedule_epochs: passes that the learning rate is laid out for; more than ``epochs`` means that training
            stops on the way, as taking an early checkpoint does. ``None`` for ``epochs``.
        max_steps: no more optimiser steps than these, whatever ``epochs``, and a schedule that ends with them.
        num_repeats: how often an image is seen in one epoch.
        batch_size: images a step, in all processes together.
        flips: add both mirror images of each instance, which makes three of it.
        lr: learning rate of the UNet at the start of each cycle.
        text_lr: learning rate of the text encoder.
        cycles: cosines that the schedule is made of; each starts again from ``lr`` (hard restarts).
        warm_up: steps of linear warm-up.
        weight_decay: of AdamW.
        max_grad_norm: the gradient is shortened to this length.
        optimiser: ``"auto"`` is 8-bit AdamW where bitsandbytes is installed and the device is a GPU, else AdamW;
            ``"adamw"``; ``"adamw8bit"`` refuses to train without.
        min_snr_gamma: gamma of the min-SNR weighting, or ``None`` for equal weights of all noise levels.
        resolution: side of a square of the area that images are brought to.
        smallest_side: of a bucket, in pixels.
        largest_side: of a bucket, in pixels.
        side_step: sides of buckets are multiples of it.
        clip_skip: layer of the text encoder that is read in training, counted from its end: 1 the last, 2 the last
            but one (the kohya trainer's counting; diffusers counts one less).
        sampling_clip_skip: the same for generation.
        gradient_checkpointing: less memory, a third more time.
        mixed_precision: ``"no"``, ``"bf16"`` or ``"fp16"`` (GPU only).
        merge_ratio: rho of ``W' = W + rho alpha / rank B A``; what the paper calls alpha.
        seed: of adapters, order, steps and noise.
        checkpoint_every: steps between two checkpoints; no result depends on it.
    """

    instance_prompt: str = "skt background"
    class_prompt: str = "background"
    rank: int = 32
    alpha: float = 16.0
    conv_rank: int | None = 4
    conv_alpha: float = 1.0
    train_text_encoder: bool = True
    regularisation: str = "subset"
    prior_weight: float = 1.0
    regularisation_images: int = 200
    regularisation_steps: int = 50
    regularisation_guidance: float = 7.5
    regularisation_seed: int = 0
    epochs: int = 5
    schedule_epochs: int | None = 50
    max_steps: int | None = None
    num_repeats: int = 10
    batch_size: int = 12
    flips: bool = False
    lr: float = 1e-5
    text_lr: float = 1e-5
    cycles: int = 3
    warm_up: int = 0
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    optimiser: str = "auto"
    min_snr_gamma: float | None = 5.0
    resolution: int = 512
    smallest_side: int = 256
    largest_side: int = 1024
    side_step: int = 64
    clip_skip: int = 2
    sampling_clip_skip: int = 2
    gradient_checkpointing: bool = True
    mixed_precision: str = "fp16"
    merge_ratio: float = 0.60
    seed: int = 1234
    checkpoint_every: int = 100

    def __post_init__(self) -> None:
        self._require_choices()
        self._require_numbers()
        self._require_prompts()
        if not self.smallest_side <= self.resolution <= self.largest_side:
            raise ValueError(
                f"resolution: expected between smallest_side {self.smallest_side} and largest_side "
                f"{self.largest_side}, got {self.resolution}"
            )
        sides = ("smallest_side", "largest_side")
        if odd := [f"{name} {getattr(self, name)}" for name in sides if getattr(self, name) % self.side_step]:
            raise ValueError(f"{', '.join(odd)}: expected multiples of side_step {self.side_step}")
        if self.schedule_epochs is not None and self.schedule_epochs < self.epochs:
            raise ValueError(
                f"schedule_epochs: expected at least epochs {self.epochs}, got {self.schedule_epochs}; training would "
                "run past the end of the schedule"
            )

    @classmethod
    def paper(cls, regime: str = "zero_shot") -> Self:
        """What the paper says, and the released configuration where it refers to it.

        The epochs 5, 49 and 25 read as checkpoints of one schedule of 50 epochs: ``schedule_epochs`` is 50.
        """
        return cls(**presets.paper(regime))

    @classmethod
    def released(cls) -> Self:
        """The released configuration as it really behaves: see `presets.RELEASED`."""
        return cls(**presets.released())

    @classmethod
    def laptop(cls, regime: str = "zero_shot") -> Self:
        """For ``pocket-sd``, within three minutes of two cores."""
        return cls(**presets.laptop(regime))

    @classmethod
    def smoke(cls, regime: str = "zero_shot") -> Self:
        """For ``pocket-sd``, within seconds: shows that everything runs, learns next to nothing."""
        return cls(**presets.smoke(regime))

    @property
    def regularised(self) -> bool:
        """True where regularisation images are needed."""
        return self.regularisation != "none"

    def _require_choices(self) -> None:
        for name, known in (
            ("regularisation", REGULARISATIONS),
            ("optimiser", OPTIMISERS),
            ("mixed_precision", PRECISIONS),
        ):
            if getattr(self, name) not in known:
                raise unknown_choice(name, getattr(self, name), known)

    def _require_numbers(self) -> None:
        ones = (
            "rank", "regularisation_images", "regularisation_steps", "epochs", "num_repeats", "batch_size", "cycles",
            "side_step", "smallest_side", "clip_skip", "sampling_clip_skip", "checkpoint_every",
        )  # fmt: skip
        optional = [name for name in ("conv_rank", "max_steps") if getattr(self, name) is not None]
        self._require_at_least(1, (*ones, *optional))
        self._require_at_least(1, ("regularisation_guidance",))
        self._require_at_least(0, ("prior_weight", "warm_up", "weight_decay", "seed", "regularisation_seed"))
        positive = ["alpha", "conv_alpha", "lr", "text_lr", "max_grad_norm"]
        for name in positive + ["min_snr_gamma"] * (self.min_snr_gamma is not None):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: expected above 0, got {getattr(self, name)}")
        if not 0 <= self.merge_ratio <= 1:
            raise ValueError(f"merge_ratio: expected a value in [0, 1], got {self.merge_ratio}")

    def _require_at_least(self, least: int, names: Iterable[str]) -> None:
        for name in names:
            if not getattr(self, name) >= least:
                raise ValueError(f"{name}: expected at least {least}, got {getattr(self, name)}")

    def _require_prompts(self) -> None:
        for name in ("instance_prompt", "class_prompt"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name}: expected some text, got {getattr(self, name)!r}")
        if self.regularised and self.instance_prompt == self.class_prompt:
            raise ValueError(
                f"instance_prompt and class_prompt are both {self.class_prompt!r}; the instance prompt needs a token "
                "of its own, or regularisation 'none'"
            )

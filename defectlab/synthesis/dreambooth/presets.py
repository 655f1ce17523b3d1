"""Values of the presets of `DreamBoothSettings`, as far as they differ from its defaults."""

from __future__ import annotations

from typing import Any

from defectlab.choices import unknown_choice

REGIMES = ("zero_shot", "few_shot", "full_shot")

# In&Out, sections 5.2 to 5.4: epochs and merge ratio (there called alpha) of each regime.
PAPER_EPOCHS = {"zero_shot": 5, "few_shot": 49, "full_shot": 25}
PAPER_MERGE_RATIO = {"zero_shot": 0.60, "few_shot": 0.95, "full_shot": 0.80}

# What the release does where it departs from the paper. conv_dim and conv_alpha stand in its configuration where the
# trainer does not read them; regularisation images lie in the folder of the instances, so that they are ordinary
# images and prior_loss_weight means nothing; generation reads another layer of the text encoder than training.
RELEASED: dict[str, Any] = {
    "instance_prompt": "sks background",
    "conv_rank": None,
    "regularisation": "ordinary",
    "epochs": 50,
    "flips": True,
    "clip_skip": 2,
    "sampling_clip_skip": 1,
    "merge_ratio": 0.65,
}

# pocket-sd was trained from nothing at a side of 128 px; it has few weights, each of which must move further, and
# reads the last layer of its text encoder.
SMALL: dict[str, Any] = {
    "schedule_epochs": None,
    "epochs": 1000,
    "num_repeats": 1,
    "flips": True,
    "lr": 2e-3,
    "text_lr": 5e-4,
    "cycles": 1,
    "resolution": 128,
    "smallest_side": 64,
    "largest_side": 256,
    "side_step": 16,
    "clip_skip": 1,
    "sampling_clip_skip": 1,
    "gradient_checkpointing": False,
    "mixed_precision": "no",
    "optimiser": "adamw",
}
# Fewer steps without positives, as in the paper: the model must not forget the defects that it will be asked for.
# At 400 steps nearly all were gone, at 150 they stay, and the surface comes almost as close.
LAPTOP_STEPS = {"zero_shot": 150, "few_shot": 300, "full_shot": 300}
LAPTOP = SMALL | {
    "batch_size": 6,
    # for velocities, min-SNR takes most of the weight from the high noise levels, which decide light and colour
    "min_snr_gamma": None,
    "warm_up": 10,
    "regularisation_images": 24,
    "regularisation_steps": 8,
    "regularisation_guidance": 2.0,
    "checkpoint_every": 50,
}
SMOKE = SMALL | {
    "max_steps": 4,
    "batch_size": 2,
    "resolution": 64,
    "smallest_side": 32,
    "largest_side": 128,
    "regularisation_images": 2,
    "regularisation_steps": 2,
    "regularisation_guidance": 1.0,
    "checkpoint_every": 2,
}


def paper(regime: str) -> dict[str, Any]:
    """Epochs and merge ratio of a regime; all else is a default."""
    _require(regime)
    return {"epochs": PAPER_EPOCHS[regime], "schedule_epochs": 50, "merge_ratio": PAPER_MERGE_RATIO[regime]}


def released() -> dict[str, Any]:
    """The one configuration of the release."""
    return dict(RELEASED)


def laptop(regime: str) -> dict[str, Any]:
    """Minutes on two cores."""
    _require(regime)
    return LAPTOP | {"max_steps": LAPTOP_STEPS[regime], "merge_ratio": PAPER_MERGE_RATIO[regime]}


def smoke(regime: str) -> dict[str, Any]:
    """Seconds on two cores."""
    _require(regime)
    return SMOKE | {"merge_ratio": PAPER_MERGE_RATIO[regime]}


def _require(regime: str) -> None:
    if regime not in REGIMES:
        raise unknown_choice("regime", regime, REGIMES)

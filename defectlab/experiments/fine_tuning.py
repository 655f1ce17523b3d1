"""The fine-tuning of In&Out: on which images, with which settings, and what was trained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from defectlab.data.base import SurfaceDataset
from defectlab.experiments.in_and_out_parameters import InAndOutParameters
from defectlab.experiments.splits import Splits, real_positives
from defectlab.synthesis.dreambooth import Adapter, DreamBoothSettings
from defectlab.synthesis.dreambooth.checkpoint import LOG
from defectlab.synthesis.fine_tuned import FineTuned, require_teachable
from defectlab.synthesis.sampling import SamplingSettings

SETTINGS: dict[str, Callable[[str], DreamBoothSettings]] = {
    "smoke": DreamBoothSettings.smoke,
    "laptop": DreamBoothSettings.laptop,
    "paper": DreamBoothSettings.paper,
    "released": lambda regime: DreamBoothSettings.released(),
}
SAMPLING: dict[str, Callable[[str], SamplingSettings]] = {
    "smoke": SamplingSettings.smoke,
    "laptop": SamplingSettings.laptop,
    "paper": SamplingSettings.paper,
    "released": SamplingSettings.released,
}
LAYERS = {0: "linear", 1: "1 x 1 convolution"}
MODELS = {"unet": "UNet", "text_encoder": "text encoder"}
LOSS = "Loss, running mean"


def instances(params: InAndOutParameters, splits: Splits, seed: int) -> SurfaceDataset:
    """The images that are fine-tuned on: section 5.2 to 5.4 of the paper.

    Zero-shot takes ``n_negatives`` normal training images drawn by the seed, or all where there are fewer; few-shot
    the ``n_shot`` positives of the seed, the same that the classifier is given; full-shot all training positives.

    Args:
        params: ``regime``, ``n_negatives`` and ``n_shot`` are read.
        splits: the real images.
        seed: of the draw.
    """
    if params.regime != "zero_shot":
        return real_positives(splits, params, seed)
    normals = splits.normals
    count = min(params.n_negatives, len(normals))
    chosen = np.random.default_rng([seed, 7]).choice(len(normals), count, replace=False)
    return normals.subset(indices=np.sort(chosen).tolist())


def settings_of(params: InAndOutParameters, seed: int) -> DreamBoothSettings:
    """The preset for the regime, with the parameters' epochs and steps and the seed of the experiment.

    More epochs than the schedule of the preset is laid out for make it longer.
    """
    settings = SETTINGS[params.preset or params.profile](params.regime)
    changes: dict[str, Any] = {"seed": seed}
    if params.fine_tune_steps is not None:
        changes["max_steps"] = params.fine_tune_steps
    if (epochs := params.fine_tune_epochs) is not None:
        changes["epochs"] = epochs
        changes["schedule_epochs"] = None if settings.schedule_epochs is None else max(settings.schedule_epochs, epochs)
    return replace(settings, **changes)


def sampling_of(params: InAndOutParameters) -> SamplingSettings:
    """The preset for the regime with what the parameters change."""
    changes = {
        "prompts": tuple(params.prompts) or None,
        "steps": params.steps,
        "guidance_scale": params.guidance_scale,
        "merge_ratio": params.merge_ratio,
        "side": params.canvas,
        "square_to_tall": params.square_to_tall,
    }
    given: dict[str, Any] = {name: value for name, value in changes.items() if value is not None}
    return replace(SAMPLING[params.preset or params.profile](params.regime), **given)


def fine_tuned(params: InAndOutParameters, pipeline: Any, seed: int, root: Path) -> FineTuned:
    """The model of a seed before its `FineTuned.fit`; adapters of all seeds and regimes lie below one folder.

    Raises:
        ValueError: if the settings do not go together.
    """
    return FineTuned(pipeline, settings_of(params, seed), sampling_of(params), root / "fine-tuned", params.device)


def require_fine_tuning(params: InAndOutParameters, splits: Splits, pipeline: Any) -> None:
    """Stops before any work what `FineTuned` would refuse later.

    Raises:
        ValueError: if settings, prompts and images do not go together.
    """
    for seed in params.seeds:
        model = fine_tuned(params, pipeline, seed, Path())
        require_teachable(instances(params, splits, seed), model.settings, model.sampling)


def trained_layers(tuned: Mapping[int, FineTuned]) -> pd.DataFrame:
    """What is trained: adapters by model and kind of layer, the same for every seed; no row where nothing is."""
    columns = ["model", "layer", "layers", "rank", "alpha", "parameters"]
    kinds: dict[tuple[str, str, int, float], list[int]] = defaultdict(list)
    for adapter in [_adapter(model) for model in tuned.values()][:1]:
        for model, plan in adapter.plans.items():
            for name, scaling in plan.items():
                down, up = (adapter.states[model][f"{name}.{half}.weight"] for half in ("lora_A", "lora_B"))
                side = 0 if down.ndim == 2 else int(down.shape[-1])
                kind = LAYERS.get(side, f"{side} x {side} convolution")
                kinds[MODELS[model], kind, scaling.rank, scaling.alpha].append(down.numel() + up.numel())
    lines = [(model, kind, len(n), rank, alpha, sum(n)) for (model, kind, rank, alpha), n in kinds.items()]
    return pd.DataFrame(lines, columns=columns)


def losses(tuned: Mapping[int, FineTuned]) -> pd.DataFrame:
    """Running mean of the loss of all fine-tunings: method, seed, epoch (here the optimiser step), metric, value."""
    columns, tables = ["method", "seed", "epoch", "metric", "value"], []
    for seed, model in tuned.items():
        folder = _adapter(model).folder
        if folder is not None and (folder / LOG).is_file():
            log = pd.read_csv(folder / LOG)
            rows = {"method": model.name, "seed": seed, "epoch": log["step"], "metric": LOSS, "value": log["loss"]}
            tables.append(pd.DataFrame(rows))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def _adapter(model: FineTuned) -> Adapter:
    if model.adapter is None:
        raise ValueError(f"{model.name}: nothing was fine-tuned yet; expected a model after fit")
    return model.adapter

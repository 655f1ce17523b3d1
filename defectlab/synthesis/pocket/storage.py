"""A model of `pocket` as a folder: ``model.safetensors`` in half precision and ``config.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor, float16

from defectlab.files import read_json, write_text
from defectlab.synthesis import model_folder
from defectlab.synthesis.pocket.examples import TRAINED_MATERIALS
from defectlab.synthesis.pocket.network import WordEncoder, make_scheduler, make_unet
from defectlab.synthesis.pocket.scales import Scales

if TYPE_CHECKING:
    from defectlab.synthesis.pocket.training import TrainingSettings

FORMAT = "defectlab pocket-layer 1"
"""What ``config.json`` says of a folder that holds a model of `pocket`."""
SHIPPED = Path(__file__).parent / "weights" / "layer"
"""Folder of the model that is part of the package."""


def is_model(folder: str | Path) -> bool:
    """True where a folder says that it holds a model of `pocket`, of whatever version."""
    path = Path(folder) / "config.json"
    return path.is_file() and str(read_json(path).get("format", "")).startswith(FORMAT[:-1])


def write_model(
    folder: Path, weights: Mapping[str, Tensor], scales: Scales, settings: TrainingSettings, step: int
) -> None:
    """Writes a model, each file whole or not at all.

    Args:
        folder: made where it is not there.
        weights: of U-Net and words, as ``unet.*`` and ``words.*``; written as float16.
        scales: factors of layers and crops.
        settings: what it was trained with.
        step: steps it was trained for.
    """
    model_folder.write_weights(folder, weights, float16)
    unet: Any = make_unet()
    scheduler: Any = make_scheduler()
    config = {
        "format": FORMAT,
        "unet": json.loads(unet.to_json_string()),
        "scheduler": json.loads(scheduler.to_json_string()),
        "scales": {name: [round(v, 6) for v in scale.tolist()] for name, scale in vars(scales).items()},
        "materials": list(TRAINED_MATERIALS),
        "training": asdict(settings) | {"trained_steps": step},
    }
    write_text(folder / "config.json", json.dumps(config, indent=1) + "\n")


def read_config(folder: Path) -> dict[str, Any]:
    """What the configuration of a model says.

    Raises:
        FileNotFoundError: if the folder holds no model.
        ValueError: if it is of another kind or version.
    """
    wrote = "`defectlab pocket train --out FOLDER` wrote, which is its subfolder model"
    return model_folder.read_config(folder, FORMAT, wrote)


def read_model(folder: Path) -> tuple[Any, WordEncoder, Any, Scales]:
    """U-Net, encoder of the words, scheduler and scales of a model, float32 on the CPU.

    Raises:
        FileNotFoundError: if the folder holds no model.
        ValueError: if it is of another kind or version, or its weights are damaged or do not belong to it.
    """
    config = read_config(folder)
    unet: Any = UNet2DConditionModel.from_config(config["unet"])
    words = WordEncoder()
    with model_folder.weights_of(folder) as stored:
        weights = {name: tensor.float() for name, tensor in stored.items()}
        for prefix, module in (("unet.", unet), ("words.", words)):
            module.load_state_dict({k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)})
    return unet, words, DDIMScheduler.from_config(config["scheduler"]), Scales.from_lists(config["scales"])

"""A model of `pocket-sd` as a folder: ``model.safetensors`` in half precision and ``config.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from defectlab.files import read_json, write_text
from defectlab.synthesis import model_folder
from defectlab.synthesis.pocket_sd.captions import MATERIAL_WORDS, vocabulary
from defectlab.synthesis.pocket_sd.network import make_scheduler
from defectlab.synthesis.pocket_sd.tokenizer import make_tokenizer
from defectlab.synthesis.pocket_sd.vae import HaarVAE

if TYPE_CHECKING:
    from defectlab.synthesis.pocket_sd.training import TrainingSettings

FORMAT = "defectlab pocket-sd 1"
"""What ``config.json`` says of a folder that holds a model of `pocket-sd`."""
SHIPPED = Path(__file__).parent / "weights" / "sd"
"""Folder of the model that is part of the package."""


def is_model(folder: str | Path) -> bool:
    """True where a folder says that it holds a model of `pocket-sd`, of whatever version."""
    path = Path(folder) / "config.json"
    return path.is_file() and str(read_json(path).get("format", "")).startswith(FORMAT[:-1])


def write_model(
    folder: Path, networks: nn.ModuleDict, weights: Mapping[str, Tensor], settings: TrainingSettings, step: int
) -> None:
    """Writes a model, each file whole or not at all.

    Args:
        folder: made where it is not there.
        networks: ``unet`` and ``text``, for their configurations.
        weights: of both, as ``unet.*`` and ``text.*``; written as float16.
        settings: what it was trained with.
        step: steps it was trained for.
    """
    model_folder.write_weights(folder, weights, torch.float16)
    unet: Any = networks["unet"]
    text: Any = networks["text"]
    scheduler = make_scheduler()
    config = {
        "format": FORMAT,
        "unet": json.loads(unet.to_json_string()),
        "text_encoder": text.config.to_diff_dict(),
        "scheduler": json.loads(scheduler.to_json_string()),
        "vae": json.loads(HaarVAE().to_json_string()),
        "words": list(vocabulary()),
        "materials": list(MATERIAL_WORDS),
        "training": asdict(settings) | {"trained_steps": step},
    }
    write_text(folder / "config.json", json.dumps(config, indent=1) + "\n")


def read_config(folder: Path) -> dict[str, Any]:
    """What the configuration of a model says.

    Raises:
        FileNotFoundError: if the folder holds no model.
        ValueError: if it is of another kind or version.
    """
    wrote = "`defectlab pocket train-sd --out FOLDER` wrote, which is its subfolder model"
    return model_folder.read_config(folder, FORMAT, wrote)


def read_pipeline(folder: Path) -> StableDiffusionPipeline:
    """The pipeline of a model, float32 on the CPU.

    Raises:
        FileNotFoundError: if the folder holds no model.
        ValueError: if it is of another kind or version, or its weights are damaged or do not belong to it.
    """
    config = read_config(folder)
    unet: Any = UNet2DConditionModel.from_config(config["unet"])
    text = CLIPTextModel(CLIPTextConfig(**config["text_encoder"]))
    with model_folder.weights_of(folder) as stored:
        weights = {name: tensor.float() for name, tensor in stored.items()}
        nn.ModuleDict({"unet": unet, "text": text}).load_state_dict(weights)
    pipeline: Any = StableDiffusionPipeline(
        vae=HaarVAE.from_config(config["vae"]),
        text_encoder=text.eval(),
        tokenizer=make_tokenizer(config["words"]),
        unet=unet.eval(),
        scheduler=DDIMScheduler.from_config(config["scheduler"]),
        safety_checker=None,  # it draws surfaces
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline

"""A trained backbone as a folder that timm's hub layout fits: written whole, read back as it was."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from safetensors.torch import load_file, save_file

from defectlab.detection.moco.model import Embedder, make_backbone, size_options
from defectlab.detection.moco.settings import MoCoSettings
from defectlab.files import atomic_path, read_json, write_json

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def save_backbone(embedder: Embedder, settings: MoCoSettings, folder: Path) -> Path:
    """Writes the backbone without its projection; the configuration comes last, so that half a folder is none.

    A classifier takes it as ``weights=FOLDER``, but for group normalisation, which timm does not know; `read_backbone`
    takes all.

    Args:
        embedder: such as ``MoCoTrainer.backbone``.
        settings: it was trained with.
        folder: made where it is new; files of the same names are replaced.

    Returns:
        The folder.
    """
    (folder / CONFIG).unlink(missing_ok=True)
    tensors = {name: part.detach().cpu().contiguous() for name, part in embedder.backbone.state_dict().items()}
    with atomic_path(folder / WEIGHTS) as partial:
        save_file(tensors, partial)
    scale = {name: part.flatten().tolist() for name, part in embedder.normalise.named_buffers()}
    timm = {"architecture": settings.backbone, "model_args": size_options(settings), "pretrained_cfg": scale}
    write_json(folder / CONFIG, {**timm, "moco": asdict(settings)})
    return folder


def read_backbone(folder: Path) -> Embedder:
    """What `save_backbone` wrote, in evaluation mode on the CPU; its projection is untrained.

    Raises:
        FileNotFoundError: if the folder holds no whole backbone.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name} is not there: {folder} holds no backbone of a pretraining")
    settings = MoCoSettings(**read_json(folder / CONFIG)["moco"])
    backbone = make_backbone(settings)
    backbone.load_state_dict(load_file(folder / WEIGHTS))
    return Embedder(backbone, settings.head, settings.dim).eval()

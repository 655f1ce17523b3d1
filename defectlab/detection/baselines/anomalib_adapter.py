"""`AnomalibDetector`: models of anomalib through the same data, seeds and metrics as everything here.

anomalib is not part of this package's requirements: ``pip install "defectlab[comparison]"``. It is imported when a
model is built, not before.
"""

from __future__ import annotations

import importlib
import inspect
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from defectlab.data.base import SurfaceDataset
from defectlab.detection.base import Detector, Scores, untrained
from defectlab.detection.baselines.anomalib_models import MISSING, MODELS
from defectlab.detection.baselines.anomalib_settings import (
    NOTES,
    AnomalibSettings,
    laptop,
    paper,
    smoke,
    training_length,
)
from defectlab.detection.inputs import gather
from defectlab.detection.saved import read_detector, settings_from, write_detector
from defectlab.detection.scoring import resize_map, score_images
from defectlab.detection.training import seeded
from defectlab.detection.weights import WeightsReport
from defectlab.devices import pick_device
from defectlab.synthesis.textures import SurfaceTextures

__all__ = ["AnomalibDetector", "AnomalibSettings", "build", "laptop", "paper", "smoke"]

N_TEXTURES = 64


class AnomalibDetector(Detector):
    """A model of anomalib, trained by Lightning as anomalib trains it, without its thresholds and normalisation.

    A training that was killed begins anew: anomalib's checkpoints are pickles, which this package does not read.

    Scores are the model's own: any scale, not brought to [0, 1].

    Args:
        settings: presets are `paper`, `laptop` and `smoke`.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...
        show_progress: draw a bar of steps.

    Attributes:
        weights: what the backbone is; known after `fit` or `load`.
    """

    name = "anomalib"

    def __init__(
        self,
        settings: AnomalibSettings | None = None,
        device: str = "auto",
        show_progress: bool = False,
    ) -> None:
        self.settings = (settings or AnomalibSettings()).filled()
        self.name = self.settings.model
        self.device, self.show_progress = pick_device(device), show_progress
        self.weights: WeightsReport | None = None
        self._module: Any = None

    def check(self) -> WeightsReport:
        """As `Detector.check`: builds the model once, and lets it go."""
        s = self.settings
        with tempfile.TemporaryDirectory() as textures, seeded(s.seed, self.device):
            build(s, Path(textures))
        return _report(s)

    def fit(self, train: SurfaceDataset, validation: SurfaceDataset | None = None) -> Self:
        """Trains the model.

        Args:
            train: its normal images are read, whatever else is in it.
            validation: not read: no epoch is chosen, and the last counts.

        Raises:
            ImportError: if anomalib is not installed.
            ValueError: if there is no normal image, or the model cannot be built as the settings say.
        """
        normals = train.subset(defective=False)
        if not len(normals):
            raise ValueError(
                f"{train.name!r} ({train.split}) holds no normal image, and {self.name} learns from those alone"
            )
        s = self.settings
        with tempfile.TemporaryDirectory() as textures, seeded(s.seed, self.device):
            module = build(s, Path(textures))
            images = gather(normals, s.size).data[:, 0]
            _train(module, images, s, self.device, self.show_progress)
        self._module = module.to(self.device).eval()
        self.weights = _report(s)
        return self

    def score(self, dataset: SurfaceDataset) -> Scores:
        """Scores and maps as the model gives them, maps at the size of the images.

        Raises:
            RuntimeError: before `fit`.
            ValueError: if images differ in size.
        """
        if self._module is None:
            raise untrained(self)
        size, batch_size = self.settings.size, self.settings.batch_size
        assert size is not None and batch_size is not None

        def forward(images: Tensor) -> tuple[Tensor, Tensor]:
            found = self._module(images)
            maps = found.anomaly_map.float()
            return found.pred_score.float().reshape(-1), resize_map(maps if maps.ndim == 4 else maps[:, None], size)

        return score_images(dataset, size, batch_size, self.device, forward)

    def save(self, path: Path) -> None:
        """Writes the module's tensors and the settings as one safetensors file, atomically."""
        if self._module is None or self.weights is None:
            raise untrained(self)
        facts = {"settings": asdict(self.settings), "weights": asdict(self.weights)}
        tensors = {name: tensor.clone() for name, tensor in self._module.state_dict().items()}
        write_detector(path, "anomalib", tensors, facts)

    @classmethod
    def load(cls, path: Path, device: str = "auto") -> Self:
        """Reads what `save` wrote; needs anomalib, and for Dinomaly and SuperSimpleNet the weights they start from.

        Raises:
            ImportError: if anomalib is not installed.
            ValueError: if the file was not written by `save`.
        """
        tensors, facts = read_detector(path, "anomalib")
        settings = settings_from(AnomalibSettings, facts["settings"])
        self = cls(settings, device)
        with tempfile.TemporaryDirectory() as textures:
            bare = settings.but(textures="surfaces", weights="none" if _can_be_random(settings) else settings.weights)
            self._module = build(bare, Path(textures))
        self._module.load_state_dict(tensors)
        self._module.to(self.device).eval()
        self.weights = WeightsReport(**facts["weights"])
        return self


def build(settings: AnomalibSettings, place: Path) -> Any:
    """The Lightning module of a model, without thresholds, normalisation, metrics and pictures of anomalib's.

    Args:
        settings: filled.
        place: folder that textures may be written to.

    Raises:
        ImportError: if anomalib is not installed.
        ValueError: if the model has no random weights, or the size does not fit it.
        FileNotFoundError: if there are no such textures.
    """
    form = _form(settings)
    takes = inspect.signature(form).parameters
    options: dict[str, Any] = dict(settings.options)
    if settings.weights == "none" and not _can_be_random(settings):
        raise ValueError(f"anomalib builds {settings.model} with trained weights alone: take weights='imagenet'")
    if "pre_trained" in takes:
        options["pre_trained"] = settings.weights == "imagenet"
    if "dtd_dir" in takes:
        options["dtd_dir"] = _textures(settings, place)
    if "fiber_batch_size" in takes and settings.size and settings.batch_size:
        places = settings.batch_size * (settings.size[0] // 32) * (settings.size[1] // 32)
        options.setdefault("fiber_batch_size", min(64, places))  # 64 is anomalib's; small images have fewer places
    unknown = [name for name in options if name not in takes]
    if unknown:
        raise ValueError(f"options {unknown} are not arguments of anomalib's {form.__name__}: {', '.join(takes)}")
    size, prepare = settings.size, form.configure_pre_processor
    given: dict[str, Any] = {"image_size": size}
    if "crop_size" in inspect.signature(prepare).parameters:
        assert size is not None
        if size[0] != size[1]:  # of a later anomalib, for `AnomalibSettings` knows those of this one
            raise ValueError(f"{settings.model} of anomalib takes square images alone, got size {size}")
        given["crop_size"] = size[0]
    return form(pre_processor=prepare(**given), post_processor=False, evaluator=False, visualizer=False, **options)


def _report(settings: AnomalibSettings) -> WeightsReport:
    version = importlib.import_module("anomalib").__version__
    source = "random" if settings.weights == "none" else f"anomalib {version}"
    return WeightsReport(settings.weights, source, "", NOTES[settings.weights].format(version=version))


def _form(settings: AnomalibSettings) -> Any:
    try:
        models = importlib.import_module("anomalib.models")
    except ImportError as error:
        raise ImportError(f"{MISSING.format(name=settings.model)} ({error})") from error
    return getattr(models, MODELS[settings.model].form)


def _can_be_random(settings: AnomalibSettings) -> bool:
    """Whether nothing has to be fetched to build it: DRAEM has no backbone."""
    return settings.model == "draem" or "pre_trained" in inspect.signature(_form(settings)).parameters


def _textures(settings: AnomalibSettings, place: Path) -> Path:
    if settings.textures != "surfaces":
        folder = Path(settings.textures).expanduser()
        if not folder.is_dir():  # anomalib would begin to download
            raise FileNotFoundError(f"textures: expected 'surfaces' or a folder of images, found nothing at {folder}")
        return folder
    source, size = SurfaceTextures(), settings.size or (256, 256)
    for i in range(N_TEXTURES):
        drawn = source.draw(np.random.default_rng([settings.seed, i]), *size)
        Image.fromarray(drawn).save(place / f"{i:03d}.png")
    return place


def _train(module: Any, images: Tensor, settings: AnomalibSettings, device: torch.device, show: bool) -> None:
    """Lightning's loop over uint8 images ``(n, 3, H, W)``."""
    lightning = importlib.import_module("lightning.pytorch")
    batch_type: Any = importlib.import_module("anomalib.data").ImageBatch

    def collate(items: list[tuple[Tensor]]) -> Any:
        chosen = torch.stack([item[0] for item in items])
        shape = (len(chosen), *chosen.shape[2:])
        masks, labels = torch.zeros(shape, dtype=torch.bool), torch.zeros(len(chosen), dtype=torch.long)
        return batch_type(image=chosen.float() / 255, gt_mask=masks, gt_label=labels)

    size = min(settings.batch_size or 1, len(images))
    loader: DataLoader[Any] = DataLoader(
        TensorDataset(images),
        size,
        shuffle=True,
        collate_fn=collate,
        generator=torch.Generator().manual_seed(settings.seed),
        drop_last=len(images) > size,
    )
    with tempfile.TemporaryDirectory() as spare:
        trainer = lightning.Trainer(
            **module.trainer_arguments
            | training_length(settings, len(loader))
            | {"devices": 1}
            | {"accelerator": "gpu" if device.type == "cuda" else "cpu", "default_root_dir": spare}
            | {"enable_progress_bar": show, "enable_checkpointing": False, "enable_model_summary": False},
            logger=False,
        )
        trainer.fit(module, train_dataloaders=loader)

"""`Classifier`: normal or defective, learnt from image labels alone; the detector of DIAG and In&Out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from defectlab.data.base import SurfaceDataset
from defectlab.detection.backbones import BackboneSpec, create, cut
from defectlab.detection.base import Detector, Scores, require_both_classes, untrained
from defectlab.detection.config import ClassifierConfig
from defectlab.detection.heads import PatchHead, make_head
from defectlab.detection.inputs import Frozen, gather, images
from defectlab.detection.saved import part, prefixed, read_detector, settings_from, spec_from, write_detector
from defectlab.detection.training import Progress, Training, to_device
from defectlab.detection.weights import WeightsReport, load_backbone
from defectlab.devices import pick_device

EPOCHS = ("last", "best")


class Classifier(Detector):
    """A backbone with one logit an image, trained with binary cross-entropy (DIAG section 3.5, In&Out 4.3).

    Scores are logits: any real number, ordered, no probability without calibration.

    Args:
        config: the settings; presets are in `defectlab.detection.config`.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...
        cache: folder for features of frozen layers, shared by seeds and arms; ``None`` keeps them in memory only.
        checkpoint: file from which a killed training goes on; ``None`` for none.
        show_progress: draw a bar of epochs.

    Attributes:
        weights: what the backbone started from; known once the backbone is built, by `prepare`, `fit` or `load`.
    """

    name = "classifier"

    def __init__(
        self,
        config: ClassifierConfig | None = None,
        device: str = "auto",
        cache: Path | None = None,
        checkpoint: Path | None = None,
        show_progress: bool = False,
    ) -> None:
        self.config = config or ClassifierConfig()
        self.device = pick_device(device)
        self.cache, self.checkpoint, self.show_progress = cache, checkpoint, show_progress
        self.weights: WeightsReport | None = None
        self._spec: BackboneSpec | None = None
        self._frozen: Frozen | None = None
        self._trained: nn.Sequential | None = None
        self._progress = Progress()
        self._last: dict[str, Tensor] = {}

    def prepare(self) -> WeightsReport:
        """Builds the network with its starting weights and says what they are, before any image is read."""
        if self._trained is None or self.weights is None:
            model, self._spec, self.weights = load_backbone(self.config)
            self._build(model, self._spec)
        return self.weights

    def fit(self, train: SurfaceDataset, validation: SurfaceDataset | None = None) -> Self:
        """Trains from the starting weights.

        Args:
            train: normal and defective images, labels only; masks are not read.
            validation: images to record the best epoch by; never test images.

        Raises:
            ValueError: if a class is missing, images differ in size, or the checkpoint is of another training.
        """
        require_both_classes(train, "training")
        if validation is not None:
            require_both_classes(validation, "validation")
        self._trained = None  # a second fit starts from the beginning, as the first
        self.prepare()
        inputs = gather(train, self.config.size, self._frozen, self.config.flips)
        held_out = None if validation is None else gather(validation, self.config.size, self._frozen)
        trained = self._network()
        training = Training(trained, inputs, held_out, self.config, self.device, self.checkpoint)
        self._progress = training.run(self.show_progress)
        self._last = {k: v.detach().cpu().clone() for k, v in trained.state_dict().items()}
        return self

    @property
    def history(self) -> pd.DataFrame:
        """One row an epoch: epoch (from 1), loss, lr, validation_loss, validation_ap (empty without validation)."""
        columns = ["epoch", "loss", "lr", "validation_loss", "validation_ap"]
        return pd.DataFrame(self._progress.rows, columns=columns)

    @property
    def best_epoch(self) -> int:
        """The epoch, from 1, with the best validation AP; 0 where no validation images were given."""
        return self._progress.best_epoch

    def score(self, dataset: SurfaceDataset, epoch: str = "last", maps: bool = False) -> Scores:
        """Logits of every image, in order, computed in float32.

        Args:
            dataset: images, brought to the size of training.
            epoch: ``"last"`` (default) or ``"best"`` (on validation images).
            maps: give pixel scores too: the patch head's logits, bilinear to the size of the images.

        Raises:
            RuntimeError: before `fit`.
            ValueError: if ``"best"`` is asked for and no validation images were given, or maps of a ``"gap"`` head.
        """
        trained = self._at(epoch).eval()
        if maps and self.config.head != "patch":
            raise ValueError("the 'gap' head locates nothing: pixel scores need head='patch'")
        logits, pixels, batch = [], [], []
        with torch.inference_mode():
            for i, image in enumerate(images(dataset, self.config.size)):
                batch.append(image.float().div(255) if self._frozen is None else self._frozen.features(image).float())
                if len(batch) == self.config.batch_size or i + 1 == len(dataset):
                    scores, places = _forward(trained, to_device(torch.stack(batch), self.device))
                    logits.append(scores.cpu())
                    if maps and places is not None:
                        shape = list(image.shape[1:])
                        pixels.append(F.interpolate(places[:, None], shape, mode="bilinear")[:, 0].cpu())
                    batch = []
        image_scores = torch.cat(logits).numpy() if logits else np.empty(0, np.float32)
        return Scores(image_scores, torch.cat(pixels).numpy() if pixels else None)

    def save(self, path: Path) -> None:
        """Writes the whole trained network, last and best epoch, settings and history as one safetensors file."""
        self._at("last")
        assert self._spec is not None and self.weights is not None
        tensors = prefixed("last.", self._last) | prefixed("best.", self._progress.best or {})
        if self._frozen is not None:
            tensors |= prefixed("frozen.", self._frozen.front.state_dict())
        facts = {
            "config": asdict(self.config),
            "spec": asdict(self._spec),
            "weights": asdict(self.weights),
            "rows": self._progress.rows,
            "best_epoch": self._progress.best_epoch,
        }
        write_detector(path, self.name, tensors, facts)

    @classmethod
    def load(cls, path: Path, device: str = "auto", cache: Path | None = None) -> Self:
        """Reads what `save` wrote; needs neither the starting weights nor a network.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the file was not written by `save`.
        """
        tensors, facts = read_detector(path, cls.name)
        self = cls(settings_from(ClassifierConfig, facts["config"]), device, cache)
        self.weights = WeightsReport(**facts["weights"])
        self._spec = spec_from(facts["spec"])
        self._build(create(self._spec, self.config.seed), self._spec, part(tensors, "frozen."))
        self._last = part(tensors, "last.")
        rows, best = facts["rows"], part(tensors, "best.") or None
        self._progress = Progress(len(rows), rows, best, facts["best_epoch"])
        return self

    def _build(self, model: nn.Module, spec: BackboneSpec, frozen_state: dict[str, Tensor] | None = None) -> None:
        config = self.config
        stride = config.stride or (16 if config.head == "patch" else None)
        backbone = cut(model, spec, stride, config.finetune)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            head = make_head(config, backbone.channels)
        self._frozen = None
        parts = [backbone.front, backbone.end, head]
        if config.finetune != "all":
            if frozen_state is not None:
                backbone.front.load_state_dict(frozen_state)
            self._frozen = Frozen(backbone.front, spec, self.device, self.cache)
            parts = parts[1:]
        self._trained = nn.Sequential(*parts).to(self.device)
        if self.device.type == "cuda":
            self._trained = self._trained.to(memory_format=torch.channels_last)

    def _network(self) -> nn.Sequential:
        if self._trained is None:
            raise RuntimeError("the classifier has no network yet: call fit(train) or Classifier.load(path) first")
        return self._trained

    def _at(self, epoch: str) -> nn.Sequential:
        """The network with the weights of the last or the best epoch."""
        if epoch not in EPOCHS:
            raise ValueError(f"epoch must be one of {', '.join(EPOCHS)}, got {epoch!r}")
        if not self._last:
            raise untrained(self)
        state = self._last if epoch == "last" else self._progress.best
        if state is None:
            raise ValueError("there is no best epoch: fit was given no validation images")
        network = self._network()
        network.load_state_dict(state)
        return network


def _forward(trained: nn.Sequential, batch: Tensor) -> tuple[Tensor, Tensor | None]:
    """Image logits and, of a patch head, its map."""
    features, head = trained[:-1](batch), trained[-1]
    return head(features).float(), head.maps(features).float() if isinstance(head, PatchHead) else None

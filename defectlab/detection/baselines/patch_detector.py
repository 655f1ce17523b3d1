"""`PatchDetector`: what detectors that read patches of a frozen backbone do alike: load it, save it, read it again."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from torch import Tensor

from defectlab.data.base import SurfaceDataset
from defectlab.detection.backbones import create
from defectlab.detection.base import Detector, untrained
from defectlab.detection.baselines.features import STRIDES, PatchFeatures, load_model, map_indices
from defectlab.detection.saved import part, prefixed, read_detector, settings_from, spec_from, write_detector
from defectlab.detection.weights import WeightsReport
from defectlab.devices import pick_device


class PatchSettings(Protocol):
    """What the backbone and its patches depend on; a frozen dataclass with further fields of its own."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def backbone(self) -> str:
        """Timm name, or ``"auto"``."""

    @property
    def weights(self) -> str:
        """As `features.load_model`."""

    @property
    def size(self) -> tuple[int, int]:
        """``(height, width)`` of the images."""

    @property
    def layers(self) -> tuple[int, ...] | None:
        """Maps to read; ``None``: those of stride 8 and 16."""

    @property
    def neighbourhood(self) -> int:
        """Side in places that a patch averages over."""

    @property
    def seed(self) -> int:
        """Of random weights."""


class PatchDetector(Detector):
    """A detector on patches of a frozen backbone that learns from normal images alone.

    Args:
        settings: of the subclass.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...

    Attributes:
        weights: what the backbone is; known after `fit` or `load`.
    """

    settings_class: ClassVar[type[Any]]
    settings: Any

    def __init__(self, settings: PatchSettings | None = None, device: str = "auto") -> None:
        self.settings = settings or self.settings_class()
        self.device = pick_device(device)
        self.weights: WeightsReport | None = None
        self._features: PatchFeatures | None = None

    @abstractmethod
    def learnt(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What a file holds beside the backbone: tensors, and what JSON can hold.

        Raises:
            RuntimeError: before `fit`.
        """

    @abstractmethod
    def set_learnt(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Sets what `learnt` gave; the features are there already."""

    def save(self, path: Path) -> None:
        """Writes backbone, what was learnt, and settings as one safetensors file, atomically."""
        tensors, facts = self.learnt()
        features = self.features
        assert self.weights is not None
        facts = {
            "settings": asdict(self.settings),
            "spec": asdict(features.spec),
            "indices": features.indices,
            "weights": asdict(self.weights),
            **facts,
        }
        write_detector(path, self.name, prefixed("model.", features.model.state_dict()) | tensors, facts)

    @classmethod
    def load(cls, path: Path, device: str = "auto") -> Self:
        """Reads what `save` wrote; needs neither the starting weights nor a network.

        Raises:
            ValueError: if the file was not written by `save`.
        """
        tensors, facts = read_detector(path, cls.name)
        self = cls(settings_from(cls.settings_class, facts["settings"]), device)
        spec = spec_from(facts["spec"])
        model = create(spec, seed=0)
        model.load_state_dict(part(tensors, "model."))
        self._features = PatchFeatures(model, spec, facts["indices"], self.settings.neighbourhood).to(self.device)
        self.weights = WeightsReport(**facts["weights"])
        self.set_learnt(tensors, facts)
        return self

    @property
    def features(self) -> PatchFeatures:
        """Of the backbone, on the device.

        Raises:
            RuntimeError: before `fit`.
        """
        if self._features is None:
            raise untrained(self)
        return self._features

    def normals_of(self, train: SurfaceDataset) -> SurfaceDataset:
        """The normal images of a training set.

        Raises:
            ValueError: if there is none.
        """
        normals = train.subset(defective=False)
        if not len(normals):
            raise ValueError(
                f"{train.name!r} ({train.split}) holds no normal image, and {self.name} learns from those alone"
            )
        return normals

    def check(self) -> WeightsReport:
        """As `Detector.check`: loads the backbone once, and lets it go."""
        return self._backbone()[1]

    def load_features(self) -> PatchFeatures:
        """The patches of the backbone that the settings name; sets `weights` and `features`."""
        features, self.weights = self._backbone()
        self._features = features.to(self.device)
        return self._features

    def _backbone(self) -> tuple[PatchFeatures, WeightsReport]:
        s: PatchSettings = self.settings
        model, spec, report = load_model(s.backbone, s.weights, s.size, s.seed)
        return PatchFeatures(model, spec, map_indices(model, spec, s.layers, STRIDES), s.neighbourhood), report

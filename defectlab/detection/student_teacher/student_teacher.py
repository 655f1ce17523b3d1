"""`StudentTeacher`: defects located by a detector that saw normal images and synthetic defects alone."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import pandas as pd
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from defectlab.data.base import SurfaceDataset
from defectlab.data.combine import JoinedDataset
from defectlab.detection.backbones import BackboneSpec, create
from defectlab.detection.base import Detector, Scores
from defectlab.detection.scoring import score_images
from defectlab.detection.student_teacher.maps import top_k_mean
from defectlab.detection.student_teacher.network import Network
from defectlab.detection.student_teacher.settings import StudentTeacherSettings
from defectlab.detection.student_teacher.teacher import build_teacher, load_teacher
from defectlab.detection.student_teacher.training import StudentTeacherTrainer
from defectlab.detection.student_teacher.triplets import PairedDataset, TripletSource, gather
from defectlab.detection.weights import WeightsReport
from defectlab.devices import pick_device
from defectlab.files import atomic_path
from defectlab.synthesis.base import Synthesizer


class StudentTeacher(Detector):
    """The asymmetric student-teacher network (arXiv 2604.19240).

    One model for a category or one for all, which the paper does not say, is a matter of what `fit` is given.

    Args:
        settings: presets are in `defectlab.detection.student_teacher.settings`.
        synthesizer: makes the synthetic defects from the normal images in `fit`; ``None``: the training set has them.
        n_synthetic: how many; ``None``: as many as there are normal images.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...
        folder: for the checkpoint and log that a killed training goes on from, and ``synthetic/``; ``None``: neither.
        show_progress: draw a bar of steps.

    Attributes:
        weights: what the teacher is; known after `fit` or `load`.
        history: the log of the training, see `StudentTeacherTrainer.history`.
    """

    name = "student_teacher"

    def __init__(
        self,
        settings: StudentTeacherSettings | None = None,
        synthesizer: Synthesizer | None = None,
        n_synthetic: int | None = None,
        device: str = "auto",
        folder: Path | None = None,
        show_progress: bool = False,
    ) -> None:
        self.settings = settings or StudentTeacherSettings()
        self.synthesizer, self.n_synthetic = synthesizer, n_synthetic
        self.device, self.show_progress = pick_device(device), show_progress
        self.folder = None if folder is None else Path(folder)
        self.weights: WeightsReport | None = None
        self.history = pd.DataFrame()
        self._network: Network | None = None

    def fit(self, train: SurfaceDataset, validation: SurfaceDataset | None = None) -> Self:
        """Trains student and head.

        Args:
            train: normal images; without a synthesizer joined with the synthetic ones made from them. With one, real
                defects among them are left aside.
            validation: not read: the paper chooses no epoch, and the last step counts.

        Raises:
            ValueError: if synthetic and normal images do not pair, or the checkpoint is of another training.
            FloatingPointError: if the loss is no longer finite.
        """
        return self.fit_triplets(PairedDataset(self._with_synthetic(train)))

    def fit_triplets(self, triplets: TripletSource) -> Self:
        """As `fit`, from triplets (I, A, M) as they are."""
        teacher, self.weights = load_teacher(self.settings)  # before any image is read
        network = Network(teacher, self.settings)
        gathered = gather(triplets, self.settings.size)
        trainer = StudentTeacherTrainer(network, gathered, self.settings, self.folder, self.device, self.show_progress)
        self.history = trainer.run()
        self._network = network.eval()
        return self

    def score(self, dataset: SurfaceDataset, maps: str | None = None) -> Scores:
        """Image scores by Eq. 6 on maps of ``settings.size``, and the maps at the size of the images.

        Args:
            dataset: images of one size.
            maps: ``"head"`` or ``"features"``; ``None``: as the settings say.

        Raises:
            RuntimeError: before `fit`.
            ValueError: if images differ in size, or there is no head to give the map.
        """
        network, s = self._trained(), self.settings

        def forward(images: Tensor) -> tuple[Tensor, Tensor]:
            of_pixels = network.maps(images, maps or s.maps)
            return top_k_mean(of_pixels, s.top_k), of_pixels  # Eq. 6

        return score_images(dataset, s.size, s.batch_size, self.device, forward)

    def save(self, path: Path) -> None:
        """Writes teacher, student, head, settings and history as one safetensors file, atomically."""
        network = self._trained()
        assert self.weights is not None
        facts = {
            "settings": asdict(self.settings),
            "spec": asdict(network.teacher.spec),
            "weights": asdict(self.weights),
            "history": self.history.to_dict("records"),
        }
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
        with atomic_path(path) as partial:
            save_file(tensors, partial, {self.name: json.dumps(facts)})

    @classmethod
    def load(cls, path: Path, device: str = "auto") -> Self:
        """Reads what `save` wrote; needs neither the teacher's weights nor a network.

        Raises:
            ValueError: if the file was not written by `save`.
        """
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if cls.name not in metadata:
                raise ValueError(f"{path} was not written by StudentTeacher.save: it has no settings in it")
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
        facts = json.loads(metadata[cls.name])
        self = cls(_settings(facts["settings"]), device=device)
        spec = _spec(facts["spec"])
        network = Network(build_teacher(create(spec, seed=0), spec, self.settings), self.settings)
        network.load_state_dict(tensors)
        self._network = network.to(self.device).eval()
        self.weights = WeightsReport(**facts["weights"])
        self.history = pd.DataFrame(facts["history"])
        return self

    def _with_synthetic(self, train: SurfaceDataset) -> SurfaceDataset:
        if self.synthesizer is None:
            return train
        normals = train.subset(defective=False)
        if not len(normals):
            raise ValueError(f"{train.name!r} holds no normal image to make defects from")
        out = None if self.folder is None else self.folder / "synthetic"
        n = len(normals) if self.n_synthetic is None else self.n_synthetic
        synthetic = self.synthesizer.fit(normals).synthesize(normals, n, self.settings.seed, out)
        return JoinedDataset(normals, synthetic)  # unlike `concatenate`, for sizes are compared image by image

    def _trained(self) -> Network:
        if self._network is None:
            raise RuntimeError("the detector is not trained: call fit(train) or StudentTeacher.load(path) first")
        return self._network


def _settings(values: dict[str, Any]) -> StudentTeacherSettings:
    size, levels = values.pop("size"), values.pop("levels")
    groups = None if levels is None else tuple(tuple(group) for group in levels)
    return StudentTeacherSettings(size=(size[0], size[1]), levels=groups, **values)


def _spec(values: dict[str, Any]) -> BackboneSpec:
    lists = {name: tuple(values[name]) for name in ("absent", "mean", "std")}
    return BackboneSpec(values["architecture"], values["options"], **lists)

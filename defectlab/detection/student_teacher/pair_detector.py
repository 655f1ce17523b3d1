"""`PairDetector`: what every detector that learns from triplets does alike: fit, score, save and load."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar, Self

import pandas as pd
from torch import Tensor

from defectlab.data.base import SurfaceDataset
from defectlab.detection.backbones import BackboneSpec
from defectlab.detection.base import Detector, Scores, untrained
from defectlab.detection.saved import read_detector, settings_from, spec_from, write_detector
from defectlab.detection.scoring import score_images
from defectlab.detection.student_teacher.maps import top_k_mean
from defectlab.detection.student_teacher.network import PairNetwork
from defectlab.detection.student_teacher.settings import TrainingSettings
from defectlab.detection.student_teacher.training import PairTrainer
from defectlab.detection.student_teacher.triplets import PairedDataset, TripletSource, gather, with_synthetic
from defectlab.detection.weights import WeightsReport
from defectlab.devices import pick_device
from defectlab.synthesis.base import Synthesizer


class PairDetector(Detector):
    """A teacher, a student and a head, trained on normal images and the synthetic defects made from them.

    Args:
        settings: of the subclass.
        synthesizer: makes the synthetic defects from the normal images in `fit`; ``None``: the training set has them.
        n_synthetic: how many; ``None``: as many as there are normal images.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...
        folder: for the checkpoint and log that a killed training goes on from, and ``synthetic/``; ``None``: neither.
        show_progress: draw a bar of steps.

    Attributes:
        weights: what the teacher is; known after `fit` or `load`.
        history: the log of the training, see `PairTrainer.history`.
    """

    settings_class: ClassVar[type[TrainingSettings]]
    trainer_class: ClassVar[type[PairTrainer]]
    default_maps: ClassVar[str] = "head"

    def __init__(
        self,
        settings: TrainingSettings | None = None,
        synthesizer: Synthesizer | None = None,
        n_synthetic: int | None = None,
        device: str = "auto",
        folder: Path | None = None,
        show_progress: bool = False,
    ) -> None:
        self.settings = settings or self.settings_class()
        self.synthesizer, self.n_synthetic = synthesizer, n_synthetic
        self.device, self.show_progress = pick_device(device), show_progress
        self.folder = None if folder is None else Path(folder)
        self.weights: WeightsReport | None = None
        self.history = pd.DataFrame()
        self._network: PairNetwork | None = None

    @abstractmethod
    def make_network(self) -> tuple[PairNetwork, WeightsReport]:
        """The network before training, its teacher with the weights that the settings name."""

    @abstractmethod
    def remake_network(self, spec: BackboneSpec) -> PairNetwork:
        """The network for weights still to come.

        Args:
            spec: of the teacher.
        """

    def check(self) -> WeightsReport:
        """As `Detector.check`: builds the network once, and lets it go."""
        return self.make_network()[1]

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
        network, self.weights = self.make_network()  # what cannot be made stops before the synthesis
        both = with_synthetic(train, self.synthesizer, self.n_synthetic, self.settings.seed, self.folder)
        return self._train(network, PairedDataset(both))

    def fit_triplets(self, triplets: TripletSource) -> Self:
        """As `fit`, from triplets (I, A, M) as they are."""
        network, self.weights = self.make_network()  # before any image is read
        return self._train(network, triplets)

    def _train(self, network: PairNetwork, triplets: TripletSource) -> Self:
        gathered = gather(triplets, self.settings.size)
        trainer = self.trainer_class(network, gathered, self.settings, self.folder, self.device, self.show_progress)
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
        kind = maps or str(getattr(s, "maps", self.default_maps))

        def forward(images: Tensor) -> tuple[Tensor, Tensor]:
            of_pixels = network.maps(images, kind)
            return top_k_mean(of_pixels, s.top_k), of_pixels  # Eq. 6

        return score_images(dataset, s.size, s.batch_size, self.device, forward)

    def save(self, path: Path) -> None:
        """Writes teacher, student, head, settings and history as one safetensors file, atomically."""
        network = self._trained()
        assert self.weights is not None
        facts = {
            "settings": asdict(self.settings),
            "spec": asdict(network.spec),
            "weights": asdict(self.weights),
            "history": self.history.to_dict("records"),
        }
        write_detector(path, self.name, network.state_dict(), facts)

    @classmethod
    def load(cls, path: Path, device: str = "auto") -> Self:
        """Reads what `save` wrote; needs neither the teacher's weights nor a network.

        Raises:
            ValueError: if the file was not written by `save`.
        """
        tensors, facts = read_detector(path, cls.name)
        self = cls(settings_from(cls.settings_class, facts["settings"]), device=device)
        network = self.remake_network(spec_from(facts["spec"]))
        network.load_state_dict(tensors)
        self._network = network.to(self.device).eval()
        self.weights = WeightsReport(**facts["weights"])
        self.history = pd.DataFrame(facts["history"])
        return self

    def _trained(self) -> PairNetwork:
        if self._network is None:
            raise untrained(self)
        return self._network

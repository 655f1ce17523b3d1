"""The book's classifier with an eye on it: after every epoch, what it would score, and where its averages stand."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pandas as pd

from defectlab.data import SurfaceDataset
from defectlab.detection.backbones import create
from defectlab.detection.base import require_both_classes
from defectlab.detection.classifier import Classifier
from defectlab.detection.config import ClassifierConfig
from defectlab.detection.inputs import Inputs, gather
from defectlab.detection.training import Training, predict
from defectlab.detection.weights import WeightsReport
from defectlab.evaluation import average_precision
from defectlab.experiments.running_averages import Averages, averages, distance


class WatchedTraining(Training):
    """A training that also scores test images after every epoch; nothing that it learns depends on them.

    Attributes:
        test: images that are scored.
        seen: one row an epoch: ``epoch, test_ap, moved, step``.
        watching: seconds that the watching took.
    """

    test: Inputs
    seen: list[dict[str, Any]]
    watching: float
    _first: Averages | None = None
    _before: Averages | None = None

    def watch(self, test: Inputs) -> pd.DataFrame:
        """Trains to the last epoch.

        Returns:
            One row an epoch: ``epoch, loss, validation_loss, validation_ap, test_ap``, and how far the running averages
            of batch normalisation are from those after the first epoch (``moved``) and after the one before (``step``).
        """
        self.test, self.seen, self.watching = test, [], 0.0
        self._before = averages(self.trained)
        history = pd.DataFrame(self.run().rows)[["epoch", "loss", "validation_loss", "validation_ap"]]
        return history.merge(pd.DataFrame(self.seen), on="epoch")

    def _record(self, epoch: int, loss: float, lr: float) -> None:
        super()._record(epoch, loss, lr)
        begun = time.perf_counter()
        now = averages(self.trained)
        self._first, before = self._first or now, self._before or now
        logits = predict(self.trained, self.test, self.config.batch_size, self.device).numpy()
        ap = average_precision(self.test.labels.numpy(), logits)
        moved, step = distance(now, self._first), distance(now, before)
        self.seen.append({"epoch": epoch + 1, "test_ap": ap, "moved": moved, "step": step})
        self._before = now
        self.watching += time.perf_counter() - begun


class WatchedClassifier(Classifier):
    """`Classifier`, trained under the eyes of `WatchedTraining`.

    Args:
        config: the settings.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...
        cache: folder for features of frozen layers.
        shuffled: start from random weights of the same network, drawn by the seed of the settings.
    """

    def __init__(
        self, config: ClassifierConfig, device: str = "auto", cache: Path | None = None, shuffled: bool = False
    ) -> None:
        super().__init__(config, device, cache)
        self.shuffled = shuffled

    def prepare(self) -> WeightsReport:
        """Builds the network, with the weights of the settings or, where asked for, without them."""
        report = super().prepare()
        if self.shuffled and self._spec is not None:
            self._build(create(self._spec, self.config.seed), self._spec)
        return report

    def watch(self, train: SurfaceDataset, validation: SurfaceDataset, test: SurfaceDataset) -> pd.DataFrame:
        """Trains as `fit` does, and looks at the test images after every epoch.

        Args:
            train: normal and defective images.
            validation: images to record the best epoch by.
            test: images that no weight depends on.

        Returns:
            Rows of `WatchedTraining.watch`, with the ``seconds`` of the training: features of frozen layers included,
            the looking at test images not.

        Raises:
            ValueError: if a class is missing, or images differ in size.
        """
        for part, what in ((train, "training"), (validation, "validation"), (test, "test")):
            require_both_classes(part, what)
        self._trained = None
        self.prepare()
        tested = gather(test, self.config.size, self._frozen)
        begun = time.perf_counter()
        inputs = gather(train, self.config.size, self._frozen, self.config.flips)
        held_out = gather(validation, self.config.size, self._frozen)
        training = WatchedTraining(self._network(), inputs, held_out, self.config, self.device)
        rows = training.watch(tested)
        return rows.assign(seconds=time.perf_counter() - begun - training.watching)

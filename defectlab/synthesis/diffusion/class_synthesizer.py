"""`ClassSynthesizer`: learns the classes of a data set and draws new images of them, whatever the generator is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from defectlab.data.base import SurfaceDataset
from defectlab.devices import pick_device
from defectlab.files import fingerprint
from defectlab.synthesis.base import Synthesizer, Synthetic, SyntheticSet
from defectlab.synthesis.diffusion.classes import learnable, take_turns
from defectlab.synthesis.diffusion.classical import ClassicalSettings, augment_classically
from defectlab.synthesis.store import collect


class ClassSynthesizer(Synthesizer):
    """What `Ddpm` and the comparators have in common.

    Masks are absent, not empty: a detector that learns from masks refuses the images, one that learns from image
    labels takes them. Image ``i`` of a set is of class ``i`` modulo the number of classes, so that every set is
    balanced and a longer one begins with a shorter one; it depends on ``(seed, i)`` alone.

    Args:
        settings: of the training, with ``size`` and ``seed``.
        folder: where trainings are kept, a subfolder for each. What was finished there serves again, what was
            stopped goes on.
        classes: to learn and draw, ``"good"`` among them if wanted; the defect classes of the data set where ``None``.
        classical: strengths of the classical augmentation before training; ``None`` for none.
        device: ``auto``, ``cpu``, ``cuda``, ...

    Attributes:
        models: by class; filled by `fit`.
        seconds: that the trainings took, by class; filled by `fit`. Classes learnt together share them evenly.
    """

    def __init__(
        self,
        settings: Any,
        folder: str | Path,
        classes: Sequence[str] | None,
        classical: ClassicalSettings | None,
        device: str,
    ) -> None:
        if classes is not None and (not classes or len(set(classes)) != len(classes)):
            raise ValueError(f"classes: expected at least one, each once, got {tuple(classes)}")
        self.settings, self.folder = settings, Path(folder)
        self.classes = None if classes is None else tuple(classes)
        self.classical, self.device = classical, pick_device(device)
        self.models: dict[str, Any] = {}
        self.seconds: dict[str, float] = {}

    def fit(self, dataset: SurfaceDataset) -> Self:
        """Trains the models, or reads those that the folder holds already.

        Args:
            dataset: real images, all of ``settings.size``, at least two of each class.

        Raises:
            ValueError: if a class is missing or has one image only, or an image is of another size; all classes are
                checked before the first is trained.
            DivergedError: if a loss or gradient is no number any more.
        """
        classes, data = learnable(dataset, self.classes, self.settings.size)
        if self.classical is not None:
            data = augment_classically(data, self.classical, self.settings.seed)
        self.models = self._learn(data, classes)
        return self

    def synthesize(self, normals: SurfaceDataset, n: int, seed: int, out: Path | None = None) -> SyntheticSet:
        """Draws ``n`` images; see `Synthesizer.synthesize`.

        Args:
            normals: not looked at: the images are made from noise.
            n: as there.
            seed: as there.
            out: as there.

        Raises:
            ValueError: if there is no model yet, the seed is negative, or a model cannot be asked so.
        """
        if not self.models:
            raise ValueError("no model yet: call fit with a data set of the classes first")
        if seed < 0:
            raise ValueError(f"seed must be at least 0, got {seed}")
        self._require_drawable()
        names, at_once = tuple(self.models), self._at_once()

        def draw(name: str, indices: list[int]) -> list[Synthetic]:
            return self._draw(name, indices, seed)

        def make(indices: Sequence[int]) -> list[Synthetic]:
            return take_turns(indices, names, at_once, draw)

        batch = at_once * len(names)  # a whole batch of each class
        return collect(make, n, name=self.name, settings=self._settings(seed), out=out, batch_size=batch)

    def computed(self, n: int) -> int:
        """Images that are computed where ``n`` are asked for: short batches are filled up to whole ones.

        Time over this number is what an image costs, however few are drawn.
        """
        classes, whole = len(self.models), self._at_once()
        counts = [len(range(place, n, classes)) for place in range(classes)]
        return sum(-(-count // whole) * whole for count in counts)

    def of(self, *classes: str) -> Self:
        """A synthesizer of some of the classes, with the same models: ``ddpm.of("dent").synthesize(...)``.

        Raises:
            ValueError: if a class has no model.
        """
        if unknown := [name for name in classes if name not in self.models]:
            raise ValueError(f"no model of {', '.join(unknown)}; there are: {', '.join(self.models) or 'none'}")
        other = self._like(classes)
        other.models = {name: self.models[name] for name in classes}
        other.seconds = {name: self.seconds[name] for name in classes}
        return other

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits of models and sampling: what images depend on beside seed and number."""
        return fingerprint(self._settings(0))

    def _settings(self, seed: int) -> dict[str, Any]:
        models = {name: model.fingerprint for name, model in self.models.items()}
        return {"method": self.name, "seed": seed, **self._asked_how(), "models": models}

    def _require_drawable(self) -> None:
        """Raises where the models cannot be asked as the synthesizer is told to."""

    @abstractmethod
    def _learn(self, data: SurfaceDataset, classes: tuple[str, ...]) -> dict[str, Any]:
        """Trained models by class; fills `seconds`."""

    @abstractmethod
    def _draw(self, name: str, indices: list[int], seed: int) -> list[Synthetic]:
        """Images of one class, one an index."""

    @abstractmethod
    def _at_once(self) -> int:
        """Images of a class that are drawn at a time."""

    @abstractmethod
    def _asked_how(self) -> Mapping[str, Any]:
        """What images depend on beside models and seed."""

    @abstractmethod
    def _like(self, classes: Sequence[str]) -> Self:
        """The same synthesizer of other classes, without models."""

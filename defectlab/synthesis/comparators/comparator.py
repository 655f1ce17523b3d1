"""`Comparator`: what `Gan`, `Vae` and `Flow` have in common, in the form of `Ddpm`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from defectlab.data.base import SurfaceDataset
from defectlab.devices import pick_device
from defectlab.files import fingerprint, slug
from defectlab.synthesis.base import Synthesizer, Synthetic, SyntheticSet
from defectlab.synthesis.comparators.model import GeneratorModel
from defectlab.synthesis.comparators.recipe import Recipe
from defectlab.synthesis.comparators.settings import ComparatorSettings
from defectlab.synthesis.comparators.training import ComparatorTrainer
from defectlab.synthesis.diffusion.classes import class_images, learnable, of_classes, take_turns
from defectlab.synthesis.diffusion.classical import ClassicalSettings, augment_classically
from defectlab.synthesis.memseg import fingerprint as data_fingerprint
from defectlab.synthesis.store import collect

S = TypeVar("S", bound=ComparatorSettings)


class Comparator(Synthesizer, Generic[S]):
    """Learns one generator a class and draws new images of the classes; where the defect is, is not known.

    Masks are absent, not empty. Image ``i`` of a set is of class ``i`` modulo the number of classes, and depends on
    ``(seed, i)`` alone.

    Args:
        settings: of the training.
        folder: where trainings are kept, a subfolder for each. What was finished there serves again, what was
            stopped goes on.
        classes: to learn and draw, ``"good"`` among them if wanted; the defect classes of the data set where ``None``.
        classical: strengths of the classical augmentation before training; ``None`` for none.
        device: ``auto``, ``cpu``, ``cuda``, ...

    Attributes:
        models: by class; filled by `fit`.
        seconds: that each training took, by class; filled by `fit`.
        temperature: factor of the normal values that images are drawn from.
        batch_size: images that are drawn at a time.

    Source: DDPM-MoCo, Figure 9.
    """

    recipe: ClassVar[Callable[..., Recipe]]
    temperature: float = 1.0
    batch_size: int = 64

    def __init__(
        self,
        settings: S,
        folder: str | Path,
        classes: Sequence[str] | None = None,
        classical: ClassicalSettings | None = None,
        device: str = "auto",
    ) -> None:
        if classes is not None and (not classes or len(set(classes)) != len(classes)):
            raise ValueError(f"classes: expected at least one, each once, got {tuple(classes)}")
        self.settings, self.folder = settings, Path(folder)
        self.classes = None if classes is None else tuple(classes)
        self.classical, self.device = classical, pick_device(device)
        self.models: dict[str, GeneratorModel] = {}
        self.seconds: dict[str, float] = {}

    def fit(self, dataset: SurfaceDataset) -> Self:
        """Trains the generators, or reads those that the folder holds already.

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
        self.models = {name: self._train(data, name) for name in classes}
        return self

    def synthesize(self, normals: SurfaceDataset, n: int, seed: int, out: Path | None = None) -> SyntheticSet:
        """Draws ``n`` images; see `Synthesizer.synthesize`.

        Args:
            normals: not looked at: the images are made from noise.
            n: as there.
            seed: as there.
            out: as there.

        Raises:
            ValueError: if there is no model yet or the seed is negative.
        """
        if not self.models:
            raise ValueError("no model yet: call fit with a data set of the classes first")
        if seed < 0:
            raise ValueError(f"seed must be at least 0, got {seed}")
        names = tuple(self.models)

        def draw(name: str, indices: list[int]) -> list[Synthetic]:
            return self._draw(name, indices, seed)

        def make(indices: Sequence[int]) -> list[Synthetic]:
            return take_turns(indices, names, self.batch_size, draw)

        batch = self.batch_size * len(names)  # a whole batch of each class
        return collect(make, n, name=self.name, settings=self._settings(seed), out=out, batch_size=batch)

    def of(self, *classes: str) -> Self:
        """A synthesizer of some of the classes, with the same generators.

        Raises:
            ValueError: if a class has no generator.
        """
        if unknown := [name for name in classes if name not in self.models]:
            raise ValueError(f"no model of {', '.join(unknown)}; there are: {', '.join(self.models) or 'none'}")
        other = type(self)(self.settings, self.folder, classes, self.classical, str(self.device))
        other.temperature, other.batch_size = self.temperature, self.batch_size
        other.models = {name: self.models[name] for name in classes}
        other.seconds = {name: self.seconds[name] for name in classes}
        return other

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits of generators and temperature: what images depend on beside seed and number."""
        return fingerprint(self._settings(0))

    def _train(self, data: SurfaceDataset, name: str) -> GeneratorModel:
        images, _ = class_images(data, (name,), self.settings.size)
        what = {"settings": asdict(self.settings), "class": name, "data": data_fingerprint(of_classes(data, [name]))}
        if self.classical is not None:
            what["classical"] = asdict(self.classical)
        folder = self.folder / f"{self.name}-{slug(name)}-{fingerprint(what)}"
        trainer = ComparatorTrainer(folder, type(self).recipe(self.settings, self.device), images, name)
        model = trainer.run().to(self.device)
        self.seconds[name] = trainer.seconds
        return model

    def _draw(self, name: str, indices: list[int], seed: int) -> list[Synthetic]:
        model = self.models[name]
        images = model.sample(indices, seed, self.batch_size, self.temperature)
        trained = {"temperature": self.temperature, "trained_steps": model.steps}
        records = [{"method": self.name, "seed": seed, "index": i, "defect": name, **trained} for i in indices]
        return [Synthetic(image, None, record) for image, record in zip(images, records, strict=True)]

    def _settings(self, seed: int) -> dict[str, Any]:
        models = {name: model.fingerprint for name, model in self.models.items()}
        return {"method": self.name, "seed": seed, "temperature": self.temperature, "models": models}

"""`Comparator`: what `Gan`, `Vae` and `Flow` have in common, in the form of `Ddpm`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from defectlab.data.base import SurfaceDataset
from defectlab.files import fingerprint, slug
from defectlab.synthesis.base import Synthetic
from defectlab.synthesis.comparators.model import GeneratorModel
from defectlab.synthesis.comparators.recipe import Recipe
from defectlab.synthesis.comparators.settings import ComparatorSettings
from defectlab.synthesis.comparators.training import ComparatorTrainer
from defectlab.synthesis.diffusion.class_synthesizer import ClassSynthesizer
from defectlab.synthesis.diffusion.classes import class_images, of_classes
from defectlab.synthesis.diffusion.classical import ClassicalSettings
from defectlab.synthesis.memseg import fingerprint as data_fingerprint

S = TypeVar("S", bound=ComparatorSettings)


class Comparator(ClassSynthesizer, Generic[S]):
    """Learns one generator a class and draws new images of the classes; arguments as `ClassSynthesizer`.

    Attributes:
        temperature: factor of the normal values that images are drawn from.
        batch_size: images that are drawn at a time.

    Source: DDPM-MoCo, Figure 9.
    """

    settings: S
    models: dict[str, GeneratorModel]
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
        super().__init__(settings, folder, classes, classical, device)

    def _learn(self, data: SurfaceDataset, classes: tuple[str, ...]) -> dict[str, Any]:
        return {name: self._train(data, name) for name in classes}

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

    def _at_once(self) -> int:
        return self.batch_size

    def _asked_how(self) -> dict[str, Any]:
        return {"temperature": self.temperature}

    def _like(self, classes: Sequence[str]) -> Self:
        other = type(self)(self.settings, self.folder, classes, self.classical, str(self.device))
        other.temperature, other.batch_size = self.temperature, self.batch_size
        return other

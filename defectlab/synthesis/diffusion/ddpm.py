"""`Ddpm`: images of diffusion models in pixels, one model a class as in DDPM-MoCo, or one that is told the class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from defectlab.data.base import SurfaceDataset
from defectlab.devices import pick_device
from defectlab.files import fingerprint, slug
from defectlab.synthesis.base import Synthesizer, Synthetic, SyntheticSet
from defectlab.synthesis.diffusion.classes import class_images, learnable, of_classes, take_turns
from defectlab.synthesis.diffusion.classical import ClassicalSettings, augment_classically
from defectlab.synthesis.diffusion.model import DiffusionModel
from defectlab.synthesis.diffusion.sampling import noise_of, sample
from defectlab.synthesis.diffusion.settings import DiffusionSettings, SamplingSettings
from defectlab.synthesis.diffusion.training import Trainer
from defectlab.synthesis.memseg import fingerprint as data_fingerprint
from defectlab.synthesis.store import collect


class Ddpm(Synthesizer):
    """Learns the classes of a data set and draws new images of them; where the defect is, is not known.

    Masks are absent, not empty: a detector that learns from masks refuses the images, one that learns from image
    labels takes them. Image ``i`` of a set is of class ``i`` modulo the number of classes, so that every set is
    balanced and a longer one begins with a shorter one.

    Args:
        settings: of the training.
        sampling: of the images.
        folder: where trainings are kept, a subfolder for each. What was finished there serves again, what was
            stopped goes on.
        classes: to learn and draw, ``"good"`` among them if wanted; the defect classes of the data set where ``None``.
        conditional: one model that is told the class instead of one model a class (not in the paper).
        classical: strengths of the classical augmentation before training; ``None`` for none.
        device: ``auto``, ``cpu``, ``cuda``, ...

    Attributes:
        models: by class; filled by `fit`. In a conditional synthesizer all are the same.
        seconds: that the trainings took, by class; filled by `fit`. Classes learnt together share them evenly.

    Source: DDPM-MoCo, section 3.1; Ho et al. 2020.
    """

    name = "ddpm"

    def __init__(
        self,
        settings: DiffusionSettings,
        sampling: SamplingSettings,
        folder: str | Path,
        classes: Sequence[str] | None = None,
        conditional: bool = False,
        classical: ClassicalSettings | None = None,
        device: str = "auto",
    ) -> None:
        sampling.calls(settings.timesteps)  # refuses steps that do not fit, before any training
        if sampling.guidance > 1 and not conditional:
            raise ValueError(f"guidance: {sampling.guidance} needs conditional=True; a model of one class is told none")
        if classes is not None and (not classes or len(set(classes)) != len(classes)):
            raise ValueError(f"classes: expected at least one, each once, got {tuple(classes)}")
        self.settings, self.sampling, self.folder = settings, sampling, Path(folder)
        self.classes = None if classes is None else tuple(classes)
        self.conditional, self.classical, self.device = conditional, classical, pick_device(device)
        self.models: dict[str, DiffusionModel] = {}
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
        together = [classes] if self.conditional else [(name,) for name in classes]
        models = {name: self._train(data, group) for group in together for name in group[:1]}
        self.models = {name: models[group[0]] for group in together for name in group}
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
        for name, model in self.models.items():
            noise_of(model, 1, self.sampling, name)  # refuses what cannot be drawn

        def make(indices: Sequence[int]) -> list[Synthetic]:
            return self._make(indices, seed)

        batch = self.sampling.batch_size * len(self.models)  # a whole batch of each class
        return collect(make, n, name=self.name, settings=self._settings(seed), out=out, batch_size=batch)

    def of(self, *classes: str) -> Self:
        """A synthesizer of some of the classes, with the same models: ``ddpm.of("dent").synthesize(...)``.

        Raises:
            ValueError: if a class has no model.
        """
        if unknown := [name for name in classes if name not in self.models]:
            raise ValueError(f"no model of {', '.join(unknown)}; there are: {', '.join(self.models) or 'none'}")
        other = type(self)(
            self.settings, self.sampling, self.folder, classes, self.conditional, self.classical, str(self.device)
        )
        other.models = {name: self.models[name] for name in classes}
        other.seconds = {name: self.seconds[name] for name in classes}
        return other

    def asked(self, sampling: SamplingSettings) -> Self:
        """The same models, asked in another way.

        Raises:
            ValueError: if the models cannot be asked so.
        """
        classes, device = tuple(self.models) or self.classes, str(self.device)
        other = type(self)(self.settings, sampling, self.folder, classes, self.conditional, self.classical, device)
        other.models, other.seconds = dict(self.models), dict(self.seconds)
        return other

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits of models and sampling: what images depend on beside seed and number."""
        return fingerprint(self._settings(0))

    def _train(self, data: SurfaceDataset, group: tuple[str, ...]) -> DiffusionModel:
        images, labels = class_images(data, group, self.settings.size)
        what = {"settings": asdict(self.settings), "classes": group, "data": data_fingerprint(of_classes(data, group))}
        if self.classical is not None:
            what["classical"] = asdict(self.classical)
        folder = self.folder / f"{slug('+'.join(group))}-{fingerprint(what)}"
        trainer = Trainer(folder, self.settings, images, group, labels, self.device)
        model = trainer.run().to(self.device)
        self.seconds.update(dict.fromkeys(group, trainer.seconds / len(group)))
        return model

    def _make(self, indices: Sequence[int], seed: int) -> list[Synthetic]:
        def draw(name: str, batch: list[int]) -> list[Synthetic]:
            model = self.models[name]
            images = sample(model, batch, seed, self.sampling, name)
            records = [self._record(i, seed, name, model) for i in batch]
            return [Synthetic(image, None, record) for image, record in zip(images, records, strict=True)]

        return take_turns(indices, tuple(self.models), self.sampling.batch_size, draw)

    def _record(self, index: int, seed: int, name: str, model: DiffusionModel) -> dict[str, Any]:
        s = self.sampling
        how = {"sampler": s.sampler, "steps": s.calls(self.settings.timesteps), "guidance": s.guidance}
        trained = {"trained_steps": model.steps, "conditional": model.conditional}
        return {"method": self.name, "seed": seed, "index": index, "defect": name, **how, **trained}

    def _settings(self, seed: int) -> dict[str, Any]:
        sampling = {key: value for key, value in asdict(self.sampling).items() if key != "batch_size"}
        models = {name: model.fingerprint for name, model in self.models.items()}
        return {"method": self.name, "seed": seed, "sampling": sampling, "models": models}

"""`Ddpm`: images of diffusion models in pixels, one model a class as in DDPM-MoCo, or one that is told the class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from defectlab.data.base import SurfaceDataset
from defectlab.files import fingerprint, slug
from defectlab.synthesis.base import Synthetic
from defectlab.synthesis.diffusion.class_synthesizer import ClassSynthesizer
from defectlab.synthesis.diffusion.classes import class_images, of_classes
from defectlab.synthesis.diffusion.classical import ClassicalSettings
from defectlab.synthesis.diffusion.model import DiffusionModel
from defectlab.synthesis.diffusion.sampling import noise_of, sample
from defectlab.synthesis.diffusion.settings import DiffusionSettings, SamplingSettings
from defectlab.synthesis.diffusion.training import Trainer
from defectlab.synthesis.memseg import fingerprint as data_fingerprint


class Ddpm(ClassSynthesizer):
    """Learns the classes of a data set and draws new images of them; see `ClassSynthesizer`.

    Args:
        settings: of the training.
        sampling: of the images.
        folder: as there.
        classes: as there.
        conditional: one model that is told the class instead of one model a class (not in the paper). All `models`
            are then the same.
        classical: as there.
        device: as there.

    Source: DDPM-MoCo, section 3.1; Ho et al. 2020.
    """

    name = "ddpm"
    settings: DiffusionSettings
    models: dict[str, DiffusionModel]

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
        super().__init__(settings, folder, classes, classical, device)
        self.sampling, self.conditional = sampling, conditional

    def asked(self, sampling: SamplingSettings) -> Self:
        """The same models, asked in another way.

        Raises:
            ValueError: if the models cannot be asked so.
        """
        classes, device = tuple(self.models) or self.classes, str(self.device)
        other = type(self)(self.settings, sampling, self.folder, classes, self.conditional, self.classical, device)
        other.models, other.seconds = dict(self.models), dict(self.seconds)
        return other

    def _learn(self, data: SurfaceDataset, classes: tuple[str, ...]) -> dict[str, Any]:
        together = [classes] if self.conditional else [(name,) for name in classes]
        models = {group: self._train(data, group) for group in together}
        return {name: model for group, model in models.items() for name in group}

    def _require_drawable(self) -> None:
        for name, model in self.models.items():
            noise_of(model, 1, self.sampling, name)

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

    def _draw(self, name: str, indices: list[int], seed: int) -> list[Synthetic]:
        model = self.models[name]
        images = sample(model, indices, seed, self.sampling, name)
        records = [self._record(i, seed, name, model) for i in indices]
        return [Synthetic(image, None, record) for image, record in zip(images, records, strict=True)]

    def _record(self, index: int, seed: int, name: str, model: DiffusionModel) -> dict[str, Any]:
        s = self.sampling
        how = {"sampler": s.sampler, "steps": s.calls(self.settings.timesteps), "guidance": s.guidance}
        trained = {"trained_steps": model.steps, "conditional": model.conditional}
        return {"method": self.name, "seed": seed, "index": index, "defect": name, **how, **trained}

    def _at_once(self) -> int:
        return self.sampling.batch_size

    def _asked_how(self) -> dict[str, Any]:
        return {"sampling": {key: value for key, value in asdict(self.sampling).items() if key != "batch_size"}}

    def _like(self, classes: Sequence[str]) -> Self:
        return type(self)(
            self.settings, self.sampling, self.folder, classes, self.conditional, self.classical, str(self.device)
        )

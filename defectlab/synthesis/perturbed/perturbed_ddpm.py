"""`PerturbedDdpm`: parts of a globally abnormal image, blended into a normal one under a mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from defectlab.data.base import SurfaceDataset
from defectlab.devices import pick_device
from defectlab.files import fingerprint, slug
from defectlab.synthesis.base import Synthesizer, Synthetic, SyntheticSet
from defectlab.synthesis.blend import blend, changed
from defectlab.synthesis.diffusion.model import DiffusionModel
from defectlab.synthesis.diffusion.settings import DiffusionSettings, SamplingSettings
from defectlab.synthesis.diffusion.training import Trainer
from defectlab.synthesis.foreground import Foreground
from defectlab.synthesis.masks import MaskSource, PerlinMasks
from defectlab.synthesis.memseg import fingerprint as data_fingerprint
from defectlab.synthesis.memseg import require_normals
from defectlab.synthesis.perturbed.normals import Category, categories_of, normal_images, pixels, resize
from defectlab.synthesis.perturbed.process import abnormal_images
from defectlab.synthesis.perturbed.settings import PerturbedSettings
from defectlab.synthesis.perturbed.stored import keep_normal
from defectlab.synthesis.store import collect
from defectlab.synthesis.textures import TextureSource

Foregrounds = Mapping[str, Foreground | None]
ANYWHERE = "anywhere"
"""What a record says of an image whose category has no foreground, where others have one."""
DRAWS, TEXTURE = 0, 1  # streams of random numbers of an image; the diffusion noise has generators of its own


@dataclass(frozen=True)
class Plan:
    """What an image is made from, drawn before any image P is."""

    normal: int
    strength: float
    opacity: float


class PerturbedDdpm(Synthesizer):
    """Triplets (I, A, M) from normal images alone.

    Image ``i`` draws everything from generators of its own, seeded with ``(seed, i)``: the normal image I, s, delta
    and masks from one, the noise of P from another, a texture from a third; so sets that differ in content, strength
    or model can be compared image by image. Outside of M, A is I, bit by bit. A mask under which nothing changes
    (it misses the foreground, or P equals I there) is drawn again.

    Args:
        model: settings of the diffusion model; not used with textures.
        settings: how defects come about.
        folder: where trainings are kept, a subfolder for each. What was finished there serves again, what was
            stopped goes on.
        masks: where masks come from; Perlin in the paper. `defectlab.synthesis.morphology.MorphedMasks` adds erosion
            and dilation.
        foreground: where defects may be; ``None`` for the whole frame, right for surfaces that fill it; or one for each
            category, by its name.
        textures: needed for, and only used with, ``content="texture"``.
        category: tells categories apart where the normal images are of several: one model then learns all and is
            told which; ``None`` where they are of one.
        device: ``auto``, ``cpu``, ``cuda``, ...

    Attributes:
        trained: the diffusion model; filled by `fit`, ``None`` with textures.

    Source: student-teacher, sections 3.1 and 3.2, Eq. 1 to 3; the numbers that it leaves out from RealNet.
    """

    name = "perturbed_ddpm"

    def __init__(
        self,
        model: DiffusionSettings,
        settings: PerturbedSettings,
        folder: str | Path,
        masks: MaskSource | None = None,
        foreground: Foreground | Foregrounds | None = None,
        textures: TextureSource | None = None,
        category: Category | None = None,
        device: str = "auto",
    ) -> None:
        if (settings.content == "texture") != (textures is not None):
            wanted, got = ("a source", "none") if textures is None else ("none", repr(textures.name))
            raise ValueError(f"textures: content={settings.content!r} expects {wanted}, got {got}")
        if isinstance(foreground, Mapping) and category is None:
            raise ValueError("foreground: one for each category needs category, which tells them apart; got None")
        SamplingSettings(steps=settings.steps).calls(model.timesteps)  # refuses steps that do not fit, before training
        self.model, self.settings, self.folder = model, settings, Path(folder)
        self.masks: MaskSource = masks or PerlinMasks()
        self.foreground, self.textures, self.category = foreground, textures, category
        self.device = pick_device(device)
        self.trained: DiffusionModel | None = None

    def fit(self, dataset: SurfaceDataset) -> Self:
        """Trains the diffusion model on the normal images, or reads it where the folder holds it already.

        Args:
            dataset: defective images in it are left aside.

        Raises:
            ValueError: if a category has fewer than two normal images.
            DivergedError: if a loss or gradient is no number any more.
        """
        if self.settings.content == "texture":
            return self
        normals = dataset.subset(defective=False)
        require_normals(normals, 0)
        names = categories_of(normals, self.category)
        images, labels = normal_images(normals, self.category, self.model.size)
        what = {"settings": asdict(self.model), "categories": names, "data": data_fingerprint(normals)}
        folder = self.folder / f"{slug('+'.join(names))}-{fingerprint(what)}"
        self.trained = Trainer(folder, self.model, images, names, labels, self.device).run().to(self.device)
        return self

    def synthesize(self, normals: SurfaceDataset, n: int, seed: int, out: Path | None = None) -> SyntheticSet:
        """Makes ``n`` defective images; see `Synthesizer.synthesize`.

        With ``out``, the normal images that they were made from are kept there too, so that the folder holds whole
        triplets: see `defectlab.synthesis.perturbed.stored.StoredTriplets`.

        Raises:
            ValueError: if there is no normal image, a defective one is among them, one is of a category that the
                model does not know, there is no model yet, or ``seed`` is negative.
            RuntimeError: if an image stays unchanged ``max_draws`` times.
        """
        require_normals(normals, seed)
        if self.settings.content == "diffusion" and self.trained is None:
            raise ValueError("no model yet: call fit with normal images first")
        if self.trained is not None:
            for name in categories_of(normals, self.category):
                self.trained.place(name)  # refuses what it does not know

        def make(indices: Sequence[int]) -> list[Synthetic]:
            return self._make(normals, seed, indices, out)

        settings = self._settings(normals, seed)
        return collect(make, n, name=self.name, settings=settings, out=out, batch_size=self.settings.batch_size)

    def abnormal(
        self, indices: Sequence[int], seed: int, strengths: Sequence[float], name: str | None = None
    ) -> np.ndarray:
        """Globally abnormal images P, uint8 ``(n, size, size, 3)``; see `process.abnormal_images`.

        Raises:
            ValueError: if there is no model yet.
        """
        if self.trained is None:
            raise ValueError("no model yet: call fit with normal images first")
        known = name if self.trained.conditional else None
        return abnormal_images(self.trained, indices, seed, strengths, self.settings, known)

    def _make(self, normals: SurfaceDataset, seed: int, indices: Sequence[int], out: Path | None) -> list[Synthetic]:
        generators = {i: np.random.default_rng((seed, i, DRAWS)) for i in indices}
        plans = {i: self._plan(normals, rng) for i, rng in generators.items()}
        sources = self._sources(normals, seed, plans)
        made = []
        for i, plan in plans.items():
            image = pixels(normals, plan.normal)
            source = resize(sources[i], (image.shape[0], image.shape[1]))
            made.append(self._blended(normals, (seed, i), image, source, plan, generators[i]))
            if out is not None:
                keep_normal(Path(out), plan.normal, image)
        return made

    def _plan(self, normals: SurfaceDataset, rng: np.random.Generator) -> Plan:
        chosen = int(rng.integers(len(normals)))
        strength, opacity = float(rng.uniform(*self.settings.strengths)), float(rng.uniform(*self.settings.opacity))
        return Plan(chosen, strength, opacity)

    def _sources(self, normals: SurfaceDataset, seed: int, plans: dict[int, Plan]) -> dict[int, np.ndarray]:
        """P of each image, or a texture; P is of the category of its normal image."""
        if self.textures is not None:
            sizes = {i: pixels(normals, plan.normal).shape[:2] for i, plan in plans.items()}
            return {
                i: self.textures.draw(np.random.default_rng((seed, i, TEXTURE)), *size) for i, size in sizes.items()
            }
        made: dict[int, np.ndarray] = {}
        for name in categories_of(normals, self.category):
            group = [i for i, plan in plans.items() if self._is_of(normals, plan, name)]
            for start in range(0, len(group), self.settings.batch_size):
                batch = group[start : start + self.settings.batch_size]
                made.update(
                    zip(batch, self.abnormal(batch, seed, [plans[i].strength for i in batch], name), strict=True)
                )
        return made

    def _is_of(self, normals: SurfaceDataset, plan: Plan, name: str) -> bool:
        return self.category is None or self.category(normals.records[plan.normal]) == name

    def _blended(
        self,
        normals: SurfaceDataset,
        number: tuple[int, int],
        image: np.ndarray,
        source: np.ndarray,
        plan: Plan,
        rng: np.random.Generator,
    ) -> Synthetic:
        name = normals.records[plan.normal].id
        foreground = self._foreground(normals, plan.normal)
        allowed = np.ones(image.shape[:2], bool) if foreground is None else foreground(image)
        for draws in range(1, self.settings.max_draws + 1):
            mask, mask_id = self.masks.draw(rng, *image.shape[:2])
            mask = mask & allowed
            result = blend(image, source, mask, plan.opacity)  # Eq. 3
            difference = changed(image, result)
            if difference.any():
                label = difference if self.settings.label == "changed" else mask
                unchanged = 1 - float(difference.sum()) / float(mask.sum())
                facts = {"mask_id": mask_id, "draws": draws, "area": round(float(label.mean()), 6)}
                told = {"source": name, "normal": plan.normal, **facts, "unchanged": round(unchanged, 6)}
                where = (
                    {}
                    if self.foreground is None
                    else {"foreground": ANYWHERE if foreground is None else _named(foreground)}
                )
                return Synthetic(result, label, self._record(number, plan) | told | where)
        raise RuntimeError(
            f"{self.name} image {number[1]} of seed {number[0]}: {name} did not change in {self.settings.max_draws} "
            f"draws; the foreground covers {allowed.mean():.1%} of it, check its threshold"
        )

    def _foreground(self, normals: SurfaceDataset, number: int) -> Foreground | None:
        """Where defects may be on a normal image: of all, or of its category."""
        if not isinstance(self.foreground, Mapping):
            return self.foreground
        assert self.category is not None  # refused by `__init__`
        return self.foreground[self.category(normals.records[number])]

    def _record(self, number: tuple[int, int], plan: Plan) -> dict[str, Any]:
        s, diffusion = self.settings, self.textures is None
        how = {"content": s.content, "opacity": round(plan.opacity, 6), "label": s.label}
        process = {"strength": round(plan.strength, 6), "extra": s.extra, "sampler": s.sampler, "steps": s.steps}
        return {"method": self.name, "seed": number[0], "index": number[1], **how} | (
            process if diffusion else dict.fromkeys(process, "")
        )

    def _settings(self, normals: SurfaceDataset, seed: int) -> dict[str, Any]:
        chosen = {key: value for key, value in asdict(self.settings).items() if key not in ("batch_size", "max_draws")}
        return {
            "seed": seed,
            "normals": data_fingerprint(normals),
            "settings": chosen | {"strength": self.settings.strengths},
            "masks": repr(self.masks),
            "foreground": {name: _named(each) for name, each in self.foreground.items()}
            if isinstance(self.foreground, Mapping)
            else _named(self.foreground),
            "textures": "none" if self.textures is None else self.textures.name,
            "model": "none" if self.trained is None else self.trained.fingerprint,
        }


def _named(foreground: Foreground | None) -> str:
    return str(getattr(foreground, "__qualname__", repr(foreground)))

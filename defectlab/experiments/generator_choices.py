"""Which generators are compared, and in which ways a diffusion model is asked, by profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from defectlab.data.base import SurfaceDataset
from defectlab.synthesis.comparators.comparator import Comparator
from defectlab.synthesis.comparators.flow import Flow
from defectlab.synthesis.comparators.gan import Gan
from defectlab.synthesis.comparators.settings import FlowSettings, GanSettings, VaeSettings
from defectlab.synthesis.comparators.vae import Vae
from defectlab.synthesis.diffusion.classical import ClassicalSettings, augment_classically
from defectlab.synthesis.diffusion.ddpm import Ddpm
from defectlab.synthesis.diffusion.settings import SamplingSettings

Generator = Ddpm | Comparator[GanSettings] | Comparator[VaeSettings] | Comparator[FlowSettings]

SAMPLERS: dict[str, tuple[SamplingSettings, ...]] = {
    "smoke": (SamplingSettings("ddim", 2), SamplingSettings("dpm_solver", 4)),
    "laptop": tuple(
        SamplingSettings(sampler, steps)
        for sampler, counts in {"ddpm": (20, 100), "ddim": (10, 20, 50), "dpm_solver": (5, 10, 20)}.items()
        for steps in counts
    ),
    "paper": tuple(
        SamplingSettings(sampler, steps)
        for sampler, counts in {
            "ddpm": (50, 100, 250, 1000), "ddim": (10, 20, 50, 100, 250), "dpm_solver": (5, 10, 20, 50),
        }.items()
        for steps in counts
    ),
}  # fmt: skip
"""Ways to ask a model, by profile; all divide the 1000 levels."""


def comparator_settings(
    profile: str, size: int | None = None, seed: int = 0
) -> tuple[GanSettings, VaeSettings, FlowSettings]:
    """Settings of GAN, VAE and flow of a profile.

    Args:
        profile: ``smoke``, ``laptop`` or ``paper``.
        size: side of the images in pixels; the preset's where ``None``.
        seed: of the trainings.

    Raises:
        ValueError: if one of them cannot have this size.
    """
    changes = {"seed": seed} | ({} if size is None else {"size": size})
    try:
        return (
            replace(getattr(GanSettings, profile)(), **changes),
            replace(getattr(VaeSettings, profile)(), **changes),
            replace(getattr(FlowSettings, profile)(), **changes),
        )
    except ValueError as error:
        raise ValueError(
            f"comparator_size: GAN, VAE and flow cannot learn images of {size} pixels ({error}); give them a size of "
            "their own, such as comparator_size=32, or leave them out with compare_generators=False"
        ) from error


def comparators(
    profile: str,
    folder: Path,
    classes: Sequence[str],
    size: int | None = None,
    classical: ClassicalSettings | None = None,
    device: str = "auto",
    seed: int = 0,
) -> dict[str, Generator]:
    """GAN, VAE and flow of a profile, in the order of Figure 9; see `Ddpm` for the arguments.

    Args:
        profile: ``smoke``, ``laptop`` or ``paper``.
        folder: where trainings are kept.
        classes: to learn.
        size: side of the images in pixels; the preset's where ``None``.
        classical: strengths of the classical augmentation; ``None`` for none.
        device: where to compute.
        seed: of the trainings.
    """
    gan, vae, flow = comparator_settings(profile, size, seed)
    return {
        "gan": Gan(gan, folder, classes, classical, device),
        "vae": Vae(vae, folder, classes, classical, device),
        "flow": Flow(flow, folder, classes, classical, device),
    }


def common_classes(generators: Mapping[str, Generator], train: SurfaceDataset) -> tuple[str, ...]:
    """Classes of all generators, which must learn the same."""
    learnt = {name: (g.classes or train.defects, g.classical) for name, g in generators.items()}
    if len(set(learnt.values())) != 1:
        raise ValueError(f"generators: expected the same classes and augmentation for all, got {learnt}")
    return next(iter(learnt.values()))[0]


def learnt_from(generator: Generator, train: SurfaceDataset) -> SurfaceDataset:
    """Images that the generator is shown: with their augmented versions, for a flipped copy is a copy."""
    if generator.classical is None:
        return train
    return augment_classically(train, generator.classical, generator.settings.seed)

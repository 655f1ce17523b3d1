"""The parameters of ``notebooks/comparison.ipynb`` and of `defectlab study comparison`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from defectlab.experiments.experiment_parameters import DATASETS, REGIMES, SIZES
from defectlab.params import PROFILES, Parameters, parameter
from defectlab.report.comparison_setting import DETECTORS, SYNTHESIZERS, cells


@dataclass(frozen=True)
class ComparisonParameters(Parameters):
    """Parameters of the comparison; see `help` of each."""

    dataset: str = parameter("surfaces", help="images of surfaces, with masks of the test defects", choices=DATASETS)
    data_root: str = parameter("", help="folder of the data; empty: DEFECTLAB_DATA, then the cache")
    regime: str = parameter("zero_shot", help="real positives in training: none, n_shot or all", choices=REGIMES)
    n_shot: int = parameter(5, help="real positives in the few-shot regime", low=1, high=1000)
    synthesizers: list[str] | None = parameter(None, help="what is compared; None: the profile's", choices=SYNTHESIZERS)
    detectors: list[str] | None = parameter(None, help="that are trained on it; None: the profile's", choices=DETECTORS)
    n_aug: int | None = parameter(
        None, help="synthetic images of every synthesizer; None: the profile's", low=2, high=10_000
    )
    seeds: list[int] | None = parameter(
        None, help="one synthesis and one training a cell each; None: the profile's", low=0, high=99_999
    )
    profile: str = parameter("laptop", help="smoke (seconds), laptop (minutes), paper (one GPU)", choices=PROFILES)
    masks: str = parameter("lines", help="of diag: lines, perlin, blobs, real, or a mask image or folder")
    generator: str | None = parameter(None, help="of diag: pocket, sdxl, hub name or folder; None: the profile's")
    base_model: str | None = parameter(
        None, help="of ddpm and in_and_out: pocket-sd, sd15, hub name or folder; None: the profile's"
    )
    fine_tune_steps: int | None = parameter(
        None, help="of that model, at most; None: the preset's", low=1, high=1_000_000
    )
    diffusion_steps: int | None = parameter(None, help="training of perturbed; None: the profile's", low=1)
    textures: str = parameter("surfaces", help="of memseg and texture: surfaces, dtd or a folder")
    epochs: int | None = parameter(None, help="of the classifier; None: the profile's", low=1, high=10_000)
    detector_steps: int | None = parameter(
        None, help="of student_teacher and destseg, both alike; None: the profile's", low=2
    )
    network_size: int | None = parameter(
        None, help="longer side of what locating detectors see; None: the presets'", low=16, unit="pixels"
    )
    weights: str | None = parameter(
        None, help="of the classifier: imagenet, pocket, none or a file; None: the profile's"
    )
    backbone: str | None = parameter(None, help="timm name of the classifier, or auto; None: the profile's")
    height: int | None = parameter(None, help="of the images; None: the data set's", low=32, unit="pixels")
    width: int | None = parameter(None, help="of the images; None: the data set's", low=32, unit="pixels")
    scale: float | None = parameter(
        None, help="share of the images of surfaces; None: the profile's", low=0.005, high=10
    )
    device: str = parameter("auto", help="auto, cpu, cuda, cuda:1 or mps", identity=False)
    runs: str = parameter("", help="run store; empty: DEFECTLAB_RUNS, then the project's", identity=False)

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {
            "synthesizers": ["memseg", "diag", "ddpm", "perturbed"],
            "detectors": ["classifier", "student_teacher", "nearest"],
            "n_aug": 4,
            "seeds": [0, 1],
            "epochs": 2,
            "height": 64,
            "width": 32,
            "scale": 0.02,
        },
        "laptop": {
            "synthesizers": ["none", "memseg", "diag", "perturbed"],
            "detectors": ["classifier", "student_teacher", "nearest"],
            "n_aug": 30,
            "seeds": [0, 1],
            "epochs": 20,
            "diffusion_steps": 120,
            "detector_steps": 80,
            "scale": 0.15,
        },
        "paper": {
            "synthesizers": list(SYNTHESIZERS),
            "detectors": list(DETECTORS),
            "n_aug": 100,
            "seeds": [0, 1, 2, 3, 4],
            "scale": 1.0,
        },
    }

    def __post_init__(self) -> None:
        for name in ("synthesizers", "detectors", "seeds"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"{name}: expected each once, got {values}")
        if not self.cells:
            raise ValueError(
                f"synthesizers, detectors: in {self.regime} none of {', '.join(self.compared)} can feed "
                f"{', '.join(self.trained)}; put memseg or classifier among them"
            )

    @property
    def size(self) -> tuple[int, int]:
        """``(height, width)`` that images are brought to, in pixels: what is synthesised and measured at."""
        height, width = SIZES[self.dataset]
        return self.height or height, self.width or width

    @property
    def compared(self) -> tuple[str, ...]:
        """Synthesizers in the order of tables; ``none`` wherever a detector needs no synthetic image."""
        chosen = self.synthesizers or []
        normals_alone = bool(cells(["none"], self.detectors or [], self.regime))
        return tuple(name for name in SYNTHESIZERS if name in chosen or (name == "none" and normals_alone))

    @property
    def trained(self) -> tuple[str, ...]:
        """Detectors in the order of tables."""
        return tuple(name for name in DETECTORS if name in (self.detectors or []))

    @property
    def cells(self) -> list[tuple[str, str]]:
        """Synthesizer and detector of every training of a seed."""
        return cells(self.compared, self.trained, self.regime)

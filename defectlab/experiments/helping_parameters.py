"""The parameters of ``notebooks/helping.ipynb``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from defectlab.evaluation.saturation import LEAST
from defectlab.experiments.experiment_parameters import DATASETS, SIZES
from defectlab.params import PROFILES, Parameters, parameter

SYNTHESIZERS = ("memseg", "texture", "diag", "perturbed")


@dataclass(frozen=True)
class HelpingParameters(Parameters):
    """Parameters of the chapter; see `help` of each."""

    dataset: str = parameter("surfaces", help="images of surfaces", choices=DATASETS)
    data_root: str = parameter("", help="folder of the data; empty: DEFECTLAB_DATA, then the cache")
    synthesizers: list[str] = parameter(
        ["memseg", "diag"], help="what is judged; the last section takes MemSeg's",
        choices=SYNTHESIZERS,
    )  # fmt: skip
    n_shot: int | None = parameter(
        None, help="real positives where their number is fixed; None: the profile's", low=1, high=1000
    )
    counts: list[int] | None = parameter(
        None, help="synthetic positives, from 0 on; None: the profile's", low=0, high=10_000
    )
    n_painted: int | None = parameter(
        None, help="highest count of a synthesizer with a model; None: the profile's", low=2, high=10_000
    )
    total: int | None = parameter(
        None, help="positives of every mixture, real and synthetic; None: the profile's", low=4, high=1000
    )
    seeds: list[int] | None = parameter(
        None, help="one synthesis and one training each; None: the profile's", low=0, high=99_999
    )
    steps: int | None = parameter(None, help="of every training, all alike; None: the profile's", low=2, high=1_000_000)
    n_transfer: int | None = parameter(
        None, help="normal images of each further surface; None: the profile's", low=8, high=5000
    )
    profile: str = parameter("laptop", help="smoke (seconds), laptop (minutes), paper (one GPU)", choices=PROFILES)
    masks: str = parameter("lines", help="of diag: lines, perlin, blobs, real, or a mask image or folder")
    generator: str | None = parameter(None, help="of diag: pocket, sdxl, hub name or folder; None: the profile's")
    textures: str = parameter("surfaces", help="of memseg and texture: surfaces, dtd or a folder")
    weights: str = parameter("pocket", help="of the frozen backbone: pocket, imagenet, none or a file")
    backbone: str = parameter("auto", help="timm name; auto: what the weights were made for")
    height: int | None = parameter(None, help="of the images; None: the data set's", low=32, unit="pixels")
    width: int | None = parameter(None, help="of the images; None: the data set's", low=32, unit="pixels")
    scale: float | None = parameter(
        None, help="share of the images of surfaces; None: the profile's", low=0.005, high=10
    )
    device: str = parameter("auto", help="auto, cpu, cuda, cuda:1 or mps", identity=False)
    runs: str = parameter("", help="run store; empty: DEFECTLAB_RUNS, then the project's", identity=False)

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {
            "n_shot": 1,
            "counts": [0, 1, 2, 3, 4],
            "n_painted": 4,
            "total": 4,
            "seeds": [0, 1],
            "steps": 4,
            "n_transfer": 8,
            "height": 64,
            "width": 32,
            "scale": 0.025,
        },
        "laptop": {
            "n_shot": 5,
            "counts": [0, 5, 10, 20, 40, 80, 160],
            "n_painted": 40,
            "total": 20,
            "seeds": [0, 1, 2],
            "steps": 160,
            "n_transfer": 120,
            "scale": 0.3,
        },
        "paper": {
            "n_shot": 5,
            "counts": [0, 5, 10, 20, 40, 80, 160, 320],
            "n_painted": 320,
            "total": 80,
            "seeds": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            "steps": 1000,
            "n_transfer": 200,
            "scale": 1.0,
        },
    }

    def __post_init__(self) -> None:
        for name in ("synthesizers", "counts", "seeds"):
            values = getattr(self, name)
            if not values or len(set(values)) != len(values):
                raise ValueError(f"{name}: expected each once and at least one, got {values}")
        if len(self.seeds or []) < 2:
            raise ValueError(f"seeds: expected two at least, for a spread, got {self.seeds}")
        for name in self.synthesizers:
            counts = self.counts_of(name)
            if len(counts) < LEAST or counts[0] != 0 or counts != sorted(counts):
                raise ValueError(
                    f"counts: expected 0 and {LEAST - 1} rising numbers more up to what {name} may make, got {counts}; "
                    "n_painted limits synthesizers with a model"
                )

    def counts_of(self, synthesizer: str) -> list[int]:
        """Counts that are tried; a synthesizer with a model stops at ``n_painted``."""
        counts = self.counts or []
        most = (self.n_painted or 0) if synthesizer in ("diag", "perturbed") else max(counts, default=0)
        return [count for count in counts if count <= most]

    def n_of(self, synthesizer: str) -> int:
        """Images that are made of a synthesizer, for each seed: every count has images of its own."""
        return max(sum(self.counts_of(synthesizer)), self.total or 0)

    @property
    def size(self) -> tuple[int, int]:
        """``(height, width)`` that images are brought to, in pixels."""
        height, width = SIZES[self.dataset]
        return self.height or height, self.width or width

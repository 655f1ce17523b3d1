"""SimpleNet's noise judged where no test image is: held-out normal surfaces with synthetic defects.

python benchmarks/simplenet_noise.py
python benchmarks/simplenet_noise.py --noise 0.5 1 --seeds 0 1 2

Three quarters of the normal training images are learnt from; the others are judged as they are, and with defects that
MemSeg pastes on them.
"""

from __future__ import annotations

import argparse

import numpy as np

from defectlab.data.combine import concatenate, split_by_group
from defectlab.detection.baselines import make_baseline
from defectlab.evaluation import auroc, localisation_metrics
from defectlab.experiments.categories import load_units
from defectlab.experiments.student_teacher_study import study_parameters
from defectlab.synthesis.memseg import MemSeg
from defectlab.synthesis.textures import texture_source


def main() -> None:
    """Prints image AUROC, pixel AP and AUPRO of each noise and seed, in per cent."""
    parser = argparse.ArgumentParser(description="SimpleNet's noise on held-out normal images with synthetic defects")
    parser.add_argument(
        "--noise", type=float, nargs="+", default=[0.1, 0.25, 0.5, 1.0, 2.0], help="shares of the spread"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="of the trainings")
    args = parser.parse_args()

    (unit,) = load_units(study_parameters({})).units
    learnt, held = split_by_group(unit.train, 0.25, 0)
    textures = texture_source("surfaces", None)
    judged = concatenate(held, MemSeg(textures=textures).synthesize(held, len(held), seed=0))
    samples = [judged[index] for index in range(len(judged))]
    masks = [np.zeros(s.image.shape[1:], bool) if s.mask is None else s.mask[0].numpy().astype(bool) for s in samples]
    print(f"{len(learnt)} normal images to learn from, {len(held)} held out, as many with defects")
    for noise in args.noise:
        for seed in args.seeds:
            scores = make_baseline("simplenet", "laptop", noise=noise, seed=seed).fit(learnt).score(judged)
            assert scores.pixel is not None
            found = localisation_metrics(masks, scores.pixel)
            image = auroc(judged.labels, scores.image)
            print(
                f"noise {noise:g}, seed {seed}: image AUROC {100 * image:.1f}, "
                f"pixel AP {100 * found.average_precision:.1f}, AUPRO {100 * found.aupro:.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""From labels, scores and features to numbers that can be believed: ranking, thresholds, uncertainty, fidelity.

Everything takes arrays and knows no model. AUPRO alone is in `defectlab.evaluation.aupro`. FID proper lives in
`defectlab.evaluation.fid`, which needs Inception and imports two libraries; the arithmetic on any features is here.
"""

from defectlab.evaluation.aupro_definitions import DEFINITIONS, aupro_by_definition, aupro_by_every_definition
from defectlab.evaluation.diversity import mean_pairwise_distance
from defectlab.evaluation.frechet import FrechetReport, frechet_distance, frechet_floor
from defectlab.evaluation.image_scores import maximum, smoothed_maximum, top_k_mean
from defectlab.evaluation.inception_score import InceptionScore, inception_score
from defectlab.evaluation.kernel import KernelReport, kernel_distance
from defectlab.evaluation.localisation import (
    Localisation,
    localisation_metrics,
    pixel_auroc,
    pixel_average_precision,
    pixel_best_f1,
)
from defectlab.evaluation.memorisation import MemorisationReport, NearestDistances, memorisation, nearest_distances
from defectlab.evaluation.power import Design, average_sd
from defectlab.evaluation.ranking import PrecisionRecallCurve, auroc, average_precision, precision_recall_curve
from defectlab.evaluation.seeds import (
    PairedDifference,
    SeedSummary,
    minimal_detectable_difference,
    paired_difference,
    paired_power,
    seeds_needed,
    summarise_seeds,
)
from defectlab.evaluation.streaming import Bounded, StreamedLocalisation, StreamingLocalisation
from defectlab.evaluation.thresholds import (
    DIAG,
    EXACT,
    MIXED_SEGDEC,
    OperatingPoint,
    best_f1_from_validation,
    best_f1_on_test,
    best_f1_threshold,
    operating_point,
)
from defectlab.evaluation.uncertainty import Interval, bootstrap_difference, bootstrap_interval

__all__ = [
    "DEFINITIONS",
    "DIAG",
    "EXACT",
    "MIXED_SEGDEC",
    "Bounded",
    "Design",
    "FrechetReport",
    "InceptionScore",
    "Interval",
    "KernelReport",
    "Localisation",
    "MemorisationReport",
    "NearestDistances",
    "OperatingPoint",
    "PairedDifference",
    "PrecisionRecallCurve",
    "SeedSummary",
    "StreamedLocalisation",
    "StreamingLocalisation",
    "aupro_by_definition",
    "aupro_by_every_definition",
    "auroc",
    "average_precision",
    "average_sd",
    "best_f1_from_validation",
    "best_f1_on_test",
    "best_f1_threshold",
    "bootstrap_difference",
    "bootstrap_interval",
    "frechet_distance",
    "frechet_floor",
    "inception_score",
    "kernel_distance",
    "localisation_metrics",
    "maximum",
    "mean_pairwise_distance",
    "memorisation",
    "minimal_detectable_difference",
    "nearest_distances",
    "operating_point",
    "paired_difference",
    "paired_power",
    "pixel_auroc",
    "pixel_average_precision",
    "pixel_best_f1",
    "precision_recall_curve",
    "seeds_needed",
    "smoothed_maximum",
    "summarise_seeds",
    "top_k_mean",
]

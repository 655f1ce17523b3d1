"""How far the results would move with other test images: the test set's own part of the uncertainty."""

from __future__ import annotations

import numpy as np
import pandas as pd

from defectlab.evaluation import average_precision, bootstrap_interval
from defectlab.experiments.experiment_parameters import ExperimentParameters
from defectlab.experiments.views import test_scores
from defectlab.report.identity import method
from defectlab.report.tables import ReportTable
from defectlab.runs import Run


def sampling_intervals(params: ExperimentParameters, run: Run, n_resamples: int = 500) -> ReportTable:
    """Mean step AP of the seeds with a 95 % interval over test images, one line an arm.

    Test images are resampled by group, the same ones for all seeds of an arm, so the interval answers "what if other
    surfaces had been tested", where the interval over seeds answers "what if we had trained again".

    Args:
        params: ``seeds`` and the arms are read.
        run: where the scores are.
        n_resamples: of the bootstrap, at least 100.
    """
    lines = []
    for arm in params.arms:
        tables = [test_scores(run, arm, seed) for seed in params.seeds]
        labels, groups = tables[0]["label"].to_numpy(), tables[0]["group"].to_numpy()
        scores = np.stack([table["score"].to_numpy() for table in tables])

        def mean_ap(drawn: np.ndarray, positions: np.ndarray, scores: np.ndarray = scores) -> float:
            chosen = scores[:, positions.astype(int)]
            return float(np.mean([average_precision(drawn, values) for values in chosen]))

        # positions take the place of scores, so that one draw of images serves all seeds
        interval = bootstrap_interval(mean_ap, labels, np.arange(len(labels)), groups=groups, n_resamples=n_resamples)
        lines.append(
            {
                "method": method(arm).name,
                "mean AP": f"{interval.value:.3f}",
                "95 % over test images": f"{interval.low:.3f} to {interval.high:.3f}",
                "test images": f"{int(labels.sum())} of {len(labels)} defective, {len(set(groups))} groups",
            }
        )
    return ReportTable(pd.DataFrame(lines), "Mean AP of the seeds, and what other test images would give")

"""Result rows, histories and curves of DDPM-MoCo with values chosen by hand."""

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, precision_recall_curve

from defectlab.report.contrastive_plots import ClassCurve
from defectlab.report.contrastive_setting import ContrastiveSetting
from defectlab.report.curves import Curve

CLASSES = ("corrosion", "dent", "scratch", "good")


def contrastive_rows(levels, setting=None, dataset="surfaces", profile="laptop", classes=CLASSES):
    """Rows from ``{method: [level of seed 0, ...]}``: the AP of the i-th class is the level plus i hundredths."""
    regime = (setting or ContrastiveSetting("resnet10t")).regime
    place = {"notebook": "ddpm_moco", "dataset": dataset, "regime": regime, "profile": profile}
    made = {"device": "cpu", "seconds": 1.0, "commit": "unknown"}
    rows = []
    for key, per_seed in levels.items():
        n_aug = 0 if key.endswith("_original_data") else 400
        for seed, level in enumerate(per_seed):
            values = {f"ap_step_{name}": level + i / 100 for i, name in enumerate(classes)}
            values["map_step"] = float(np.mean(list(values.values())))
            values["mean_norm"] = 1 - level
            for metric, value in values.items():
                rows.append(
                    {**place, "method": key, "n_aug": n_aug, "seed": seed, "metric": metric, "value": value, **made}
                )
    return pd.DataFrame(rows)


def generator_values(levels, metrics=("frechet",), dataset="surfaces", profile="laptop"):
    """Rows from ``{generator: [value of seed 0, ...]}``, the same value for each metric."""
    return pd.DataFrame(
        [
            {
                "notebook": "ddpm_moco", "method": key, "dataset": dataset, "regime": "", "n_aug": 400, "seed": seed,
                "metric": metric, "value": value, "profile": profile, "device": "cpu", "seconds": 1.0,
                "commit": "unknown",
            }
            for key, per_seed in levels.items()
            for seed, value in enumerate(per_seed)
            for metric in metrics
        ]
    )  # fmt: skip


def collapse_history(ends, epochs=3, seeds=(0, 1)):
    """History from ``{method: norm at the last epoch}``, the other measures with it."""
    values = {"mean_norm": 1.0, "effective_rank": 10.0, "uniformity": -1.0, "alignment": 0.1}
    return pd.DataFrame(
        [
            {"method": key, "seed": seed, "epoch": e, "metric": metric, "value": scale * end * e / epochs}
            for key, end in ends.items()
            for seed in seeds
            for e in range(1, epochs + 1)
            for metric, scale in values.items()
        ]
    )


def class_curves(methods=("moco_original", "moco_improved"), classes=CLASSES, seeds=2):
    """Curves of scores that separate the classes the better the later they stand."""
    curves = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        labels = np.arange(80) < 20
        for key in methods:
            for i, name in enumerate(classes):
                scores = rng.standard_normal(80) + (1 + i / 2) * labels
                precision, recall, _ = precision_recall_curve(labels, scores)
                curves.append(
                    ClassCurve(name, Curve(key, seed, recall, precision, average_precision_score(labels, scores)))
                )
    return curves

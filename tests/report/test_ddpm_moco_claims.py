import math

import pandas as pd
import pytest
from contrastive_samples import contrastive_rows, generator_values

from defectlab.report.claims import evaluate, load_claims, scoreboard, verdict
from defectlab.report.contrastive_setting import ContrastiveSetting
from defectlab.report.contrastive_tables import loss_effect_table
from defectlab.report.verdict import Verdict

F9, F10, FIGURE_9 = load_claims("ddpm_moco")
SHUFFLED = "surfaces (shuffled batches, plain BatchNorm)"
BOTH = (ContrastiveSetting("resnet10t"), ContrastiveSetting("vit_tiny"))


def both_backbones(levels, **kwargs):
    return pd.concat([contrastive_rows(levels, setting, **kwargs) for setting in BOTH], ignore_index=True)


def test_the_gains_are_those_of_the_specification():
    rows = both_backbones({"moco_original": [0.5]})
    gains = [round(100 * finding.paper, 2) for finding in evaluate(F9, rows) if finding.relation.metric != "map_step"]
    assert sorted(gains) == sorted([11.56, 15.49, 17.00, 14.31, 8.64, 7.63, 16.04, 14.20])
    gains = [round(100 * finding.paper, 2) for finding in evaluate(F10, rows) if finding.relation.metric != "map_step"]
    assert sorted(gains) == sorted([48.15, 51.92, 49.24, 62.24, 46.79, 52.71, 48.86, 58.02])


def test_the_gain_of_the_mean_is_that_of_the_rows_and_not_of_the_printed_means():
    rows = both_backbones({"moco_original": [0.5]})
    means = [finding.paper for finding in evaluate(F10, rows) if finding.relation.metric == "map_step"]
    assert means == pytest.approx([0.528875, 0.51595])


def test_a_gain_in_every_class_with_both_backbones_is_reproduced():
    rows = both_backbones({"moco_original": [0.5, 0.5, 0.5], "moco_improved": [0.7, 0.71, 0.72]})
    assert verdict(F9, rows, SHUFFLED) == Verdict.REPRODUCED


def test_a_loss_in_every_class_is_not_reproduced_and_one_backbone_is_half_of_the_claim():
    worse = both_backbones({"moco_original": [0.7, 0.7], "moco_improved": [0.5, 0.52]})
    assert verdict(F9, worse, SHUFFLED) == Verdict.NOT
    better = contrastive_rows({"moco_original": [0.5, 0.5], "moco_improved": [0.7, 0.71]})
    assert verdict(F9, better, SHUFFLED) == Verdict.PARTLY


def test_a_mean_far_below_the_gain_whose_interval_holds_zero_is_not_partly_reproduced():
    noise = both_backbones({"moco_original": [0.5, 0.5, 0.5], "moco_improved": [0.42, 0.5, 0.61]})
    found = [finding for finding in evaluate(F9, noise) if finding.ours]
    assert all(finding.ours.mean > 0 and finding.ours.sign == 0 for finding in found)
    assert {finding.verdict for finding in found} == {Verdict.NOT}
    assert verdict(F9, noise, SHUFFLED) == Verdict.NOT


def test_a_mean_of_most_of_the_gain_whose_interval_holds_zero_is_partly_reproduced_as_for_any_paper():
    noisy = contrastive_rows({"moco_original": [0.5, 0.5, 0.5], "moco_improved": [0.52, 0.62, 0.72]})  # 0.12 -+ 0.25
    shown = {finding.relation.metric: finding.verdict for finding in evaluate(F9, noisy) if finding.ours}
    assert shown["map_step"] == Verdict.PARTLY  # of 0.146 in print
    assert set(shown.values()) == {Verdict.PARTLY}
    assert loss_effect_table(noisy).frame["verdict"].tolist() == ["◐ partly reproduced"]


def test_a_claim_without_a_gain_in_print_is_not_partly_reproduced_by_a_mean():
    rows = generator_values({"ddpm": [0.5, 1.5], "gan": [2.0, 2.1]})  # 1.5 and 0.6, interval -4.7 to 6.8
    first = evaluate(FIGURE_9, rows)[0]
    assert first.ours.mean == pytest.approx(1.05) and math.isnan(first.paper)
    assert first.verdict == Verdict.NOT


def test_settings_are_judged_apart_and_those_not_tried_are_not_listed():
    parts = [
        both_backbones({"moco_original": [0.7, 0.7], "moco_improved": [0.5, 0.52]}),
        contrastive_rows(
            {"moco_original": [0.5, 0.5], "moco_improved": [0.7, 0.71]}, ContrastiveSetting("resnet10t", "single_class")
        ),
        generator_values({"ddpm": [1.0, 1.1], "gan": [2.0, 2.1], "vae": [3.0, 3.1], "flow": [4.0, 4.1]}),
    ]
    board = scoreboard(pd.concat(parts, ignore_index=True), "ddpm_moco")
    verdicts = board.set_index(["claim", "dataset"])["verdict"].to_dict()
    assert verdicts == {
        ("F9", SHUFFLED): "✗ not reproduced",
        ("F9", "surfaces (batches of one class, plain BatchNorm)"): "◐ partly reproduced",
        ("F10", "surfaces"): "– not attempted",
        ("F10", SHUFFLED): "– not attempted",
        ("F10", "surfaces (batches of one class, plain BatchNorm)"): "– not attempted",
        ("Figure 9", "surfaces"): "✓ reproduced",
    }


def test_a_claim_in_words_alone_has_no_difference_in_print():
    rows = generator_values({"ddpm": [1.0, 1.1], "gan": [0.5, 0.5]})
    first = evaluate(FIGURE_9, rows)[0]
    assert math.isnan(first.paper)
    assert first.verdict == Verdict.NOT
    assert str(first.relation) == "Fréchet distance: DDPM < GAN"


def test_the_ledger_says_backbone_and_protocol():
    assert str(F9.relations[0]) == "step AP of corrosion: MoCo, improved loss (R-50) > MoCo, original loss (R-50)"
    assert F9.tested == "step AP; mean step AP of the classes; differences paired by seed"

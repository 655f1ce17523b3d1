from dataclasses import asdict, replace

import pytest

from defectlab.synthesis.dreambooth import REGIMES, DreamBoothSettings


@pytest.mark.parametrize(
    ("regime", "epochs", "ratio"), [("zero_shot", 5, 0.60), ("few_shot", 49, 0.95), ("full_shot", 25, 0.80)]
)
def test_the_paper_trains_each_regime_for_its_epochs_and_merges_at_its_ratio(regime, epochs, ratio):
    settings = DreamBoothSettings.paper(regime)
    assert (settings.epochs, settings.merge_ratio) == (epochs, ratio)


def test_the_paper_adapts_convolutions_and_weighs_a_regularisation_subset_of_its_own():
    settings = DreamBoothSettings.paper()
    assert (settings.rank, settings.alpha, settings.conv_rank, settings.conv_alpha) == (32, 16, 4, 1)
    assert (settings.regularisation, settings.prior_weight) == ("subset", 1.0)
    assert (settings.instance_prompt, settings.class_prompt) == ("skt background", "background")
    assert (settings.lr, settings.cycles, settings.batch_size, settings.min_snr_gamma) == (1e-5, 3, 12, 5)


def test_the_release_differs_from_the_paper_in_named_switches_only():
    paper, released = asdict(DreamBoothSettings.paper()), asdict(DreamBoothSettings.released())
    different = {name: released[name] for name in paper if paper[name] != released[name]}
    assert different == {
        "instance_prompt": "sks background",
        "conv_rank": None,
        "regularisation": "ordinary",
        "epochs": 50,
        "flips": True,
        "sampling_clip_skip": 1,
        "merge_ratio": 0.65,
    }


@pytest.mark.parametrize("regime", REGIMES)
def test_small_presets_are_valid_in_every_regime(regime):
    for preset in (DreamBoothSettings.laptop, DreamBoothSettings.smoke):
        assert preset(regime).merge_ratio == DreamBoothSettings.paper(regime).merge_ratio
        assert preset(regime).max_steps is not None


def test_without_positives_a_laptop_trains_for_fewer_steps_as_the_paper_does():
    for preset, length in ((DreamBoothSettings.laptop, "max_steps"), (DreamBoothSettings.paper, "epochs")):
        zero, few, full = (getattr(preset(regime), length) for regime in REGIMES)
        assert zero < min(few, full)


def test_an_unknown_regime_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"unknown regime 'few-shot'; did you mean 'few_shot'\?"):
        DreamBoothSettings.paper("few-shot")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rank": 0}, "rank: expected at least 1, got 0"),
        ({"conv_rank": 0}, "conv_rank: expected at least 1"),
        ({"lr": 0.0}, r"lr: expected above 0, got 0\.0"),
        ({"min_snr_gamma": -1.0}, "min_snr_gamma: expected above 0"),
        ({"prior_weight": -0.1}, "prior_weight: expected at least 0"),
        ({"prior_weight": float("nan")}, "prior_weight: expected at least 0, got nan"),
        ({"merge_ratio": 1.5}, r"merge_ratio: expected a value in \[0, 1\]"),
        ({"regularisation": "subsets"}, "unknown regularisation 'subsets'; did you mean 'subset'"),
        ({"optimiser": "sgd"}, "unknown optimiser 'sgd'.*adamw8bit"),
        ({"mixed_precision": "fp8"}, "unknown mixed_precision 'fp8'"),
        ({"resolution": 2048}, "resolution: expected between smallest_side 256 and largest_side 1024, got 2048"),
        ({"largest_side": 1000}, "largest_side 1000: expected multiples of side_step 64"),
        ({"epochs": 60}, "schedule_epochs: expected at least epochs 60, got 50"),
        ({"instance_prompt": " "}, "instance_prompt: expected some text"),
        ({"instance_prompt": "background"}, "the instance prompt needs a token of its own"),
        ({"clip_skip": 0}, "clip_skip: expected at least 1"),
    ],
)
def test_a_wrong_setting_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(DreamBoothSettings(), **changes)

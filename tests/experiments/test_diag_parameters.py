import pytest

from defectlab.experiments.diag_parameters import PROMPTS, DiagParameters
from defectlab.experiments.experiment_parameters import SIZES
from defectlab.params import ParameterError, resolve


def resolved(**values):
    return resolve(DiagParameters, values)


def test_without_values_it_is_the_laptop_profile_on_the_embedded_images():
    params = resolved()
    assert (params.dataset, params.profile, params.regime, params.n_aug) == ("surfaces", "laptop", "zero_shot", 100)
    assert (params.generator, params.weights, params.backbone) == ("pocket", "pocket", "auto")
    assert params.seeds == [0, 1, 2] and params.size == (256, 96) and params.changed() == {}


@pytest.mark.parametrize(
    ("profile", "generator", "weights", "epochs", "scale"),
    [
        ("smoke", "pocket", "pocket", 3, 0.02),
        ("laptop", "pocket", "pocket", 20, 0.15),
        ("paper", "sdxl", "imagenet", 50, 1),
    ],
)
def test_a_profile_fills_in_what_is_none(profile, generator, weights, epochs, scale):
    params = resolved(profile=profile)
    assert (params.generator, params.weights, params.epochs, params.scale) == (generator, weights, epochs, scale)
    assert params.origins["epochs"] == "profile"


def test_a_value_that_is_given_stands_before_the_profile():
    params = resolved(profile="smoke", epochs=7, weights="none", backbone="test_resnet")
    assert (params.epochs, params.weights) == (7, "none")
    assert params.origins["epochs"] == "given" and params.origins["generator"] == "profile"


def test_every_profile_gives_all_that_is_none_and_must_not_be():
    needed = {"generator", "weights", "backbone", "epochs", "scale"}
    assert all(needed <= set(values) for values in DiagParameters.profiles.values())


@pytest.mark.parametrize(
    ("regime", "arms"),
    [
        ("zero_shot", ("memseg", "diag")),
        ("few_shot", ("none", "memseg", "diag")),
        ("full_shot", ("none", "memseg", "diag")),
    ],
)
def test_training_without_augmentation_needs_real_positives(regime, arms):
    assert resolved(regime=regime).arms == arms


def test_images_have_the_size_of_the_data_set_until_one_is_given():
    assert {name: resolved(dataset=name).size for name in SIZES} == SIZES
    assert resolved(dataset="ksdd2").size == (632, 224)  # DIAG, section IV: 224 wide, 632 high
    assert resolved(height=128).size == (128, 96) and resolved(width=64).size == (256, 64)


def test_descriptions_suit_the_generator_until_some_are_given(tmp_path):
    assert resolved().descriptions == PROMPTS["pocket"]
    assert resolved(profile="paper").descriptions == ("white marks on the wall", "copper metal scratches")
    assert resolved(generator="owner/model").descriptions == PROMPTS["sdxl"]
    assert resolved(prompts=["a dent"]).descriptions == ("a dent",)
    (tmp_path / "config.json").write_text('{"format": "defectlab pocket-layer 1"}')
    assert resolved(generator=str(tmp_path)).descriptions == PROMPTS["pocket"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seeds": [1, 1]}, r"seeds: expected each seed once, got \[1, 1\]"),
        ({"seeds": []}, "seeds: expected at least one item, got none"),
        ({"seeds": [-1]}, "seeds: expected between 0 and 99999, got -1"),
        ({"seeds": 3}, r"seeds: expected a list of int such as \[0, 1\], got 3"),
        ({"layout": "coco"}, "layout: give out too, the folder that the export goes to"),
        ({"layout": "coc"}, "layout: expected one of .*, got 'coc'; did you mean 'coco'"),
        ({"n_agu": 10}, "n_agu: no such parameter; did you mean 'n_aug'"),
        ({"n_aug": 1}, "n_aug: expected between 2 and 10000, got 1"),
        ({"n_aug": "many"}, "n_aug: expected a whole number, got 'many'"),
        ({"regime": "zero-shot"}, "regime: expected one of zero_shot, .*; did you mean 'zero_shot'"),
        ({"dataset": "kolektor"}, "dataset: .*did you mean 'kolektor_sdd'"),
        ({"canvas": 100}, "canvas: expected a multiple of 8, got 100"),
        ({"height": 16}, "height: expected at least 32 pixels, got 16"),
        ({"validation": 0.9}, "validation: expected between 0.05 and 0.5, got 0.9"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_was_expected(values, message):
    with pytest.raises(ParameterError, match=message):
        resolved(**values)


def test_text_from_a_command_line_becomes_a_value():
    params = resolved(seeds="[3, 4]", n_aug="8", prompts='["a crack", "a dent"]', scale="0.5")
    assert (params.seeds, params.n_aug, params.descriptions) == ([3, 4], 8, ("a crack", "a dent"))
    assert params.scale == 0.5

import pytest

from defectlab.experiments.experiment_parameters import METHODS
from defectlab.experiments.in_and_out_parameters import InAndOutParameters
from defectlab.params import ParameterError, resolve, schema_fields


def resolved(**values):
    return resolve(InAndOutParameters, values)


def test_without_values_it_is_the_laptop_profile_on_the_embedded_images():
    params = resolved()
    assert (params.dataset, params.profile, params.regime, params.n_aug) == ("surfaces", "laptop", "zero_shot", 100)
    assert (params.base_model, params.preset, params.generator) == ("pocket-sd", "laptop", "pocket")
    assert params.seeds == [0, 1] and params.n_negatives == 50 and params.changed() == {}


@pytest.mark.parametrize(
    ("profile", "model", "preset", "weights", "epochs"),
    [
        ("smoke", "pocket-sd", "smoke", "pocket", 3),
        ("laptop", "pocket-sd", "laptop", "pocket", 20),
        ("paper", "sd15", "paper", "imagenet", 50),
    ],
)
def test_a_profile_fills_in_what_is_none(profile, model, preset, weights, epochs):
    params = resolved(profile=profile)
    assert (params.base_model, params.preset, params.weights, params.epochs) == (model, preset, weights, epochs)


def test_every_profile_gives_all_that_is_none_and_must_not_be():
    needed = {"base_model", "preset", "generator", "weights", "backbone", "epochs", "scale"}
    assert all(needed <= set(values) for values in InAndOutParameters.profiles.values())


@pytest.mark.parametrize(
    ("regime", "methods", "arms"),
    [
        ("zero_shot", None, ("memseg", "ddpm", "in_and_out")),
        ("few_shot", None, ("none", "memseg", "ddpm", "in_and_out")),
        ("full_shot", ["diag", "in_and_out", "none"], ("none", "in_and_out", "diag")),
        ("zero_shot", ["diag", "none"], ("diag",)),
        ("few_shot", ["none"], ("none",)),
    ],
)
def test_the_arms_are_the_methods_in_one_order_and_none_needs_real_positives(regime, methods, arms):
    assert resolved(regime=regime, **({"methods": methods} if methods else {})).arms == arms


def test_ksdd2_has_the_size_of_this_paper():
    assert resolved(dataset="ksdd2").size == (600, 200)  # In&Out, section 5: 200 wide, 600 high
    assert resolved(dataset="kolektor_sdd").size == (560, 224)


def test_parameters_stand_beside_those_they_belong_to():
    names = [item.name for item in schema_fields(InAndOutParameters)]
    assert names.index("n_negatives") == names.index("n_shot") + 1 and names.index("methods") + 1 == names.index(
        "seeds"
    )
    assert names[names.index("profile") + 1 :][:3] == ["base_model", "preset", "fine_tune_epochs"]
    assert set(METHODS) == set(schema_fields(InAndOutParameters)[names.index("methods")].metadata["choices"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"methods": ["memseg", "memseg"]}, r"methods: expected each method once, got \['memseg', 'memseg'\]"),
        ({"methods": ["memsg"]}, "methods: expected one of none, .*, got 'memsg'; did you mean 'memseg'"),
        ({"methods": []}, "methods: expected at least one item, got none"),
        ({"methods": ["none"]}, "zero_shot has no real positives, so none alone has nothing to train on"),
        ({"seeds": [1, 1]}, r"seeds: expected each seed once, got \[1, 1\]"),
        ({"preset": "papers"}, "preset: expected one of .*; did you mean 'paper'"),
        ({"merge_ratio": 1.5}, "merge_ratio: expected between 0 and 1, got 1.5"),
        ({"square_to_tall": "squash"}, "square_to_tall: expected one of native, stretch, crop"),
        ({"canvas": 100}, "canvas: expected a multiple of 8, got 100"),
        ({"base_modle": "sd15"}, "base_modle: no such parameter; did you mean 'base_model'"),
        ({"n_negatives": 0}, "n_negatives: expected between 1 and 10000, got 0"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_was_expected(values, message):
    with pytest.raises(ParameterError, match=message):
        resolved(**values)

import pytest

from defectlab.experiments.ddpm_moco import moco_settings
from defectlab.experiments.ddpm_moco_parameters import DdpmMocoParameters
from defectlab.params import ParameterError, resolve


def resolved(**values):
    return resolve(DdpmMocoParameters, values)


def test_without_values_it_is_the_laptop_profile_with_two_losses_two_seeds_and_both_kinds_of_data():
    params = resolved()
    assert (params.dataset, params.profile, params.test_on, params.seeds) == ("aluminium", "laptop", "real", [0, 1])
    assert params.losses == ("original", "improved") and params.backbones == ("resnet10t",)
    assert params.methods == (
        "untrained", "supervised", "moco_original", "moco_improved", "untrained_original_data",
        "supervised_original_data", "moco_original_original_data", "moco_improved_original_data",
    )  # fmt: skip


def test_the_line_of_the_paper_trains_one_loss_on_a_small_transformer():
    params = resolved(backbone="vit_tiny", loss="improved", data="augmented", baselines="false")
    assert params.backbones == ("vit_tiny_patch16_224",) and params.methods == ("moco_improved",)


def test_both_backbones_are_those_of_the_profile_and_any_other_name_is_timms():
    assert resolved(backbone="both", profile="paper").backbones == ("resnet50", "vit_base_patch16_224")
    assert resolved(backbone="resnet18").backbones == ("resnet18",)


def test_the_paper_profile_has_the_values_of_the_paper():
    params = resolved(profile="paper")
    assert (params.image_size, params.n_generated, params.epochs, params.queue) == (512, 20_000, 200, 16_384)
    assert (params.m, params.tau, params.keep, params.batch_size) == (0.999, 0.07, "k", 32)
    assert params.lr is None and moco_settings(params, "resnet50").lr == 0.03


def test_every_profile_gives_all_that_is_none_and_must_not_be():
    needed = {"image_size", "scale", "n_generated", "n_compared", "epochs", "batch_size", "queue", "m", "tau", "keep"}
    profiles = DdpmMocoParameters.profiles
    assert all(set(values) - {"comparator_size"} == needed for values in profiles.values())
    assert [values.get("comparator_size") for values in profiles.values()] == [None, None, 64]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"loss": "improve"}, "loss: expected one of both, original, improved, literal, all, got 'improve'; did you"),
        ({"test_on": "generated", "data": "original"}, "take data both or augmented"),
        ({"guidance": 2}, "guidance: 2.0 needs conditional true"),
        ({"seeds": [1, 1]}, "seeds: expected each once"),
        ({"n_generated": 3}, "n_generated: expected at least 10, got 3"),
        ({"dataset": "surfaces"}, "dataset: expected one of aluminium, magnetic_tile, class_folders, got 'surfaces'"),
    ],
)
def test_values_that_cannot_be_used_are_refused(values, message):
    with pytest.raises(ParameterError) as caught:
        resolved(**values)
    assert message in str(caught.value)

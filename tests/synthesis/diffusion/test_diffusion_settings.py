import pytest

from defectlab.synthesis.diffusion.settings import DiffusionSettings, SamplingSettings


def test_presets_differ_in_size_and_share_the_noise():
    presets = [DiffusionSettings.smoke(), DiffusionSettings.laptop(), DiffusionSettings.paper()]
    assert [p.size for p in presets] == [32, 32, 512]
    assert {(p.timesteps, p.beta_start, p.beta_end) for p in presets} == {(1000, 1e-4, 0.02)}
    assert [p.steps for p in presets] == sorted(p.steps for p in presets)


def test_the_paper_samples_in_all_steps():
    assert SamplingSettings.paper().calls(1000) == 1000
    assert SamplingSettings.laptop().calls(1000) == 20 and SamplingSettings.smoke().calls(1000) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 36, "channels": (8, 8, 8, 8)}, "36 cannot be halved 3 times; expected a multiple of 8"),
        ({"size": 32, "patch": 3}, "32 cannot be cut into patches of 3 and halved 1 times; expected a multiple of 6"),
        ({"guess": "lineal"}, "unknown guess 'lineal'; did you mean 'linear'"),
        ({"patch": 0}, "patch: expected at least 1, got 0"),
        ({"attention_at": (5,)}, r"no feature map has the sides \[5\]; known: \(32, 16\)"),
        ({"channels": (16, 30)}, "multiples of 4"),
        ({"attention": "linar"}, "unknown attention 'linar'; did you mean 'linear'"),
        ({"precision": "fp8"}, "unknown precision"),
        ({"lr": 0.0}, "lr: expected above 0"),
        ({"ema": 1.0}, r"ema: expected a value in \[0, 1\)"),
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"beta_start": 0.5}, "expected 0 < beta_start <= beta_end < 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        DiffusionSettings(**DiffusionSettings.smoke_values() | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sampler": "dim"}, "unknown sampler 'dim'; did you mean 'ddim'"),
        ({"guidance": 0.5}, "guidance: expected at least 1"),
        ({"steps": 0}, "steps: expected at least 1"),
        ({"eta": 2.0}, "eta: expected a value in"),
    ],
)
def test_sampling_that_makes_no_sense_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        SamplingSettings(**change)


def test_steps_must_divide_the_levels():
    with pytest.raises(ValueError, match="expected a divisor of the 1000 levels of the model, got 30"):
        SamplingSettings(steps=30).calls(1000)

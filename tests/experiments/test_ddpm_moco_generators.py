"""Generators of the DDPM-MoCo notebook: what is refused before anything is trained, and sizes that differ."""

from __future__ import annotations

import pytest
from small_classes import tiny_classes

from defectlab.experiments import ddpm_moco
from defectlab.experiments.ddpm_moco_data import ClassSplits
from defectlab.experiments.ddpm_moco_parameters import DdpmMocoParameters
from defectlab.experiments.generator_choices import comparator_settings
from defectlab.params import ParameterError, resolve

TINY = {"profile": "smoke", "scale": 0.04, "seeds": [0], "epochs": 1, "n_generated": 20, "device": "cpu"}


def resolved(**values):
    return resolve(DdpmMocoParameters, {**TINY, **values})


@pytest.mark.parametrize("size", [40, 48, 96, 224])
def test_a_size_that_no_comparator_can_learn_is_refused_before_diffusion_is_trained(size):
    with pytest.raises(ValueError, match=rf"cannot learn images of {size} pixels \(size: expected 4 times a power"):
        ddpm_moco.load(resolved(image_size=size))


def test_a_size_of_their_own_or_none_of_them_lets_diffusion_have_another_size():
    assert ddpm_moco.comparator_side(resolved(image_size=40, comparator_size=32)) == 32
    for values in ({"comparator_size": 32}, {"compare_generators": False}):
        assert ddpm_moco.load(resolved(image_size=48, **values)).classes


def test_comparators_are_as_large_as_diffusion_but_in_the_paper_profile_where_they_have_64_pixels():
    assert ddpm_moco.comparator_side(resolved(image_size=64)) == 64
    paper = resolve(DdpmMocoParameters, {"profile": "paper"})
    assert (ddpm_moco.comparator_side(paper), ddpm_moco.diffusion_settings(paper).size) == (64, 512)
    assert {settings.size for settings in comparator_settings("paper", 64)} == {64}


def test_comparators_larger_than_diffusion_are_refused():
    with pytest.raises(ParameterError, match="comparator_size: expected at most image_size 32, got 64"):
        resolved(comparator_size=64)


def test_more_classes_than_a_figure_can_tell_apart_are_refused_before_diffusion(monkeypatch):
    seven = tiny_classes(dict.fromkeys([*"abcdefg", "good"], 4), side=32)
    monkeypatch.setattr(ddpm_moco, "load_classes", lambda *args: ClassSplits(seven, seven))
    with pytest.raises(ValueError, match="classes: a figure tells 6 classes of defects apart, got 7"):
        ddpm_moco.load(resolved(n_compared=40, n_generated=80))

"""Generators of the DDPM-MoCo notebook: what is refused before anything is trained, and sizes that differ."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest
from small_classes import tiny_classes

from defectlab.experiments import ddpm_moco
from defectlab.experiments import ddpm_moco_views as views
from defectlab.experiments.ddpm_moco_data import ClassSplits
from defectlab.experiments.ddpm_moco_parameters import DdpmMocoParameters
from defectlab.experiments.generator_choices import comparator_settings
from defectlab.params import ParameterError, resolve
from defectlab.report.style import Plot

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "ddpm_moco.ipynb"
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


def test_steps_are_those_of_equal_epochs_over_the_images_of_each_kind_of_data():
    params = resolve(DdpmMocoParameters, {"loss": "improved", "device": "cpu"})
    train = tiny_classes(dict.fromkeys(["corrosion", "dent", "scratch", "good"], 50), side=32)
    found = views.steps(params, ClassSplits(train, train))
    assert (found["moco_improved"], found["moco_improved_original_data"], found["untrained"]) == (120, 72, 0)
    assert (found["supervised"], found["supervised_original_data"]) == (120, 72)
    sorted_ones = replace(params, batches="single_class")
    assert views.steps(sorted_ones, ClassSplits(train, train))["moco_improved_original_data"] == 48


def test_a_figure_says_that_its_test_images_are_generated_in_heading_and_alt_text():
    words = views.heading(resolved(test_on="generated"), "test_resnet")
    assert words == "aluminium: shuffled batches, plain BatchNorm, tested on generated images"
    assert max(map(len, views.wrapped(words).splitlines())) <= 50 and views.wrapped(words).split() == words.split()
    assert "generated" not in views.heading(resolved())
    plot = views.headed(Plot(plt.figure(), "Curves of four classes."), words)
    assert plot.alt == f"{words}. Curves of four classes."
    plt.close("all")


def test_every_figure_of_test_images_in_the_notebook_has_the_heading_of_its_setting():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    drawn = [cell.source for cell in cells if cell.cell_type == "code" and "fig-ddpm-moco-" in cell.source]
    for name in ("pr", "pr-other", "confusion", "worth"):
        (source,) = [text for text in drawn if f'"fig-ddpm-moco-{name}"' in text]
        assert all(f"views.{word}(" in source for word in ("headed", "heading", "wrapped")), name


def test_the_line_for_one_gpu_has_settings_that_go_together_and_a_queue_shorter_than_the_data():
    text = NOTEBOOK.read_text(encoding="utf-8")
    (line,) = {cell.source for cell in nbformat.reads(text, as_version=4).cells if "-p profile paper" in cell.source}
    given = dict(re.findall(r"-p (\w+) (\w+)", line.split("```bash")[1].split("```")[0]))
    params = resolve(DdpmMocoParameters, given)
    assert params.backbones == ("resnet50", "vit_base_patch16_224") and params.image_size == 128
    assert (ddpm_moco.diffusion_settings(params).size, ddpm_moco.comparator_side(params)) == (128, 64)
    assert ddpm_moco.sampling_settings(params).calls(1000) == params.steps == 20
    originals = 4 * 50  # training images of the plates
    assert params.n_generated is not None and params.queue is not None
    assert params.queue < min(originals, ddpm_moco.TRAINED * params.n_generated)
    assert all(ddpm_moco.moco_settings(params, name).size == 128 for name in params.backbones)

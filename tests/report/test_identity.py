from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from defectlab.report.identity import GROUPS, METHODS, in_order, method

# Machado, Oliveira and Fernandes 2009: full deuteranopia, on linear RGB
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = np.array([0.95047, 1.0, 1.08883])
SHARED_BY_DIAG = ("none", "memseg", "ddpm", "in_and_out", "diag")


def linear(colour):
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    ratio = np.clip(XYZ @ rgb / WHITE, 0, None)
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def pairs(keys):
    return combinations([METHODS[key] for key in keys], 2)


def in_one_group():
    """Pairs that a figure can show together; DDPM is a generator too, and all synthesizers are compared."""
    for group in GROUPS.values():
        yield from combinations(group, 2)
    yield from ((METHODS["ddpm"], other) for other in GROUPS["generators"])
    yield from ((METHODS[key], other) for key in SHARED_BY_DIAG for other in GROUPS["synthesizers"])


def test_white_has_lightness_one_hundred_in_the_simulation():
    assert lab(np.ones(3)) == pytest.approx([100, 0, 0], abs=0.02)


@pytest.mark.parametrize("simulate", [np.eye(3), DEUTERANOPIA], ids=["normal", "deuteranopia"])
def test_any_two_methods_differ_in_colour_for_normal_and_colour_blind_readers(simulate):
    for a, b in in_one_group():
        apart = np.linalg.norm(lab(simulate @ linear(a.colour)) - lab(simulate @ linear(b.colour)))
        assert apart > 15, (a.name, b.name, apart)


def test_the_methods_of_the_diag_tables_differ_in_lightness_alone():
    for a, b in pairs(SHARED_BY_DIAG):
        apart = abs(lab(linear(a.colour))[0] - lab(linear(b.colour))[0])
        assert apart > 5, (a.name, b.name, apart)


def test_any_two_methods_differ_in_marker_and_in_line_style():
    for a, b in in_one_group():
        assert a.marker != b.marker
        assert a.line != b.line


def test_a_method_on_original_data_looks_like_the_same_on_augmented_data_and_says_so():
    base, original = method("moco_improved"), method("moco_improved_original_data")
    assert (original.colour, original.marker) == (base.colour, base.marker)
    assert original.name == "MoCo, improved loss, original data"
    assert len(METHODS) == sum(len(group) for group in GROUPS.values())


def test_an_ablation_differs_from_the_full_method_in_colour_marker_and_line():
    full = METHODS["student_teacher"]
    for row in GROUPS["ablations"]:
        assert (row.colour != full.colour, row.marker != full.marker, row.line != full.line) == (True, True, True)


def test_the_pale_yellow_of_the_palette_is_left_out():
    assert "#F0E442" not in {identity.colour.upper() for identity in METHODS.values()}


def test_order_is_that_of_the_book():
    assert [identity.key for identity in in_order({"memseg", "diag", "none"})] == ["none", "diag", "memseg"]


def test_an_unknown_method_gets_the_near_miss():
    with pytest.raises(ValueError, match="no method 'memsg'; did you mean 'memseg'"):
        method("memsg")

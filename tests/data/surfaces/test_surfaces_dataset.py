"""The procedural data set: what image ``i`` depends on, counts, presets, sizes, error texts."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import defectlab
from defectlab.data import load_dataset
from defectlab.data.anomaly_layout import category_of
from defectlab.data.surfaces import HELD_OUT_MATERIALS, MATERIALS, PRESETS, load, texture
from defectlab.data.surfaces.dataset import FAMILIES
from defectlab.data.surfaces.defects import DEFECTS, HELD_OUT_LOOKS, LOOKS, TRAINED_LOOKS
from defectlab.data.surfaces.line import Piece
from defectlab.data.surfaces.materials import make_surface
from defectlab.detection.encoder.settings import TRAINED_MATERIALS as ENCODER_MATERIALS
from defectlab.synthesis.pocket.examples import TRAINED_MATERIALS
from defectlab.synthesis.pocket.storage import SHIPPED

ROOT = Path(defectlab.__file__).parents[1]
SIZE = (48, 32)
HASH = """
import hashlib, sys
from defectlab.data.surfaces import load
data = load("test", size=(48, 32), scale=0.01)
for i in (10, 3):
    sample = data[i]
    print(hashlib.sha256(sample.image.numpy().tobytes() + sample.mask.numpy().tobytes()).hexdigest())
"""


def small(split="train", **options):
    return load(split, **{"size": SIZE, "scale": 0.01, **options})


def same(one, two) -> bool:
    return bool((one.image == two.image).all() and (one.mask == two.mask).all()) and one.label == two.label


def test_an_image_is_the_same_in_any_order_and_in_a_subset():
    data, again = small(), small()
    forward = [data[i] for i in range(len(data))]
    backward = [again[i] for i in reversed(range(len(again)))][::-1]
    assert all(map(same, forward, backward))
    few = data.subset(normal=False, indices=[3, len(data) - 1])
    assert len(few) == 1 and same(few[0], forward[-1])
    assert same(data.subset(defects=["crack"], normal=False)[0], forward[data.records.index(few.records[0]) - 1])


def test_an_image_does_not_depend_on_the_scale_of_the_set():
    few, many = small(), small(scale=0.02)
    assert all(same(few[i], many[i]) for i in range(3))


def test_an_image_is_the_same_in_another_process():
    run = subprocess.run([sys.executable, "-c", HASH], check=True, capture_output=True, text=True, cwd=ROOT)
    data = small("test")
    here = [hashlib.sha256(data[i].image.numpy().tobytes() + data[i].mask.numpy().tobytes()) for i in (10, 3)]
    assert run.stdout.split() == [digest.hexdigest() for digest in here]


def test_seeds_splits_and_images_differ():
    images = [small()[0], small()[1], small("test")[0], small(seed=1)[0]]
    for i, one in enumerate(images):
        assert not any((one.image == two.image).all() for two in images[i + 1 :])


def test_counts_follow_the_data_set_that_is_imitated():
    full = load("train", preset="ksdd2", scale=1)
    assert len(full) == 2085 + 246 and full.labels.sum() == 246
    test = load("test", preset="ksdd2", scale=1)
    assert (len(test), test.labels.sum()) == (894 + 110, 110)
    tenth = load("train", preset="ksdd2")
    assert (len(tenth), tenth.labels.sum()) == (208 + 25, 25)
    assert tuple(small(scale=1e-6).labels) == (0, 0, 1, 1)


def test_an_anomaly_preset_trains_on_good_images_only():
    assert load("train", preset="anomaly").labels.sum() == 0
    assert load("test", preset="anomaly").defects == tuple(sorted(LOOKS))


def test_the_categories_of_an_anomaly_preset_are_products_of_one_material_each():
    every = load("test", size=SIZE, preset="anomaly", scale=0.05)
    assert [category_of(r) for r in every.records[::8]] == ["commutator", "leather", "rolled"]
    leather = load("test", size=SIZE, preset="anomaly", scale=0.05, category="leather")
    assert [r.id for r in leather.records] == [f"leather/test/{i}" for i in range(8)] and leather.labels.sum() == 6
    assert same(leather[7], every[15]) and same(leather[0], every[8])  # alone or among others


def test_pieces_of_a_line_are_more_alike_than_pieces_of_a_material():
    def deviation(lines: list[tuple[int, int]]) -> float:
        surfaces = [make_surface(Piece([line], np.random.default_rng(i)), 48, 48, "leather") for i, line in lines]
        return float(np.std([np.mean(s.albedo) for s in surfaces]))

    assert deviation([(i, 1) for i in range(8)]) < 0.5 * deviation([(i, i) for i in range(8)])
    one, two = (make_surface(Piece([1], np.random.default_rng(i)), 48, 48, "leather") for i in (0, 1))
    assert abs(np.corrcoef(one.albedo.ravel(), two.albedo.ravel())[0, 1]) < 0.2  # but no two are copies


def test_a_piece_draws_properties_near_its_line_within_their_range():
    drawn = [Piece([3], np.random.default_rng(i)).uniform(2, 4) for i in range(50)]
    assert min(drawn) >= 2 and max(drawn) <= 4 and np.ptp(drawn) <= 0.15 * 2
    assert len({str(Piece([3], np.random.default_rng(i)).choice(["a", "b", "c"])) for i in range(20)}) == 1


def test_classes_come_in_turn_and_each_image_is_a_group_of_its_own():
    data = load("test", preset="aluminium")
    assert [record.defect for record in data.records[50:54]] == ["corrosion", "dent", "scratch", "corrosion"]
    assert len(set(data.groups)) == len({record.id for record in data.records}) == len(data)


def test_presets_use_held_out_materials_only():
    assert set(HELD_OUT_MATERIALS) < set(MATERIALS)
    for preset in PRESETS.values():
        assert set(preset.materials) <= set(HELD_OUT_MATERIALS)


def test_ksdd2_and_anomaly_use_held_out_looks_only():
    for name in ("ksdd2", "anomaly"):
        for defect, looks in PRESETS[name].looks.items():
            assert looks == (HELD_OUT_LOOKS[defect],)


def test_nothing_that_is_trained_on_is_held_out():
    assert not set(TRAINED_MATERIALS) & set(HELD_OUT_MATERIALS)
    assert set(TRAINED_MATERIALS) | set(HELD_OUT_MATERIALS) == set(MATERIALS)
    assert not set(ENCODER_MATERIALS) & set(HELD_OUT_MATERIALS)
    for defect in DEFECTS:
        assert HELD_OUT_LOOKS[defect] not in TRAINED_LOOKS[defect]
        assert (*TRAINED_LOOKS[defect], HELD_OUT_LOOKS[defect]) == LOOKS[defect]
    if SHIPPED.exists():
        shipped = json.loads((SHIPPED / "config.json").read_text())["materials"]
        assert shipped and not set(shipped) & set(HELD_OUT_MATERIALS)


def test_every_defect_has_a_family_of_regions():
    assert set(FAMILIES) == set(DEFECTS) == set(LOOKS)


@pytest.mark.parametrize("size", [(632, 224), (33, 95), (32, 32)])
@pytest.mark.parametrize("preset", PRESETS)
def test_any_size_is_drawn(size, preset):
    data = load("test", preset=preset, size=size)
    for i in (0, len(data) - 1):
        sample = data[i]
        assert sample.image.shape == (3, *size) and sample.mask.shape == (1, *size)
        assert sample.image.min() >= 0 and sample.image.max() <= 1
        assert bool(sample.mask.any()) == bool(sample.label)
    assert data[0].image.std() > 0.005


def test_the_registry_gives_the_same_set():
    data = load_dataset("surfaces", "test", size=list(SIZE), preset="anomaly", scale=0.1, seed=3)
    assert data.name == "surfaces" and data.licence.endswith("CC0")
    assert same(data[5], load("test", size=SIZE, preset="anomaly", scale=0.1, seed=3)[5])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"preset": "aluminum"}, r"unknown preset 'aluminum' of surfaces; known: .*; did you mean 'aluminium'\?"),
        ({"split": "val"}, "surfaces has the splits train, test, not 'val'"),
        ({"scale": 0}, "must be above 0, got 0"),
        ({"scale": float("nan")}, "must be above 0, got nan"),
        ({"size": (31, 64)}, "at least 32 x 32 pixels, size is 31 x 64"),
        ({"preset": "anomaly", "category": "wood"}, "unknown category 'wood' of .* known: commutator, leather, rolled"),
        ({"category": "leather"}, "unknown category 'leather' of the preset ksdd2 of surfaces; known: none"),
        ({"seed": -1}, "seed: expected at least 0, got -1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, text):
    with pytest.raises(ValueError, match=text):
        load(**options)


def test_a_texture_depends_on_its_generator_alone():
    one, two = (texture(np.random.default_rng(4), 40, 56) for _ in range(2))
    assert one.shape == (40, 56, 3) and one.dtype == np.uint8
    np.testing.assert_array_equal(one, two)
    assert (one != texture(np.random.default_rng(5), 40, 56)).any()

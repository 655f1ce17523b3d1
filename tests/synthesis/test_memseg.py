from dataclasses import dataclass

import numpy as np
import pytest
import torch

from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.synthesis.blend import blend, changed
from defectlab.synthesis.foreground import ThresholdForeground
from defectlab.synthesis.lines import LineMasks
from defectlab.synthesis.memseg import MemSeg, shuffle_tiles


@dataclass
class FlatTexture:
    """A texture of one grey level."""

    level: int
    name: str = "flat"

    def draw(self, rng, height, width):
        return np.full((height, width, 3), self.level, np.uint8)


def normals(n: int = 4, height: int = 48, width: int = 32, label: int = 0, level: int | None = None) -> MappedDataset:
    """Noise pictures, or pictures of one grey level."""

    def read(record: Record) -> Sample:
        rng = np.random.default_rng(int(record.id))
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        if level is not None:
            pixels[:] = level
        return Sample(torch.from_numpy(pixels).permute(2, 0, 1).float() / 255, torch.zeros(1, height, width) > 0, label)

    return MappedDataset(read, "noise", "train", [Record(str(i), label) for i in range(n)], (height, width))


def original(dataset: MappedDataset, name: str) -> np.ndarray:
    return dataset[int(name)].image.permute(1, 2, 0).mul(255).round().byte().numpy()


def test_blending_by_hand_cuts_fractions_off():
    image, source = np.full((1, 2, 3), 100, np.uint8), np.full((1, 2, 3), 203, np.uint8)
    # 100 + .25 (203 - 100) = 125.75
    assert blend(image, source, np.array([[True, False]]), 0.25)[0, :, 0].tolist() == [125, 100]


def test_a_source_equal_to_the_image_changes_nothing_at_any_opacity():
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    everywhere = np.ones((16, 16), bool)
    assert not any(changed(image, blend(image, image, everywhere, d)).any() for d in np.linspace(0, 1, 101))


def test_blending_refuses_other_shapes_and_opacities():
    image = np.zeros((4, 6, 3), np.uint8)
    with pytest.raises(ValueError, match=r"shapes differ: image \(4, 6, 3\), source \(4, 6, 3\), mask \(6, 4\)"):
        blend(image, image, np.ones((6, 4), bool), 0.5)
    with pytest.raises(ValueError, match="opacity must lie in"):
        blend(image, image, np.ones((4, 6), bool), 1.5)


@pytest.mark.parametrize("size", [(64, 64), (200, 600), (632, 224), (37, 50)])
def test_unmasked_pixels_are_bit_exact_and_the_mask_is_what_changed(size):
    dataset = normals(2, *size)
    for item in MemSeg(textures=FlatTexture(128)).synthesize(dataset, 6, seed=0).items:
        before = original(dataset, item.record["source"])
        assert item.image.shape == (*size, 3) and item.image.dtype == np.uint8
        assert np.array_equal(item.mask, (before != item.image).any(axis=2)) and item.mask.any()


class HalfTexture(FlatTexture):
    """Black on its left half, of one grey level on its right."""

    def draw(self, rng, height, width):
        texture = super().draw(rng, height, width)
        texture[:, : width // 2] = 0
        return texture


def test_the_drawn_label_holds_pixels_that_did_not_change():
    settings = {"textures": HalfTexture(100), "texture_probability": 1}
    drawn = MemSeg(**settings, label="drawn").synthesize(normals(level=100), 10, seed=3).items
    honest = MemSeg(**settings).synthesize(normals(level=100), 10, seed=3).items
    for a, b in zip(drawn, honest, strict=True):
        assert np.array_equal(a.image, b.image)
        assert np.array_equal(a.mask[:, :16], b.mask[:, :16]) and not b.mask[:, 16:].any()
    assert any(item.mask[:, 16:].any() for item in drawn)


def test_a_texture_is_blended_with_the_recorded_opacity():
    method = MemSeg(textures=FlatTexture(255), texture_probability=1, transparency=(0.5, 0.5))
    for item in method.synthesize(normals(level=55), 5, seed=0).items:
        assert item.record["content"] == "texture" and item.record["opacity"] == 0.5
        assert set(np.unique(item.image)) == {55, 155}  # 55 + .5 (255 - 55)


def test_image_i_depends_on_seed_and_i_alone(tmp_path):
    dataset, method = normals(), MemSeg(textures=FlatTexture(200))
    ten, four = method.synthesize(dataset, 10, seed=5), method.synthesize(dataset, 4, seed=5)
    method.synthesize(dataset, 3, seed=5, out=tmp_path)
    resumed = method.synthesize(dataset, 10, seed=5, out=tmp_path)
    for other in (four, resumed):
        for a, b in zip(ten.items[: len(other)], other.items, strict=True):
            assert np.array_equal(a.image, b.image) and np.array_equal(a.mask, b.mask) and a.record == b.record
    assert any(
        not np.array_equal(a.image, b.image)
        for a, b in zip(four.items, method.synthesize(dataset, 4, seed=6).items, strict=True)
    )


def test_a_folder_of_other_settings_is_refused(tmp_path):
    MemSeg(textures=FlatTexture(200)).synthesize(normals(), 1, seed=0, out=tmp_path)
    with pytest.raises(ValueError, match="masks"):
        MemSeg(textures=FlatTexture(200), masks=LineMasks()).synthesize(normals(), 1, seed=0, out=tmp_path)


def test_both_sources_come_in_equal_shares_and_without_textures_structure_alone():
    mixed = [item.record for item in MemSeg(textures=FlatTexture(9)).synthesize(normals(), 60, seed=0).items]
    assert 0.3 < np.mean([record["content"] == "texture" for record in mixed]) < 0.7
    assert all(len(record["augmentations"].split("+")) == 3 for record in mixed if record["content"] == "structure")
    alone = MemSeg(textures=None).synthesize(normals(), 10, seed=0).items
    assert {item.record["content"] for item in alone} == {"structure"}


def test_defects_stay_on_the_foreground():
    dataset = normals()
    method = MemSeg(textures=FlatTexture(0), foreground=ThresholdForeground(128))
    for item in method.synthesize(dataset, 10, seed=0).items:
        assert not (item.mask & ~ThresholdForeground(128)(original(dataset, item.record["source"]))).any()


def test_an_image_that_cannot_change_stops_the_run_with_the_reason():
    method = MemSeg(textures=FlatTexture(0), foreground=ThresholdForeground(10), max_draws=3)
    with pytest.raises(RuntimeError, match=r"did not change in 3 draws; the foreground covers 0.0% of it"):
        method.synthesize(normals(level=200), 1, seed=0)


def test_draws_that_change_nothing_are_repeated_and_counted():
    # the texture equals the image, so that only the structure source can change it
    items = MemSeg(textures=FlatTexture(100), texture_probability=0.5).synthesize(normals(level=100), 20, seed=0).items
    assert {item.record["content"] for item in items} == {"structure"}
    assert max(item.record["draws"] for item in items) > 1


@pytest.mark.parametrize("size", [(16, 24), (17, 23), (5, 3)])
def test_shuffled_tiles_have_the_size_of_the_image(size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert shuffle_tiles(image, (8, 8), np.random.default_rng(0)).shape == image.shape


def test_tiles_change_places_as_a_whole():
    # tile k of a 2 x 4 grid holds the level k everywhere
    image = np.kron(np.arange(8).reshape(2, 4), np.ones((5, 3))).astype(np.uint8)[..., None].repeat(3, axis=2)
    shuffled = shuffle_tiles(image, (2, 4), np.random.default_rng(1))[..., 0].reshape(2, 5, 4, 3)
    assert (shuffled == shuffled[:, :1, :, :1]).all()
    assert sorted(shuffled[:, 0, :, 0].ravel().tolist()) == list(range(8))
    assert not np.array_equal(shuffled[:, 0, :, 0], np.arange(8).reshape(2, 4))


def test_the_set_is_a_data_set_of_defective_images():
    made = MemSeg(textures=FlatTexture(9)).synthesize(normals(), 3, seed=0)
    assert len(made) == 3 and made.labels.tolist() == [1, 1, 1] and made[0].image.shape == (3, 48, 32)


def test_defective_images_among_the_normal_ones_are_refused():
    with pytest.raises(
        ValueError, match=r"4 of 4 images are defective, first 0; pass dataset.subset\(defective=False\)"
    ):
        MemSeg(textures=None).synthesize(normals(label=1), 1, seed=0)


def test_no_image_and_a_negative_seed_are_refused():
    with pytest.raises(ValueError, match=r"normals: noise \(train\) holds no image"):
        MemSeg(textures=None).synthesize(normals(0), 1, seed=0)
    with pytest.raises(ValueError, match="seed must be at least 0, got -1"):
        MemSeg(textures=None).synthesize(normals(), 1, seed=-1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"transparency": (0, 1)}, "transparency must satisfy"),
        ({"structure_grid": (0, 8)}, "structure_grid must hold at least one row and column"),
        ({"texture_probability": 1.5}, r"texture_probability must lie in \[0, 1\], got 1.5"),
        ({"label": "all"}, r"label must be one of \('changed', 'drawn'\), got 'all'"),
        ({"max_draws": 0}, "max_draws must be at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        MemSeg(**settings)

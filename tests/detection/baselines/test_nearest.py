"""The floor: hand-computed coresets, distances and scores; a detector that finds what it never saw."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.neighbors import NearestNeighbors
from squares import SIZE, masks_of, surfaces

from defectlab.detection.baselines.coreset import greedy_coreset
from defectlab.detection.baselines.features import STRIDES, PatchFeatures, load_model, map_indices
from defectlab.detection.baselines.nearest import Nearest, image_scores, nearest, smoke
from defectlab.detection.saved import load_detector
from defectlab.evaluation.localisation import localisation_metrics


@pytest.fixture(scope="module")
def fitted():
    return Nearest(smoke(), device="cpu").fit(surfaces())


def test_a_coreset_takes_the_farthest_each_time():
    points = torch.tensor([[0.0], [1.0], [10.0], [4.0]])
    first = int(greedy_coreset(points, 1, seed=0)[0])
    expected = {0: [0, 2, 3], 1: [1, 2, 3], 2: [2, 0, 3], 3: [3, 2, 0]}[first]
    assert greedy_coreset(points, 3, seed=0).tolist() == expected


def test_a_coreset_of_all_is_all_and_equal_vectors_are_taken_once_each():
    assert greedy_coreset(torch.zeros(3, 2), 5, seed=0).tolist() == [0, 1, 2]
    assert sorted(greedy_coreset(torch.zeros(4, 2), 3, seed=1).tolist()) != [0, 0, 0]
    assert len(set(greedy_coreset(torch.zeros(9, 2), 8, seed=1).tolist())) == 8
    with pytest.raises(ValueError, match="at least one"):
        greedy_coreset(torch.zeros(3, 2), 0, seed=0)


def test_a_coreset_covers_better_than_chance_through_the_random_projection():
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(500, 300, generator=generator) * torch.rand(500, 1, generator=generator) ** 4
    chosen = points[greedy_coreset(points, 25, seed=3, projection=64)]
    by_chance = points[torch.randperm(500, generator=generator)[:25]]
    assert torch.cdist(points, chosen).amin(1).max() < torch.cdist(points, by_chance).amin(1).max()


def test_distances_to_the_nearest_are_those_of_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    patches, memory = torch.randn(50, 7, generator=generator), torch.randn(20, 7, generator=generator)
    distances, positions = nearest(patches, memory)
    theirs = NearestNeighbors(n_neighbors=1).fit(memory.numpy()).kneighbors(patches.numpy())
    np.testing.assert_allclose(distances, theirs[0][:, 0], rtol=1e-5)
    np.testing.assert_array_equal(positions, theirs[1][:, 0])


def test_the_score_of_an_image_by_hand():
    memory = torch.tensor([[0.0], [1.0], [9.0]])
    patches = torch.tensor([[[0.5], [-2.0]]])  # one image; -2 is 2 from 0, and 3 from 1
    distances, positions = nearest(patches.flatten(0, 1), memory)
    plain = image_scores(patches, distances.reshape(1, 2), positions, memory, 1)
    assert plain.item() == 2
    weighted = image_scores(patches, distances.reshape(1, 2), positions, memory, 2)
    assert weighted.item() == pytest.approx((1 - math.exp(2) / (math.exp(2) + math.exp(3))) * 2)


def test_patches_average_their_neighbourhood_and_lie_on_the_finest_grid():
    model, spec, _ = load_model("test_resnet", "none", (64, 64), 0)
    indices = map_indices(model, spec, None, STRIDES)
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    alone, wide = (PatchFeatures(model, spec, indices, p) for p in (1, 3))
    maps = alone(image)
    assert alone.channels == (48, 192) and wide.patches(image).shape == (2, 240, 8, 8)
    assert torch.equal(alone.patches(image)[:, :48], maps[0])
    expected = maps[0][0, :, 2:5, 3:6].mean(dim=(1, 2))
    assert torch.allclose(wide.patches(image)[0, :48, 3, 4], expected, atol=1e-6)
    corner = maps[0][0, :, :2, :2].mean(dim=(1, 2))  # no border of zeros
    assert torch.allclose(wide.patches(image)[0, :48, 0, 0], corner, atol=1e-6)


def test_it_finds_and_locates_defects_that_it_never_saw(fitted):
    test = surfaces(6, 6, start=100)
    scores = fitted.score(test)
    assert scores.image[6:].min() > scores.image[:6].max()
    assert scores.pixel.shape == (12, *SIZE)
    assert localisation_metrics(masks_of(test), scores.pixel).auroc > 0.85


def test_a_vision_transformer_serves_as_well():
    settings = smoke(backbone="test_vit", smoothing=0.0)
    scores = Nearest(settings, device="cpu").fit(surfaces()).score(surfaces(4, 4, start=60))
    assert scores.image[4:].min() > scores.image[:4].max()


def test_real_defects_among_the_training_images_are_not_read(fitted):
    test = surfaces(2, 1, start=30)
    np.testing.assert_array_equal(
        Nearest(smoke(), device="cpu").fit(surfaces(6, 3)).score(test).pixel, fitted.score(test).pixel
    )


def test_scores_do_not_depend_on_the_other_images(fitted):
    test = surfaces(5, 2, start=70)
    whole, alone = fitted.score(test), fitted.score(test.subset(indices=[6]))
    np.testing.assert_allclose(alone.pixel[0], whole.pixel[6], atol=1e-4)
    np.testing.assert_allclose(alone.image[0], whole.image[6], atol=1e-4)


def test_an_image_of_the_memory_is_at_no_distance():
    everything = Nearest(smoke(ratio=1.0, limit=9999, pool=9999, smoothing=0.0), device="cpu").fit(surfaces(3))
    assert everything.score(surfaces(3)).pixel.max() < 1e-2
    assert len(everything._memory) == 3 * 4 * 4


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit"])
def test_a_saved_detector_gives_the_same_scores(tmp_path, backbone):
    made = Nearest(smoke(backbone=backbone, layers=(1, 2)), device="cpu").fit(surfaces(3))
    made.save(tmp_path / "floor.safetensors")
    loaded = load_detector(tmp_path / "floor.safetensors", "cpu")
    assert isinstance(loaded, Nearest) and loaded.settings == made.settings and loaded.weights == made.weights
    test = surfaces(2, 2, start=30)
    np.testing.assert_array_equal(loaded.score(test).pixel, made.score(test).pixel)
    np.testing.assert_array_equal(loaded.score(test).image, made.score(test).image)


def test_misuse_is_refused_with_what_would_mend_it(tmp_path):
    with pytest.raises(RuntimeError, match="call fit"):
        Nearest(smoke(), device="cpu").score(surfaces(1))
    with pytest.raises(ValueError, match="no normal image"):
        Nearest(smoke(), device="cpu").fit(surfaces(0, 2))
    with pytest.raises(ValueError, match="stride"):
        map_indices(*load_model("test_resnet", "none", (32, 32), 0)[:2], None, (64,))
    with pytest.raises(ValueError, match="layers must name maps 0 to 5"):
        Nearest(smoke(backbone="test_vit", layers=(77,)), device="cpu").fit(surfaces(2))
    with pytest.raises(ValueError, match="odd"):
        smoke(neighbourhood=2)
    with pytest.raises(ValueError, match="ratio"):
        smoke(ratio=0)
    with pytest.raises(FileNotFoundError, match="found none at"):
        load_detector(tmp_path / "nothing.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="not written by"):
        load_detector(tmp_path / "other.safetensors")
    (tmp_path / "text.safetensors").write_text("no tensors")
    with pytest.raises(ValueError, match="no safetensors file"):
        load_detector(tmp_path / "text.safetensors")

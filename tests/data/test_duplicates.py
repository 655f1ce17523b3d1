import io
import time
import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from defectlab.data.duplicates import Imprint, closest_across, find_duplicates, signature, take_imprint


def surface(seed: int, height: int = 120, width: int = 90) -> np.ndarray:
    """A grey surface with structure of several sizes, uint8 ``(height, width, 3)``."""
    rng = np.random.default_rng(seed)
    layers = [cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), sigma) * sigma for sigma in (1, 3, 8)]
    grey = np.clip(128 + 25 * sum(layers), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(signature(first) @ signature(second))


def imprint(name: str, vector: list[float], digest: str = "", split: str = "", group: str = "") -> Imprint:
    """An imprint with a short signature, so that correlations can be read off."""
    values = np.array(vector, np.float32)
    return Imprint(name, digest or name, values / np.linalg.norm(values), split, group)


def names(duplicates) -> list[tuple[str, list[str]]]:
    return [(found.kind, [member.path for member in found.members]) for found in duplicates]


def as_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "jpeg", quality=quality)
    return np.asarray(Image.open(buffer))


def test_a_signature_is_a_unit_vector_and_correlates_fully_with_itself():
    assert np.linalg.norm(signature(surface(0))) == pytest.approx(1, abs=1e-5)
    assert correlation(surface(0), surface(0)) == pytest.approx(1, abs=1e-5)


def test_a_signature_agrees_with_the_correlation_of_numpy():
    grey = [surface(seed, 64, 64)[..., 0].astype(np.float32) for seed in (1, 2)]
    fine = [image - cv2.GaussianBlur(image, (0, 0), 3) for image in grey]
    expected = np.corrcoef(fine[0].ravel(), fine[1].ravel())[0, 1]
    assert correlation(surface(1, 64, 64), surface(2, 64, 64)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: as_jpeg(image, 60),
        lambda image: (image * 0.5 + 20).astype(np.uint8),
        lambda image: cv2.resize(image, (180, 240), interpolation=cv2.INTER_CUBIC),
        lambda image: image[..., 0],
    ],
    ids=["recompressed", "darker and duller", "enlarged", "grey"],
)
def test_a_changed_copy_is_near_identical(change):
    image = surface(0)
    assert correlation(image, change(image)) > 0.97


def test_two_surfaces_of_one_kind_are_not_near_identical():
    assert max(abs(correlation(surface(0), surface(seed))) for seed in range(1, 20)) < 0.3


def test_the_light_that_all_images_share_does_not_make_them_alike():
    light = np.linspace(-80, 80, 120)[:, None, None]
    lit = [np.clip(surface(seed) + light, 0, 255).astype(np.uint8) for seed in (0, 1)]
    assert np.corrcoef(lit[0].ravel(), lit[1].ravel())[0, 1] > 0.6  # the plain correlation is fooled
    assert abs(correlation(*lit)) < 0.3


def test_flat_images_are_like_no_other(tmp_path):
    black, grey = np.zeros((40, 40, 3), np.uint8), np.full((40, 40, 3), 90, np.uint8)
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path, image in zip(paths, (black, grey), strict=True):
        Image.fromarray(image).save(path)
    imprints = [take_imprint(path, image) for path, image in zip(paths, (black, grey), strict=True)]
    assert not imprints[0].signature.any() and find_duplicates(imprints) == ()


def test_a_copied_file_is_byte_identical_and_an_edited_one_near_identical(tmp_path):
    image = surface(0)
    Image.fromarray(image).save(tmp_path / "train ä.png")
    (tmp_path / "test.png").write_bytes((tmp_path / "train ä.png").read_bytes())
    Image.fromarray(image).save(tmp_path / "test.jpg", quality=80)
    Image.fromarray(surface(1)).save(tmp_path / "other.png")
    imprints = [
        take_imprint(tmp_path / "train ä.png", image, "train", "a"),
        take_imprint(tmp_path / "other.png", surface(1), "train", "b"),
        take_imprint(tmp_path / "test.png", image, "test", "a"),
        take_imprint(tmp_path / "test.jpg", as_jpeg(image, 80), "test", "c"),
    ]
    identical, near = find_duplicates(imprints)
    assert names([identical]) == [("byte-identical", [str(tmp_path / "train ä.png"), str(tmp_path / "test.png")])]
    assert identical.splits == ("test", "train") and identical.groups == ("a",) and identical.correlation == 1
    assert near.kind == "near-identical" and len(near.members) == 3  # the copy is named with its twin
    assert near.groups == ("a", "c") and 0.95 < near.correlation < 1


def test_byte_identical_copies_alone_are_not_reported_twice():
    assert names(find_duplicates([imprint("a", [1, 0], "x"), imprint("b", [1, 0], "x"), imprint("c", [0, 1])])) == [
        ("byte-identical", ["a", "b"])
    ]


def test_a_chain_of_likeness_shows_its_lowest_correlation():
    # neighbours are 0.6 apart in angle: cos 0.6 = 0.825, the ends cos 1.2 = 0.362
    chain = [imprint(name, [np.cos(angle), np.sin(angle)]) for name, angle in zip("abc", (0, 0.6, 1.2), strict=True)]
    (found,) = find_duplicates(chain, bound=0.8)
    assert names([found]) == [("near-identical", ["a", "b", "c"])]
    assert found.correlation == pytest.approx(np.cos(1.2), abs=1e-5)
    assert find_duplicates(chain, bound=0.83) == ()


def test_the_closest_pair_of_different_parts_is_found():
    # a and b are the closest of all, but of one part; of the pairs across, c is nearer to b (0.5) than to a (0.6)
    images = [imprint(name, [np.cos(angle), np.sin(angle)]) for name, angle in zip("abc", (0, 0.1, 0.6), strict=True)]
    first, second, correlation = closest_across(images, ["train", "train", "test"])
    assert {first.path, second.path} == {"b", "c"} and correlation == pytest.approx(np.cos(0.5), abs=1e-5)


def test_opposite_images_are_no_copies():
    assert find_duplicates([imprint("a", [1, 2]), imprint("b", [-1, -2])]) == ()


@pytest.mark.parametrize("images", [[], [imprint("a", [1, 0])]], ids=["none", "one"])
def test_too_few_images_have_no_duplicates(images):
    assert find_duplicates(images) == ()


@pytest.mark.parametrize("bound", [0, -0.5, 1.01, float("nan")])
def test_a_bound_that_is_no_correlation_is_refused(bound):
    with pytest.raises(ValueError, match=r"bound is a correlation in \(0, 1\], got"):
        find_duplicates([], bound=bound)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 25), st.integers(1, 30))
def test_the_size_of_a_block_does_not_matter_and_a_plain_search_agrees(seed, n, block):
    rng = np.random.default_rng(seed)
    images = [imprint(str(i), [*vector]) for i, vector in enumerate(rng.normal(size=(n, 3)))]
    expected = {i: {i} for i in range(n)}
    for i in range(n):
        for j in range(i):
            if images[i].signature @ images[j].signature >= 0.9 - 1e-6:  # the slack that the search allows for rounding
                merged = expected[i] | expected[j]
                expected |= dict.fromkeys(merged, merged)
    sets = sorted({tuple(sorted(members)) for members in expected.values() if len(members) > 1})
    found = [tuple(int(member.path) for member in one.members) for one in find_duplicates(images, 0.9, block)]
    assert found == sets


def test_three_thousand_images_take_seconds_and_bounded_memory():
    vectors = np.random.default_rng(0).normal(size=(3000, 4096)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[2999] = vectors[0]
    images = [Imprint(str(i), str(i), vector) for i, vector in enumerate(vectors)]
    tracemalloc.start()
    begin = time.process_time()
    found = find_duplicates(images)
    seconds, peak = time.process_time() - begin, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert names(found) == [("near-identical", ["0", "2999"])]
    assert seconds < 15  # about 1 s alone; other work shares the cores
    assert peak < 2 * vectors.nbytes

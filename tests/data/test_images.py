import logging

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from defectlab.data.images import ImageError, image_size, read_image, read_mask, resize_image, resize_mask

COLOURS = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[10, 20, 30], [0, 0, 0], [255, 255, 255]]], np.uint8)


def written(array, path, **options):
    Image.fromarray(array).save(path, **options)
    return path


def test_a_colour_image_comes_back_as_it_was_written(tmp_path):
    image = read_image(written(COLOURS, tmp_path / "a.png"))
    assert image.dtype == np.uint8
    assert np.array_equal(image, COLOURS)
    assert image.flags.writeable


def test_grey_becomes_three_equal_channels(tmp_path):
    grey = np.array([[0, 7, 255]], np.uint8)
    assert np.array_equal(read_image(written(grey, tmp_path / "a.png")), np.stack([grey] * 3, axis=2))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_cover_the_whole_range_of_eight(tmp_path, suffix):
    deep = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    path = tmp_path / f"a.{suffix}"
    assert cv2.imwrite(str(path), deep)
    assert read_image(path)[0, :, 1].tolist() == [0, 1, 128, 255]


def test_sixteen_bits_in_colour_are_read_as_sixteen_bits_in_grey_are(tmp_path):
    deep = np.array([[0, 1000, 40000, 65535]], np.uint16)
    cv2.imwrite(str(tmp_path / "grey.png"), deep)
    cv2.imwrite(str(tmp_path / "colour.png"), np.stack([deep] * 3, axis=2))
    assert np.array_equal(read_image(tmp_path / "grey.png"), read_image(tmp_path / "colour.png"))


def test_a_palette_gives_its_colours(tmp_path):
    Image.fromarray(COLOURS).quantize(6).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as stored:
        assert stored.mode == "P"
    assert np.array_equal(read_image(tmp_path / "a.png"), COLOURS)


def test_transparency_is_dropped_and_said_once(tmp_path, caplog):
    alpha = np.array([[0, 128, 255], [255, 255, 255]], np.uint8)
    path = written(np.dstack([COLOURS, alpha]), tmp_path / "see through.png")
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(read_image(path), COLOURS)
        read_image(path)
    assert [record.getMessage() for record in caplog.records] == [
        f"{path} has transparent pixels; their colour is kept, the transparency is dropped"
    ]


def test_an_opaque_alpha_channel_is_not_worth_a_word(tmp_path, caplog):
    path = written(np.dstack([COLOURS, np.full((2, 3), 255, np.uint8)]), tmp_path / "a.png")
    assert np.array_equal(read_image(path), COLOURS)
    assert not caplog.records


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_rotation_in_exif_is_applied_as_opencv_applies_it(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    picture = np.random.default_rng(0).integers(0, 255, (4, 3, 3)).astype(np.uint8)
    written(cv2.resize(picture, (24, 32), interpolation=cv2.INTER_NEAREST), path, exif=exif, quality=95)
    image = read_image(path)
    assert image.shape == ((32, 24, 3) if orientation < 5 else (24, 32, 3))
    assert image_size(path) == image.shape[:2]
    expected = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    assert np.abs(image.astype(int) - expected).max() <= 4  # two JPEG decoders


def test_paths_may_hold_spaces_and_any_letters(tmp_path):
    folder = tmp_path / "pièces d’essai" / "表面"
    folder.mkdir(parents=True)
    assert np.array_equal(read_image(written(COLOURS, folder / "ö ä.png")), COLOURS)


def damaged(tmp_path, kind):
    path = tmp_path / f"{kind}.png"
    if kind == "truncated":
        noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
        written(noise, path)
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("not an image, really")
    elif kind == "bytes":
        path.write_bytes(b"\xff\xfe\x00\x01\xfa")
    elif kind == "folder":
        path.mkdir()
    return path


@pytest.mark.parametrize("read", [read_image, read_mask])
@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("truncated", "PNG data that is damaged or cut short"),
        ("empty", "an empty file"),
        ("text", "text: 'not an image, really'"),
        ("bytes", "bytes of no known image format: ff fe 00 01 fa"),
        ("missing", "no file"),
        ("folder", "a folder"),
    ],
)
def test_a_bad_file_is_named_with_what_was_found(tmp_path, read, kind, found):
    path = damaged(tmp_path, kind)
    with pytest.raises(ImageError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert found in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_a_truncated_jpeg_is_refused_and_not_filled_with_grey(tmp_path):
    path = written(np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8), tmp_path / "a.jpg")
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(ImageError, match="JPEG data that is damaged or cut short"):
        read_image(path)


def test_floating_point_images_are_refused(tmp_path):
    path = written(np.ones((2, 2), np.float32), tmp_path / "a.tif")
    with pytest.raises(ImageError, match="floating-point values; save as 8 bits"):
        read_image(path)


MARKED = np.array([[False, True, False], [False, False, True]])


@pytest.mark.parametrize(
    "stored",
    [
        MARKED,
        MARKED.astype(np.uint8),
        MARKED.astype(np.uint8) * 255,
        MARKED.astype(np.uint16),
        COLOURS * MARKED[..., None],
    ],
    ids=["one bit", "values 1", "values 255", "16 bits", "colour"],
)
@pytest.mark.parametrize("suffix", ["png", "bmp"])
def test_whatever_is_not_black_is_defect(tmp_path, stored, suffix):
    expected = MARKED.copy()
    if stored.ndim == 3:
        expected = stored.any(axis=2)
    if stored.dtype == np.uint16 and suffix == "bmp":
        suffix = "tif"
    mask = read_mask(written(stored, tmp_path / f"m.{suffix}"))
    assert mask.dtype == bool
    assert np.array_equal(mask, expected)


def test_a_faint_defect_of_a_16_bit_mask_is_not_lost_with_the_low_byte(tmp_path):
    assert cv2.imwrite(str(tmp_path / "m.png"), np.array([[0, 1, 255]], np.uint16))
    assert read_mask(tmp_path / "m.png").tolist() == [[False, True, True]]


def test_what_is_fully_transparent_in_a_mask_is_not_defect(tmp_path):
    white = np.full((1, 2, 4), 255, np.uint8)
    white[0, 0, 3] = 0
    assert read_mask(written(white, tmp_path / "m.png")).tolist() == [[False, True]]


def test_the_noise_of_jpeg_around_a_mask_is_not_defect(tmp_path):
    drawn = np.zeros((32, 32), np.uint8)
    drawn[5:19, 5:13] = 255
    path = written(drawn, tmp_path / "m.jpg", quality=60)
    assert (np.asarray(Image.open(path)) > 0).sum() > (drawn > 0).sum()
    assert np.array_equal(read_mask(path), drawn > 0)


def test_resizing_to_the_same_size_changes_nothing():
    assert np.array_equal(resize_image(COLOURS, (2, 3)), COLOURS)


def test_height_comes_first_in_a_size():
    assert resize_image(COLOURS, (8, 5)).shape == (8, 5, 3)
    assert resize_mask(MARKED, (8, 5)).shape == (8, 5)


def test_a_smaller_image_averages_what_it_covers():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200  # without antialiasing some column would be all 0 or all 200
    inner = resize_image(stripes, (16, 16))[:, 2:-2]
    assert np.abs(inner.astype(int) - 100).max() <= 2


def test_a_mask_at_half_its_size_is_the_maximum_of_each_block():
    mask = np.zeros((4, 6), bool)
    mask[0, 0] = mask[3, 3] = True
    assert resize_mask(mask, (2, 3)).tolist() == [[True, False, False], [False, True, False]]


def test_area_maximum_enlarges_a_thin_region_that_the_nearest_pixel_keeps():
    line = np.zeros((8, 8), bool)
    line[3:5] = True  # two pixels high, across the border of two blocks
    nearest = np.asarray(Image.fromarray(line).resize((4, 4), Image.Resampling.NEAREST))
    assert nearest.sum() == 4 and resize_mask(line, (4, 4)).sum() == 8


def test_a_mask_at_twice_its_size_repeats_each_pixel():
    assert np.array_equal(resize_mask(MARKED, (4, 6)), MARKED.repeat(2, axis=0).repeat(2, axis=1))


sides = st.integers(1, 40)


@given(sides, sides, sides, sides, st.data())
def test_a_defect_of_one_pixel_survives_any_resize_in_its_place(height, width, new_height, new_width, data):
    y, x = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    mask = np.zeros((height, width), bool)
    mask[y, x] = True
    resized = resize_mask(mask, (new_height, new_width))
    assert resized.shape == (new_height, new_width)
    assert resized.any()
    rows, columns = np.nonzero(resized)
    for found, length, before, at in ((rows, new_height, height, y), (columns, new_width, width, x)):
        assert (found * before < (at + 1) * length).all()  # exact overlap, in whole numbers
        assert ((found + 1) * before > at * length).all()


@given(sides, sides, sides, sides, st.integers(0, 2**32 - 1))
def test_a_resized_mask_agrees_with_the_definition_pixel_by_pixel(height, width, new_height, new_width, seed):
    mask = np.random.default_rng(seed).random((height, width)) < 0.1
    resized = resize_mask(mask, (new_height, new_width))
    for i in range(new_height):
        top, bottom = i * height // new_height, -(-(i + 1) * height // new_height)
        for j in range(0, new_width, 3):
            left, right = j * width // new_width, -(-(j + 1) * width // new_width)
            assert resized[i, j] == mask[top:bottom, left:right].any()

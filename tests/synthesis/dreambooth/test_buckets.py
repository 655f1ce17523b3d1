import numpy as np
import pytest

from defectlab.synthesis.dreambooth import DreamBoothSettings
from defectlab.synthesis.dreambooth.buckets import buckets_of, choose_bucket, fit_to_bucket, make_buckets

SD = make_buckets(512, 256, 1024, 64)


@pytest.mark.parametrize(
    ("width", "height", "bucket"),
    [
        (200, 600, (256, 832)),
        (230, 630, (320, 768)),
        (512, 512, (512, 512)),
        (640, 232, (768, 320)),
        (1000, 500, (704, 320)),
    ],
)
def test_an_image_goes_where_the_trainer_puts_it(width, height, bucket):
    assert choose_bucket((height, width), SD) == bucket[::-1]


def test_an_image_of_the_size_of_a_bucket_stays_as_it_is():
    assert choose_bucket((1024, 256), SD) == (1024, 256)


def test_no_bucket_is_larger_than_the_area_and_all_sides_are_multiples_of_the_step():
    assert all(h * w <= 512 * 512 and h % 64 == w % 64 == 0 for h, w in SD)
    assert all(256 <= side <= 1024 for size in SD for side in size)
    assert {(w, h) for h, w in SD} == set(SD)


def test_small_presets_have_the_same_buckets_at_a_smaller_scale():
    small = buckets_of(DreamBoothSettings.laptop())
    assert small == [(h // 4, w // 4) for h, w in SD]


def test_an_image_covers_its_bucket_and_loses_the_same_on_both_sides():
    image = np.zeros((100, 60, 3), np.uint8)
    image[:, 20:40] = 200
    fitted = fit_to_bucket(image, (50, 20))  # shrunk to 50 x 30, five columns cut on each side
    assert fitted.shape == (50, 20, 3)
    assert (fitted[:, 6:14] == 200).all() and (fitted[:, :4] == 0).all() and (fitted[:, 16:] == 0).all()


def test_an_image_of_the_right_size_keeps_every_pixel():
    image = np.random.default_rng(0).integers(0, 256, (48, 32, 3), dtype=np.uint8)
    assert (fit_to_bucket(image, (48, 32)) == image).all()


def test_small_images_are_enlarged():
    assert fit_to_bucket(np.full((20, 10, 3), 7, np.uint8), (64, 32)).tolist() == np.full((64, 32, 3), 7).tolist()

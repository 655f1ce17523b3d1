from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_sd import build_tiny_sd

from defectlab.synthesis.dreambooth import DreamBoothSettings
from defectlab.synthesis.dreambooth.examples import (
    Example,
    batches_of_epoch,
    draw_noise,
    encode_images,
    hash_examples,
    instance_examples,
    regularisation_examples,
    steps_an_epoch,
)

PAPER = DreamBoothSettings.paper()
TALL, SQUARE = (832, 256), (512, 512)


def blank(n, size, repeats, prompt="skt background"):
    """Examples that share their pixels, for counting only."""
    image = np.zeros((*size, 3), np.uint8)
    return [Example(image, prompt, 1.0, repeats) for _ in range(n)]


@pytest.mark.parametrize(("n", "steps"), [(50, 209), (5, 172), (246, 372)])
def test_the_released_configuration_has_these_steps_an_epoch(n, steps):
    """200 regularisation images as ordinary ones, 10 repeats, batches of 12; each bucket rounds up by itself."""
    assert steps_an_epoch(blank(n, TALL, 10) + blank(200, SQUARE, 10), 12) == steps


def test_flips_triple_the_images_and_are_exact(photos, quick):
    settings = replace(quick, flips=True, resolution=64, smallest_side=32, largest_side=128)
    examples = instance_examples(photos, settings)
    assert len(examples) == 3 * len(photos)
    image, across, down = (example.image for example in examples[:3])
    assert image.shape == (80, 48, 3)
    assert (across == image[:, ::-1]).all() and (down == image[::-1]).all()


def test_an_image_of_the_size_of_a_bucket_keeps_its_pixels(photos, quick):
    settings = replace(quick, resolution=48, smallest_side=16, largest_side=64)
    example = instance_examples(photos, settings)[2]
    assert example.size == (64, 32)
    assert (example.image == (photos[2].image * 255).round().byte().permute(1, 2, 0).numpy()).all()
    assert (example.prompt, example.weight, example.repeats) == ("skt background", 1.0, 1)


def test_a_data_set_without_images_is_refused(photos):
    with pytest.raises(ValueError, match="instances: expected at least one image, photos has none"):
        instance_examples(photos.subset(normal=False), PAPER)


@pytest.mark.parametrize(("n", "made"), [(200, 500), (3, 7), (7, 3), (5, 5)])
def test_the_regularisation_subset_is_seen_as_often_as_the_instances(n, made):
    images = [np.zeros((64, 64, 3), np.uint8)] * n
    instances = blank(1, (64, 64), made)
    subset = regularisation_examples(images, instances, replace(PAPER, prior_weight=0.5))
    assert sum(example.repeats for example in subset) == made
    assert {example.weight for example in subset} == {0.5}
    assert {example.prompt for example in subset} == {"background"}
    assert max(e.repeats for e in subset) - min(e.repeats for e in subset) <= 1


def test_ordinary_regularisation_images_have_weight_one_whatever_lambda_says():
    released = replace(DreamBoothSettings.released(), prior_weight=0.3)
    images = [np.zeros((64, 64, 3), np.uint8)] * 4
    examples = regularisation_examples(images, blank(1, (64, 64), 10), released)
    assert [(e.weight, e.repeats, e.prompt) for e in examples] == [(1.0, 10, "background")] * 4


def test_an_epoch_shows_every_image_as_often_as_it_repeats_in_batches_of_one_size():
    examples = blank(5, TALL, 3) + blank(4, SQUARE, 2)
    batches = batches_of_epoch(examples, 4, seed=0, epoch=0)
    assert len(batches) == steps_an_epoch(examples, 4) == 4 + 2
    seen = Counter(i for batch in batches for i in batch)
    assert seen == {i: example.repeats for i, example in enumerate(examples)}
    assert all(len({examples[i].size for i in batch}) == 1 for batch in batches)


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_alone():
    examples = blank(9, SQUARE, 2)
    first = batches_of_epoch(examples, 4, seed=3, epoch=5)
    assert batches_of_epoch(examples, 4, seed=3, epoch=5) == first
    assert batches_of_epoch(examples, 4, seed=3, epoch=6) != first
    assert batches_of_epoch(examples, 4, seed=4, epoch=5) != first


def test_noise_depends_on_seed_step_and_place_alone():
    level, noise = draw_noise((4, 8, 4), 1000, seed=1, step=2, place=3)
    again = draw_noise((4, 8, 4), 1000, seed=1, step=2, place=3)
    assert again[0] == level and torch.equal(again[1], noise)
    others = [draw_noise((4, 8, 4), 1000, *key) for key in ((2, 2, 3), (1, 3, 3), (1, 2, 4))]
    assert not any(torch.equal(noise, other) for _, other in others)


def test_noise_levels_are_all_equally_likely():
    levels = np.array([draw_noise((1,), 4, 0, step, place)[0] for step in range(100) for place in range(4)])
    assert (np.bincount(levels, minlength=4) > 70).all()


@pytest.mark.parametrize("channels", [4, 18])
def test_latents_have_the_channels_and_the_scale_of_the_model(photos, quick, channels):
    vae = build_tiny_sd(latent_channels=channels).vae
    examples = instance_examples(photos.subset(indices=[0]), quick)
    (latents,) = encode_images(vae, examples)
    height, width = examples[0].size
    assert latents.shape == (channels, height // 8, width // 8)
    pixels = torch.from_numpy(examples[0].image).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        assert torch.equal(latents, vae.encode(pixels).latent_dist.mode()[0] * vae.config.scaling_factor)


def test_the_hash_sees_pixels_captions_weights_and_repeats():
    example = blank(1, (16, 16), 1)[0]
    changed = [
        replace(example, prompt="background"),
        replace(example, weight=0.5),
        replace(example, repeats=2),
        replace(example, image=example.image + 1),
    ]
    assert len({hash_examples([each]) for each in (example, *changed)}) == 5

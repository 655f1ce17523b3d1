"""The pipeline: exact outside the mask, the same in any batch, obedient to severity, strict about its arguments."""

from __future__ import annotations

import itertools
import json
import shutil

import numpy as np
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler
from PIL import Image

from defectlab.data.surfaces import load
from defectlab.synthesis.diag import Diag, DiagSettings
from defectlab.synthesis.lines import LineMasks
from defectlab.synthesis.pipelines import ModelSource, crops_batches, hash_folder, is_pocket, load_inpainting
from defectlab.synthesis.pocket.pipeline import PocketPipeline, contrast_of
from defectlab.synthesis.pocket.requests import read_requests
from defectlab.synthesis.pocket.words import UnknownPromptError

SHAPES = [(96, 80), (64, 200), (150, 150)]


def picture(i=0, shape=None):
    height, width = shape or SHAPES[i % 3]
    pixels = np.random.default_rng(i).normal(120, 12, (height, width, 1)) + np.array([6, 0, -6])
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def spot(i=0, shape=None):
    height, width = shape or SHAPES[i % 3]
    mask = np.zeros((height, width), np.uint8)
    mask[20 : 50 + i, 10 : 40 + 3 * i] = 255
    return Image.fromarray(mask)


def generators(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def call(pocket, prompt="a crack", n=1, **options):
    quick = {"num_inference_steps": 2, "output_type": "np", "generator": generators(*range(n))}
    return pocket(prompt, [picture(i) for i in range(n)], [spot(i) for i in range(n)], **quick | options)


@pytest.mark.parametrize("prompt", ["a crack", "a scratch", "a dent", "a pore", "a stain", "rust"])
def test_pixels_outside_the_mask_are_the_same_to_the_bit_and_inside_it_some_change(pocket, prompt):
    made = call(pocket, prompt, 3, severity=1.0)
    for i, image in enumerate(made.images):
        before, outside = np.asarray(picture(i)), np.asarray(spot(i)) == 0
        assert image.shape == before.shape and image.dtype == np.uint8
        np.testing.assert_array_equal(image[outside], before[outside])
        assert (image != before).any() and made.labels[i].any()
        assert not made.labels[i][outside].any()


def test_an_image_does_not_depend_on_its_batch(pocket):
    prompts = ["a crack", "a stain", "a dent"]
    together = call(pocket, prompts, 3)
    for i in range(3):
        alone = pocket(prompts[i], picture(i), spot(i), num_inference_steps=2, generator=generators(i)[0])
        np.testing.assert_array_equal(np.asarray(alone.images[0]), together.images[i])
        assert alone.severities[0] == together.severities[i]


def test_one_generator_for_all_gives_the_same_images_in_batches_of_any_size(pocket):
    images, masks = [picture(i) for i in range(3)], [spot(i) for i in range(3)]
    one, two = generators(5, 5)
    together = read_requests("a pore", images, masks, None, one, None)
    parts = [r for k in (0, 2) for r in read_requests("a pore", images[k : k + 2], masks[k : k + 2], None, two, None)]
    for request, other in zip(together, parts, strict=True):
        assert request.severity == other.severity and torch.equal(request.noise, other.noise)


def test_the_same_seed_gives_the_same_image_and_another_another(pocket):
    one, two, other = (call(pocket, generator=generators(seed)).images[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


def test_without_a_generator_the_seed_of_torch_counts_as_in_diffusers(pocket):
    images = []
    for _ in range(2):
        torch.manual_seed(3)
        images.append(call(pocket, generator=None).images[0])
    np.testing.assert_array_equal(*images)
    assert (images[0] != call(pocket, generator=None).images[0]).any()


def test_a_greater_severity_changes_the_same_pixels_more(pocket):
    changes = []
    for severity in (0.0, 0.3, 0.6, 1.0):
        image = call(pocket, severity=severity, generator=generators(4)).images[0]
        changes.append(np.abs(image.astype(int) - np.asarray(picture())))
    assert all(np.mean(more) > np.mean(less) for less, more in itertools.pairwise(changes))
    assert all((more >= less - 1).all() for less, more in itertools.pairwise(changes))


def test_a_severity_asked_for_leaves_the_shape_that_the_seed_gives(pocket):
    drawn = call(pocket, generator=generators(4))
    asked = call(pocket, generator=generators(4), severity=drawn.severities[0])
    np.testing.assert_array_equal(drawn.images[0], asked.images[0])
    assert 0.25 <= drawn.severities[0] <= 0.6


def test_severity_words_set_the_range():
    faint, severe = (
        read_requests(text, picture(), spot(), None, generators(1), None)[0].severity
        for text in ("a faint crack", "a severe crack")
    )
    assert 0.05 <= faint <= 0.2 and 0.7 <= severe <= 1.0


def test_good_changes_nothing(pocket):
    made = call(pocket, "a flawless surface", 2, severity=1.0)
    for i, image in enumerate(made.images):
        np.testing.assert_array_equal(image, np.asarray(picture(i)))
        assert not made.labels[i].any()
    assert contrast_of("good", 1.0) == 0 < contrast_of("stain", 0.0)


def test_a_grey_image_stays_grey_and_a_coloured_one_takes_the_colour_of_rust(pocket):
    grey = picture().convert("L")
    made = pocket("rust", grey, spot(), num_inference_steps=2, generator=generators(0), severity=1.0, output_type="np")
    assert (made.images[0] == made.images[0][..., :1]).all()
    tinted = Image.fromarray(np.asarray(picture()) // np.array([1, 1, 2], np.uint8))
    image = pocket("rust", tinted, spot(), num_inference_steps=2, generator=generators(0), severity=1.0).images[0]
    change = np.asarray(image).astype(int) - np.asarray(tinted)
    assert (change[..., 0] != change[..., 2]).any()


def test_negative_prompts_count_only_where_they_name_a_defect(pocket):
    plain = call(pocket).images[0]
    for text in ("", "smooth, plain, black, dark, shadow", "a good surface", "elephants"):
        assert read_requests("a crack", picture(), spot(), text, generators(0), None)[0].avoided is None
    np.testing.assert_array_equal(call(pocket, negative_prompt="smooth").images[0], plain)
    assert (call(pocket, negative_prompt="a stain").images[0] != plain).any()


def test_guidance_strength_padding_and_steps_matter(pocket):
    plain = call(pocket).images[0]
    changed = ({"guidance_scale": 1.0}, {"strength": 0.5}, {"padding_mask_crop": 20}, {"num_inference_steps": 3})
    for options in changed:
        assert (call(pocket, **options).images[0] != plain).any()
    np.testing.assert_array_equal(call(pocket, width=8, height=8).images[0], plain)


def test_guidance_works_in_its_share_of_the_steps_from_the_noisiest_on(pocket, monkeypatch):
    seen = []
    forward = pocket.unet.forward
    monkeypatch.setattr(pocket.unet, "forward", lambda x, *a, **k: seen.append(len(x)) or forward(x, *a, **k))
    call(pocket, num_inference_steps=5, guided_share=0.5)
    assert seen == [2, 2, 2, 1, 1]  # ceil(0.5 x 5) steps see the empty and the given words
    unguided = call(pocket, guidance_scale=1.0).images[0]
    np.testing.assert_array_equal(call(pocket, guided_share=0.0).images[0], unguided)


def test_another_scheduler_of_diffusers_may_be_set(pocket, model_folder):
    other = PocketPipeline.from_pretrained(model_folder)
    other.scheduler = DPMSolverMultistepScheduler.from_config(pocket.scheduler.config)
    image = call(other, num_inference_steps=4).images[0]
    outside = np.asarray(spot()) == 0
    np.testing.assert_array_equal(image[outside], np.asarray(picture())[outside])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"prompt": ["a crack"]}, "prompt: expected one, or one for each of the 2 images, got 1"),
        ({"mask_image": [spot(0)]}, "expected a mask for each of the 2 images, got 1"),
        ({"mask_image": [spot(0), spot(0)]}, r"image 1 is \(200, 64\) \(width, height\), its mask \(80, 96\)"),
        ({"mask_image": [spot(0), Image.new("L", (200, 64), 127)]}, "mask 1 is empty"),
        ({"generator": generators(1)}, "generator: expected one, or one for each of the 2 images, got 1"),
        ({"severity": 1.2}, r"severity: expected one value in \[0, 1\], or one for each of the 2 images, got 1.2"),
        ({"severity": [0.1, 0.2, 0.3]}, "severity: expected one value"),
        ({"num_inference_steps": 0}, "expected num_inference_steps >= 1"),
        ({"strength": 0.0}, r"strength in \(0, 1\]"),
        ({"guidance_scale": 0.5}, "guidance_scale >= 1"),
        ({"guided_share": 1.5}, r"guided_share: expected a share of the steps in \[0, 1\], got 1.5"),
        ({"padding_mask_crop": -1}, "padding_mask_crop: expected at least 0 pixels or None, got -1"),
        ({"output_type": "pt"}, "output_type: expected 'pil' or 'np', got 'pt'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(pocket, options, text):
    images = {"prompt": "a crack", "image": [picture(0), picture(1)], "mask_image": [spot(0), spot(1)]}
    with pytest.raises(ValueError, match=text):
        pocket(**images | options)


def test_unknown_words_and_unknown_arguments_are_refused(pocket):
    with pytest.raises(UnknownPromptError, match="Did you mean 'crack'"):
        call(pocket, "a crak")
    with pytest.raises(TypeError, match="guidence_scale"):
        call(pocket, guidence_scale=3)


def test_a_folder_without_a_model_says_what_is_missing(tmp_path, model_folder):
    with pytest.raises(FileNotFoundError, match=r"holds no config.json: expected a model that `defectlab pocket train"):
        PocketPipeline.from_pretrained(tmp_path)
    shutil.copy(model_folder / "config.json", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"holds no model.safetensors"):
        PocketPipeline.from_pretrained(tmp_path)


def test_a_model_of_another_kind_or_damaged_is_refused(tmp_path, model_folder):
    for name in ("config.json", "model.safetensors"):
        shutil.copy(model_folder / name, tmp_path)
    whole = (model_folder / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="does not hold the weights of this model"):
        PocketPipeline.from_pretrained(tmp_path)
    config = json.loads((model_folder / "config.json").read_text())
    config["unet"]["block_out_channels"] = [32, 96, 128]
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(whole)
    with pytest.raises(ValueError, match=r"does not hold the weights of this model: .*size mismatch"):
        PocketPipeline.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config | {"format": "defectlab pocket-layer 2"}))
    with pytest.raises(ValueError, match="expected the format 'defectlab pocket-layer 1', found 'defectlab pocket-lay"):
        PocketPipeline.from_pretrained(tmp_path)


def test_a_folder_with_a_pocket_model_is_loaded_and_named(model_folder, tmp_path):
    assert is_pocket("pocket") and is_pocket(model_folder) and is_pocket(str(model_folder))
    assert not is_pocket("sdxl") and not is_pocket(tmp_path)
    pipeline = load_inpainting(model_folder, "cpu")
    assert isinstance(pipeline, PocketPipeline) and crops_batches(pipeline)
    assert pipeline.model_source == ModelSource("random model", hash_folder(model_folder))


def test_the_shipped_name_is_pocket(model_folder, monkeypatch):
    monkeypatch.setattr("defectlab.synthesis.pocket.storage.SHIPPED", model_folder)
    assert load_inpainting("pocket", "cpu").model_source == ModelSource("pocket", hash_folder(model_folder))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"scheduler": "dpmsolver++"}, "scheduler: not an option of pocket"),
        ({"vae_tiling": True, "attention_slicing": True}, "attention_slicing, vae_tiling: not an option"),
        ({"compiled": True}, "compiled: not an option"),
        ({"dtype": torch.float16}, "dtype: not an option"),
    ],
)
def test_options_of_larger_models_are_refused(model_folder, options, text):
    with pytest.raises(ValueError, match=text):
        load_inpainting(model_folder, "cpu", **options)
    assert load_inpainting(model_folder, "cpu", torch.float32).dtype == torch.float32


def test_diag_drives_it_end_to_end_and_a_batch_moves_nothing(model_folder):
    pipeline = load_inpainting(model_folder, "cpu")
    normals = load("train", size=(72, 48), preset="anomaly", scale=0.02)
    quick = DiagSettings.pocket(num_inference_steps=2, batch_size=3)
    made = Diag(pipeline, LineMasks(), quick).synthesize(normals, 4, seed=1)
    alone = Diag(pipeline, LineMasks(), quick, batch_size=1).synthesize(normals, 4, seed=1)
    for one, two in zip(made.items, alone.items, strict=True):
        np.testing.assert_array_equal(one.image, two.image)
        source = normals.subset(indices=[[r.id for r in normals.records].index(one.record["source"])])[0]
        before = (source.image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        np.testing.assert_array_equal(one.image[~one.mask], before[~one.mask])
        assert one.record["model"] == "random model" and one.record["revision"] == hash_folder(model_folder)
        assert one.record["scheduler"] == "DDIMScheduler"

import numpy as np
import pytest
import torch
from diffusers import PNDMScheduler
from tiny_sd import build_tiny_sd, save_tiny_sd

from defectlab.synthesis.dreambooth import generate
from defectlab.synthesis.dreambooth.sampling import base_of, hash_weights, sampler_of, side_unit
from defectlab.synthesis.dreambooth.text import encode_prompts
from defectlab.synthesis.pipelines import ModelSource

SMALL = {"height": 32, "width": 16, "steps": 2, "guidance_scale": 3.0}


def test_images_have_the_size_asked_for_and_do_not_depend_on_each_other(built):
    prompts = ["skt background", "background", "skt background cracked"]
    images = generate(built, prompts, [4, 5, 6], **SMALL, batch_size=2)
    assert [image.shape for image in images] == [(32, 16, 3)] * 3
    assert all(image.dtype == np.uint8 for image in images)
    alone = generate(built, prompts[1:2], [5], **SMALL)
    assert (alone[0] == images[1]).all()


def test_seed_and_prompt_both_matter(built):
    one, other_seed, other_prompt = generate(built, ["abc", "abc", "xyz!"], [1, 2, 1], **SMALL)
    assert (one != other_seed).any() and (one != other_prompt).any()


def test_it_is_the_pipeline_of_diffusers_with_ddim(built):
    ours = generate(built, ["skt background"], [1], **SMALL)[0]
    usual = built.scheduler
    built.scheduler = sampler_of(built, "ddim")
    theirs = built(
        ["skt background"], height=32, width=16, num_inference_steps=2, guidance_scale=3.0,
        generator=[torch.Generator().manual_seed(1)],
    ).images[0]  # fmt: skip
    built.scheduler = usual
    assert (ours == np.asarray(theirs)).all()


def test_the_scheduler_of_the_pipeline_is_put_back(built):
    generate(built, ["a"], [1], **SMALL)
    assert isinstance(built.scheduler, PNDMScheduler)
    assert sampler_of(built, "checkpoint") is built.scheduler


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 20}, "height and width: expected multiples of 8 for this model, got 20 x 16"),
        ({"steps": 0}, "steps, batch_size and guidance_scale: expected at least 1"),
        ({"guidance_scale": 0.5}, "expected at least 1"),
        ({"scheduler": "ddpm"}, r"unknown scheduler 'ddpm'; did you mean 'ddim'\?"),
    ],
)
def test_wrong_options_are_named(built, change, message):
    with pytest.raises(ValueError, match=message):
        generate(built, ["a"], [1], **SMALL | change)


def test_a_prompt_and_a_seed_an_image(built):
    with pytest.raises(ValueError, match="expected one each an image, got 1 and 2"):
        generate(built, ["a"], [1, 2], **SMALL)


def test_prompts_are_encoded_as_diffusers_does(built):
    theirs, _ = built.encode_prompt(["skt background", "a"], torch.device("cpu"), 1, False)
    assert torch.equal(encode_prompts(built, ["skt background", "a"]), theirs)


def test_clip_skip_two_reads_the_last_layer_but_one_after_the_final_normalisation(built):
    ids = built.tokenizer(["abc"], padding="max_length", max_length=24, return_tensors="pt").input_ids
    encoder = built.text_encoder
    with torch.no_grad():
        inner = getattr(encoder, "text_model", encoder)
        seen = []
        handle = inner.encoder.layers[0].register_forward_hook(lambda module, inputs, output: seen.append(output))
        encoder(ids)
        handle.remove()
        first = seen[0][0] if isinstance(seen[0], tuple) else seen[0]
        expected = inner.final_layer_norm(first)
        assert torch.allclose(encode_prompts(built, ["abc"], clip_skip=2), expected, atol=1e-6)
    with pytest.raises(ValueError, match="clip_skip: expected 1 to 2"):
        encode_prompts(built, ["abc"], clip_skip=3)


def test_equal_prompts_share_their_encoding(built):
    states = encode_prompts(built, ["a", "b", "a"])
    assert torch.equal(states[0], states[2]) and not torch.equal(states[0], states[1])


def test_a_model_is_known_by_its_source_or_by_its_weights(built):
    assert base_of(built) == {"name": "StableDiffusionPipeline", "revision": hash_weights(built)}
    assert hash_weights(built) == hash_weights(build_tiny_sd()) != hash_weights(build_tiny_sd(seed=1))
    named = build_tiny_sd()
    named.model_source = ModelSource("tiny", "abc")
    assert base_of(named) == {"name": "tiny", "revision": "abc"}


def test_sides_are_multiples_of_what_model_and_diffusers_need(built):
    assert side_unit(built) == 8


def test_the_tiny_pipeline_is_saved_and_loaded_as_it_is(built, tmp_path):
    loaded = type(built).from_pretrained(save_tiny_sd(tmp_path), safety_checker=None)
    assert hash_weights(loaded) == hash_weights(built)
    assert loaded.tokenizer("skt a").input_ids == built.tokenizer("skt a").input_ids

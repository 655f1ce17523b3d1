import json

import numpy as np
import pytest
import torch
from tiny_sd import build_tiny_sd

from defectlab.synthesis.dreambooth import Adapter, DreamBoothSettings, generate, merge, merged, unmerge
from defectlab.synthesis.dreambooth.adapters import adapted, adapter_state, get_layer, plan_adapters
from defectlab.synthesis.dreambooth.merging import attached
from defectlab.synthesis.dreambooth.text import encode_prompts


@pytest.fixture(scope="module")
def adapter(built):
    """Of random weights in both halves, as after a training."""
    plans = plan_adapters(built, DreamBoothSettings())
    with adapted(built, plans, seed=3) as weights, torch.no_grad():
        generator = torch.Generator().manual_seed(4)
        for weight in weights:
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
        states = {model: adapter_state(getattr(built, model)) for model in plans}
    return Adapter(states, plans, {"base": {"name": "tiny"}})


def forward(pipeline):
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        text = encode_prompts(pipeline, ["skt background"])
        return pipeline.unet(torch.randn(1, 4, 8, 8, generator=generator), 500, encoder_hidden_states=text).sample


def weights(pipeline):
    return {
        (model, name): tensor.clone()
        for model in ("unet", "text_encoder")
        for name, tensor in getattr(pipeline, model).state_dict().items()
    }


@pytest.mark.parametrize("ratio", [0.6, 1.0])
def test_merged_equals_unmerged_forward(pipeline, adapter, ratio):
    base = forward(pipeline)
    with attached(pipeline, adapter, ratio):
        beside = forward(pipeline)
    with merged(pipeline, adapter, ratio):
        inside = forward(pipeline)
    assert torch.allclose(inside, beside, atol=1e-4)
    assert (inside - base).abs().max() > 0.01


def test_ratio_zero_is_the_base_model(pipeline, adapter):
    before = weights(pipeline)
    with merged(pipeline, adapter, 0.0):
        assert all(torch.equal(tensor, before[key]) for key, tensor in weights(pipeline).items())


def test_what_is_added_grows_linearly_with_the_ratio(pipeline, adapter):
    before = weights(pipeline)
    added = {}
    for ratio in (0.25, 0.5, 1.0):
        with merged(pipeline, adapter, ratio):
            added[ratio] = {key: tensor - before[key] for key, tensor in weights(pipeline).items()}
    for key, whole in added[1.0].items():
        assert torch.allclose(added[0.5][key], 0.5 * whole, atol=1e-6)
        assert torch.allclose(added[0.25][key], 0.25 * whole, atol=1e-6)


def test_unmerging_gives_every_bit_back(pipeline, adapter):
    before = weights(pipeline)
    merge(pipeline, adapter, 0.95)
    unmerge(pipeline)
    assert all(torch.equal(tensor, before[key]) for key, tensor in weights(pipeline).items())


def test_a_merged_convolution_is_alpha_over_rank_times_up_after_down(pipeline, adapter):
    name = next(name for name in adapter.plans["unet"] if name.endswith("resnets.0.conv1"))
    down, up = (adapter.states["unet"][f"{name}.lora_{half}.weight"] for half in "AB")
    assert down.shape[2:] == (3, 3) and up.shape[2:] == (1, 1)
    by_hand = (1 / 4) * torch.einsum("or,rikl->oikl", up[:, :, 0, 0], down)
    assert torch.allclose(adapter.delta("unet", name), by_hand, atol=1e-6)
    before = get_layer(pipeline.unet, name).weight.detach().clone()
    with merged(pipeline, adapter, 0.8):
        assert torch.allclose(get_layer(pipeline.unet, name).weight, before + 0.8 * by_hand, atol=1e-6)


def test_half_precision_weights_are_rounded_once(pipeline, adapter):
    pipeline.unet.half()
    name = next(iter(adapter.plans["unet"]))
    before = get_layer(pipeline.unet, name).weight.detach().clone()
    with merged(pipeline, adapter, 0.5):
        expected = (before.float() + 0.5 * adapter.delta("unet", name)).half()
        assert torch.equal(get_layer(pipeline.unet, name).weight, expected)
    assert torch.equal(get_layer(pipeline.unet, name).weight, before)


@pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan")])
def test_a_ratio_out_of_range_is_refused(pipeline, adapter, ratio):
    with pytest.raises(ValueError, match=r"merge ratio: expected a value in \[0, 1\]"):
        merge(pipeline, adapter, ratio)


def test_one_adapter_at_a_time(pipeline, adapter):
    with merged(pipeline, adapter, 0.5), pytest.raises(ValueError, match=r"call unmerge\(pipeline\) first"):
        merge(pipeline, adapter, 0.5)
    with pytest.raises(ValueError, match="no adapter is merged"):
        unmerge(pipeline)


def test_an_adapter_of_another_model_is_refused_before_anything_changes(adapter):
    other = build_tiny_sd(latent_channels=18)
    other.unet.down_blocks[0].attentions[0].proj_in = torch.nn.Conv2d(8, 6, 1)
    before = weights(other)
    with pytest.raises(ValueError, match=r"another model \(tiny\): unet.down_blocks.0.attentions.0.proj_in has shape"):
        merge(other, adapter, 0.5)
    assert all(torch.equal(tensor, before[key]) for key, tensor in weights(other).items())


def test_saved_and_loaded_it_is_the_same_adapter(adapter, tmp_path):
    stored = adapter.save(tmp_path / "adapter")
    loaded = Adapter.load(tmp_path / "adapter")
    assert loaded.fingerprint == stored.fingerprint == adapter.fingerprint
    assert loaded.plans == adapter.plans and loaded.folder == tmp_path / "adapter"
    for model, state in adapter.states.items():
        assert all(torch.equal(loaded.states[model][key], tensor) for key, tensor in state.items())


def test_diffusers_loads_it_and_makes_the_same_images(pipeline, adapter, tmp_path):
    adapter.save(tmp_path)

    def images():
        made = generate(pipeline, ["skt background"] * 2, [1, 2], height=32, width=32, steps=2, guidance_scale=2)
        return np.stack(made).astype(int)

    base = images()
    with merged(pipeline, adapter, 1.0):
        ours = images()
    pipeline.load_lora_weights(str(tmp_path))
    theirs = images()
    pipeline.unload_lora_weights()
    assert np.abs(ours - theirs).max() <= 1 and np.abs(ours - base).max() > 10


def test_diffusers_reads_ranks_and_alphas_of_every_layer(pipeline, adapter, tmp_path):
    adapter.save(tmp_path)
    pipeline.load_lora_weights(str(tmp_path), adapter_name="mine")
    for model, plan in adapter.plans.items():
        for name, scaling in plan.items():
            layer = getattr(pipeline, model).get_submodule(name)
            assert (layer.r["mine"], layer.lora_alpha["mine"]) == (scaling.rank, scaling.alpha)
            assert layer.scaling["mine"] == scaling.factor


def test_a_folder_without_a_finished_adapter_is_said_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a finished adapter, found no pytorch_lora_weights"):
        Adapter.load(tmp_path)


def test_a_damaged_file_is_named(adapter, tmp_path):
    adapter.save(tmp_path)
    file = tmp_path / "pytorch_lora_weights.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ValueError, match="safetensors is damaged"):
        Adapter.load(tmp_path)


def test_weights_of_another_fine_tuning_are_noticed(adapter, tmp_path):
    adapter.save(tmp_path)
    record = json.loads((tmp_path / "adapter.json").read_text())
    (tmp_path / "adapter.json").write_text(json.dumps(record | {"fingerprint": "0" * 12}))
    with pytest.raises(ValueError, match=r"is not the adapter that adapter\.json beside it describes"):
        Adapter.load(tmp_path)

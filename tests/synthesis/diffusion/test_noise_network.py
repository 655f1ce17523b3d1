from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from tiny_diffusion import TINY, tiny_model

from defectlab.synthesis.diffusion.attention import ChannelNorm, LinearAttention, linear_attention
from defectlab.synthesis.diffusion.model import DiffusionModel, write_model
from defectlab.synthesis.diffusion.network import NoiseNetwork, parameter_count
from defectlab.synthesis.diffusion.settings import DiffusionSettings


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_linear_attention_equals_the_sum_over_all_pairs_of_positions():
    q, k, v = (normal(2, 4, 8, 9, seed=s) for s in range(3))
    weights = torch.einsum("bhdi,bhdj->bhij", q.softmax(dim=2), k.softmax(dim=3))
    torch.testing.assert_close(linear_attention(q, k, v), torch.einsum("bhij,bhej->bhei", weights, v))
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 9))


def test_linear_attention_of_one_position_returns_its_value():
    q, k, v = (normal(1, 2, 4, 1, seed=s) for s in range(3))
    torch.testing.assert_close(linear_attention(q, k, v), v)


def test_positions_in_another_order_give_the_same_answers_in_that_order():
    q, k, v = (normal(1, 2, 4, 6, seed=s) for s in range(3))
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    there = linear_attention(q[..., order], k[..., order], v[..., order])
    torch.testing.assert_close(there, linear_attention(q, k, v)[..., order])


def test_linear_attention_has_four_heads_of_32_features():
    layer = LinearAttention(16)
    assert layer.to_qkv.weight.shape == (3 * 4 * 32, 16, 1, 1) and layer.to_qkv.bias is None
    assert layer(normal(2, 16, 4, 6)).shape == (2, 16, 4, 6)


def test_features_of_a_position_have_a_mean_square_of_one():
    normed = ChannelNorm(8)(5 * normal(2, 8, 3, 3))
    torch.testing.assert_close(normed.square().mean(1), torch.ones(2, 3, 3))


def attentions(settings: DiffusionSettings) -> list[str]:
    return [type(m).__name__ for m in NoiseNetwork(settings).modules() if type(m).__name__.endswith("Attention")]


def test_the_kind_of_attention_is_that_of_the_settings():
    # one block down and two up with one attention a residual block, and the middle
    assert sorted(attentions(TINY)) == ["Attention"] + 3 * ["LinearAttention"]
    assert attentions(replace(TINY, attention="full")) == 4 * ["Attention"]
    assert attentions(replace(TINY, attention="none")) == []


@pytest.mark.parametrize("attention", ["linear", "full", "none"])
def test_the_noise_has_the_shape_of_the_image_and_depends_on_the_level(attention):
    network = NoiseNetwork(replace(TINY, attention=attention)).eval()
    x = normal(2, 3, 16, 16)
    with torch.no_grad():
        low, high = (network(x, torch.full((2,), t)) for t in (0, 19))
    assert low.shape == x.shape and not torch.allclose(low, high)


def test_equal_seeds_give_equal_weights_and_leave_the_random_numbers_of_the_caller():
    state = torch.get_rng_state()
    one, two, other = NoiseNetwork(TINY), NoiseNetwork(TINY), NoiseNetwork(replace(TINY, seed=1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.unet.conv_in.weight, two.unet.conv_in.weight)
    assert not torch.equal(one.unet.conv_in.weight, other.unet.conv_in.weight)


def test_guidance_goes_from_the_untold_estimate_through_the_told_one():
    network = NoiseNetwork(TINY, n_classes=2).eval()
    x, levels, classes = normal(2, 3, 16, 16), torch.tensor([3, 7]), torch.tensor([0, 1])
    with torch.no_grad():
        told, untold = network(x, levels, classes), network(x, levels, torch.full((2,), network.untold))
        torch.testing.assert_close(network.guided(x, levels, classes, 1.0), told)
        torch.testing.assert_close(network.guided(x, levels, classes, 3.0), untold + 3 * (told - untold))
    assert not torch.allclose(told, untold)


def test_classes_are_told_to_those_alone_that_know_them():
    x, levels, classes = normal(1, 3, 16, 16), torch.tensor([0]), torch.tensor([0])
    with pytest.raises(ValueError, match="expects no classes, got some"):
        NoiseNetwork(TINY)(x, levels, classes)
    with pytest.raises(ValueError, match="expects one of 2 classes an image, got none"):
        NoiseNetwork(TINY, n_classes=2)(x, levels)


def test_a_model_comes_back_from_its_folder(tmp_path):
    model = tiny_model(("dent", "scratch"))
    write_model(tmp_path, model.network.state_dict(), TINY, model.classes, 5)
    back = DiffusionModel.load(tmp_path)
    assert (back.settings, back.classes, back.steps) == (TINY, ("dent", "scratch"), 5)
    assert back.fingerprint == model.fingerprint and back.conditional
    assert parameter_count(back.network) == parameter_count(model.network)
    with pytest.raises(ValueError, match="class 'smooth': this model draws dent, scratch"):
        back.place("smooth")


def test_a_folder_without_a_whole_model_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no config.json"):
        DiffusionModel.load(tmp_path)
    model = tiny_model()
    write_model(tmp_path, model.network.state_dict(), TINY, model.classes, 0)
    (tmp_path / "model.safetensors").write_bytes(b"cut off")
    with pytest.raises(ValueError, match="does not hold the weights of this model"):
        DiffusionModel.load(tmp_path)
    (tmp_path / "config.json").write_text('{"format": "other"}')
    with pytest.raises(ValueError, match="found 'other'"):
        DiffusionModel.load(tmp_path)


def test_patches_are_put_back_where_they_were_and_save_positions():
    settings = replace(TINY, patch=2, size=32)
    network = NoiseNetwork(settings)
    assert settings.sides == TINY.sides and network.unet.config.in_channels == 12
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    network.unet.forward = lambda x_t, levels, class_labels=None: SimpleNamespace(sample=x_t)
    torch.testing.assert_close(network(x, torch.tensor([0, 5])), x)

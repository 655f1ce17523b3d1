import numpy as np
import pytest
import torch

from defectlab.detection.backbones import create, cut
from defectlab.detection.keras import read_mobilenet


def arrays(blocks: int = 2, seed: int = 0) -> dict[str, np.ndarray]:
    """Random arrays of the stem and the first blocks, as the Keras files name and shape them."""
    rng = np.random.default_rng(seed)
    widths = (32, 64, 128)
    made = {"conv1/kernel": rng.normal(size=(3, 3, 3, 32)) * 0.1, **batch_norm("conv1_bn", 32, rng)}
    for i in range(1, blocks + 1):
        made[f"conv_dw_{i}/depthwise_kernel"] = rng.normal(size=(3, 3, widths[i - 1], 1)) * 0.3
        made |= batch_norm(f"conv_dw_{i}_bn", widths[i - 1], rng)
        made[f"conv_pw_{i}/kernel"] = rng.normal(size=(1, 1, widths[i - 1], widths[i])) * 0.2
        made |= batch_norm(f"conv_pw_{i}_bn", widths[i], rng)
    return {name: values.astype(np.float32) for name, values in made.items()}


def batch_norm(name: str, width: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {
        f"{name}/gamma": rng.uniform(0.5, 1.5, width),
        f"{name}/beta": rng.normal(size=width),
        f"{name}/moving_mean": rng.normal(size=width) * 0.1,
        f"{name}/moving_variance": rng.uniform(0.5, 2, width),
    }


def by_hand(image: np.ndarray, a: dict[str, np.ndarray]) -> np.ndarray:
    """Stem and first block in loops over numpy, channels last, as Keras defines them."""
    x = norm(convolve(np.pad(image * 2 - 1, ((0, 1), (0, 1), (0, 0))), a["conv1/kernel"], 2), a, "conv1_bn")
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    kernel = a["conv_dw_1/depthwise_kernel"][..., 0]
    x = np.array([[(padded[i : i + 3, j : j + 3] * kernel).sum((0, 1)) for j in range(4)] for i in range(3)])
    x = norm(x, a, "conv_dw_1_bn")
    return norm(x @ a["conv_pw_1/kernel"][0, 0], a, "conv_pw_1_bn")


def convolve(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    rows, columns = range(0, x.shape[0] - 2, stride), range(0, x.shape[1] - 2, stride)
    return np.array([[np.tensordot(x[i : i + 3, j : j + 3], kernel, 3) for j in columns] for i in rows])


def norm(x: np.ndarray, a: dict[str, np.ndarray], name: str) -> np.ndarray:
    scale = a[f"{name}/gamma"] / np.sqrt(a[f"{name}/moving_variance"] + 1e-3)
    return np.clip((x - a[f"{name}/moving_mean"]) * scale + a[f"{name}/beta"], 0, 6)


def write(tmp_path, content: dict[str, np.ndarray]):
    np.savez(tmp_path / "mobilenet.npz", **content)
    return tmp_path / "mobilenet.npz"


def test_the_converted_network_computes_what_keras_defines(tmp_path):
    content = arrays()
    spec, state = read_mobilenet(write(tmp_path, content))
    model = create(spec, seed=0).eval()
    model.load_state_dict(state, strict=False)
    image = np.random.default_rng(1).uniform(size=(6, 8, 3)).astype(np.float32)
    ours = cut(model, spec, 2, "all").front(torch.from_numpy(image.transpose(2, 0, 1))[None])
    assert np.allclose(ours.detach()[0].permute(1, 2, 0).numpy(), by_hand(image, content), atol=1e-4)


def test_blocks_beyond_the_end_of_the_file_are_absent(tmp_path):
    spec, _ = read_mobilenet(write(tmp_path, arrays(blocks=2)))
    assert len(spec.absent) == 11 and spec.absent[0] == "blocks.1.1"
    assert "blocks.1.0" not in spec.absent


def test_a_stage_that_the_file_does_not_reach_is_refused(tmp_path):
    spec, _ = read_mobilenet(write(tmp_path, arrays(blocks=2)))
    with pytest.raises(ValueError, match=r"has features of stride \[2, 4\], none of stride 16"):
        cut(create(spec, 0), spec, 16, "none")


def test_half_precision_kernels_are_read_as_float32(tmp_path):
    content = {k: v.astype(np.float16) if "kernel" in k else v for k, v in arrays().items()}
    _, state = read_mobilenet(write(tmp_path, content))
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}


def test_another_file_is_refused_with_what_it_holds(tmp_path):
    with pytest.raises(ValueError, match=r"no array 'conv1/kernel' among \['a'\]"):
        read_mobilenet(write(tmp_path, {"a": np.zeros(1)}))


def test_another_width_is_refused(tmp_path):
    content = arrays() | {"conv1/kernel": np.zeros((3, 3, 3, 24))}
    with pytest.raises(ValueError, match=r"conv1/kernel has shape \(3, 3, 3, 24\); MobileNet v1 of width 1.0"):
        read_mobilenet(write(tmp_path, content))


def test_a_gap_and_a_missing_array_are_named(tmp_path):
    gap = {k: v for k, v in arrays().items() if k != "conv_pw_1/kernel"}
    with pytest.raises(ValueError, match=r"has a gap: pointwise convolutions \[2\] of 1 to 13"):
        read_mobilenet(write(tmp_path, gap))
    lost = {k: v for k, v in arrays().items() if k != "conv_dw_2_bn/beta"}
    with pytest.raises(ValueError, match="lacks the array 'conv_dw_2_bn/beta'"):
        read_mobilenet(write(tmp_path, lost))

"""The file of weights that stored commands name can be made from the public weights of Keras."""

from pathlib import Path

import numpy as np
import pytest

import defectlab
from defectlab.detection.keras import LAST, _width, read_mobilenet
from defectlab.detection.keras_trunk import keep_trunk

PAGE = Path(defectlab.__file__).resolve().parent.parent / "book" / "real-images.md"


@pytest.fixture(scope="module")
def keras():
    """Arrays with the names and shapes that Keras gives to a whole MobileNet v1."""
    rng = np.random.default_rng(0)

    def layer(name, array, shape):
        return {f"{name}/{name}/{array}:0": rng.normal(size=shape).astype(np.float32)}

    def norm(name, width):
        named = {}
        for array in ("gamma", "beta", "moving_mean", "moving_variance"):
            named |= layer(name, array, (width,))
        return named

    arrays = layer("conv1", "kernel", (3, 3, 3, 32)) | norm("conv1_bn", 32)
    for n in range(1, LAST + 1):
        inputs, outputs = _width(n - 1), _width(n)
        arrays |= layer(f"conv_dw_{n}", "depthwise_kernel", (3, 3, inputs, 1)) | norm(f"conv_dw_{n}_bn", inputs)
        arrays |= layer(f"conv_pw_{n}", "kernel", (1, 1, inputs, outputs)) | norm(f"conv_pw_{n}_bn", outputs)
    return arrays | layer("conv_preds", "kernel", (1, 1, 1024, 4)) | layer("conv_preds", "bias", (4,))


def test_twelve_blocks_are_kept_and_read_back(keras, tmp_path):
    kept = keep_trunk(keras, tmp_path / "trunk.npz")
    assert len(kept) == 125 and not any("13" in name or "preds" in name for name in kept)
    spec, state = read_mobilenet(tmp_path / "trunk.npz")
    assert spec.absent == ("blocks.4.1",)
    expected = keras["conv_pw_12/conv_pw_12/kernel:0"].astype(np.float16).transpose(3, 2, 0, 1)
    assert np.array_equal(state["blocks.4.0.conv_pw.weight"].numpy(), expected.astype(np.float32))
    exact = keras["conv1_bn/conv1_bn/moving_mean:0"]
    assert np.array_equal(state["bn1.running_mean"].numpy(), exact)


def test_other_weights_and_impossible_counts_are_refused(keras, tmp_path):
    with pytest.raises(ValueError, match="no array 'conv1/kernel' among"):
        keep_trunk({"dense/kernel:0": np.zeros(3)}, tmp_path / "x.npz")
    few = {name: values for name, values in keras.items() if "conv_pw_12" not in name}
    with pytest.raises(ValueError, match="no array 'conv_pw_12/kernel'"):
        keep_trunk(few, tmp_path / "x.npz")
    with pytest.raises(ValueError, match="blocks must be 1 to 13, got 14"):
        keep_trunk(keras, tmp_path / "x.npz", 14)
    assert not (tmp_path / "x.npz").exists()


def test_the_page_says_what_the_file_is_how_it_is_made_and_how_to_know_it():
    text = PAGE.read_text(encoding="utf-8")
    for part in ("mobilenet_v1_1.0_224_trunk12.fp16k.npz", "keep_trunk", "sha256", "-r weights imagenet"):
        assert part in text, part

"""The Inception network of FID from a local file, and the three ways in which libraries feed it an image."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal, Self, get_args

import safetensors.torch
import torch
import torchvision
from pytorch_fid.inception import (
    FID_WEIGHTS_URL,
    FIDInceptionA,
    FIDInceptionC,
    FIDInceptionE_1,
    FIDInceptionE_2,
)
from torch import Tensor, nn

from defectlab.paths import cache_dir, resolve_weights

DIMS = (64, 192, 768, 2048)
SIDE = 299
WEIGHTS_FILE = FID_WEIGHTS_URL.rsplit("/", 1)[-1]

Convention = Literal["tensorflow1", "pytorch_fid", "torchmetrics"]
CONVENTIONS: dict[Convention, str] = {
    "tensorflow1": "bilinear as in TensorFlow 1 (corner to corner), no antialias; (x - 128) / 128; "
    "the original FID, torchmetrics with antialias=False",
    "pytorch_fid": "bilinear with half-pixel centres, no antialias; 2 x / 255 - 1; pytorch-fid",
    "torchmetrics": "bilinear with half-pixel centres, antialias; (x - 128) / 128; torchmetrics since 1.8 by default",
}

# The layers up to each feature size: first max-pool, second max-pool, before the auxiliary classifier, final pool.
_STAGES: dict[int, tuple[str, ...]] = {
    64: ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "maxpool1"),
    192: ("Conv2d_3b_1x1", "Conv2d_4a_3x3", "maxpool2"),
    768: tuple(f"Mixed_{block}" for block in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e")),
    2048: ("Mixed_7a", "Mixed_7b", "Mixed_7c"),
}

# Where the network of FID differs from torchvision's: its pooling branches.
_PATCHES = {
    "Mixed_5b": partial(FIDInceptionA, 192, pool_features=32),
    "Mixed_5c": partial(FIDInceptionA, 256, pool_features=64),
    "Mixed_5d": partial(FIDInceptionA, 288, pool_features=64),
    "Mixed_6b": partial(FIDInceptionC, 768, channels_7x7=128),
    "Mixed_6c": partial(FIDInceptionC, 768, channels_7x7=160),
    "Mixed_6d": partial(FIDInceptionC, 768, channels_7x7=160),
    "Mixed_6e": partial(FIDInceptionC, 768, channels_7x7=192),
    "Mixed_7b": partial(FIDInceptionE_1, 1280),
    "Mixed_7c": partial(FIDInceptionE_2, 2048),
}


class InceptionFeatures(nn.Module):
    """Pooled features of FID's Inception, several layers in one pass. Always in evaluation mode.

    Args:
        state: state dict of the network, as in pytorch-fid's and torch-fidelity's weight file.
        dims: feature sizes, out of 64, 192, 768, 2048.
        convention: how an image is resized and scaled, a key of `CONVENTIONS`.

    Raises:
        ValueError: if a size or the convention is unknown, or the state dict is of another network.
    """

    name = "inception"

    def __init__(self, state: dict[str, Tensor], dims: tuple[int, ...], convention: Convention = "tensorflow1") -> None:
        super().__init__()
        require_inception_options(dims, convention)
        network = torchvision.models.inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
        for name, patch in _PATCHES.items():
            setattr(network, name, patch())
        _require_state(network, state)
        network.load_state_dict(state)
        needed = [dim for dim in DIMS if dim <= max(dims)]
        self.stages = nn.ModuleList([nn.Sequential(*(getattr(network, n) for n in _STAGES[dim])) for dim in needed])
        self.needed, self.dims, self.convention = needed, dims, convention
        self.classes = nn.Parameter(network.fc.weight.detach().clone())  # 1008 rows of 2048 values
        self.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Stays in evaluation mode: batch statistics would make features depend on the batch."""
        return super().train(False)

    def logits(self, features: Tensor) -> Tensor:
        """The 1008 logits of the Inception score, without bias, ``(n, 1008)``, from its 2048 features ``(n, 2048)``."""
        return features @ self.classes.T.to(features.device, features.dtype)

    def forward(self, images: Tensor) -> dict[int, Tensor]:
        """Features by size.

        Args:
            images: uint8, shape ``(n, 3, H, W)``, RGB.

        Returns:
            For each size ``d`` asked for, float32 of shape ``(n, d)``: the global mean of the layer's map.
        """
        x = prepare(images, self.convention)
        features = {}
        for dim, stage in zip(self.needed, self.stages, strict=True):
            x = stage(x)
            features[dim] = x.mean(dim=(2, 3))
        return {dim: features[dim] for dim in self.dims}


def load_inception(
    weights: str | Path | None, dims: tuple[int, ...] = (64, 192), convention: Convention = "tensorflow1"
) -> InceptionFeatures:
    """The network of FID with its published weights.

    Args:
        weights: path or name of the state dict (``.pth`` or ``.safetensors``), resolved by
            `defectlab.paths.resolve_weights`; ``"download"`` fetches pytorch-fid's file into the cache, checks its
            hash and is the only value that touches the network.
        dims: feature sizes, out of 64, 192, 768, 2048.
        convention: how an image is resized and scaled, a key of `CONVENTIONS`.

    Returns:
        The network, on the CPU.

    Raises:
        ValueError: if no weights are given, or an option or the file does not fit.
        MissingPathError: if the file is not there.
    """
    require_inception_options(dims, convention)
    if weights is None:
        raise ValueError(
            "FID is defined by Inception's published weights and none were given. Give weights='path/to/"
            f"{WEIGHTS_FILE}', or weights='download' to fetch them. Without them report "
            "defectlab.evaluation.frechet_distance on the features at hand, under that name: it is no FID."
        )
    return InceptionFeatures(_read_state(weights), dims, convention)


def prepare(images: Tensor, convention: Convention) -> Tensor:
    """Images as Inception reads them.

    Args:
        images: uint8, shape ``(n, 3, H, W)``.
        convention: a key of `CONVENTIONS`.

    Returns:
        Float32 of shape ``(n, 3, 299, 299)``, about [-1, 1].
    """
    x = images.float()
    if convention == "tensorflow1":
        # rows and columns apart: bilinear interpolation is separable
        x = _corner_weights(x.shape[2]).to(x.device) @ x @ _corner_weights(x.shape[3]).to(x.device).T
    else:
        antialias = convention == "torchmetrics"
        x = nn.functional.interpolate(x, (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=antialias)
    return 2 * x / 255 - 1 if convention == "pytorch_fid" else (x - 128) / 128


def require_inception_options(dims: tuple[int, ...], convention: str) -> None:
    """Raises a ValueError where a feature size or the convention is unknown."""
    if not dims or not set(dims) <= set(DIMS):
        raise ValueError(f"feature sizes must be out of {DIMS}, got {dims}")
    if convention not in get_args(Convention):
        raise ValueError(f"convention must be one of {get_args(Convention)}, got {convention!r}")


def _corner_weights(size: int) -> Tensor:
    """Weights of shape ``(299, size)`` of TensorFlow 1's resize: output ``i`` lies at input ``i size / 299``."""
    position = torch.arange(SIDE) * (size / SIDE)
    low = position.long()
    fraction = position - low
    weights = torch.zeros(SIDE, size)
    rows = torch.arange(SIDE)
    weights[rows, low] += 1 - fraction
    weights[rows, (low + 1).clamp(max=size - 1)] += fraction
    return weights


def _read_state(weights: str | Path) -> dict[str, Tensor]:
    if weights == "download":
        folder = cache_dir() / "weights"
        state: dict[str, Tensor] = torch.hub.load_state_dict_from_url(
            FID_WEIGHTS_URL, model_dir=str(folder), map_location="cpu", check_hash=True, weights_only=True
        )
        return state
    path = resolve_weights(weights)
    if path.suffix == ".safetensors":
        return safetensors.torch.load_file(path)
    loaded: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return loaded


def _require_state(network: nn.Module, state: dict[str, Tensor]) -> None:
    expected = {key for key in network.state_dict() if not key.endswith("num_batches_tracked")}
    missing, unknown = sorted(expected - set(state)), sorted(set(state) - set(network.state_dict()))
    if missing or unknown:
        raise ValueError(
            f"the weights are not those of FID's Inception ({WEIGHTS_FILE}): {len(missing)} of {len(expected)} entries "
            f"missing (first: {missing[:1]}), {len(unknown)} unknown (first: {unknown[:1]})"
        )

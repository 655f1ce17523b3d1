"""LoRA adapters in UNet and text encoder: which layers get one, of which rank, and how many weights that makes.

The choice of layers is that of the kohya trainer: LoRA-LierLa adapts linear layers and 1 x 1 convolutions of the
attention blocks; LoRA-C3Lier also those of residual blocks and samplers, and their 3 x 3 convolutions with a rank and
an alpha of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from defectlab.synthesis.dreambooth.settings import DreamBoothSettings

ADAPTER = "dreambooth"  # name that peft knows the layers by
MODELS = ("unet", "text_encoder")
ATTENTION = ("Transformer2DModel",)
RESIDUAL = ("ResnetBlock2D", "Downsample2D", "Upsample2D")
TEXT = ("CLIPAttention", "CLIPMLP")
INNER = "text_model."  # where transformers before 5 keep the layers of the text encoder


@dataclass(frozen=True)
class Scaling:
    """Rank and network alpha of one adapter, which adds ``alpha / rank * B A``."""

    rank: int
    alpha: float

    @property
    def factor(self) -> float:
        """``alpha / rank``."""
        return self.alpha / self.rank


Plan = dict[str, Scaling]


def plan_adapters(pipeline: Any, settings: DreamBoothSettings) -> dict[str, Plan]:
    """Layers that get an adapter, by model and by name; names without the inner ``text_model`` of older CLIP classes.

    Raises:
        ValueError: if a model has none of the blocks that are adapted.
    """
    blocks = ATTENTION if settings.conv_rank is None else ATTENTION + RESIDUAL
    plans = {"unet": _plan(pipeline.unet, blocks, settings)}
    if settings.train_text_encoder:
        plans["text_encoder"] = _plan(pipeline.text_encoder, TEXT, settings)
    for name, plan in plans.items():
        if not plan:
            found = type(getattr(pipeline, name)).__name__
            wanted = ", ".join(blocks if name == "unet" else TEXT)
            raise ValueError(f"{name}: {found} has no layer in a block of class {wanted}; nothing to adapt")
    return plans


def count_parameters(model: nn.Module, plan: Mapping[str, Scaling]) -> int:
    """Weights of the adapters of a plan.

    ``r (in + out)`` for a linear layer or a 1 x 1 convolution, ``r (in k k + out)`` for a k x k convolution: the
    lower half is a k x k convolution to ``r`` channels, the upper one 1 x 1.
    """
    total = 0
    for name, scaling in plan.items():
        weight = get_layer(model, name).weight
        total += scaling.rank * (weight[0].numel() + weight.shape[0])
    return total


def get_layer(model: nn.Module, name: str) -> Any:
    """A layer by name, whether or not the CLIP encoder keeps its layers in an inner ``text_model``."""
    layer = model.get_submodule(_own_name(model, name))
    return getattr(layer, "base_layer", layer)


@contextmanager
def adapted(
    pipeline: Any, plans: Mapping[str, Plan], seed: int, trainable: bool = True
) -> Iterator[list[nn.Parameter]]:
    """Adapters in place, which change nothing yet: Kaiming-uniform down, zero up.

    Args:
        pipeline: whose weights are frozen meanwhile; afterwards it is what it was.
        plans: of `plan_adapters`.
        seed: of the first weights.
        trainable: whether the adapters want gradients.

    Yields:
        The weights of the adapters, float32.

    Raises:
        ValueError: if the pipeline carries adapters already.
    """
    models = {name: getattr(pipeline, name) for name in MODELS}
    require_bare(models)
    frozen = {p: p.requires_grad for model in models.values() for p in model.parameters()}
    training = {module: module.training for model in models.values() for module in model.modules()}
    try:
        for model in models.values():
            model.requires_grad_(False)
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
            torch.manual_seed(seed)
            for name, plan in plans.items():
                _inject(models[name], plan)
        weights = [p for model in models.values() for key, p in model.named_parameters() if ADAPTER in key]
        for weight in weights:
            weight.data = weight.data.float()
            weight.requires_grad_(trainable)
        yield weights
    finally:
        for model in models.values():
            _remove(model)
        for parameter, flag in frozen.items():
            parameter.requires_grad_(flag)
        for module, flag in training.items():
            module.training = flag


def require_bare(models: Mapping[str, nn.Module]) -> None:
    """Refuse models with adapters.

    Raises:
        ValueError: if one has some.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, model in models.items():
        if any(isinstance(module, BaseTunerLayer) for module in model.modules()):
            raise ValueError(f"{name} carries LoRA layers already; call pipeline.unload_lora_weights() first")


def adapter_state(model: nn.Module) -> dict[str, torch.Tensor]:
    """Copies of the weights of the adapters of a model, by ``<layer>.lora_A.weight`` and ``<layer>.lora_B.weight``."""
    return {
        _public_name(key): p.detach().float().cpu().clone() for key, p in model.named_parameters() if ADAPTER in key
    }


def load_adapter_state(model: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Put weights of `adapter_state` into the adapters of a model."""
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if ADAPTER in key:
                parameter.copy_(state[_public_name(key)])


def scale_adapters(model: nn.Module, plan: Plan, ratio: float) -> None:
    """Let adapters add ``ratio * alpha / rank * B A``."""
    for name, scaling in plan.items():
        layer: Any = model.get_submodule(_own_name(model, name))
        layer.scaling[ADAPTER] = ratio * scaling.factor


def _plan(model: nn.Module, blocks: tuple[str, ...], settings: DreamBoothSettings) -> Plan:
    plan: Plan = {}
    for prefix, block in model.named_modules():
        if type(block).__name__ not in blocks:
            continue
        for name, layer in block.named_modules(prefix=prefix):
            if isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1)):
                plan[_public_name(name)] = Scaling(settings.rank, settings.alpha)
            elif isinstance(layer, nn.Conv2d) and settings.conv_rank is not None:
                plan[_public_name(name)] = Scaling(settings.conv_rank, settings.conv_alpha)
    return plan


def _inject(model: nn.Module, plan: Plan) -> None:
    from peft import LoraConfig, inject_adapter_in_model

    named = {_own_name(model, name): scaling for name, scaling in plan.items()}
    first = next(iter(named.values()))
    others = {name: scaling for name, scaling in named.items() if scaling != first}
    config = LoraConfig(
        r=first.rank,
        lora_alpha=first.alpha,  # type: ignore[arg-type]  # annotated int, used in a division
        target_modules=list(named),
        rank_pattern={f"^{name}": scaling.rank for name, scaling in others.items()},
        alpha_pattern={f"^{name}": scaling.alpha for name, scaling in others.items()},
        init_lora_weights=True,
    )
    inject_adapter_in_model(config, model, adapter_name=ADAPTER)


def _remove(model: nn.Module) -> None:
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, module in list(model.named_modules()):
        if isinstance(module, BaseTunerLayer):
            model.set_submodule(name, module.get_base_layer())
    for leftover in ("peft_config", "active_adapter"):
        model.__dict__.pop(leftover, None)


def _public_name(name: str) -> str:
    """A layer or weight as it is stored: not of this adapter, and not in an inner model."""
    return name.removeprefix(INNER).replace(f".{ADAPTER}.", ".")


def _own_name(model: nn.Module, name: str) -> str:
    return INNER + name if hasattr(model, "text_model") else name

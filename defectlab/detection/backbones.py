"""A timm model as a chain of stages, cut where freezing ends: `front` runs once an image, `end` is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import timm
import torch
from torch import Tensor, nn

PROBE = 64  # side in pixels of the image on which a cut is proved


@dataclass(frozen=True)
class BackboneSpec:
    """What it takes to build a backbone again without its weights.

    Attributes:
        architecture: timm name.
        options: further arguments of ``timm.create_model``.
        absent: submodules that the weights do not reach, replaced by the identity.
        mean: of the input, one a channel, in units of [0, 1].
        std: of the input, likewise.
    """

    architecture: str
    options: dict[str, Any] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)


class Normalise(nn.Module):
    """Images in [0, 1] to the scale that the backbone was trained on."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Images of shape ``(n, 3, H, W)``, normalised."""
        return (image - self.mean) / self.std


class Intermediates(nn.Module):
    """A model that is no chain (a ViT) up to one of its feature maps, by timm's own means."""

    def __init__(self, model: nn.Module, index: int) -> None:
        super().__init__()
        self.model, self.index = model, index

    def forward(self, image: Tensor) -> Tensor:
        """The feature map, shape ``(n, C, h, w)``."""
        return _intermediate(self.model, image, self.index)


@dataclass(frozen=True)
class Backbone:
    """A backbone in two parts.

    Attributes:
        front: images in [0, 1] to the input of ``end``.
        end: to the features; the identity where nothing or everything is frozen.
        channels: of the features.
        stride: pixels from one feature to the next.
    """

    front: nn.Module
    end: nn.Module
    channels: int
    stride: int


def create(spec: BackboneSpec, seed: int, pretrained: bool = False) -> nn.Module:
    """The timm model of a spec without its classifier; random weights depend on ``seed`` alone.

    Raises:
        ValueError: if timm knows no model of that name.
    """
    if not timm.is_model(spec.architecture):
        near = timm.list_models(f"*{spec.architecture.split('.')[0]}*")[:5]
        hint = f"; near it: {', '.join(near)}" if near else ""
        raise ValueError(f"backbone {spec.architecture!r} is not a model of timm {timm.__version__}{hint}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = timm.create_model(spec.architecture, pretrained=pretrained, num_classes=0, **spec.options)
    for name in spec.absent:
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, nn.Identity())
    return model


def cut(model: nn.Module, spec: BackboneSpec, stride: int | None, finetune: str) -> Backbone:
    """Cuts a model at a stride, and in front of what is trained.

    Args:
        model: from `create`, weights loaded.
        spec: what it was created from.
        stride: of the features wanted; ``None`` for the deepest.
        finetune: ``"all"`` or ``"none"``: one part; ``"end"``: the last stage apart.

    Raises:
        ValueError: if no stage has that stride, or the model has no stages to part.
    """
    stages = _stages(model, spec)
    index = _stage(stages, stride, spec.architecture)
    steps = _steps(model, [stage["module"] for stage in stages[: index + 1]])
    front: nn.Module
    end: nn.Module = nn.Identity()
    if steps is None:
        if finetune == "end":
            raise ValueError(
                f"backbone {spec.architecture!r} is no chain of stages, so finetune='end' has no meaning for it: "
                "take finetune='all' or 'none', or a chain such as a ResNet, MobileNet or ConvNeXt"
            )
        front = Intermediates(model, index)
    else:
        names = [name for name, _ in steps]
        first = names.index(stages[index - 1]["module"]) + 1 if finetune == "end" and index else len(steps)
        front = nn.Sequential(*(module for _, module in steps[:first]))
        if first < len(steps):
            end = nn.Sequential(*(module for _, module in steps[first:]))
    normalised = nn.Sequential(Normalise(spec.mean, spec.std), front)
    return Backbone(normalised, end, stages[index]["num_chs"], stages[index]["reduction"])


def _stages(model: Any, spec: BackboneSpec) -> list[dict[str, Any]]:
    """The stages as timm describes them, less those that the weights do not reach."""
    # a stage whose first block has no weights would have the channels of the stage before
    return [dict(stage) for stage in model.feature_info if f"{stage['module']}.0" not in spec.absent]


def _intermediate(model: Any, image: Tensor, index: int) -> Tensor:
    features: Tensor = model.forward_intermediates(image, indices=[index], intermediates_only=True)[0]
    return features


def _stage(stages: list[dict[str, Any]], stride: int | None, name: str) -> int:
    if stride is None:
        return len(stages) - 1
    fitting = [i for i, stage in enumerate(stages) if stage["reduction"] == stride]
    if not fitting:
        offered = sorted({stage["reduction"] for stage in stages})
        raise ValueError(f"backbone {name!r} has features of stride {offered}, none of stride {stride}")
    return fitting[-1]


def _steps(model: nn.Module, stages: list[str]) -> list[tuple[str, nn.Module]] | None:
    """The model up to its last named stage as modules that run one behind the other; ``None`` if it is no chain."""
    flat: list[tuple[str, nn.Module]] = []
    for name, child in model.named_children():
        if any(stage.startswith(f"{name}.") for stage in stages):
            flat += [(f"{name}.{inner}", module) for inner, module in child.named_children()]
        else:
            flat.append((name, child))
    names = [name for name, _ in flat]
    if any(stage not in names for stage in stages):
        return None
    steps = flat[: names.index(stages[-1]) + 1]
    return steps if _is_chain(model, steps, len(stages) - 1) else None


def _is_chain(model: nn.Module, steps: list[tuple[str, nn.Module]], index: int) -> bool:
    """Proves on one image that the modules in a row give what the model itself gives; the model is left in eval."""
    model.eval()
    image = torch.rand(1, 3, PROBE, PROBE, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        try:
            ours = nn.Sequential(*(module for _, module in steps))(image)
        except (RuntimeError, TypeError, ValueError, AssertionError):  # its parts do not fit in a row: no chain
            return False
        theirs = _intermediate(model, image, index)
    return ours.shape == theirs.shape and torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5)

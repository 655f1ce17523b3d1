"""An adapter in the weights of its model: ``W' = W + rho * alpha / rank * B A``, and back again to the bit.

The paper calls rho alpha: 0 is the base model, 1 the whole fine-tuning. It is not the alpha of the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from defectlab.synthesis.dreambooth.adapters import (
    adapted,
    get_layer,
    load_adapter_state,
    require_bare,
    scale_adapters,
)
from defectlab.synthesis.dreambooth.storage import Adapter

# Weights that merging has replaced, by pipeline; what was added is not subtracted, for that would round.
_ORIGINALS: WeakKeyDictionary[Any, dict[tuple[str, str], Tensor]] = WeakKeyDictionary()


def merge(pipeline: Any, adapter: Adapter, ratio: float) -> None:
    """Add an adapter to the weights of UNet and text encoder.

    Args:
        pipeline: of the model that the adapter was trained on; the replaced weights are kept in main memory.
        adapter: what to add.
        ratio: rho, 0 to 1.

    Raises:
        ValueError: if the ratio is out of range, the pipeline has an adapter merged or attached, or the adapter
            belongs to another model.
    """
    if not 0 <= ratio <= 1:
        raise ValueError(f"merge ratio: expected a value in [0, 1], got {ratio}")
    if pipeline in _ORIGINALS:
        raise ValueError("an adapter is merged into this pipeline already; call unmerge(pipeline) first")
    require_bare({"unet": pipeline.unet, "text_encoder": pipeline.text_encoder})
    require_fits(pipeline, adapter)
    originals: dict[tuple[str, str], Tensor] = {}
    with torch.no_grad():
        for model, plan in adapter.plans.items():
            for name in plan:
                weight = get_layer(getattr(pipeline, model), name).weight
                originals[model, name] = weight.detach().cpu().clone()
                added = ratio * adapter.delta(model, name)
                # in float32, then rounded once
                weight.copy_((originals[model, name].float() + added).to(weight.dtype))
    _ORIGINALS[pipeline] = originals


def unmerge(pipeline: Any) -> None:
    """Give a pipeline its own weights back, to the bit.

    Raises:
        ValueError: if nothing is merged.
    """
    if pipeline not in _ORIGINALS:
        raise ValueError("no adapter is merged into this pipeline")
    with torch.no_grad():
        for (model, name), original in _ORIGINALS.pop(pipeline).items():
            get_layer(getattr(pipeline, model), name).weight.copy_(original)


def is_merged(pipeline: Any) -> bool:
    """True while an adapter is merged into the pipeline."""
    return pipeline in _ORIGINALS


@contextmanager
def merged(pipeline: Any, adapter: Adapter, ratio: float) -> Iterator[Any]:
    """The pipeline with the adapter merged while the block runs."""
    merge(pipeline, adapter, ratio)
    try:
        yield pipeline
    finally:
        unmerge(pipeline)


@contextmanager
def attached(pipeline: Any, adapter: Adapter, ratio: float = 1.0) -> Iterator[Any]:
    """The pipeline with the adapter beside its weights, not in them, while the block runs; slower than `merged`.

    Raises:
        ValueError: if the adapter belongs to another model, or the pipeline carries adapters.
    """
    require_fits(pipeline, adapter)
    with adapted(pipeline, adapter.plans, seed=0, trainable=False):
        for model, plan in adapter.plans.items():
            load_adapter_state(getattr(pipeline, model), adapter.states[model])
            scale_adapters(getattr(pipeline, model), plan, ratio)
        yield pipeline


def require_fits(pipeline: Any, adapter: Adapter) -> None:
    """Check that every layer of the adapter is there and has its shape.

    Raises:
        ValueError: if not; the message names the first one.
    """
    for model, plan in adapter.plans.items():
        for name in plan:
            wanted = tuple(adapter.delta_shape(model, name))
            try:
                found = tuple(get_layer(getattr(pipeline, model), name).weight.shape)
            except AttributeError:
                found = None
            if found != wanted:
                base = adapter.record.get("base", {}).get("name", "unknown")
                raise ValueError(
                    f"adapter {adapter.fingerprint} was trained on another model ({base}): {model}.{name} has shape "
                    f"{wanted} there, {found or 'no such layer'} here"
                )

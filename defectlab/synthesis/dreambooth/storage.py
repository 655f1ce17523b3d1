"""Adapters on disk, as safetensors that `pipeline.load_lora_weights` of diffusers reads, alphas included."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from defectlab.files import atomic_path, read_json, write_json
from defectlab.synthesis.dreambooth.adapters import Plan, Scaling

WEIGHTS = "pytorch_lora_weights.safetensors"  # the name that diffusers looks for in a folder
RECORD = "adapter.json"
METADATA = "lora_adapter_metadata"  # where diffusers looks for ranks and alphas
INNER = {"unet": "", "text_encoder": "text_model."}  # published files name CLIP's layers so

States = dict[str, dict[str, Tensor]]


@dataclass(frozen=True, eq=False)
class Adapter:
    """What a fine-tuning has learnt.

    Attributes:
        states: by model (``unet``, ``text_encoder``), ``<layer>.lora_A.weight`` of shape ``(r, in)`` or
            ``(r, in, k, k)`` and ``<layer>.lora_B.weight`` of shape ``(out, r)`` or ``(out, r, 1, 1)``, float32.
        plans: by model, rank and alpha of each layer.
        record: settings, base model, data, steps, loss.
        folder: where it is stored, if it is.
    """

    states: States
    plans: dict[str, Plan]
    record: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits of weights and alphas."""
        digest = hashlib.sha256()
        for model, plan in sorted(self.plans.items()):
            for name, scaling in sorted(plan.items()):
                digest.update(f"{model}.{name} {scaling.rank} {scaling.alpha}\0".encode())
                for half in self._halves(model, name):
                    digest.update(half.contiguous().numpy().tobytes())
        return digest.hexdigest()[:12]

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(tensor.numel() for state in self.states.values() for tensor in state.values())

    def delta(self, model: str, name: str) -> Tensor:
        """``alpha / rank * B A`` of a layer, float32, in the shape of its weight.

        For a k x k convolution it is the upper 1 x 1 convolution of the lower k x k one.
        """
        down, up = self._halves(model, name)
        product = up.flatten(1) @ down.flatten(1)
        return self.plans[model][name].factor * product.reshape(self.delta_shape(model, name))

    def delta_shape(self, model: str, name: str) -> torch.Size:
        """Shape of the weight of a layer."""
        down, up = self._halves(model, name)
        return torch.Size((up.shape[0], *down.shape[1:]))

    def save(self, folder: str | Path) -> Self:
        """Write weights and record, each whole or not at all; returns the adapter at that folder."""
        folder = Path(folder)
        tensors = {
            f"{model}.{INNER[model]}{key}": tensor.contiguous()
            for model, state in self.states.items()
            for key, tensor in state.items()
        }
        metadata = {"format": "pt", METADATA: json.dumps(_metadata(self.plans), indent=2, sort_keys=True)}
        with atomic_path(folder / WEIGHTS) as partial:
            save_file(tensors, partial, metadata=metadata)
        write_json(folder / RECORD, {**self.record, "fingerprint": self.fingerprint, "parameters": self.parameters})
        return type(self)(self.states, self.plans, read_json(folder / RECORD), folder)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The adapter that `save` wrote.

        Raises:
            FileNotFoundError: if the folder holds no finished adapter.
            ValueError: if its weights are damaged or not those of its record.
        """
        folder = Path(folder)
        if missing := [name for name in (WEIGHTS, RECORD) if not (folder / name).is_file()]:
            raise FileNotFoundError(f"{folder}: expected a finished adapter, found no {' and no '.join(missing)} in it")
        try:
            with safe_open(str(folder / WEIGHTS), framework="pt") as file:
                plans = _plans((file.metadata() or {}).get(METADATA, "{}"))
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # no mapping
        except SafetensorError as error:
            raise ValueError(f"{folder / WEIGHTS} is damaged ({error}); fine-tune again") from error
        states: States = {model: {} for model in plans}
        for key, tensor in tensors.items():
            model, _, name = key.partition(".")
            states[model][name.removeprefix(INNER[model])] = tensor.float()
        adapter = cls(states, plans, read_json(folder / RECORD), folder)
        if adapter.fingerprint != adapter.record.get("fingerprint"):
            raise ValueError(f"{folder / WEIGHTS} is not the adapter that {RECORD} beside it describes")
        return adapter

    def _halves(self, model: str, name: str) -> tuple[Tensor, Tensor]:
        state = self.states[model]
        return state[f"{name}.lora_A.weight"], state[f"{name}.lora_B.weight"]


def _metadata(plans: Mapping[str, Plan]) -> dict[str, Any]:
    """Ranks and alphas as arguments of peft's ``LoraConfig``, which diffusers builds from them."""
    values: dict[str, Any] = {}
    for model, plan in plans.items():
        first = next(iter(plan.values()))
        others = {name: scaling for name, scaling in plan.items() if scaling != first}
        values |= {
            f"{model}.r": first.rank,
            f"{model}.lora_alpha": first.alpha,
            f"{model}.target_modules": sorted(plan),
            f"{model}.rank_pattern": {f"^{name}": scaling.rank for name, scaling in others.items()},
            f"{model}.alpha_pattern": {f"^{name}": scaling.alpha for name, scaling in others.items()},
        }
    return values


def _plans(metadata: str) -> dict[str, Plan]:
    values = json.loads(metadata)
    plans: dict[str, Plan] = {}
    for model in [name for name in INNER if f"{name}.r" in values]:
        ranks, alphas = values[f"{model}.rank_pattern"], values[f"{model}.alpha_pattern"]
        rank, alpha = values[f"{model}.r"], values[f"{model}.lora_alpha"]
        plans[model] = {
            name: Scaling(ranks.get(f"^{name}", rank), alphas.get(f"^{name}", alpha))
            for name in values[f"{model}.target_modules"]
        }
    return plans

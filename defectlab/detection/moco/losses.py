"""The contrastive losses of MoCo and of DDPM-MoCo, in every reading of its Eq. 7; memory O(n K + n n).

Rows of ``Q`` are queries, of ``P`` the keys of the same batch, of ``U`` the queue; ``S = Q P^T``, ``N = Q U^T``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Reading = Callable[[Tensor, Tensor], Tensor]
"""From ``S / tau``, shape ``(n, n)``, and ``log sum_i exp(N_bi / tau)``, shape ``(n,)``, to one loss a query."""


def _original(s: Tensor, negatives: Tensor) -> Tensor:
    own = s.diagonal()
    return _surprise(own, negatives)  # Eq. 5


def _improved_mean_logit(s: Tensor, negatives: Tensor) -> Tensor:
    # mean over the second and third axis of the n x n x n array T_bij = q_b . k_j, which is a broadcast of S
    return _surprise(s.mean(dim=1), negatives)


def _improved_eq7(s: Tensor, negatives: Tensor) -> Tensor:
    return _surprise(s, negatives[:, None]).mean(dim=1)  # Eq. 7: the positive in the denominator is that above it


def _eq7_own(s: Tensor, negatives: Tensor) -> Tensor:
    denominator = torch.logaddexp(s.diagonal(), negatives)  # Eq. 7 with k_0 the query's own key
    return denominator - s.mean(dim=1)


def _supcon_out(s: Tensor, negatives: Tensor) -> Tensor:
    denominator = torch.logaddexp(s.logsumexp(dim=1), negatives)  # all n keys and the queue (Khosla et al. 2020, Eq. 2)
    return denominator - s.mean(dim=1)


def _global_scalar(s: Tensor, negatives: Tensor) -> Tensor:
    return _surprise(s.mean().expand_as(negatives), negatives)


def _surprise(positive: Tensor, negatives: Tensor) -> Tensor:
    """``-log(e^p / (e^p + e^n))``."""
    return torch.logaddexp(positive, negatives) - positive


LOSSES: dict[str, Reading] = {
    "original": _original,
    "improved_mean_logit": _improved_mean_logit,
    "improved_eq7": _improved_eq7,
    "eq7_own": _eq7_own,
    "supcon_out": _supcon_out,
    "global_scalar": _global_scalar,
}
"""Eq. 5; the default reading of the improved loss; its literal Eq. 7; and three ablations."""


def contrastive_loss(
    queries: Tensor, keys: Tensor, queue: Tensor, temperature: float, kind: str = "original"
) -> Tensor:
    """The mean loss of a batch.

    ``"original"`` asks each query for its own key. ``"improved_mean_logit"`` asks it for the mean key of its batch,
    the reading of DDPM-MoCo's text in which all shapes fit. ``"improved_eq7"`` is the equation as printed.
    ``"eq7_own"`` keeps the own key in every denominator (its value may be negative), ``"supcon_out"`` puts all keys
    into it, ``"global_scalar"`` gives every query the same positive logit.

    Args:
        queries: unit vectors, shape ``(n, c)``; the gradient flows here alone.
        keys: unit vectors of the other views, shape ``(n, c)``, in the same order.
        queue: unit vectors of earlier batches, shape ``(K, c)``.
        temperature: tau, above 0.
        kind: a name of `LOSSES`.

    Returns:
        A scalar, float32 at least.

    Raises:
        ValueError: if the name is unknown, the shapes do not fit or the temperature is not above 0.

    Source: He et al. 2020 (MoCo), Eq. 1, which is DDPM-MoCo Eq. 5; DDPM-MoCo Eq. 7 and the text below it.
    """
    if kind not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {kind!r}")
    if queries.ndim != 2 or keys.shape != queries.shape or queue.shape[1:] != queries.shape[1:]:
        shapes = ", ".join(str(tuple(part.shape)) for part in (queries, keys, queue))
        raise ValueError(f"expected queries (n, c), keys (n, c) and a queue (K, c), got {shapes}")
    if temperature <= 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    positive = _similarity(queries, keys) / temperature
    negative = _similarity(queries, queue) / temperature
    return LOSSES[kind](positive, negative.logsumexp(dim=1)).mean()


def _similarity(queries: Tensor, others: Tensor) -> Tensor:
    """All dot products, in float32 at least; no gradient to ``others``."""
    products = queries @ others.detach().T
    return products if products.dtype == torch.float64 else products.float()

"""The contrastive losses: the worked example, algebra that must hold, and the n x n x n array of the paper's text."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from defectlab.detection.moco.losses import LOSSES, contrastive_loss

Q = torch.tensor([[1.0, 0.0], [0.6, 0.8]], dtype=torch.float64)
P = torch.tensor([[0.8, 0.6], [0.0, 1.0]], dtype=torch.float64)
U = torch.tensor([[0.6, -0.8], [-1.0, 0.0]], dtype=torch.float64)
EXAMPLE = {
    "original": 0.345738,
    "improved_mean_logit": 0.538484,
    "improved_eq7": 0.576490,
    "eq7_own": 0.665738,
    "supcon_out": 1.109492,
    "global_scalar": 0.445249,
}
"""n = 2, c = 2, K = 2, tau = 0.5, worked by hand."""


def unit(*shape: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(*shape, generator=generator, dtype=torch.float64), dim=1)


@pytest.mark.parametrize("kind", EXAMPLE)
def test_the_worked_example_to_six_decimals(kind):
    assert contrastive_loss(Q, P, U, 0.5, kind).item() == pytest.approx(EXAMPLE[kind], abs=5e-7)


def test_the_rows_of_the_worked_example():
    rows = {"original": (0.529241, 0.162234), "improved_mean_logit": (0.937126, 0.139842)}
    rows |= {"improved_eq7": (1.011685, 0.141296), "eq7_own": (1.329241, 0.002234)}
    rows |= {"supcon_out": (1.441612, 0.777372), "global_scalar": (0.673324, 0.217174)}
    s, negatives = Q @ P.T / 0.5, (Q @ U.T / 0.5).logsumexp(dim=1)
    assert negatives.exp().tolist() == pytest.approx([3.455452, 0.872403], abs=5e-7)
    for kind, expected in rows.items():
        assert LOSSES[kind](s, negatives).tolist() == pytest.approx(expected, abs=5e-7), kind


def test_the_gradient_of_the_worked_example():
    queries = Q.clone().requires_grad_(True)
    contrastive_loss(queries, P, U, 0.5, "improved_mean_logit").backward()
    expected = torch.tensor([[0.083534, -0.954139], [-0.045989, -0.172763]], dtype=torch.float64)
    assert torch.allclose(queries.grad, expected, atol=5e-7)


def test_the_original_is_the_cross_entropy_that_moco_computes():
    q, p, u = unit(7, 5, seed=0), unit(7, 5, seed=1), unit(20, 5, seed=2)
    logits = torch.cat([(q * p).sum(1, keepdim=True), q @ u.T], dim=1) / 0.07
    expected = F.cross_entropy(logits, torch.zeros(7, dtype=torch.int64))
    assert contrastive_loss(q, p, u, 0.07).item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("kind", LOSSES)
def test_with_a_batch_of_one_every_reading_is_equation_5(kind):
    q, p, u = unit(1, 6, seed=3), unit(1, 6, seed=4), unit(9, 6, seed=5)
    expected = contrastive_loss(q, p, u, 0.2, "original").item()
    assert contrastive_loss(q, p, u, 0.2, kind).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_literal_equation_is_never_below_the_default_reading(seed):
    q, p, u = unit(6, 4, seed=seed), unit(6, 4, seed=seed + 50), unit(11, 4, seed=seed + 100)
    literal, default = (contrastive_loss(q, p, u, 0.1, kind) for kind in ("improved_eq7", "improved_mean_logit"))
    assert literal > default  # Jensen: x -> log(1 + A exp(-x)) is convex
    same = p[:1].expand(6, -1)  # rows of S are constant: equality
    literal, default = (contrastive_loss(q, same, u, 0.1, kind) for kind in ("improved_eq7", "improved_mean_logit"))
    assert literal.item() == pytest.approx(default.item(), rel=1e-12)


def test_the_improved_losses_do_not_know_whose_key_is_whose_and_the_original_does():
    q, p, u = unit(5, 4, seed=6), unit(5, 4, seed=7), unit(8, 4, seed=8)
    turned = p.roll(1, dims=0)
    for kind in ("improved_mean_logit", "improved_eq7"):
        one, two = (contrastive_loss(q, keys, u, 0.2, kind).item() for keys in (p, turned))
        assert one == pytest.approx(two, rel=1e-12)
    assert contrastive_loss(q, p, u, 0.2).item() != pytest.approx(contrastive_loss(q, turned, u, 0.2).item(), rel=1e-3)


@pytest.mark.parametrize("kind", LOSSES)
def test_no_gradient_reaches_keys_or_queue(kind):
    q, p, u = (unit(4, 3, seed=s).requires_grad_(True) for s in range(3))
    contrastive_loss(q, p, u, 0.3, kind).backward()
    assert q.grad is not None and q.grad.abs().sum() > 0
    assert p.grad is None and u.grad is None


@pytest.mark.parametrize("kind", LOSSES)
def test_against_loops_over_the_array_of_the_papers_text(kind):
    n, tau = 4, 0.2
    q, p, u = unit(n, 5, seed=10), unit(n, 5, seed=11), unit(7, 5, seed=12)
    # "each query matrix" times all keys, stacked: T[b, i, j] = q_b . k_j, an n x n x n array
    t = torch.stack([q[b].expand(n, -1) @ p.T for b in range(n)])
    total = 0.0
    for b in range(n):
        negatives = sum(torch.exp(q[b] @ u[i] / tau) for i in range(7))
        own = torch.exp(q[b] @ p[b] / tau)
        if kind in ("improved_mean_logit", "global_scalar", "original"):
            readings = {"improved_mean_logit": t.mean(dim=2).mean(dim=1)[b], "global_scalar": t.mean()}
            positive = torch.exp(readings.get(kind, q[b] @ p[b]) / tau)
            total -= torch.log(positive / (positive + negatives)) / n
            continue
        for j in range(n):
            positive = torch.exp(q[b] @ p[j] / tau)
            everyone = sum(torch.exp(q[b] @ p[i] / tau) for i in range(n))
            denominators = {"improved_eq7": positive, "eq7_own": own, "supcon_out": everyone}
            total -= torch.log(positive / (denominators[kind] + negatives)) / n**2
    assert contrastive_loss(q, p, u, tau, kind).item() == pytest.approx(total.item(), rel=1e-12)


def test_own_denominators_can_make_the_loss_negative():
    q = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    p, u = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.tensor([[-1.0, 0.0]])
    rows = LOSSES["eq7_own"](q @ p.T / 0.1, (q @ u.T / 0.1).logsumexp(dim=1))
    assert rows.tolist()[1] < 0 < rows.tolist()[0]


def test_half_precision_embeddings_give_a_finite_float32_loss_at_low_temperature():
    q, p, u = (unit(4, 8, seed=s).bfloat16() for s in range(3))
    loss = contrastive_loss(q, p, u, 0.005)
    assert loss.dtype == torch.float32 and torch.isfinite(loss)


def test_unknown_names_shapes_and_temperatures_are_refused():
    with pytest.raises(ValueError, match="loss must be one of original, .*got 'infonce'"):
        contrastive_loss(Q, P, U, 0.5, "infonce")
    with pytest.raises(ValueError, match=r"got \(2, 2\), \(1, 2\), \(2, 2\)"):
        contrastive_loss(Q, P[:1], U, 0.5)
    with pytest.raises(ValueError, match="temperature must be above 0, got 0"):
        contrastive_loss(Q, P, U, 0)


class Largest(TorchDispatchMode):
    """Remembers the largest tensor that any operation gave."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        given = func(*args, **(kwargs or {}))
        for part in tree_leaves(given):
            self.elements = max(self.elements, part.numel() if isinstance(part, torch.Tensor) else 0)
        return given


@pytest.mark.parametrize("kind", LOSSES)
def test_memory_is_that_of_all_products_and_never_of_the_array_of_the_papers_text(kind):
    n, k, c = 2000, 500, 8
    q, p, u = unit(n, c, seed=0).requires_grad_(True), unit(n, c, seed=1), unit(k, c, seed=2)
    with Largest() as seen:
        contrastive_loss(q, p, u, 0.2, kind).backward()
    assert seen.elements == n * max(n, k)  # an array (n, n, n) would have 8 000 000 000

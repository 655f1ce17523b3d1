"""Queue, momentum, diagnostics and order of batches, with numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from defectlab.detection.moco.batches import check_batches, epoch_batches, step_generator
from defectlab.detection.moco.diagnostics import (
    Diagnosis,
    collapsed,
    diagnose,
    effective_rank,
    to_one_point,
    uniformity,
)
from defectlab.detection.moco.momentum import momentum_update
from defectlab.detection.moco.queue import KeyQueue


def queue(length: int = 5, dim: int = 2) -> KeyQueue:
    return KeyQueue(length, dim, torch.Generator().manual_seed(0))


def keys(first: int, n: int) -> torch.Tensor:
    return torch.arange(first, first + n, dtype=torch.float32)[:, None].expand(n, 2)


def test_the_oldest_keys_go_first_and_the_ring_closes():
    ring = queue()
    for start, n in ((0, 2), (2, 2), (4, 3)):
        ring.enqueue(keys(start, n))
    # 0..4 filled the ring, 5 and 6 took the places of 0 and 1
    assert ring.keys[:, 0].tolist() == [5, 6, 2, 3, 4]
    assert int(ring.position) == 2 and int(ring.added) == 7


def test_a_batch_as_long_as_the_queue_replaces_it():
    ring = queue()
    ring.enqueue(keys(0, 3))
    ring.enqueue(keys(10, 5))
    assert sorted(ring.keys[:, 0].tolist()) == [10, 11, 12, 13, 14]


def test_a_new_queue_holds_unit_vectors_of_its_seed_and_refuses_a_larger_batch():
    ring = queue(40, 3)
    assert torch.allclose(ring.keys.norm(dim=1), torch.ones(40)) and torch.equal(ring.keys, queue(40, 3).keys)
    with pytest.raises(ValueError, match="a queue of 40 keys cannot take 41 at once"):
        ring.enqueue(torch.zeros(41, 3))


def test_the_key_encoder_follows_by_equation_6_and_leaves_the_query_encoder_alone():
    key, query = nn.Linear(1, 1), nn.Linear(1, 1)
    nn.init.constant_(key.weight, 1.0), nn.init.constant_(query.weight, 3.0)
    momentum_update(key, query, 0.75)
    assert key.weight.item() == pytest.approx(0.75 * 1 + 0.25 * 3)
    assert query.weight.item() == 3.0
    momentum_update(key, query, 1.0)
    assert key.weight.item() == pytest.approx(1.5)


def test_batch_statistics_of_the_key_encoder_stay_its_own():
    key, query = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    query(torch.randn(8, 2, generator=torch.Generator().manual_seed(0)))
    momentum_update(key, query, 0.0)
    assert key.running_mean.tolist() == [0, 0] and int(query.num_batches_tracked) == 1


def test_four_points_of_a_square_by_hand():
    square = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    report = diagnose(square, square.roll(1, 0))
    assert report.alignment == pytest.approx(2.0)  # each neighbour is at distance sqrt(2)
    # six pairs: four at squared distance 2, two at 4
    assert report.uniformity == pytest.approx(math.log((4 * math.exp(-4) + 2 * math.exp(-8)) / 6))
    assert report.mean_norm == pytest.approx(0, abs=1e-12)
    assert report.effective_rank == pytest.approx(2)


def test_one_point_is_a_collapse_and_is_called_one():
    point = torch.tensor([[0.6, 0.8]]).expand(6, 2)
    report = diagnose(point, point)
    assert report == Diagnosis(*map(pytest.approx, (0, 0, 1, 1)))
    assert report.spread == pytest.approx(0, abs=1e-9)
    began = Diagnosis(0.1, -0.4, 0.9, 20)
    assert collapsed(report, began).startswith(
        "collapsed to one point: the mean embedding has norm 1.0000, untrained 0.9000; 0.0% of the spread"
    )


def test_a_collapse_is_judged_against_the_untrained_encoder():
    # untrained encoders of the stored studies have norms from 0.937 (group norm) to 0.986 (BatchNorm)
    for norm in (0.937, 0.968, 0.986):
        untrained = Diagnosis(0.08, -0.2, norm, 6)
        assert collapsed(untrained, untrained) == ""
        assert not to_one_point(norm, norm) and not to_one_point(0.66, norm)
        assert to_one_point(0.9987, norm)  # the largest spread that the improved loss left, beside the smallest
    # half a squared distance: four points of a square about their mean are at distance 1 of it
    assert Diagnosis(0, 0, 0, 2).spread == 1 and Diagnosis(0, 0, 0.6, 2).spread == pytest.approx(0.64)
    # a quarter of the spread is the limit, and below a norm of 0.95 nothing is one point
    assert to_one_point(math.sqrt(1 - 0.24 * 0.19), 0.9) and not to_one_point(math.sqrt(1 - 0.26 * 0.19), 0.9)
    assert not to_one_point(0.9, 0.0)


def test_a_rank_that_was_low_from_the_start_is_no_collapse():
    low, high = Diagnosis(1, -1, 0.5, 1.5), Diagnosis(1, -1, 0.5, 9)
    assert collapsed(low, low) == "" and "effective rank 1.50 (below 2.0), untrained 9.00" in collapsed(low, high)


def test_a_line_is_a_collapse_of_another_kind_and_a_sphere_is_none():
    line = torch.tensor([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]).repeat(4, 1)
    sphere = nn.functional.normalize(torch.randn(200, 16, generator=torch.Generator().manual_seed(0)), dim=1)
    round_ = diagnose(sphere, sphere)
    assert "collapsed to few dimensions: effective rank 1.00" in collapsed(diagnose(line, line), round_)
    assert collapsed(round_, round_) == ""


def test_effective_rank_and_uniformity_beside_numpy():
    x = nn.functional.normalize(torch.randn(30, 5, generator=torch.Generator().manual_seed(1)), dim=1)
    s = np.linalg.svd(x.numpy().astype(float), compute_uv=False)
    share = s / s.sum()
    assert effective_rank(x) == pytest.approx(np.exp(-(share * np.log(share)).sum()), rel=1e-6)
    gaps = ((x[:, None] - x[None]) ** 2).sum(-1).numpy().astype(float)[np.triu_indices(30, 1)]
    assert uniformity(x) == pytest.approx(np.log(np.exp(-2 * gaps).mean()), rel=1e-6)


def test_embeddings_that_are_no_unit_vectors_are_refused():
    with pytest.raises(ValueError, match="first: expected unit vectors, norms go from 2 to 2"):
        diagnose(2 * torch.eye(3), torch.eye(3))
    with pytest.raises(ValueError, match=r"expected two times \(n >= 2, d\)"):
        diagnose(torch.eye(1), torch.eye(1))


def test_shuffled_batches_visit_each_image_once_and_epochs_differ():
    classes = torch.zeros(10, dtype=torch.int64)
    batches = epoch_batches(classes, 3, "shuffled", 0, 0)
    assert batches.shape == (3, 3) and len(batches.unique()) == 9
    assert torch.equal(batches, epoch_batches(classes, 3, "shuffled", 0, 0))
    assert not torch.equal(batches, epoch_batches(classes, 3, "shuffled", 0, 1))


def test_batches_of_one_class_hold_one_class_and_come_in_random_order():
    classes = torch.tensor([0, 1] * 12)
    batches = epoch_batches(classes, 4, "single_class", 3, 0)
    assert batches.shape == (6, 4) and len(batches.unique()) == 24
    of = classes[batches]
    assert (of == of[:, :1]).all() and of[:, 0].tolist() not in ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0])


def test_too_few_images_are_refused_by_name():
    classes = torch.tensor([0] * 8 + [1] * 3)
    check_batches(classes, ("dent", "scratch"), 8, "shuffled")
    with pytest.raises(ValueError, match=r"too few in: scratch \(3\); lower batch_size"):
        check_batches(classes, ("dent", "scratch"), 4, "single_class")
    with pytest.raises(ValueError, match="a batch takes 12 images, the data set holds 11"):
        check_batches(classes, ("dent", "scratch"), 12, "shuffled")


def test_every_step_has_numbers_of_its_own():
    drawn = {torch.rand(1, generator=step_generator(*at)).item() for at in ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0))}
    assert len(drawn) == 4

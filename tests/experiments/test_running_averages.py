"""How far running averages moved, by hand, and the layer of the exercises."""

import math

import pytest
import torch
from torch import nn

from defectlab.experiments.running_averages import averages, distance, means_of_one_layer


def network():
    return nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.ReLU(), nn.BatchNorm2d(2))


def test_the_distance_is_the_root_mean_square_over_channels_in_deviations():
    then = [(torch.tensor([0.0, 0.0]), torch.tensor([1.0, 4.0])), (torch.tensor([1.0]), torch.tensor([0.25]))]
    now = [(torch.tensor([1.0, 4.0]), torch.tensor([9.0, 9.0])), (torch.tensor([1.0]), torch.tensor([9.0]))]
    assert distance(now, then) == pytest.approx(math.sqrt((1 + 4 + 0) / 3))


def test_averages_are_copies_in_the_order_of_the_layers_and_stand_still_in_evaluation_mode():
    net = network()
    before = averages(net)
    assert [mean.shape for mean, _ in before] == [(2,), (2,)] and float(before[0][1][0]) > 1
    net.eval()(torch.ones(2, 3, 4, 4))
    assert distance(averages(net), before) == 0
    net.train()(torch.ones(2, 3, 4, 4))
    assert distance(averages(net), before) > 0


def test_a_network_without_such_layers_has_no_distance():
    plain = nn.Linear(2, 1)
    assert averages(plain) == [] and math.isnan(distance(averages(plain), averages(plain)))


def test_one_layer_keeps_the_average_of_the_last_epoch_in_training_mode():
    assert means_of_one_layer([True, False, False]) == [0.0, 0.0, 0.0]
    assert means_of_one_layer([True, True]) == pytest.approx([0, 10], abs=1e-3)
    assert means_of_one_layer([False, True], momentum=0.1, steps=1) == pytest.approx([0, 1])

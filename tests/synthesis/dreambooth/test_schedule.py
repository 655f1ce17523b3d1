from dataclasses import replace

import pytest
import torch
from diffusers.optimization import get_cosine_with_hard_restarts_schedule_with_warmup

from defectlab.synthesis.dreambooth import DreamBoothSettings
from defectlab.synthesis.dreambooth.schedule import rate_factor, step_counts


@pytest.mark.parametrize(("epoch", "factor"), [(5, 0.794), (25, 0.500), (49, 0.009)])
def test_the_epochs_of_the_paper_end_at_these_rates_of_a_schedule_of_fifty(epoch, factor):
    assert rate_factor(epoch * 209, 50 * 209, cycles=3) == pytest.approx(factor, abs=5e-4)


def test_each_cycle_starts_again_from_the_whole_rate():
    total = 300
    assert rate_factor(99, total) < 0.001 and rate_factor(100, total) == 1.0
    assert rate_factor(199, total) < 0.001 and rate_factor(200, total) == 1.0


@pytest.mark.parametrize(("total", "cycles", "warm_up"), [(50, 3, 0), (40, 1, 8), (37, 4, 5)])
def test_the_rate_is_that_of_diffusers(total, cycles, warm_up):
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = get_cosine_with_hard_restarts_schedule_with_warmup(optimiser, warm_up, total, cycles)
    for step in range(total):
        assert rate_factor(step, total, cycles, warm_up) == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
        optimiser.step()
        theirs.step()


def test_the_paper_stops_on_the_way_through_its_schedule():
    assert step_counts(DreamBoothSettings.paper("zero_shot"), 209) == (5 * 209, 50 * 209)


def test_a_limit_of_steps_shortens_the_schedule_with_the_training():
    settings = replace(DreamBoothSettings.laptop(), max_steps=120)
    assert step_counts(settings, 50) == (120, 120)
    assert step_counts(replace(settings, epochs=2), 50) == (100, 100)

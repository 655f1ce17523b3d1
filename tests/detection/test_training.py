import numpy as np
import pytest
import torch

from defectlab.detection import Classifier, ClassifierConfig
from defectlab.detection import training as module
from defectlab.detection.training import Training

CPU = {"device": "cpu"}


def running_means(classifier: Classifier) -> list[torch.Tensor]:
    return [v.clone() for k, v in classifier._last.items() if k.endswith("running_mean")]


def test_the_legacy_switch_freezes_batch_norm_after_the_first_epoch(toy, tiny):
    config = tiny.but(finetune="all", head="gap", legacy_bn_eval=True)
    one, three = (Classifier(config.but(epochs=n), **CPU).fit(toy()) for n in (1, 3))
    assert running_means(one) and all(map(torch.equal, running_means(one), running_means(three)))
    weights = [c._last["2.linear.weight"] for c in (one, three)]
    assert not torch.equal(*weights)  # the weights go on learning


def test_without_the_legacy_switch_batch_norm_goes_on_adapting(toy, tiny):
    config = tiny.but(finetune="all", head="gap")
    one, three = (Classifier(config.but(epochs=n), **CPU).fit(toy()) for n in (1, 3))
    assert not any(map(torch.equal, running_means(one), running_means(three)))


def test_equal_seeds_give_equal_trainings_and_other_seeds_others(toy, tiny):
    first, second, other = (Classifier(tiny.but(seed=s), **CPU).fit(toy()) for s in (1, 1, 2))
    assert np.array_equal(first.score(toy()).image, second.score(toy()).image)
    assert not np.array_equal(first.score(toy()).image, other.score(toy()).image)


def test_training_leaves_torch_s_global_generator_as_it_was(toy, tiny):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    Classifier(tiny, **CPU).fit(toy())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "changes", [{}, {"finetune": "all", "flips": "hv"}, {"schedule": "cosine", "balance": "balanced"}]
)
def test_a_training_killed_after_an_epoch_ends_as_an_unbroken_one(toy, tiny, tmp_path, monkeypatch, changes):
    config = tiny.but(epochs=4, **changes)
    unbroken = Classifier(config, **CPU).fit(toy(), toy(4, 4, start=100))

    original = Training._record

    def killed(self, epoch, loss, lr):
        if epoch == 2:
            raise KeyboardInterrupt
        original(self, epoch, loss, lr)

    monkeypatch.setattr(Training, "_record", killed)
    with pytest.raises(KeyboardInterrupt):
        Classifier(config, **CPU, checkpoint=tmp_path / "c.pt").fit(toy(), toy(4, 4, start=100))
    monkeypatch.setattr(Training, "_record", original)
    resumed = Classifier(config, **CPU, checkpoint=tmp_path / "c.pt").fit(toy(), toy(4, 4, start=100))

    assert resumed.history.equals(unbroken.history) and resumed.best_epoch == unbroken.best_epoch
    for epoch in ("last", "best"):
        assert np.array_equal(resumed.score(toy(), epoch).image, unbroken.score(toy(), epoch).image)


def test_a_checkpoint_of_other_images_or_settings_is_refused(toy, tiny, tmp_path):
    Classifier(tiny, **CPU, checkpoint=tmp_path / "c.pt").fit(toy())
    for config, data in ((tiny, toy(start=50)), (tiny.but(lr=0.5), toy())):
        with pytest.raises(ValueError, match=r"c\.pt belongs to a training with other settings or other images"):
            Classifier(config, **CPU, checkpoint=tmp_path / "c.pt").fit(data)


def test_the_cosine_schedule_starts_at_lr_and_ends_near_zero(toy, tiny):
    lr = Classifier(tiny.but(schedule="cosine", epochs=10, lr=1e-2), **CPU).fit(toy()).history.lr
    assert lr.is_monotonic_decreasing and lr.iloc[0] < 1e-2 and lr.iloc[-1] < 2e-4


def test_history_has_one_row_an_epoch_and_empty_validation_without_images(toy, tiny):
    history = Classifier(tiny, **CPU).fit(toy()).history
    assert history.epoch.tolist() == [1, 2] and history.validation_ap.isna().all()
    assert history.lr.tolist() == [1e-2, 1e-2] and np.isfinite(history.loss).all()


def test_the_best_epoch_is_the_first_with_the_highest_validation_ap(toy, tiny):
    classifier = Classifier(tiny.but(epochs=6), **CPU).fit(toy(), toy(6, 6, start=100))
    history = classifier.history
    ranked = history.sort_values(["validation_ap", "validation_loss", "epoch"], ascending=[False, True, True])
    assert classifier.best_epoch == ranked.epoch.iloc[0]


def test_a_diverged_training_stops_and_names_the_learning_rate(toy, tiny, monkeypatch):
    monkeypatch.setattr(module.F, "binary_cross_entropy_with_logits", lambda logits, _: logits.sum() * float("nan"))
    with pytest.raises(FloatingPointError, match=r"the loss of epoch 1 is nan: lower lr \(now 0.01\)"):
        Classifier(tiny, **CPU).fit(toy())


def test_sgd_steps_as_the_formula_says():
    layer = torch.nn.Linear(1, 1, bias=False)
    optimiser = module._optimiser(layer, ClassifierConfig(optimiser="sgd", lr=0.1, momentum=0.5))
    start = layer.weight.item()
    for _ in range(2):
        optimiser.zero_grad()
        layer(torch.ones(1, 1)).backward()  # gradient 1: velocity 1, then 1.5
        optimiser.step()
    assert layer.weight.item() == pytest.approx(start - 0.1 * (1 + 1.5))

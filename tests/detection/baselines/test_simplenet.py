"""SimpleNet: its loss by hand, a training that repeats, and a detector that finds what it never saw."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from squares import SIZE, masks_of, surfaces

from defectlab.detection.baselines import BASELINES, make_baseline
from defectlab.detection.baselines.simplenet import SimpleNet, smoke
from defectlab.detection.baselines.simplenet_training import Critic, truncated_loss
from defectlab.detection.saved import load_detector
from defectlab.evaluation.localisation import localisation_metrics


@pytest.fixture(scope="module")
def fitted():
    return SimpleNet(smoke(epochs=30, every=15), device="cpu").fit(surfaces(8))


def test_the_truncated_loss_by_hand():
    normal, false = torch.tensor([0.7, 0.2, -1.0]), torch.tensor([-0.7, -0.4, 0.5])
    assert truncated_loss(normal, false, 0.5).item() == pytest.approx((0 + 0.3 + 1.5) / 3 + (0 + 0.1 + 1.0) / 3)


def test_noise_is_put_on_the_adapted_features():
    critic = Critic(6, smoke()).eval()
    patches, noise = torch.randn(5, 6), torch.randn(5, 6)
    normal, false = critic.both(patches, noise)
    assert torch.allclose(normal, critic(patches), atol=1e-6)
    assert torch.allclose(false, critic.discriminator(critic.adapter(patches) + noise)[:, 0], atol=1e-6)


def test_it_finds_and_locates_defects_that_it_never_saw(fitted):
    test = surfaces(6, 6, start=100)
    scores = fitted.score(test)
    assert scores.image[6:].min() > scores.image[:6].max()
    assert scores.pixel.shape == (12, *SIZE)
    assert localisation_metrics(masks_of(test), scores.pixel).auroc > 0.85


def test_training_parts_true_features_from_false_ones(fitted):
    assert fitted.history["epoch"].tolist() == [15, 30]
    assert fitted.history["loss"].iloc[-1] < 1 and (fitted.history["normal"] > fitted.history["false"]).all()


def test_features_that_are_kept_give_the_same_detector_as_those_computed_anew():
    kept, anew = (SimpleNet(smoke(keep_features=k), device="cpu").fit(surfaces(5)) for k in (True, False))
    np.testing.assert_allclose(
        kept.score(surfaces(2, start=9)).pixel, anew.score(surfaces(2, start=9)).pixel, atol=2e-3
    )


def test_a_training_that_was_killed_gives_the_same_scores(tmp_path):
    test = surfaces(2, 1, start=20)
    whole = SimpleNet(smoke(), device="cpu").fit(surfaces(5)).score(test)

    class Killed(RuntimeError):
        pass

    from defectlab.detection.baselines import simplenet_training

    original = simplenet_training.SimpleNetTraining.train_epoch

    def dies(self, epoch):
        if epoch == 1:
            raise Killed
        return original(self, epoch)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(simplenet_training.SimpleNetTraining, "train_epoch", dies)
        SimpleNet(smoke(), device="cpu", folder=tmp_path).fit(surfaces(5))
    again = SimpleNet(smoke(), device="cpu", folder=tmp_path).fit(surfaces(5))
    assert len(again.history) == 2
    np.testing.assert_array_equal(again.score(test).pixel, whole.pixel)
    with pytest.raises(ValueError, match="other settings"):
        SimpleNet(smoke(noise=0.5), device="cpu", folder=tmp_path).fit(surfaces(5))


def test_a_saved_detector_gives_the_same_scores(fitted, tmp_path):
    fitted.save(tmp_path / "simplenet.safetensors")
    loaded = load_detector(tmp_path / "simplenet.safetensors", "cpu")
    test = surfaces(2, 2, start=30)
    assert isinstance(loaded, SimpleNet) and loaded.settings == fitted.settings
    np.testing.assert_array_equal(loaded.score(test).pixel, fitted.score(test).pixel)
    np.testing.assert_array_equal(loaded.score(test).image, fitted.score(test).image)


def test_real_defects_among_the_training_images_are_not_read():
    test = surfaces(2, 1, start=30)
    one, other = (SimpleNet(smoke(), device="cpu").fit(surfaces(5, n)).score(test) for n in (0, 3))
    np.testing.assert_array_equal(one.pixel, other.pixel)


def test_misuse_is_refused_with_what_would_mend_it():
    with pytest.raises(RuntimeError, match="call fit"):
        SimpleNet(smoke(), device="cpu").score(surfaces(1))
    with pytest.raises(ValueError, match="no normal image"):
        SimpleNet(smoke(), device="cpu").fit(surfaces(0, 2))
    with pytest.raises(ValueError, match="noise_unit"):
        smoke(noise_unit="pixel")
    with pytest.raises(ValueError, match="lr_adapter"):
        smoke(lr_adapter=0)


@pytest.mark.parametrize("name", [n for n in BASELINES if not BASELINES[n].extra])
def test_every_baseline_is_made_by_name(name):
    detector = make_baseline(name, "smoke", device="cpu", seed=3)
    assert detector.name == name and detector.settings.seed == 3
    other = make_baseline(name, "paper", weights="pocket", device="cpu")
    assert (other.settings.backbone, other.settings.weights) == ("auto", "pocket")
    random = make_baseline(name, "smoke", weights="none", device="cpu")
    assert random.settings.backbone == "test_resnet"


def test_an_unknown_baseline_or_preset_is_refused():
    with pytest.raises(ValueError, match="baseline must be one of nearest"):
        make_baseline("realnet")
    with pytest.raises(ValueError, match="settings must be one of smoke"):
        make_baseline("nearest", "huge")

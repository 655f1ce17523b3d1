import pytest

from defectlab.detection import ClassifierConfig, in_and_out, laptop, paper, released, smoke


def test_the_paper_trains_a_resnet_50_for_50_epochs_at_224_by_632():
    config = paper()
    assert (config.backbone, config.head, config.finetune) == ("resnet50.tv_in1k", "gap", "all")
    assert (config.epochs, config.batch_size, config.lr, config.optimiser) == (50, 32, 1e-4, "adam")
    assert config.size == (632, 224) and config.balance == "none" and not config.legacy_bn_eval


def test_the_released_code_differs_in_epochs_size_and_batch_norm_only():
    assert released().but(epochs=50, size=(632, 224), legacy_bn_eval=False) == paper()
    assert (released().epochs, released().size, released().legacy_bn_eval) == (30, (704, 256), True)


def test_in_and_out_trains_by_sgd_with_batch_5():
    config = in_and_out()
    assert (config.optimiser, config.lr, config.batch_size, config.size) == ("sgd", 0.01, 5, (600, 200))


def test_a_preset_takes_changes():
    assert laptop(seed=3).seed == 3 and smoke(weights="none", backbone="resnet10t").backbone == "resnet10t"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head": "max"}, "head must be one of gap, patch, got 'max'"),
        ({"finetune": "some"}, "finetune must be one of all, end, none"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"lr": 0.0}, "lr must be positive"),
        ({"size": (0, 4)}, r"size must be \(height, width\)"),
        ({"backbone": "auto"}, "'imagenet' names none"),
    ],
)
def test_a_wrong_setting_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        ClassifierConfig(**changes)

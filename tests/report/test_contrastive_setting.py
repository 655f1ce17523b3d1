import pandas as pd
import pytest
from contrastive_samples import contrastive_rows

from defectlab.detection.moco.model import has_batch_norm
from defectlab.report.contrastive_setting import (
    ContrastiveSetting,
    classes_in,
    judged_settings,
    settings_in,
    shown_class,
)


def test_a_setting_is_read_back_from_its_text():
    setting = ContrastiveSetting("resnet10t", "single_class", "group", "generated")
    assert setting.regime == "resnet10t/single_class/group/generated"
    assert ContrastiveSetting.parse(setting.regime) == setting


def test_transformers_stand_beside_the_papers_vit_and_all_others_beside_its_resnet():
    families = {name: ContrastiveSetting(name).family for name in ("vit_tiny", "ViT-B", "resnet50", "convnext_atto")}
    assert families == {"vit_tiny": "V-16", "ViT-B": "V-16", "resnet50": "R-50", "convnext_atto": "R-50"}


def test_a_transformer_has_layer_norm_whatever_its_group_says():
    setting = ContrastiveSetting("vit_tiny", "single_class", "plain", "generated")
    assert setting.label == "batches of one class, layer norm, tested on generated images"
    assert setting.words == "batches of one class, plain BatchNorm, tested on generated images"
    assert ContrastiveSetting("resnet18").label == "shuffled batches, plain BatchNorm"


def test_unfit_settings_are_named():
    with pytest.raises(ValueError, match="batches: expected one of shuffled, single_class, got 'mixed'"):
        ContrastiveSetting("resnet18", "mixed")
    with pytest.raises(ValueError, match="backbone: expected a name without a slash, got 'a/b'"):
        ContrastiveSetting("a/b")
    with pytest.raises(ValueError, match="regime: expected backbone/batches/batch_norm/test_on, got 'zero_shot'"):
        ContrastiveSetting.parse("zero_shot")


def test_classes_come_in_alphabetical_order_with_normal_images_last():
    assert classes_in(["ap_step_good", "map_step", "ap_step_scratch", "ap_step_dent"]) == ["dent", "scratch", "good"]
    assert shown_class("good") == "smooth"


def test_rows_of_two_backbones_are_judged_together_and_settings_apart():
    rows = [
        contrastive_rows({"moco_original": [0.5]}, ContrastiveSetting(name, batches))
        for name, batches in (("resnet10t", "shuffled"), ("vit_tiny", "shuffled"), ("resnet10t", "single_class"))
    ]
    judged = judged_settings(pd.concat(rows, ignore_index=True))
    assert set(zip(judged["dataset"], judged["regime"], strict=True)) == {
        ("surfaces (shuffled batches, plain BatchNorm)", "R-50"),
        ("surfaces (shuffled batches, plain BatchNorm)", "V-16"),
        ("surfaces (batches of one class, plain BatchNorm)", "R-50"),
    }


def test_two_backbones_of_one_kind_are_judged_apart():
    rows = [contrastive_rows({"untrained": [0.5]}, ContrastiveSetting(name)) for name in ("resnet10t", "resnet18")]
    judged = judged_settings(pd.concat(rows, ignore_index=True))
    assert set(judged["dataset"]) == {
        "surfaces (resnet10t, shuffled batches, plain BatchNorm)",
        "surfaces (resnet18, shuffled batches, plain BatchNorm)",
    }


def test_numbers_of_generated_images_are_judged_apart_and_original_data_beside_each():
    rows = contrastive_rows({"moco_improved": [0.5], "moco_improved_original_data": [0.3]})
    more = contrastive_rows({"moco_improved": [0.6]}).assign(n_aug=800)
    none = contrastive_rows({"moco_improved": [0.4]}).assign(n_aug=0)
    judged = judged_settings(pd.concat([rows, more, none], ignore_index=True))
    found = judged.groupby("dataset")["method"].agg(lambda names: sorted(set(names))).to_dict()
    place, both = "surfaces (shuffled batches, plain BatchNorm", ["moco_improved", "moco_improved_original_data"]
    assert found == {
        f"{place}, no generated images)": ["moco_improved"],
        f"{place}, 400 generated images)": both,
        f"{place}, 800 generated images)": both,
    }


def test_rows_without_a_setting_stay_as_they_are(make_rows):
    rows = make_rows({("diag", "zero_shot", 100): [0.5]})
    pd.testing.assert_frame_equal(judged_settings(rows), rows)
    assert settings_in(rows) == []


@pytest.mark.parametrize(
    "backbone",
    ["test_resnet", "test_vit", "test_convnext", "cait_xxs24_224", "mixer_s16_224", "mobilevit_xxs",
     "xcit_nano_12_p16_224", "efficientvit_b0", "repvit_m0_9", "eva02_tiny_patch14_224"],
)  # fmt: skip
def test_a_setting_says_layer_norm_of_what_has_no_batch_norm(backbone):
    assert ("layer norm" in ContrastiveSetting(backbone).label) != has_batch_norm(backbone)

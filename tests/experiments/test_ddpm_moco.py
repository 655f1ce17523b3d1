from dataclasses import replace

import numpy as np
import pytest

from defectlab.experiments import ddpm_moco
from defectlab.experiments import ddpm_moco_views as views
from defectlab.experiments.ddpm_moco_data import load_classes
from defectlab.experiments.ddpm_moco_parameters import DdpmMocoParameters
from defectlab.params import resolve
from defectlab.runs import Run
from defectlab.synthesis.base import Synthetic, SyntheticSet
from defectlab.synthesis.diffusion.classical import augment_classically

TINY = {"profile": "smoke", "scale": 0.04, "seeds": [0], "epochs": 1, "n_generated": 20, "device": "cpu"}


def resolved(**values):
    return resolve(DdpmMocoParameters, {**TINY, **values})


@pytest.fixture(scope="module")
def data():
    return load_classes("aluminium", size=32, scale=0.04)


@pytest.fixture(scope="module")
def made(data):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
    return SyntheticSet([Synthetic(x, None, {"defect": data.classes[i % 4]}) for i, x in enumerate(images)], "ddpm")


def test_classes_are_sorted_and_smooth_comes_last(data):
    assert data.classes == ("corrosion", "dent", "scratch", "good")
    assert data.table().frame.set_index("part").loc["test"].tolist() == [2, 2, 2, 2]


def test_encoders_see_four_fifths_of_the_generated_images_and_are_tested_on_real_ones(data, made):
    jobs = ddpm_moco.encoder_jobs(resolved(loss="improved"), data, made)
    by_method = {job.method: job for job in jobs}
    assert len(by_method["moco_improved"].train) == 32 and by_method["moco_improved"].n_aug == 40
    original = by_method["moco_improved_original_data"]
    assert len(original.train) == 8 and original.n_aug == 0
    assert {len(job.test) for job in jobs} == {8} and original.test.records[0].path.startswith("surfaces/")


def test_tested_on_generated_images_they_are_those_that_were_not_trained_on(data, made):
    jobs = ddpm_moco.encoder_jobs(resolved(test_on="generated"), data, made)
    assert {len(job.test) for job in jobs} == {8} and jobs[0].regime == "test_resnet/shuffled/plain/generated"
    trained = {record.id for record in jobs[0].train.records}
    assert not trained & {record.id for record in jobs[0].test.records}
    assert {record.defect for record in jobs[0].test.records} == set(data.classes)


def test_a_transformer_has_no_batch_norm_whatever_is_asked_for():
    params = resolved(batch_norm="group", backbone="both")
    assert [ddpm_moco.setting_of(params, name).batch_norm for name in params.backbones] == ["group", "plain"]
    assert ddpm_moco.moco_settings(params, "test_vit").batch_norm == "plain"


def test_settings_of_the_paper_are_those_of_its_profile():
    params = resolve(DdpmMocoParameters, {"profile": "paper"})
    settings = ddpm_moco.moco_settings(params, "resnet50")
    assert (settings.size, settings.queue, settings.keep, settings.head, settings.lr) == (
        224,
        16384,
        "k",
        "linear",
        0.03,
    )
    diffusion = ddpm_moco.diffusion_settings(params)
    assert (diffusion.size, diffusion.timesteps) == (512, 1000)
    assert ddpm_moco.sampling_settings(params).calls(1000) == 1000


def test_another_size_keeps_attention_where_there_are_feature_maps_for_it():
    settings = ddpm_moco.diffusion_settings(resolved(image_size=64))
    assert settings.size == 64 and set(settings.attention_at) <= set(settings.sides)


def test_steps_that_do_not_divide_the_levels_are_refused_before_images_are_loaded():
    with pytest.raises(ValueError, match="steps: expected a divisor of the 1000 levels"):
        ddpm_moco.load(resolved(steps=7))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"backbone": "resnet_10"}, "backbone 'resnet_10' is not a model of timm"),
        ({"backbone": "crossvit_tiny_240"}, "backbone 'crossvit_tiny_240' cannot take images of 32 x 32 pixels"),
        ({"batch_size": 16, "data": "original"}, "a batch takes 16 images, the data set holds 8"),
        ({"batches": "single_class"}, "batches of one class take 8 images of it, too few in: corrosion"),
        ({"queue": 4}, "queue must hold a batch: got queue=4, batch_size=8"),
    ],
)
def test_a_pretraining_that_could_not_begin_is_refused_before_diffusion(values, message):
    with pytest.raises(ValueError, match=message):
        ddpm_moco.load(resolved(**values))


def test_too_few_images_to_judge_all_classes_on_are_refused():
    with pytest.raises(ValueError, match="4 classes need 8 images at least, got 20 and 4"):
        ddpm_moco.load(resolved(n_compared=4))


@pytest.fixture(scope="module")
def trained(data, made, tmp_path_factory):
    params = resolved(data="augmented", loss="improved")
    run = Run.open(tmp_path_factory.mktemp("runs"), "ddpm_moco", params)
    return params, run, ddpm_moco.train_encoders(params, data, made, run)


def test_the_rows_of_the_encoders_say_method_setting_and_count(trained):
    _, _, rows = trained
    assert set(rows["method"]) == {"untrained", "supervised", "moco_improved"} and set(rows["n_aug"]) == {40}
    assert {"ap_step_dent", "ap_step_good", "map_step", "mean_norm"} <= set(rows["metric"])


def test_curves_have_the_ap_of_the_rows(trained):
    params, run, rows = trained
    curves = {item.defect: item.curve for item in views.class_curves(params, run, "test_resnet")}
    stored = rows[rows["method"] == "moco_improved"].set_index("metric")["value"]
    assert set(curves) == {"corrosion", "dent", "good", "scratch"}
    assert curves["dent"].ap == pytest.approx(stored["ap_step_dent"]) and curves["dent"].method == "moco_improved"


def test_histories_and_the_table_of_collapse_are_those_of_pretrainings_alone(trained):
    params, run, _ = trained
    history = views.histories(params, run, "test_resnet")
    assert set(history["method"]) == {"moco_improved"} and {"loss", "mean_norm"} <= set(history["metric"])
    assert len(views.collapse_table(params, run).frame) == 1
    assert set(views.confusions(params, run, "test_resnet")) == {"untrained", "supervised", "moco_improved"}


def test_the_table_of_collapse_has_the_features_that_the_head_reads(trained):
    params, run, rows = trained
    line = views.collapse_table(params, run).frame.iloc[0]
    own = rows[rows["method"] == "moco_improved"].set_index("metric")["value"]
    assert line["mean_norm, features"] == f"{own['features_mean_norm']:.4g}"
    assert line["effective_rank"] == f"{own['effective_rank']:.4g}"


def test_only_the_first_seed_leaves_its_backbone(data, made):
    jobs = ddpm_moco.encoder_jobs(resolved(loss="improved", seeds=[3, 4]), data, made)
    assert {(job.seed, job.keep) for job in jobs} == {(3, True), (4, False)}


def test_the_figure_of_the_versions_is_of_the_code_that_augments(data):
    rows = views.versions(data)
    assert [row.title for row in rows] == ["corrosion", "dent", "scratch", "smooth"]
    assert rows[0].ids[:5] == ("image", "flip", "edges", "flip, edges", "contrast") and len(rows[0].images) == 8
    first = data.train.subset(indices=[[r.defect for r in data.train.records].index("corrosion")])
    augmented = augment_classically(first)
    for place in (0, 3, 7):
        expected = (augmented[place].image * 255).round().byte().permute(1, 2, 0).numpy()
        assert (rows[0].images[place] == expected).all()


def test_a_preset_of_moco_sets_views_and_projection_and_nothing_else():
    plain = ddpm_moco.moco_settings(resolved(), "test_resnet")
    one, two = (ddpm_moco.moco_settings(resolved(preset=name), "test_resnet") for name in ("v1", "v2"))
    assert (one.augmentation, one.head, one.dim) == ("v1", "linear", 128)
    assert (two.augmentation, two.head, two.dim) == ("v2", "mlp", 128)
    changed = {"augmentation": plain.augmentation, "head": plain.head, "dim": plain.dim}
    assert one.but(**changed) == two.but(**changed) == plain


def test_the_papers_head_is_an_mlp_on_a_transformer_and_linear_on_a_resnet(data, made):
    jobs = ddpm_moco.encoder_jobs(resolved(head="paper", backbone="both"), data, made)
    heads = {job.settings.backbone: job.head for job in jobs}
    assert heads == {"test_resnet": "linear", "vit_tiny_patch16_224": "mlp"}
    assert {job.head for job in ddpm_moco.encoder_jobs(resolved(), data, made)} == {"linear"}


def test_without_a_pretraining_there_is_no_history(trained):
    params, run, _ = trained
    nothing = replace(params, loss="original", data="original", seeds=[])
    assert views.histories(nothing, run, "test_resnet").empty


def test_base_rates_are_those_of_the_test_images(data, trained):
    assert views.base_rates(trained[0], data) == dict.fromkeys(data.classes, 0.25)


def test_exported_images_lie_where_out_says(made, tmp_path):
    params = resolved(out=str(tmp_path / "made"))
    assert [len(ddpm_moco.export(params, made).frame) for _ in range(2)] == [1, 1]
    nothing = ddpm_moco.export(resolved(), made)
    assert (
        nothing.frame.empty and str(nothing) == "Images that were written: none.\nSet `-p out FOLDER` to export them."
    )
    assert len(list((tmp_path / "made" / "images").glob("*.png"))) == 40


def test_classes_of_ones_own_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="rust has 0"):
        load_classes("aluminium", classes=["rust", "dent"], size=32, scale=0.04)
    with pytest.raises(ValueError, match="at least two to tell apart, got dent"):
        load_classes("aluminium", classes=["dent"], size=32, scale=0.04)

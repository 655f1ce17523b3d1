"""The experiment of the student-teacher notebook on a few small images: data, synthesis, detectors, rows, views."""

import cv2
import numpy as np
import pandas as pd
import pytest

from defectlab import cli
from defectlab.experiments import anomalies, categories, localise
from defectlab.experiments import student_teacher_views as views
from defectlab.experiments.student_teacher_parameters import StudentTeacherParameters
from defectlab.params import resolve
from defectlab.runs import Run
from defectlab.synthesis.masks import PerlinMasks
from defectlab.synthesis.morphology import MorphedMasks

SMALL = {"profile": "smoke", "device": "cpu", "category": "leather"}


def resolved(**values):
    return resolve(StudentTeacherParameters, {**SMALL, **values})


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A whole run of two methods and two ablations."""
    params = resolved(methods=["nearest", "student_teacher"], ablations=["wo_seg", "textures_for_p"])
    run = Run.open(tmp_path_factory.mktemp("runs"), "student_teacher", params)
    units = categories.load_units(params)
    sets = anomalies.synthesise(params, units, anomalies.make_synthesizers(params, units, run), run)
    return params, units, sets, run, localise.localise(params, units, sets, run)


def test_one_model_for_all_or_one_for_each():
    together = categories.load_units(resolved(category=""))
    assert (together.regime, [unit.name for unit in together.units]) == ("unified", ["all"])
    apart = categories.load_units(resolved(category="", regime="per_category"))
    assert apart.regime == "per_category" and list(apart.tests) == list(together.tests) == [u.name for u in apart.units]
    assert sum(len(unit.train) for unit in apart.units) == len(together.units[0].train)
    assert together.table()["train, normal"].tolist() == apart.table()["train, normal"].tolist()


def test_one_category_is_a_model_of_its_own_whatever_the_regime():
    units = categories.load_units(resolved())
    assert units.regime == "per_category" and list(units.tests) == ["leather"]
    assert all("leather/" in record.id for record in units.units[0].train.records)


def test_training_sees_normal_images_alone_and_images_are_drawn_once():
    (unit,) = categories.load_units(resolved()).units
    assert unit.train.labels.sum() == 0
    assert unit.train[0].image.equal(unit.train[0].image) and unit.tests["leather"][-1].mask.any()


def test_real_images_in_the_layout_of_mvtec_give_rows_of_their_category(tmp_path):
    rng = np.random.default_rng(0)
    for place, n in {"train/good": 4, "test/good": 2, "test/cut": 2, "ground_truth/cut": 2}.items():
        (tmp_path / "screw" / place).mkdir(parents=True)
        for i in range(n):
            mask = place.startswith("ground")
            pixels = np.zeros((40, 40), np.uint8) if mask else rng.integers(0, 255, (40, 40, 3), np.uint8)
            pixels[10:14, 10:14] = 255
            cv2.imwrite(str(tmp_path / "screw" / place / f"{i:03d}{'_mask' if mask else ''}.png"), pixels)
    params = resolved(dataset="mvtec", category="screw", data_root=str(tmp_path), methods=["nearest"])
    units, run = categories.load_units(params), Run.open(tmp_path / "runs", "student_teacher", params)
    rows = localise.localise(params, units, {}, run)
    assert set(rows["dataset"]) == {"mvtec/screw"} and set(rows["regime"]) == {"per_category"}
    assert {"aupro", "aupro_screw", "image_auroc_max", "pixel_best_f1"} <= set(rows["metric"])
    assert anomalies.make_synthesizers(params, units, run) == {}
    sizes = views.setting(params, units)
    assert (sizes.measured, sizes.native) == ((256, 256), {"screw": (40, 40)})
    assert sizes.networks == {"nearest": localise.make_detector(params, "nearest", 0).settings.size}
    own = resolved(dataset="mvtec", category="screw", data_root=str(tmp_path))
    ((_, maker),) = anomalies.make_synthesizers(own, units, run).items()
    assert maker.foreground is not None  # MemSeg's list has one of screw


def test_rows_have_every_method_and_say_how_many_synthetic_images_it_saw(finished):
    _params, _, _, _, rows = finished
    seen = rows.groupby("method")["n_aug"].first().to_dict()
    assert seen == {"nearest": 0, "student_teacher": 6, "wo_seg": 6, "textures_for_p": 6}
    assert set(localise.AVERAGED) <= set(rows["metric"]) and rows["value"].between(0, 1).all()
    one = rows[rows["method"] == "nearest"].set_index("metric")["value"]
    assert one["aupro"] == one["aupro_leather"]


def test_the_row_of_textures_differs_in_what_is_blended_in_and_in_nothing_else(finished):
    _, _, sets, _, _ = finished
    ours, textures = (sets["leather", content, 0] for content in ("diffusion", "texture"))
    same = ["mask_id", "opacity", "normal"]
    assert [[i.record[key] for key in same] for i in ours.items] == [
        [i.record[key] for key in same] for i in textures.items
    ]
    assert not np.array_equal(ours.items[0].image, textures.items[0].image)


def test_a_second_call_trains_nothing_and_gives_the_same_rows(finished, monkeypatch):
    params, units, sets, run, rows = finished
    monkeypatch.setattr(localise, "make_detector", lambda *_: pytest.fail("a stored training was done again"))
    assert localise.localise(params, units, sets, run).equals(rows)


def test_what_was_found_is_kept_for_figures_and_the_detector_for_use(finished):
    params, units, _sets, run, _ = finished
    rows = views.heat_rows(params, units, run, "leather", n=3)
    assert [row.title for row in rows] == ["Image", "Ground truth", "Nearest neighbour", "Student-teacher"]
    assert {len(row.images) for row in rows} == {3}
    assert set(views.detectors(run).frame["detector"]) >= {"student_teacher-leather", "nearest-leather"}
    assert set(views.aupro_forms(params, units, run)["method"]) == {"nearest", "student_teacher"}
    assert set(views.histories(params, units, run)["method"]) == {"student_teacher", "wo_seg", "textures_for_p"}
    assert len(views.pointing_table(params, units, run).frame) == 4


def test_invariants_are_counted_on_the_images_of_the_run(finished):
    params, units, sets, run, _ = finished
    table = views.invariants(params, units, sets, run).frame
    assert table["violations"].sum() == 0 and len(table) == 2 + 4
    broken = sets["leather", "diffusion", 0]
    broken.items[0].image[~broken.items[0].mask] += 1
    assert views.invariants(params, units, sets, run).frame["violations"].iloc[0] == 1
    broken.items[0].image[~broken.items[0].mask] -= 1


def test_synthetic_images_are_exported_once_and_again(finished, tmp_path):
    params, _, sets, _, _ = finished
    elsewhere = resolved(**{**params.changed(), "out": str(tmp_path / "made")})
    for _ in range(2):
        table = views.export_images(elsewhere, sets)
    assert len(table) == 2 and len(list((tmp_path / "made").glob("*/images/*.png"))) == 12


def test_sets_are_described_by_what_was_drawn(finished):
    table = anomalies.anomaly_table(finished[2])
    assert isinstance(table, pd.DataFrame) and table["s"].tolist()[1] == "–" and table["images"].tolist() == [6, 6]


def test_a_method_that_cannot_be_made_stops_before_any_training():
    with pytest.raises(ValueError, match="textures: 'none' gives nothing to put in place of P"):
        params = resolved(anomalies="texture", textures="none")
        anomalies.make_synthesizer(params, categories.load_units(params).units[0], "texture", None)
    table = views.methods_table(resolved(ablations=["l2_for_l1"])).frame
    assert table["learns from"].value_counts().to_dict() == {
        "normal images": 2,
        "normal images and synthetic defects": 3,
    }


def test_the_study_on_the_command_line_does_what_the_notebook_finds(tmp_path, capsys):
    given = {"profile": "smoke", "category": "leather", "methods": "['nearest', 'student_teacher']", "device": "cpu"}
    given |= {"ablations": "['wo_seg']", "seeds": "[0, 1]", "runs": str(tmp_path)}
    words = [word for name, value in given.items() for word in ("-p", name, value)]
    assert cli.main(["study", "student_teacher", *words]) == 0
    said = capsys.readouterr().out
    assert "6/6 wo_seg, seed 1: image_auroc 0." in said and "Student-teacher - Nearest neighbour" in said
    params = resolved(**{name: value for name, value in given.items() if name != "profile"})
    run = Run.open(tmp_path, "student_teacher", params)
    assert len(run.results()["seed"].unique()) == 2
    assert cli.main(["study", "student_teacher", "--list"]) == 0
    assert "textures_for_p" in capsys.readouterr().out


def test_masks_are_made_thinner_or_thicker_where_it_is_asked_for():
    assert anomalies.mask_source(resolve(StudentTeacherParameters, {})) == PerlinMasks()
    asked = resolve(StudentTeacherParameters, {"morphology": "dilate", "morphology_radius": 2})
    assert anomalies.mask_source(asked) == MorphedMasks(PerlinMasks(), "dilate", 2)
    mask, mask_id = anomalies.mask_source(asked).draw(np.random.default_rng(0), 64, 64)
    whole, _ = PerlinMasks().draw(np.random.default_rng(0), 64, 64)
    assert mask_id.endswith((":dilate1", ":dilate2")) and not (whole & ~mask).any() and mask.sum() > whole.sum()

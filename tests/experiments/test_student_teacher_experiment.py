"""The experiment of the student-teacher notebook on a few small images: data, synthesis, detectors, rows, views."""

import sys
from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest

from defectlab import cli
from defectlab.detection.base import Scores
from defectlab.detection.baselines.registry import preset_size
from defectlab.detection.student_teacher import StudentTeacher
from defectlab.evaluation import localisation_metrics
from defectlab.experiments import anomalies, categories, localise, network_sizes, perturbation, student_teacher_maps
from defectlab.experiments import student_teacher_views as views
from defectlab.experiments.student_teacher_parameters import METHODS, StudentTeacherParameters
from defectlab.experiments.student_teacher_study import study_parameters
from defectlab.params import ParameterError, resolve
from defectlab.runs import Run
from defectlab.synthesis.foreground import MVTEC_FOREGROUND, OtsuForeground
from defectlab.synthesis.masks import PerlinMasks
from defectlab.synthesis.morphology import MorphedMasks
from defectlab.synthesis.perturbed.normals import pixels
from defectlab.synthesis.perturbed.perturbed_ddpm import PerturbedDdpm
from defectlab.synthesis.perturbed.stored import StoredTriplets

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
    assert together.table().frame["train, normal"].tolist() == apart.table().frame["train, normal"].tolist()


def test_one_category_is_a_model_of_its_own_whatever_the_regime():
    units = categories.load_units(resolved())
    assert units.regime == "per_category" and list(units.tests) == ["leather"]
    assert all("leather/" in record.id for record in units.units[0].train.records)


def test_training_sees_normal_images_alone_and_images_are_drawn_once():
    (unit,) = categories.load_units(resolved()).units
    assert unit.train.labels.sum() == 0
    assert unit.train[0].image.equal(unit.train[0].image) and unit.tests["leather"][-1].mask.any()


def write_mvtec(home, *names):
    rng = np.random.default_rng(0)
    for name in names:
        for place, n in {"train/good": 4, "test/good": 2, "test/cut": 2, "ground_truth/cut": 2}.items():
            (home / name / place).mkdir(parents=True)
            for i in range(n):
                mask = place.startswith("ground")
                pixels = np.zeros((40, 40), np.uint8) if mask else rng.integers(0, 255, (40, 40, 3), np.uint8)
                pixels[10:14, 10:14] = 255
                cv2.imwrite(str(home / name / place / f"{i:03d}{'_mask' if mask else ''}.png"), pixels)
    return home


def test_real_images_in_the_layout_of_mvtec_give_rows_of_their_category(tmp_path):
    write_mvtec(tmp_path, "screw")
    params = resolved(dataset="mvtec", category="screw", data_root=str(tmp_path), methods=["nearest"])
    units, run = categories.load_units(params), Run.open(tmp_path / "runs", "student_teacher", params)
    rows = localise.localise(params, units, {}, run)
    assert set(rows["dataset"]) == {"mvtec/screw"} and set(rows["regime"]) == {"per_category"}
    assert {"aupro", "aupro_screw", "image_auroc_max", "pixel_best_f1"} <= set(rows["metric"])
    assert anomalies.make_synthesizers(params, units, run) == {}
    sizes = views.setting(params, units)
    assert (sizes.measured, sizes.native) == ((64, 64), {"screw": (40, 40)})
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


def test_destseg_learns_from_the_synthetic_images_of_the_method(finished):
    params, units, sets, _, _ = finished
    both = [anomalies.training_set(params, units.units[0], sets, arm, 0)[1] for arm in ("destseg", "student_teacher")]
    assert both[0] is both[1] is sets["leather", "diffusion", 0]


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
    rows = student_teacher_maps.heat_rows(params, units, run, n=3)
    assert [row.title for row in rows] == ["Image", "Ground truth", "Nearest neighbour", "Student-teacher"]
    assert {len(row.images) for row in rows} == {3}
    assert set(views.detectors(run).frame["detector"]) >= {"student_teacher-leather", "nearest-leather"}
    assert set(views.aupro_forms(params, units, run)["method"]) == {"nearest", "student_teacher"}
    assert set(views.histories(params, units, run)["method"]) == {"student_teacher", "wo_seg", "textures_for_p"}
    assert len(student_teacher_maps.pointing_table(params, units, run).frame) == 4
    with np.load(run.folder("maps") / "student_teacher-leather.npz") as kept:
        assert kept["maps"].dtype == np.float32  # as float16 all probabilities near 1 are one


def test_invariants_are_counted_on_the_images_of_the_run(finished):
    params, units, sets, run, _ = finished
    table = views.invariants(params, units, sets, run).frame
    assert table["violations"].sum() == 0 and len(table) == 2 + 4
    broken = sets["leather", "diffusion", 0]
    broken.items[0].image[~broken.items[0].mask] += 1
    assert views.invariants(params, units, sets, run).frame["violations"].iloc[0] == 1
    broken.items[0].image[~broken.items[0].mask] -= 1


def test_synthetic_images_are_exported_once_and_again(finished, tmp_path):
    params, units, sets, _, _ = finished
    elsewhere = resolved(**{**params.changed(), "out": str(tmp_path / "made")})
    for _ in range(2):
        table = views.export_images(elsewhere, units, sets).frame
    assert len(table) == 2 and len(list((tmp_path / "made").glob("*/images/*.png"))) == 12
    triplets = StoredTriplets(table["folder"][0])
    assert len(triplets) == 6
    for i, item in enumerate(sets["leather", "diffusion", 0].items):
        clean, anomalous, mask = triplets[i]
        assert clean.equal(units.units[0].train[item.record["normal"]].image)
        assert ((clean != anomalous).any(0, keepdim=True) == mask).all()


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


def test_weights_and_extras_that_are_missing_stop_before_any_training(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "anomalib", None)
    monkeypatch.delitem(sys.modules, "anomalib.models", raising=False)
    with pytest.raises(ImportError, match=r"patchcore is a model of anomalib.*defectlab\[comparison\]"):
        views.methods_table(resolved(methods=["patchcore", "student_teacher"]))
    with pytest.raises(FileNotFoundError):
        views.methods_table(resolved(methods=["student_teacher"], weights=str(tmp_path / "nowhere")))
    with pytest.raises(FileNotFoundError):
        views.methods_table(resolved(methods=["destseg"], backbone_weights=str(tmp_path / "nowhere")))


def test_the_table_of_methods_says_which_weights_each_starts_from_and_what_it_sees():
    table = views.methods_table(resolve(StudentTeacherParameters, {"device": "cpu"}))
    lines = table.frame.set_index("method")
    assert set(lines["sees"]) == {"128 x 128"} and lines["weights"].str.fullmatch(r"pocket \([0-9a-f]{12}\)").all()
    said = " ".join(table.notes)
    assert "A small ViT trained by this project" in said and "does not know" not in said


def test_the_map_of_the_features_of_the_full_model_is_measured_beside_its_head(finished):
    _, units, _, run, rows = finished
    by_method = rows[rows["metric"] == "features_aupro"].set_index("method")["value"]
    assert by_method.index.tolist() == ["student_teacher"]
    test = units.tests["leather"]
    detector = StudentTeacher.load(run.folder("detectors") / "student_teacher-leather.safetensors", device="cpu")
    masks = [test[i].mask[0].numpy() for i in range(len(test))]
    own = localisation_metrics(masks, detector.score(test, maps="features").pixel)
    assert by_method["student_teacher"] == pytest.approx(own.aupro)
    table = student_teacher_maps.maps_table(rows)
    assert table.frame["map"].tolist() == ["head, as the method is scored", "features, Eq. 5"]
    assert student_teacher_maps.maps_table(rows[rows["method"] == "nearest"]).frame.empty


def test_columns_of_the_maps_are_of_all_categories_and_share_their_colours(tmp_path):
    params = resolved(category="", methods=["nearest"])
    units, run = categories.load_units(params), Run.open(tmp_path, "student_teacher", params)
    for place, (name, test) in enumerate(units.tests.items()):
        maps = np.full((len(test), 64, 64), place, np.float32)
        localise._keep_maps(run.folder("maps") / f"nearest-{name}.npz", test, Scores(np.zeros(len(test)), maps))
    image, truth, maps = student_teacher_maps.heat_rows(params, units, run, n=6)
    assert {title.split(" ")[0] for title in image.ids} == set(units.tests) and len(image.images) == 6
    assert all(mask.any() for mask in truth.images)
    shades = {title.split(" ")[0]: int(row.astype(int).sum()) for title, row in zip(maps.ids, maps.images, strict=True)}
    assert sorted(shades.values()) == [shades[name] for name in units.tests] and len(set(shades.values())) == 3


def test_one_model_of_several_categories_keeps_the_defects_of_each_to_its_foreground(tmp_path):
    home = write_mvtec(tmp_path / "data", "carpet", "screw")
    params = resolved(dataset="mvtec", category="", data_root=str(home))
    units, run = categories.load_units(params), Run.open(tmp_path / "runs", "student_teacher", params)
    found = anomalies.foreground(params, units.units[0])
    assert found == {"carpet": None, "screw": MVTEC_FOREGROUND["screw"]}
    sets = anomalies.synthesise(params, units, anomalies.make_synthesizers(params, units, run), run)
    ((key, made),) = sets.items()
    said = {item.record["source"].split("/")[0]: item.record["foreground"] for item in made.items}
    assert said == {"carpet": "anywhere", "screw": repr(MVTEC_FOREGROUND["screw"])}
    for item in made.items:
        if item.record["foreground"] != "anywhere":
            assert not (item.mask & ~found["screw"](pixels(units.units[0].train, item.record["normal"]))).any()
    kept = sum(item.record["foreground"] != "anywhere" for item in made.items)
    assert anomalies.anomaly_table({key: made})["kept to an object"].tolist() == [kept] and kept


def test_what_is_known_of_each_data_set_is_asked_for_its_foreground():
    unit = categories.Unit("x", None, {"candle": None, "capsules": None})
    assert anomalies.foreground(resolved(dataset="visa", category=""), unit) == {
        "candle": OtsuForeground(), "capsules": None
    }  # fmt: skip
    unit = categories.Unit("x", None, {"tubes": None})
    assert anomalies.foreground(resolved(dataset="mpdd", category=""), unit) == OtsuForeground()
    assert anomalies.foreground(resolved(dataset="mpdd", category="", foreground="none"), unit) is None


def test_the_drawn_surfaces_have_no_background_and_their_sets_are_those_of_no_foreground(tmp_path):
    params = resolved(category="", n_synthetic=4)
    (unit,) = categories.load_units(params).units
    made = anomalies.make_synthesizer(params, unit, "diffusion", tmp_path).fit(unit.train)
    plain = PerturbedDdpm(
        made.model, made.settings, tmp_path, PerlinMasks(), category=made.category, device="cpu"
    ).fit(unit.train)  # fmt: skip
    assert made.foreground is None and made._settings(unit.train, 0) == plain._settings(unit.train, 0)
    pairs = zip(made.synthesize(unit.train, 4, 0).items, plain.synthesize(unit.train, 4, 0).items, strict=True)
    for one, two in pairs:
        assert one.record == two.record and "foreground" not in one.record
        assert np.array_equal(one.image, two.image) and np.array_equal(one.mask, two.mask)


def test_files_are_read_at_the_size_of_a_network_that_sees_more_and_measured_at_that_of_the_run(tmp_path):
    home = write_mvtec(tmp_path / "data", "screw")
    own = {"dataset": "mvtec", "category": "screw", "data_root": str(home)}
    params = resolved(**own, methods=["nearest"], network_size=96)
    units, run = categories.load_units(params), Run.open(tmp_path / "runs", "student_teacher", params)
    (unit,) = units.units
    assert (unit.train.size, unit.tests["screw"].size, unit.given("screw").size) == ((96, 96), (64, 64), (96, 96))
    localise.localise(params, units, {}, run)
    with np.load(run.folder("maps") / "nearest-screw.npz") as kept:
        assert kept["maps"].shape[1:] == (64, 64)
    assert network_sizes.read_size(resolved(**own, profile="paper", height=256, width=256)) == (392, 392)
    assert network_sizes.read_size(resolved(**own, profile="paper", height=256, width=256, methods=["nearest"])) == (
        256, 256
    )  # fmt: skip
    for profile in ("smoke", "laptop"):
        params = resolve(StudentTeacherParameters, {**own, "profile": profile})
        assert network_sizes.read_size(params) == params.size
    assert network_sizes.read_size(resolved(profile="paper", height=128, width=128)) == (128, 128)  # drawn, not read


def test_images_of_files_are_decoded_once_for_all_arms_and_seeds(tmp_path, monkeypatch):
    params = resolved(dataset="mvtec", category="screw", data_root=str(write_mvtec(tmp_path, "screw")))
    (unit,) = categories.load_units(params).units
    parts = (unit.train, unit.tests["screw"])
    before = [[sample.image for sample in part] for part in parts]
    monkeypatch.setattr("defectlab.data.files.read_image", lambda path: pytest.fail(f"{path} is decoded again"))
    for part, images in zip(parts, before, strict=True):
        assert all(part[i].image.equal(image) for i, image in enumerate(images))
    monkeypatch.setattr(categories, "IN_MEMORY", 0)
    with pytest.raises(pytest.fail.Exception):
        categories.held(categories._files(params, "train", (64, 64)))[0]


def test_baselines_see_the_proportions_of_the_images_and_square_ones_as_their_presets():
    tall = resolve(StudentTeacherParameters, {"dataset": "kolektor_sdd", "device": "cpu"})
    for arm in ("nearest", "simplenet", "destseg", "student_teacher", "patchcore"):
        assert localise.make_detector(tall, arm, 0).settings.size == (128, 48)
    assert localise.make_detector(tall, "dinomaly", 0).settings.size == (126, 126)  # takes squares alone
    assert localise.make_detector(tall, "super_simplenet", 0).settings.size == (128, 128)  # takes no smaller side
    for profile in network_sizes.PRESETS:
        params = resolve(StudentTeacherParameters, {"dataset": "mvtec", "category": "screw", "profile": profile})
        for arm in METHODS:
            if arm != "student_teacher":
                assert localise.make_detector(params, arm, 0).settings.size == preset_size(arm, profile)


def test_a_size_of_the_networks_is_brought_to_patches_or_refused():
    params = resolve(StudentTeacherParameters, {"network_size": 256, "device": "cpu"})
    assert localise.make_detector(params, "dinomaly", 0).settings.size == (252, 252)
    assert localise.make_detector(params, "nearest", 0).settings.size == (256, 256)
    with pytest.raises(ValueError, match="super_simplenet of anomalib takes at least 128 pixels a side"):
        localise.make_detector(resolve(StudentTeacherParameters, {"network_size": 64}), "super_simplenet", 0)


def test_readings_of_the_detector_are_reached_by_name_from_notebook_and_study():
    given = {"student": "copy", "gamma": 2, "levels": [[0, 1], [4]], "head_input": "product", "weight_focal": 0.5}
    for params in (resolved(detector_settings=given), study_parameters({**SMALL, "detector_settings": str(given)})):
        made = localise.student_teacher_settings(params, "student_teacher", 3)
        assert (made.student, made.gamma, made.levels) == ("copy", 2.0, ((0, 1), (4,)))
        assert (made.head_input, made.weight_focal, made.seed, made.size) == ("product", 0.5, 3, (32, 32))
    assert "detector_settings" not in resolved().identity()
    assert localise.student_teacher_settings(resolved(detector_settings={"warm_up": 3}), "student_teacher", 0).warm_up


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"gama": 2}, "unknown field of detector_settings 'gama'; did you mean 'gamma'"),
        ({"steps": 2}, "detector_settings: steps is a parameter of its own, detector_steps"),
        ({"student": "cpoy"}, "detector_settings: student must be one of shared, copy, random, got 'cpoy'"),
        ({"gamma": "2"}, "detector_settings: gamma: expected float such as 4.0, got '2'"),
        ({"decoder_blocks": 0}, "detector_settings: decoder_blocks must be at least 1, got 0"),
        ({"levels": [2, 3]}, "levels: expected blocks of each level such as"),
        ({"cosine_steps": 400}, "detector_settings: cosine_steps=400 parts a training"),
    ],
)
def test_a_setting_of_the_detector_that_cannot_be_is_named_at_once(given, message):
    with pytest.raises(ParameterError, match=message):
        resolved(detector_settings=given)


def test_how_many_images_are_to_be_made_is_never_guessed(finished):
    params, units, _, run, _ = finished
    with pytest.raises(ValueError, match="n_synthetic: expected how many synthetic images .*got None"):
        anomalies.synthesise(replace(params, n_synthetic=None), units, {}, run)


def test_masks_are_shown_as_drawn_thinner_thicker_and_as_the_run_has_them(tmp_path):
    params = resolved(morphology="erode", morphology_radius=2)
    (unit,) = categories.load_units(params).units
    sources = anomalies.mask_sources(params, unit)
    assert list(sources) == ["Perlin", "Eroded, up to 2 px", "Dilated, up to 2 px", "This run"]
    assert sources["This run"] == anomalies.mask_source(params)
    dark = replace(params, foreground="otsu_dark")
    rows = perturbation.mask_rows(anomalies.mask_sources(dark, unit), unit.train.size, n=2)
    allowed = OtsuForeground(brighter=False)(pixels(unit.train, 0))
    plain = perturbation.mask_rows({"x": anomalies.mask_source(dark)}, unit.train.size, n=2)[0]
    assert rows[-1].title == "This run, on an object"
    for shown, whole in zip(rows[-1].images, plain.images, strict=True):
        np.testing.assert_array_equal(shown, whole & allowed)

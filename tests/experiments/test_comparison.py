"""Every synthesizer x every detector on a few small images: cells, cost, resume, the checks behind the numbers."""

from dataclasses import replace

import numpy as np
import pytest
from small_data import write_folder

from defectlab import cli
from defectlab.experiments import comparison, comparison_images, comparison_parts, comparison_study
from defectlab.experiments import comparison_shortcuts as shortcuts
from defectlab.experiments import comparison_views as views
from defectlab.experiments.collected import study_command
from defectlab.experiments.comparison import Cell, measure
from defectlab.experiments.comparison_images import Cost
from defectlab.experiments.comparison_parameters import ComparisonParameters
from defectlab.params import ParameterError, resolve
from defectlab.report.comparison_setting import DETECTOR_SECONDS, SYNTHESIS_SECONDS
from defectlab.report.stored.grids import store_grid
from defectlab.runs import Run
from defectlab.synthesis.base import Synthetic, SyntheticSet

TINY = {"dataset": "folder", "profile": "smoke", "device": "cpu", "weights": "none", "backbone": "test_resnet"}
TINY |= {"epochs": 1, "detector_steps": 3, "n_aug": 3, "seeds": [0, 1], "synthesizers": ["memseg", "texture"]}


def resolved(**values):
    return resolve(ComparisonParameters, {**TINY, **values})


@pytest.fixture(scope="module")
def images_root(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("comparison") / "images")


@pytest.fixture(scope="module")
def finished(images_root, tmp_path_factory):
    """Two synthesizers, a classifier, a detector of pairs and one of normals, two seeds."""
    params = resolved(data_root=str(images_root))
    run = Run.open(tmp_path_factory.mktemp("runs"), "comparison", params)
    splits = comparison_parts.load(params)
    makers = comparison_parts.make_synthesizers(params, splits, run)
    return params, splits, makers, run, comparison.compare(params, splits, makers, run)


def test_cells_that_cannot_be_are_left_out_and_normals_alone_bring_their_own_line():
    params = resolved(synthesizers=["memseg", "ddpm"])
    assert params.compared == ("none", "memseg", "ddpm")
    assert params.cells == [
        ("none", "nearest"),
        ("memseg", "classifier"),
        ("memseg", "student_teacher"),
        ("ddpm", "classifier"),
    ]
    few = resolved(synthesizers=["none", "memseg"], regime="few_shot", detectors=["classifier"])
    assert few.cells == [("none", "classifier"), ("memseg", "classifier")]


def test_a_choice_without_any_cell_stops_at_once():
    with pytest.raises(ParameterError, match="in zero_shot none of ddpm can feed student_teacher; put memseg or class"):
        resolved(synthesizers=["ddpm"], detectors=["student_teacher"])
    with pytest.raises(ParameterError, match="seeds: expected each once"):
        resolved(seeds=[1, 1])
    with pytest.raises(ParameterError, match="did you mean 'memseg'"):
        resolved(synthesizers=["memsg"])


def test_both_kinds_of_settings_have_the_values_of_the_comparison():
    params = resolved(height=64, width=32, n_aug=5, fine_tune_steps=7, network_size=48)
    images, locating = comparison_parts.image_parameters(params), comparison_parts.locating_parameters(params)
    assert (images.size, images.n_aug, images.fine_tune_steps, images.paper) == ((64, 32), 5, 7, "diag")
    assert (locating.size, locating.n_synthetic, locating.network_size) == ((64, 32), 5, 48)
    assert (images.profile, locating.profile, images.seeds) == ("smoke", "smoke", [0, 1])


def test_every_detector_is_shown_the_proportions_of_the_images():
    table = comparison_parts.methods_table(resolved(height=64, width=32, detectors=["student_teacher", "nearest"]))
    seen = table.frame.set_index("name")["sees"]
    assert seen["Student-teacher"] == seen["Nearest neighbour"] == "32 x 16"
    assert any(note.startswith("Left out: Class DDPM") for note in table.notes)


def test_rows_have_every_cell_seed_and_cost(finished):
    params, _, _, _, rows = finished
    assert set(rows["method"]) == {
        *(f"{s}/{d}" for s in ("memseg", "texture") for d in ("classifier", "student_teacher")),
        "none/nearest",
    }
    assert set(rows["seed"]) == {0, 1} and set(rows["notebook"]) == {"comparison"}
    metrics = rows.groupby("method")["metric"].agg(set)
    assert {"ap_step", SYNTHESIS_SECONDS, DETECTOR_SECONDS} <= metrics["memseg/classifier"]
    assert "aupro" not in metrics["memseg/classifier"] and {"aupro", "pixel_ap"} <= metrics["none/nearest"]
    assert (rows[rows["metric"] == DETECTOR_SECONDS]["value"] > 0).all()
    assert rows.groupby("method")["n_aug"].first().to_dict()["none/nearest"] == 0
    assert set(rows[rows["method"] != "none/nearest"]["n_aug"]) == {params.n_aug}


def test_all_cells_of_a_seed_share_the_test_images(finished):
    params, splits, _, run, _ = finished
    ids = [run.read_table(f"scores-{Cell(*cell, 0).name}")["id"].tolist() for cell in params.cells]
    assert all(own == [record.id for record in splits.test.records] for own in ids)


def test_a_second_call_trains_nothing_and_gives_the_same_rows(finished, monkeypatch):
    params, splits, makers, run, rows = finished
    monkeypatch.setattr(comparison, "make_detector", lambda *_: pytest.fail("a stored cell was trained again"))
    told = []
    again = comparison.compare(params, splits, makers, run, lambda cell, rows, fresh: told.append(fresh))
    assert told == [False] * 10 and again.equals(rows)


def test_a_defect_without_a_mask_counts_for_the_image_alone(finished):
    _, splits, _, _, _ = finished
    from defectlab.data.base import MappedDataset
    from defectlab.detection.base import Scores

    test = splits.test
    lost = next(record.id for record in test.records if record.label)

    def read(record):
        sample = test.read(record)
        return replace(sample, mask=None) if record.id == lost else sample

    without = MappedDataset(read, test.name, test.split, test.records, test.size)
    perfect = Scores(test.labels.astype(float), np.stack([test[i].mask[0].numpy() for i in range(len(test))]) + 0.0)
    assert measure(test, perfect) == pytest.approx(dict.fromkeys(measure(test, perfect), 1.0))
    assert measure(without, perfect)["pixel_ap"] == pytest.approx(1.0)
    assert "pixel_ap" not in measure(without, Scores(perfect.image))


def test_cost_is_training_plus_images_and_survives_a_second_look(finished):
    assert Cost(10.0, 0.5).of(4) == 12.0
    params, splits, makers, run, _ = finished
    before = run.read_table("cost-memseg-0")
    made = comparison_images.synthesise(params, splits, makers, run, "memseg", 0)
    assert made.cost == pytest.approx(Cost(*before.iloc[0]).of(3)) and len(made.images) == 3
    (run.path / "steps").mkdir(exist_ok=True)
    for mark in (run.path / "steps").glob("cost-memseg-0*"):
        mark.unlink()  # killed before the cost was written: a few images are made again to time them
    again = comparison_images.synthesise(params, splits, makers, run, "memseg", 0)
    assert again.cost > 0 and run.read_table("cost-memseg-0")["training"].iloc[0] == 0


def test_images_of_the_same_surfaces_stand_below_them(finished):
    params, splits, makers, run, _ = finished
    rows = views.same_surfaces(params, splits, makers, run, n=2)
    assert [row.title for row in rows] == ["Normal surface", "MemSeg", "Perlin texture"]
    for row in rows[1:]:
        for clean, image, mask in zip(rows[0].images, row.images, row.outlines, strict=True):
            assert np.array_equal(clean[~mask], image[~mask]) and not np.array_equal(clean, image)


def test_differences_on_other_test_images_are_paired(finished):
    params, _, _, run, _ = finished
    table = views.image_differences(params, run, n_resamples=100).frame
    assert table["difference"].unique().tolist() == ["Perlin texture - MemSeg"] and len(table) == 2


def test_a_healed_image_of_a_method_that_pastes_is_the_normal_image(finished):
    params, splits, makers, run, _ = finished
    made = comparison_images.synthesise(params, splits, makers, run, "memseg", 0).images
    undone, sources = shortcuts.healed(made, splits.normals)
    places = {record.id: i for i, record in enumerate(splits.normals.records)}
    for i, source in enumerate(sources):
        assert np.allclose(undone[i].image, splits.normals[places[source]].image)
    blind = SyntheticSet([Synthetic(made.items[0].image, None, {})], "blind")
    with pytest.raises(ValueError, match="blind: an image without mask or known normal image cannot be healed"):
        shortcuts.healed(blind, splits.normals)


def test_kinds_that_differ_are_told_apart_and_equal_ones_are_not():
    rng = np.random.default_rng(0)
    one, two = rng.normal(0, 1, (60, 4)), rng.normal(0, 1, (60, 4))
    groups = [str(i) for i in range(60)], [f"b{i}" for i in range(60)]
    same, low, high = shortcuts.tell_apart(one, two, groups)
    assert 0.3 < same < 0.7 and low < same < high  # other versions divide into other folds
    assert shortcuts.tell_apart(one, two + 5, groups)[0] == 1.0
    with pytest.raises(ValueError, match="two groups of each kind"):
        shortcuts.tell_apart(one, two, (["a"] * 60, groups[1]))


def test_every_training_part_holds_both_kinds_however_few_the_groups():
    labels, groups = np.repeat([0, 1], [9, 3]), np.array([*"aaabbbccc", *"xyy"])
    for seed in range(20):
        parts = shortcuts._parts(labels, groups, 2, seed)
        assert all(set(labels[train]) == {0, 1} and not set(groups[train]) & set(groups[test]) for train, test in parts)
        assert sorted(i for _, test in parts for i in test) == list(range(12))
    with pytest.raises(ValueError, match="leave one kind out of training"):
        shortcuts._parts(np.array([0, 0, 1, 1]), np.array([*"abcc"]), 2, 0)


def test_the_checks_give_a_line_for_each_synthesizer_and_one_for_what_is_planted(finished):
    params, splits, makers, run, _ = finished
    made = {
        n: part.images for n, s, part in comparison_images.synthesise_all(params, splits, makers, run) if part and not s
    }
    spotted = shortcuts.shortcuts(params, splits, made, run).frame
    assert spotted["images"].tolist() == ["MemSeg", "Perlin texture", "MemSeg, blurred throughout"]
    assert spotted[shortcuts.UNDONE].tolist()[:2] == ["0.50 (0.50 to 0.50)"] * 2  # the very normal images again
    both = shortcuts.directions(params, splits, made, run).frame
    assert both["positives"].tolist() == ["real", "MemSeg", "Perlin texture", "MemSeg, blurred throughout"]
    assert both.iloc[0, 2] == "–" and "–" not in both.iloc[1:].to_numpy()


def test_the_study_on_the_command_line_is_resumable_and_can_be_stored(images_root, tmp_path, capsys):
    given = {**TINY, "synthesizers": ["memseg"], "detectors": ["classifier", "nearest"], "data_root": str(images_root)}
    given |= {"runs": str(tmp_path / "runs"), "seeds": [0, 1]}
    words = [word for name, value in given.items() for word in ("-p", name, str(value))]
    assert cli.main(["study", "comparison", *words]) == 0
    said = capsys.readouterr().out
    assert "4/4 memseg/classifier, seed 1: image AP, step" in said and "0:00:00 left" in said
    assert "No detector was trained on the images of two synthesizers" in said
    (folder,) = (tmp_path / "runs" / "comparison").iterdir()
    assert "data_root" not in (folder / "collected.json").read_text()
    with pytest.raises(ValueError, match="a smoke grid shows that the code runs"):
        store_grid(folder, "x", "title", "note", tmp_path / "stored")
    assert cli.main(["study", "comparison", "--list"]) == 0
    assert "synthesizers" in capsys.readouterr().out


def test_a_study_takes_everything_where_nothing_is_given():
    params = comparison_study.study_parameters({})
    assert (params.n_aug, params.seeds, params.detector_steps) == (100, [0, 1, 2], 300)
    assert len(params.cells) == 6 + 2 * 4 + 2
    paper = comparison_study.study_parameters({"profile": "paper"})
    assert paper.detector_steps is None and paper.diffusion_steps is None
    words = study_command(
        "comparison", comparison_study.study_parameters({"dataset": "magnetic_tile", "data_root": "/x"})
    )
    assert "-p dataset magnetic_tile" in words and "/x" not in words


def test_real_positives_join_the_classifier_alone(images_root):
    params = resolved(data_root=str(images_root), regime="few_shot", n_shot=2)
    splits = comparison_parts.load(params)
    train, parts = comparison_parts.training_set(params, splits, None, "classifier", 0)
    assert train.labels.sum() == 2 and len(parts) == 2
    for detector in ("student_teacher", "nearest"):
        assert comparison_parts.training_set(params, splits, None, detector, 0)[0].labels.sum() == 0

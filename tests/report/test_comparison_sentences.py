"""What the comparison's notebook says of the stored study in words holds on its rows, and still stands there."""

import re
from pathlib import Path

import nbformat
import pytest

import defectlab
from defectlab.report.comparison_setting import NORMAL_ONLY, PAIRED, cell_name, parts
from defectlab.report.stored.grids import stored_grids
from defectlab.report.summary import AP_STEP, AUPRO, by_seed, paired

NOTEBOOK = Path(defectlab.__file__).resolve().parent.parent / "notebooks" / "comparison.ipynb"


def say(sentence):
    """The sentence stands in the notebook, however its lines are broken."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    prose = " ".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert sentence in re.sub(r"\s+", " ", prose), sentence


def of(dataset):
    (study,) = (study for study in stored_grids("comparison") if study.dataset == dataset)
    return study.rows


@pytest.fixture(scope="module")
def rows():
    return of("surfaces")


@pytest.fixture(scope="module")
def kolektor():
    return of("kolektor_sdd")


@pytest.fixture(scope="module")
def tile():
    return of("magnetic_tile")


def means(rows, metric):
    return rows[rows["metric"] == metric].groupby("method")["value"].mean()


def minus_memseg(rows, metric, detector):
    """Interval of each synthesizer minus MemSeg with one detector."""
    cells = {name: parts(name) for name in rows["method"].unique()}
    others = [s for s, d in cells.values() if d == detector and s != "memseg"]
    values = {s: by_seed(rows, method=cell_name(s, detector), metric=metric) for s in [*others, "memseg"]}
    return {s: paired(values[s], values["memseg"]).t for s in others}


def test_the_nearest_neighbour_is_above_every_cell_but_one_in_image_ap(rows):
    say("has a higher mean than every cell but one, the classifier with Perlin textures")
    ap = means(rows, AP_STEP)
    assert list(ap.index[ap > ap["none/nearest"]]) == ["texture/classifier"]
    say("With the classifier no synthesizer is told apart from MemSeg.")
    assert all(interval.covers(0) for interval in minus_memseg(rows, AP_STEP, "classifier").values())


def test_what_learns_from_pairs_is_above_what_learns_from_normals_in_aupro(rows):
    say("every cell of student-teacher and DeSTSeg has a higher mean than both detectors that learn from normals alone")
    aupro = means(rows, AUPRO)
    detectors = {name: parts(name)[1] for name in aupro.index}
    with_pairs = [aupro[name] for name, detector in detectors.items() if detector in PAIRED]
    without = [aupro[name] for name, detector in detectors.items() if detector in NORMAL_ONLY]
    assert len(with_pairs) == 8 and len(without) == 2 and min(with_pairs) > max(without)
    say("whichever synthesizer fed it. No synthesizer is told apart from MemSeg.")
    for detector in PAIRED:
        assert all(interval.covers(0) for interval in minus_memseg(rows, AUPRO, detector).values())


def test_one_order_of_image_ap_is_shown(rows):
    say("With the student-teacher DIAG is above MemSeg in image AP.")
    student = minus_memseg(rows, AP_STEP, "student_teacher")
    assert [name for name, interval in student.items() if interval.low > 0] == ["diag"]
    assert all(interval.covers(0) for interval in minus_memseg(rows, AP_STEP, "destseg").values())


def test_on_kolektor_sdd_the_best_images_depend_on_the_detector(kolektor):
    ap = means(kolektor, AP_STEP)
    say("has the highest mean image AP of all cells and is above MemSeg.")
    say("With DeSTSeg the same images have the lowest mean.")
    assert ap.idxmax() == "perturbed/student_teacher"
    assert minus_memseg(kolektor, AP_STEP, "student_teacher")["perturbed"].low > 0
    assert ap[[name for name in ap.index if parts(name)[1] == "destseg"]].idxmin() == "perturbed/destseg"
    say("With the classifier the images of the fine-tuned model alone (DDPM) are below MemSeg.")
    assert minus_memseg(kolektor, AP_STEP, "classifier")["ddpm"].high < 0
    say("With the student-teacher every synthesizer has a higher mean image AP than the nearest neighbour.")
    assert ap[[name for name in ap.index if parts(name)[1] == "student_teacher"]].min() > ap["none/nearest"]


def test_on_magnetic_tile_the_nearest_neighbour_is_first_in_both_metrics(tile):
    say("the nearest neighbour has the highest mean of all cells in image AP and in AUPRO alike")
    assert means(tile, AP_STEP).idxmax() == means(tile, AUPRO).idxmax() == "none/nearest"


def test_on_magnetic_tile_the_order_of_the_surfaces_holds_again(tile, kolektor):
    say("With the student-teacher DIAG is above MemSeg in image AP, as on the surfaces.")
    student = minus_memseg(tile, AP_STEP, "student_teacher")
    assert [name for name, interval in student.items() if interval.low > 0] == ["diag"]
    say("on KolektorSDD the interval is too wide to say")
    assert minus_memseg(kolektor, AP_STEP, "student_teacher")["diag"].covers(0)


def test_on_magnetic_tile_destseg_tells_two_diffusion_models_from_memseg(tile):
    say("With DeSTSeg DIAG and the perturbed DDPM are above MemSeg in AUPRO, and the perturbed DDPM in image AP too.")
    aupro, ap = (minus_memseg(tile, metric, "destseg") for metric in (AUPRO, AP_STEP))
    assert {name for name, interval in aupro.items() if interval.low > 0} == {"diag", "perturbed"}
    assert {name for name, interval in ap.items() if interval.low > 0} == {"perturbed"}
    assert all(interval.covers(0) for interval in minus_memseg(tile, AP_STEP, "classifier").values())


def test_no_synthesizer_is_above_memseg_with_two_detectors_on_one_data_set(rows, kolektor, tile):
    say("over the three data sets each order that is shown belongs to one detector")
    for metric in (AP_STEP, AUPRO):
        for of_one in (rows, kolektor, tile):
            above = [
                name
                for detector in (*PAIRED, *(["classifier"] if metric == AP_STEP else []))
                for name, interval in minus_memseg(of_one, metric, detector).items()
                if interval.low > 0
            ]
            assert len(above) == len(set(above))

"""What the student-teacher's chapter says of its stored results in words holds on the rows, and still stands there."""

import re
from pathlib import Path

import pytest

import defectlab
from defectlab.experiments.student_teacher_parameters import StudentTeacherParameters
from defectlab.report.stored import load_stored
from defectlab.report.summary import AUPRO, IMAGE_AUROC, PIXEL_AP, PIXEL_F1, by_seed, paired, summarise

CHAPTER = Path(defectlab.__file__).resolve().parent.parent / "book" / "student-teacher.md"
RUNS = {name: f"{name}-student_teacher-laptop" for name in ("screw", "surfaces")}
FULL = "student_teacher"


def say(sentence):
    """The sentence stands in the chapter, however its lines are broken."""
    assert sentence in re.sub(r"\s+", " ", CHAPTER.read_text(encoding="utf-8")), sentence


@pytest.fixture(scope="module")
def rows():
    return {name: load_stored(run).rows for name, run in RUNS.items()}


def minus(rows, other, metric):
    """Interval of the student-teacher minus another method."""
    return paired(*(by_seed(rows, method=key, metric=metric) for key in (FULL, other))).t


def test_the_image_score_on_screw_is_inverted_and_not_near_chance(rows):
    say("On screw the image AUROC of the student-teacher is not near chance but *below* it")
    say("the interval over seeds ends below one half")
    interval = {
        key: summarise(by_seed(rows["screw"], method=key, metric=IMAGE_AUROC)).interval
        for key in (FULL, "simplenet", "destseg")
    }
    assert interval[FULL].high < 0.5
    say("Those of SimpleNet and DeSTSeg are at chance, for their intervals contain one half.")
    assert interval["simplenet"].covers(0.5) and interval["destseg"].covers(0.5)


def test_what_is_above_the_floor_has_an_interval_above_zero(rows):
    say("On both data sets the student-teacher is above the floor in pixel AP and in best F1.")
    assert all(minus(rows[name], "nearest", metric).low > 0 for name in RUNS for metric in (PIXEL_AP, PIXEL_F1))
    say("In AUPRO it is above the floor on screw; on the surfaces the interval of the difference contains zero.")
    assert minus(rows["screw"], "nearest", AUPRO).low > 0 and minus(rows["surfaces"], "nearest", AUPRO).covers(0)
    say("In image AUROC it is below the floor on screw, and on the surfaces the interval contains zero.")
    assert minus(rows["screw"], "nearest", IMAGE_AUROC).high < 0
    assert minus(rows["surfaces"], "nearest", IMAGE_AUROC).covers(0)


def test_destseg_is_above_in_aupro_on_both(rows):
    say("DeSTSeg is above it in AUPRO on both.")
    assert all(minus(rows[name], "destseg", AUPRO).high < 0 for name in RUNS)


def test_what_is_called_measured_is_and_the_rest_is_called_hypotheses(rows):
    say(
        "*Measured* is one thing: on the surfaces the full method locates regions worse than the row without the cosine"
    )
    assert minus(rows["surfaces"], "wo_cosine", AUPRO).high < 0
    say("What follows are *hypotheses*, and none of them is tested by these runs.")
    say("the baselines and ours differ in the teacher *and* in the method at once")


def test_the_strength_of_the_stored_runs_and_what_the_teacher_saw_are_told():
    say("The stored runs of this chapter drew $s$ from 1 to 6")
    assert StudentTeacherParameters.profiles["laptop"]["strength"] == [1.0, 6.0]
    assert all("strength" not in load_stored(run).parameters for run in RUNS.values())
    say("it also learned to predict the encoder's features, and what these know of masks is passed on")
    say("on `surfaces` no row is one of normal images alone, neither ours nor a baseline's")

"""What the student-teacher's chapter says of its stored results in words holds on the rows, and still stands there."""

import re
from pathlib import Path

import pytest

import defectlab
from defectlab.experiments.student_teacher_parameters import StudentTeacherParameters
from defectlab.report.ablation_tables import SHOWN
from defectlab.report.stored import load_stored
from defectlab.report.summary import AUPRO, IMAGE_AUROC, PIXEL_AP, PIXEL_AUROC, PIXEL_F1, by_seed, paired, summarise

CHAPTER = Path(defectlab.__file__).resolve().parent.parent / "book" / "student-teacher.md"
RUNS = {name: f"{name}-student_teacher-laptop" for name in ("screw", "surfaces")}
SAME_VIT = {name: f"{name}-nearest_same_vit-laptop" for name in RUNS}
OF_TABLES = (IMAGE_AUROC, PIXEL_AUROC, AUPRO)
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


def test_on_the_same_vit_the_method_is_above_the_floor(rows):
    say("On the same ViT the floor falls, and the student-teacher is above it in the mean of every metric on both")
    say("in pixel AUROC, pixel AP and best F1 the interval lies above zero on both, in AUPRO on screw")
    for name in RUNS:
        floor = load_stored(SAME_VIT[name]).rows
        gaps = {
            metric: paired(
                by_seed(rows[name], method=FULL, metric=metric), by_seed(floor, method="nearest", metric=metric)
            )
            for metric in SHOWN
        }
        assert all(gap.t.low + gap.t.high > 0 for gap in gaps.values())
        assert all(gaps[metric].t.low > 0 for metric in (PIXEL_AUROC, PIXEL_AP, PIXEL_F1))
        assert (gaps[AUPRO].t.low > 0) == (name == "screw")
    falls = [
        by_seed(load_stored(SAME_VIT[name]).rows, method="nearest", metric=AUPRO).mean()
        < by_seed(rows[name], method="nearest", metric=AUPRO).mean()
        for name in RUNS
    ]
    assert all(falls)


def test_what_cosine_and_head_take_away(rows):
    say("Without it AUPRO is higher on the surfaces. On screw the mean says the same, and the interval contains zero.")
    assert minus(rows["surfaces"], "wo_cosine", AUPRO).high < 0
    on_screw = minus(rows["screw"], "wo_cosine", AUPRO)
    assert on_screw.covers(0) and on_screw.low + on_screw.high < 0
    say("Without it image AUROC and AUPRO are higher on screw. On the surfaces all three intervals")
    assert all(minus(rows["screw"], "wo_seg", metric).high < 0 for metric in (IMAGE_AUROC, AUPRO))
    assert all(minus(rows["surfaces"], "wo_seg", metric).covers(0) for metric in OF_TABLES)
    say("the image AUROC on screw lies above one half, and AUPRO is above that of the full method")
    assert summarise(by_seed(rows["screw"], method="wo_seg", metric=IMAGE_AUROC)).interval.low > 0.5
    say("Two *hypotheses* go with this and are not tested by these runs.")


def test_what_the_parts_add(rows):
    say("*Decoder, L1.* No interval of the three metrics excludes zero, on neither data set.")
    for part in ("wo_decoder", "l2_for_l1"):
        assert all(minus(rows[name], part, metric).covers(0) for name in RUNS for metric in OF_TABLES)
    say("Without it image AUROC is lower on the surfaces. On screw its seeds scatter too widely to say.")
    assert minus(rows["surfaces"], "wo_focal", IMAGE_AUROC).low > 0
    assert all(minus(rows["screw"], "wo_focal", metric).covers(0) for metric in OF_TABLES)
    say("no metric of its tables changes on the surfaces by more than its interval")
    assert all(minus(rows["surfaces"], "textures_for_p", metric).covers(0) for metric in OF_TABLES)
    say("on screw the image AUROC is higher with textures")
    assert minus(rows["screw"], "textures_for_p", IMAGE_AUROC).high < 0


def test_a_map_that_learned_nothing_beats_what_the_chapter_says(rows):
    kept = (CHAPTER.parent.parent / "benchmarks" / "results" / "own_median.txt").read_text(encoding="utf-8")
    (line,) = re.findall(r"^screw: (.*)$", kept, re.M)
    values = {name.rsplit(" ", 1)[0]: float(name.rsplit(" ", 1)[1]) / 100 for name in line.split(", ")}
    say("On the screws it has a higher AUPRO than the student-teacher and the floor")
    means = rows["screw"].groupby(["metric", "method"])["value"].mean()
    assert values["AUPRO"] > max(means[AUPRO, FULL], means[AUPRO, "nearest"])
    say("and a higher image AUROC than every row of the table above")
    assert values["image AUROC"] > means[IMAGE_AUROC].max()
    assert values["pixel AP"] < means[PIXEL_AP, FULL]
    say("and its pixel AP stays low")
    assert means[PIXEL_AP, "destseg"] < 0.1


def test_the_strength_of_the_stored_runs_and_what_the_teacher_saw_are_told():
    say("The stored runs of this chapter drew $s$ from 1 to 6")
    assert StudentTeacherParameters.profiles["laptop"]["strength"] == [1.0, 6.0]
    assert all("strength" not in load_stored(run).parameters for run in RUNS.values())
    say("it also learned to predict the encoder's features, and what these know of masks is passed on")
    say("on `surfaces` no row is one of normal images alone, neither ours nor a baseline's")

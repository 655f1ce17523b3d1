import pytest

from defectlab.detection.student_teacher.settings import ABLATIONS as SWITCHES
from defectlab.experiments.student_teacher_parameters import ABLATIONS, StudentTeacherParameters
from defectlab.params import ParameterError, resolve
from defectlab.report.identity import GROUPS


def resolved(**values):
    return resolve(StudentTeacherParameters, values)


def test_without_values_it_is_the_laptop_profile_on_the_embedded_images():
    params = resolved()
    assert (params.dataset, params.profile, params.regime, params.anomalies) == (
        "surfaces",
        "laptop",
        "unified",
        "diffusion",
    )
    assert params.arms == ("nearest", "simplenet", "destseg", "student_teacher") and params.size == (128, 128)


def test_every_profile_gives_what_is_none_and_must_not_be():
    assert all({"n_synthetic", "scale"} <= set(values) for values in StudentTeacherParameters.profiles.values())


def test_arms_are_baselines_then_the_method_then_its_ablations_in_the_order_of_the_table():
    params = resolved(methods=["student_teacher", "nearest", "draem"], ablations=["textures_for_p", "wo_decoder"])
    assert params.arms == ("nearest", "draem", "student_teacher", "wo_decoder", "textures_for_p")


def test_every_ablation_has_switches_and_a_face():
    assert set(ABLATIONS.values()) == set(SWITCHES)
    assert {identity.key for identity in GROUPS["ablations"]} == set(ABLATIONS)


def test_rows_name_the_category_where_there_is_one():
    assert resolved(dataset="mvtec", category="screw").name_in_rows == "mvtec/screw"
    assert resolved(dataset="visa").name_in_rows == "visa"


def test_networks_see_the_proportions_of_the_images_in_whole_patches():
    assert resolved().network_shape(128) == (128, 128)
    assert resolved(dataset="kolektor_sdd").network_shape(256) == (256, 96)
    assert resolved(network_size=392).network_shape(128, patch=14) == (392, 392)
    assert resolved(height=64, width=1000).network_shape(128) == (16, 128)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"methods": ["nearest", "nearest"]}, r"methods: expected each once, got \['nearest', 'nearest'\]"),
        ({"methods": ["desteg"]}, "methods: expected one of nearest, .*; did you mean 'destseg'"),
        ({"ablations": ["wo_seg"], "methods": ["nearest"]}, "compared with the full method; put student_teacher in"),
        ({"opacity": [0.9, 0.2]}, r"opacity: expected a range \[low, high\], got \[0.9, 0.2\]"),
        ({"opacity": [0.0, 0.2]}, "opacity: expected between 0.01 and 1, got"),
        ({"strength": [0.1]}, r"strength: expected a range \[low, high\], got \[0.1\]"),
        ({"dataset": "kolektor_sdd", "category": "screw"}, "category: kolektor_sdd has none; leave it empty"),
        ({"regime": "unify"}, "regime: expected one of unified, per_category, got 'unify'; did you mean 'unified'"),
        ({"morphology": "eroded"}, "morphology: expected one of none, erode, .*did you mean 'erode'"),
        ({"morphology_radius": 0}, "morphology_radius: expected at least 1 pixels, got 0"),
        ({"n_synthetics": 4}, "n_synthetics: no such parameter; did you mean 'n_synthetic'"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_was_expected(values, message):
    with pytest.raises(ParameterError, match=message):
        resolved(**values)


def test_runs_of_before_masks_could_be_changed_are_found_still():
    assert "morphology" not in resolved().identity() and "morphology_radius" not in resolved().identity()
    assert resolved(morphology="dilate").identity()["morphology"] == "dilate"

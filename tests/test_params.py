from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from defectlab.coercion import CoercionError, coerce
from defectlab.params import ParameterError, Parameters, from_notebook, parameter, resolve, schema_fields

REGIMES = ("zero_shot", "few_shot", "full_shot")


def even(value):
    return None if value % 2 == 0 else f"expected an even number, got {value}"


@dataclass(frozen=True)
class Demo(Parameters):
    n_aug: int = parameter(100, help="synthetic positives added to training", low=0, high=10_000)
    regime: str = parameter("zero_shot", help="real positives in training", choices=REGIMES)
    seeds: tuple[int, ...] = parameter([0, 1, 2], help="one training run each", low=0)
    strength: float = parameter(0.99, help="noise at the start", low=0.0, high=1.0)
    image_size: int = parameter(128, help="side of the image", unit="pixels", check=even)
    pretrained: bool = parameter(True, help="start from trained weights")
    epochs: int | None = parameter(None, help="passes over the training set; None takes the profile's", low=1)
    data_root: str | None = parameter(None, help="folder of the data")
    weights: dict[str, float] = parameter({"a": 1.0}, help="of the losses")
    profile: str = parameter("laptop", help="budget", choices=("smoke", "laptop", "paper"))
    device: str = parameter("auto", help="where to compute", identity=False)

    profiles: ClassVar = {"smoke": {"epochs": 1}, "laptop": {"epochs": 10}, "paper": {"epochs": 50}}

    def __post_init__(self):
        if self.regime == "zero_shot" and self.n_aug == 0:
            raise ValueError("regime, n_aug: zero_shot without synthetic positives has no positives at all")


def problems(**values):
    with pytest.raises(ParameterError) as caught:
        resolve(Demo, values)
    return caught.value.problems


def test_nothing_given_is_the_defaults_with_the_values_of_the_profile():
    found = resolve(Demo, {})
    assert found.n_aug == 100 and found.seeds == (0, 1, 2) and found.epochs == 10 and found.data_root is None


def test_a_misspelt_name_is_refused_with_the_near_miss():
    assert problems(n_agu=100) == ("n_agu: no such parameter; did you mean 'n_aug'?",)


def test_a_name_like_no_other_is_refused_with_the_list():
    (problem,) = problems(zzz=1)
    assert problem.startswith("zzz: no such parameter; there are n_aug, regime, seeds")


def test_all_problems_are_reported_together():
    found = problems(n_agu=1, n_aug=-1, regime="zero-shot", strength="much", image_size=3)
    assert len(found) == 5
    assert "expected one of zero_shot, few_shot, full_shot, got 'zero-shot'; did you mean 'zero_shot'?" in found[2]
    assert found[1] == "n_aug: expected between 0 and 10000, got -1"
    assert found[3] == "strength: expected a number, got 'much' (str)"
    assert found[4] == "image_size: expected an even number, got 3"


def test_the_message_lists_the_problems_a_line_each():
    with pytest.raises(
        ParameterError, match=r"2 problems with the parameters:\n  - n_aug: .*\n  - epochs: .*at least 1"
    ):
        resolve(Demo, {"n_aug": "many", "epochs": 0})


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (int, "100", 100),
        (int, "1e2", 100),
        (int, 100.0, 100),
        (int, "-3", -3),
        (int, "9007199254740993", 9007199254740993),
        (float, 1, 1.0),
        (float, "0.5", 0.5),
        (bool, "true", True),
        (bool, "False", False),
        (str, "5", "5"),
        (list[int], "[0,1]", [0, 1]),
        (list[int], (0.0, "1"), [0, 1]),
        (list[str], '["a, b", "c"]', ["a, b", "c"]),
        (list[bool], "[true, false]", [True, False]),
        (tuple[int, ...], [0, 1], (0, 1)),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (int | None, "None", None),
        (str | None, "None", "None"),
        (int | None, "4", 4),
    ],
)
def test_a_value_is_read_as_papermill_hands_it_over(kind, value, expected):
    found = coerce(value, kind)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (int, 1.5, "expected a whole number, got 1.5"),
        (int, True, "expected a whole number, got True"),
        (int, "ten", "expected a whole number, got 'ten'"),
        (int, None, "expected a whole number, got None"),
        (int, [1], r"expected a whole number, got \[1\]"),
        (float, "nan", "expected a number"),
        (float, float("inf"), "expected a number"),
        (float, False, "expected a number"),
        (bool, 1, "expected true or false, got 1"),
        (bool, "yes", "expected true or false, got 'yes'"),
        (str, 5, "expected text, got 5 .int.; with papermill, -r NAME VALUE keeps it text"),
        (str, None, "expected text, got None"),
        (list[int], 0, r"expected a list of int such as \[0, 1\], got 0"),
        (list[int], "0,1,x", "expected a list of int"),
        (list[int], [0, "x"], "item 1: expected a whole number, got 'x'"),
        (dict[str, int], "[1]", "expected a dict"),
        (dict[str, int], {"a": "x"}, "expected a whole number"),
    ],
)
def test_a_value_of_another_type_is_refused(kind, value, message):
    with pytest.raises(CoercionError, match=message):
        coerce(value, kind)


def test_each_item_of_a_list_is_checked():
    assert problems(seeds=[0, -1, -1]) == ("seeds: expected at least 0, got -1",)


def test_an_empty_list_is_refused_where_the_default_has_items():
    assert problems(seeds=[]) == ("seeds: expected at least one item, got none",)


def test_the_unit_is_part_of_the_message():
    @dataclass(frozen=True)
    class Sized(Parameters):
        size: int = parameter(8, help="side", unit="pixels", high=64)

    with pytest.raises(ParameterError, match="size: expected at most 64 pixels, got 65"):
        resolve(Sized, {"size": 65})


def test_none_is_refused_where_the_default_is_a_value():
    assert problems(n_aug=None) == ("n_aug: expected a whole number, got None (NoneType)",)


def test_a_given_value_wins_over_the_profile():
    found = resolve(Demo, {"epochs": 3, "profile": "paper"})
    assert found.epochs == 3 and found.origins["epochs"] == "given"


def test_profiles_may_be_handed_over():
    assert resolve(Demo, {}, {"laptop": {"epochs": 7}}).epochs == 7


def test_a_profile_is_held_to_the_same_rules():
    with pytest.raises(ParameterError, match="epochs: expected at least 1, got 0"):
        resolve(Demo, {}, {"laptop": {"epochs": 0}})


@pytest.mark.parametrize("profile", ["tiny", 5, ["smoke"]])
def test_a_profile_that_is_not_there_is_refused(profile):
    (problem,) = problems(profile=profile)
    assert problem.startswith("profile: expected")


def test_the_environment_replaces_the_profile_and_the_table_says_so(monkeypatch):
    monkeypatch.setenv("DEFECTLAB_PROFILE", "smoke")
    found = resolve(Demo, {"profile": "paper"})
    assert found.profile == "smoke" and found.epochs == 1
    assert found.table().set_index("name").loc["profile", "origin"] == "environment"


def test_a_wrong_profile_in_the_environment_is_named_as_such(monkeypatch):
    monkeypatch.setenv("DEFECTLAB_PROFILE", "smok")
    assert "profile (from DEFECTLAB_PROFILE): expected one of" in problems()[0] and "'smoke'?" in problems()[0]


def test_values_that_do_not_go_together_are_a_parameter_error_too():
    assert problems(n_aug=0) == ("regime, n_aug: zero_shot without synthetic positives has no positives at all",)


def test_the_table_tells_given_from_default_and_profile():
    table = resolve(Demo, {"n_aug": "50", "seeds": "[0, 1, 2]"}).table().set_index("name")
    assert list(table.columns) == ["value", "origin", "unit", "meaning"]
    assert table.loc["n_aug", "origin"] == "given" and table.loc["epochs", "origin"] == "profile"
    assert table.loc["regime", "origin"] == "default" and table.loc["image_size", "unit"] == "pixels"
    assert table.loc["seeds", "value"] == "[0, 1, 2]"


def test_what_changed_is_what_was_given_and_differs():
    assert resolve(Demo, {"n_aug": 50, "regime": "zero_shot", "profile": "smoke"}).changed() == {
        "n_aug": 50,
        "profile": "smoke",
    }


def test_origins_are_no_part_of_equality_or_of_the_values():
    found = resolve(Demo, {})
    assert found == replace(found, origins={}) and "origins" not in found.as_dict()


def test_the_default_of_a_list_is_not_shared():
    first = resolve(Demo, {})
    first.weights["a"] = 2.0
    assert resolve(Demo, {}).weights == {"a": 1.0}


def test_a_schema_with_a_type_that_is_no_literal_is_a_mistake_of_its_author():
    @dataclass(frozen=True)
    class Wrong(Parameters):
        size: complex = parameter(1j, help="side")

    with pytest.raises(TypeError, match="Wrong: parameters must be literal, not size"):
        resolve(Wrong, {})


def test_a_notebook_gives_its_own_literals_and_nothing_of_ipython():
    namespace = {
        "__name__": "__main__",
        "_i1": "n_aug = 1",
        "In": ["n_aug = 1"],
        "Out": {},
        "get_ipython": print,
        "pytest": pytest,
        "n_aug": 1,
        "n_agu": 2,
        "seeds": [0],
        "data_root": None,
    }
    assert from_notebook(namespace) == {"n_aug": 1, "n_agu": 2, "seeds": [0], "data_root": None}


def test_what_does_not_make_another_run_is_left_out_of_its_identity():
    here, there = resolve(Demo, {"n_aug": 50}), resolve(Demo, {"n_aug": 50, "device": "cuda:1"})
    assert here.identity() == there.identity() and "device" not in here.identity()
    assert {*here.identity(), "device"} == set(here.as_dict())
    assert there.changed() == {"n_aug": 50, "device": "cuda:1"}


@dataclass(frozen=True)
class Longer(Demo):
    canvas: int = parameter(8, help="side of the square", after="strength")
    steps: int = parameter(2, help="of the schedule", after="strength")
    strength: float = parameter(0.5, help="another default", low=0.0, high=1.0)


def test_a_derived_schema_puts_its_own_among_the_inherited_ones():
    names = [item.name for item in schema_fields(Longer)]
    assert names[:7] == ["n_aug", "regime", "seeds", "strength", "canvas", "steps", "image_size"]
    assert list(resolve(Longer, {}).as_dict()) == names and resolve(Longer, {}).strength == 0.5


def test_a_place_behind_nothing_is_named():
    @dataclass(frozen=True)
    class Lost(Demo):
        canvas: int = parameter(8, help="side of the square", after="strenght")

    with pytest.raises(ValueError, match="Lost: canvas is to stand after 'strenght', not there"):
        schema_fields(Lost)


def test_a_parameter_that_came_later_makes_another_run_only_where_it_is_not_its_default():
    @dataclass(frozen=True)
    class Grown(Demo):
        morphology: str = parameter("none", help="came later", later=True)

    assert resolve(Grown, {}).identity() == resolve(Demo, {}).identity()
    assert resolve(Grown, {"morphology": "erode"}).identity() == {
        **resolve(Demo, {}).identity(),
        "morphology": "erode",
    }
    assert resolve(Grown, {}).as_dict()["morphology"] == "none"

"""What `check` says of right answers, known mistakes, answers of another form, and names that do not exist."""

import pytest

from defectlab.check import CHAPTERS, Exercise, Mistake, Verdict, check, exercises, judge

TWO = Exercise(
    name="toy.two",
    title="Two numbers",
    level="easy",
    minutes=1,
    expected=lambda: [1.0, 2.0],
    hint="Count again.",
    mistakes=(Mistake([2.0, 1.0], "Other order.", "order is free"), Mistake(lambda a: a[0] < 0, "No sign.")),
    praise="Well counted.",
)


def test_a_right_answer_is_praised_within_the_tolerance():
    assert judge(TWO, [1.0005, 2]).right
    assert str(judge(TWO, (1, 2))) == "✓ Right. Well counted."
    assert not judge(TWO, [1.01, 2]).right


def test_a_known_mistake_gets_its_own_hint_and_another_the_general_one():
    assert judge(TWO, [2, 1]).said == "Other order."
    assert judge(TWO, [-1, 2]).said == "No sign."
    assert judge(TWO, [5, 5]).said == "Count again."


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (..., "No answer yet"),
        (None, "No answer yet"),
        (1.0, "Expected 2 values, in the order of the question, got 1"),
        (["one", 2], "Expected a number, got 'one'"),
    ],
)
def test_an_answer_of_another_form_is_told_what_is_expected(answer, said):
    verdict = judge(TWO, answer)
    assert not verdict.right and verdict.said.startswith(said)


@pytest.mark.parametrize("text", ["1/8", " 130 ", "-0.5", "1e-3", "3 * 0.25 ** 2"])
def test_a_number_in_quotes_is_told_to_lose_them(text):
    number = Exercise("toy.number", "A number", "easy", 1, lambda: 7, "Count.")
    assert judge(number, text).said == f"Expected a number, got {text!r}. Write it without quotes: {text.strip()}."
    assert judge(number, "seven").said == "Expected a number, got 'seven'."
    assert judge(TWO, [1, "2"]).said == "Expected a number, got '2'. Write it without quotes: 2."


def test_several_values_are_judged_one_by_one_where_no_mistake_is_known():
    three = Exercise(
        "toy.three", "Three", "easy", 1, lambda: [1.0, "a", 3.0], "Look.", (Mistake([1, "b", 3], "Known."),)
    )
    assert judge(three, [1, "a", 4]).said == "Value 3 of 3 is not right yet, the rest is. Look."
    assert judge(three, [2, "A", 4]).said == "Values 1 and 3 of 3 are not right yet, the rest is. Look."
    assert judge(three, [1, "b", 3]).said == "Known."
    assert judge(three, [2, "b", 4]).said == "Look."


def test_words_are_compared_without_case():
    word = Exercise("toy.word", "A word", "easy", 1, lambda: "train", "Which split?")
    assert judge(word, " Train").right and not judge(word, "test").right
    assert judge(word, 3).said == "Expected a word, got 3."


def test_a_verdict_reads_well_in_a_notebook():
    assert Verdict("toy.two", False, "Count again.")._repr_markdown_() == "**✗ Not yet.** Count again."


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_right_answer_is_no_known_mistake_and_every_known_mistake_is_wrong(chapter):
    for exercise in exercises(chapter).values():
        assert all(mistake.hint and mistake.belief for mistake in exercise.mistakes), exercise.name
        if exercise.is_open:
            continue
        assert judge(exercise, exercise.expected()).right, exercise.name
        for mistake in exercise.mistakes:
            if mistake.shown is not None:
                assert judge(exercise, mistake.shown).said == mistake.hint, (exercise.name, mistake)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_exercise_has_minutes_a_known_mistake_and_a_word_on_what_a_right_answer_shows(chapter):
    for exercise in exercises(chapter).values():
        assert exercise.minutes >= 5 and exercise.praise, exercise.name
        assert exercise.mistakes, exercise.name


def test_an_exercise_to_discuss_is_neither_right_nor_wrong():
    verdict = check("why.collect", "I would collect.")
    assert verdict.is_open and str(verdict).startswith("To discuss. Ask how often")
    assert verdict._repr_markdown_().startswith("**To discuss.**")
    assert check("why.collect") == verdict


def test_the_losses_by_hand_are_those_of_the_code():
    import torch

    from defectlab.detection.moco import contrastive_loss

    queries, keys = torch.tensor([[1.0, 0.0], [0.6, 0.8]]), torch.tensor([[0.8, 0.6], [0.0, 1.0]])
    queue = torch.tensor([[0.6, -0.8], [-1.0, 0.0]])
    kinds = ("original", "improved_mean_logit", "improved_eq7")
    computed = [contrastive_loss(queries, keys, queue, 0.5, kind).item() for kind in kinds]
    assert exercises("ddpm_moco")["ddpm_moco.losses"].expected() == pytest.approx(computed, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "answer", "said"),
    [
        ("in_and_out.adapter", [32 * 320, 12800, 0.1, 0.014], "There is a matrix down and a matrix up."),
        ("in_and_out.adapter", [20480, 2560, 0.2, 0.003], "The window counts once"),
        ("in_and_out.average", [0.064, 0.03, "upper"], "That is the deviation of the sum."),
        ("in_and_out.plan", [9, 5], "At that number the interval"),
        ("in_and_out.plan", [37, 37], "What do two runs of one seed"),
        ("ddpm_moco.age", [512, 0.599, 1.024], "That is what is left"),
        ("ddpm_moco.age", [512, 0.512, 1.024], "The shares multiply"),
        ("ddpm_moco.spread", [32, 1.386], "At that batch"),
        ("student_teacher.aupro", [0.25, 0.98], "Divide by the limit"),
        ("student_teacher.aupro", [0.95, 0.98], "The area ends at three tenths"),
        ("student_teacher.table", [0, 0, 0, 5], "The averages are highest."),
        ("perlin.fade", [0.1035, 3], "The value is right."),
        ("perlin.fade", [0.2, 0], "The second derivative is right."),
        ("perlin.middle", [0.3535, 0.3535], "That is a standard deviation."),
        ("perlin.middle", [0.25, 0.25], "Of a unit vector of random direction"),
        ("perlin.middle", [1 / 32, 1 / 16], "That is the part of one corner."),
        ("perlin.middle", [0.125, 0.25], "The middle is right."),
        ("perlin.slopes", [1, 1], "Equal slopes: what do two opposite"),
        ("perlin.label", [5, 3, 2], "The sources differ by more"),
    ],
)
def test_a_mistake_that_is_a_rule_is_recognised(name, answer, said):
    assert check(name, answer).said.startswith(said)


def test_names_are_unique_and_of_their_chapter():
    assert all(exercise.chapter in CHAPTERS for exercise in exercises().values())
    assert len(exercises()) == sum(len(exercises(chapter)) for chapter in CHAPTERS)


def test_an_unknown_exercise_or_chapter_is_named_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'measuring.base-rate'"):
        check("measuring.baserate")
    with pytest.raises(ValueError, match="no exercise 'mesuring.base-rate'"):
        check("mesuring.base-rate")
    with pytest.raises(ValueError, match="no exercises of 'cooking'"):
        exercises("cooking")


@pytest.mark.parametrize("wrong", [{"name": "nochapter"}, {"level": "brutal"}, {"minutes": 0}, {"hint": " "}])
def test_an_exercise_without_what_it_needs_is_refused(wrong):
    fields = {"name": "toy.x", "title": "X", "level": "easy", "minutes": 1, "expected": lambda: 1, "hint": "h"}
    with pytest.raises(ValueError):
        Exercise(**(fields | wrong))

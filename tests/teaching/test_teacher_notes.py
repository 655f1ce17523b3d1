"""What a teacher reads of an exercise: the answer, and which wrong answer means which mistake."""

from defectlab.check import Exercise, Mistake, exercises
from defectlab.teaching.notes import notes_on, written

SUM = Exercise(
    name="toy.sum",
    title="A sum",
    level="easy",
    minutes=5,
    expected=lambda: [3.0, "up"],
    hint="Add.",
    mistakes=(
        Mistake([2.0, "up"], "Add.", "one is lost"),
        Mistake([1.0, "up"], "Add.", "one is lost"),
        Mistake(lambda answer: True, "Which | way?", "any way"),
    ),
    praise="Well added.",
)


def test_the_expected_answer_and_each_mistake_with_its_answers_stand_in_one_table():
    assert notes_on(SUM).splitlines() == [
        '> **For the teacher.** Easy, 5 minutes. Expected: `[3, "up"]`. Well added.',
        ">",
        "> | Answer | What they take to be true | What to say |",
        "> | --- | --- | --- |",
        '> | `[2, "up"]`, `[1, "up"]` | one is lost | Add. |',
        "> | any answer of this kind | any way | Which \\| way? |",
    ]


def test_without_the_answer_nothing_gives_it_away():
    assert notes_on(SUM, with_answer=False).splitlines()[0] == "> **For the teacher.** Easy, 5 minutes."


def test_an_exercise_to_discuss_has_no_column_of_answers():
    text = notes_on(exercises("why")["why.collect"])
    assert "> | What they take to be true | What to say |" in text and "A good answer: Both plants named" in text


def test_answers_are_written_as_one_types_them():
    assert written(130) == "130" and written(20480) == "20480" and written(0.103515625) == "0.1035"
    assert written([29, "image"]) == '[29, "image"]' and written(5.6e-32) == "5.6e-32" and written("up") == '"up"'

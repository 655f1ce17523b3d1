import io
import logging
import sys

from defectlab import progress
from defectlab.progress import Pace, spoken, tell


def test_a_stage_says_its_end_and_one_line_a_minute_with_the_time_left(caplog, monkeypatch):
    clock = iter([0.0, 10.0, 70.0, 80.0, 120.0])
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))
    with caplog.at_level("INFO", "defectlab"):
        pace = Pace(logging.getLogger("defectlab.test"), "ddpm", 14, 2, "image")
        for done, said in ((3, ""), (9, "loss 0.1"), (10, ""), (14, "")):
            pace.at(done, said)
    # seven images in 70 seconds: five more take 50
    assert [record.getMessage() for record in caplog.records] == [
        "ddpm: image 9 of 14, loss 0.1, 0:00:50 left",
        "ddpm: image 14 of 14, took 0:02:00",
    ]


def test_times_are_spoken_as_hours_minutes_seconds():
    assert [spoken(seconds) for seconds in (0.4, 61, 3723.6)] == ["0:00:00", "0:01:01", "1:02:04"]


def test_told_twice_a_line_stands_once(capsys):
    name = "shown_in_a_test"  # not below a logger that another test has told to speak
    tell(name), tell(name)
    logging.getLogger(f"{name}.part").info("one line")
    assert capsys.readouterr().err.count("one line") == 1
    logging.getLogger(name).handlers.clear()


def test_lines_go_to_what_is_standard_error_when_they_are_written(monkeypatch):
    name, first, second = "moved_in_a_test", io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    tell(name)
    monkeypatch.setattr(sys, "stderr", second)
    logging.getLogger(name).info("a line")
    logging.getLogger(name).handlers.clear()
    assert not first.getvalue() and second.getvalue().endswith("a line\n")

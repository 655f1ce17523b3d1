import argparse
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

import defectlab
from defectlab import provenance
from defectlab.data.entries import ENTRIES
from defectlab.experiments.diag_parameters import DiagParameters
from defectlab.params import Parameters
from defectlab.report import command, stored
from defectlab.report.directives import TABLES, stored_lines
from defectlab.report.stored import load_stored, stored_runs
from defectlab.report.stored.tables import classes_table, overview_table, run_table, stored_findings
from defectlab.report.stored.writing import portable, store_run
from defectlab.runs import Run

ROOT = Path(defectlab.__file__).resolve().parent.parent
PAGE = (ROOT / "book" / "real-images.md").read_text(encoding="utf-8")
NOTE = "Reduced copy: not comparable with published values."
VALUES = {"memseg": (0.50, 0.60), "diag": (0.80, 0.70)}
SETTINGS = {"dataset": "kolektor_sdd", "data_root": "/home/me/data", "weights": "/home/me/w/net.npz", "seeds": [0, 1]}


class Changed(Parameters):
    """Parameters whose values are all given."""

    def __init__(self, **values):
        self.__dict__.update(values=values)

    def as_dict(self):
        return {"profile": "laptop", "masks": "real", "n_aug": 100, **self.values}

    def identity(self):
        return self.as_dict()

    def changed(self):
        return self.values


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "HOME", tmp_path / "stored")
    return tmp_path / "stored"


@pytest.fixture
def finished(tmp_path):
    """A finished run of the run store with two seeds and two arms."""

    def make(values=VALUES, regime="zero_shot", metrics=("ap_step",), finish=True, **settings):
        run = Run.open(tmp_path / "runs", "diag", Changed(**SETTINGS, regime=regime, **settings), "cpu")
        for name, per_seed in values.items():
            count = 0 if name == "none" else 100
            run.add(
                run.result(method=name, seed=seed, metric=metric, value=value, n_aug=count)
                for seed, value in enumerate(per_seed)
                for metric in metrics
            )
        scores = "split,id,label,group\nvalidation,v,1,a\n" + "".join(
            f"test,t{i},{int(i < 2)},g{i}\n" for i in range(8)
        )
        (run.folder("tables") / "scores-diag-0.csv").write_text(scores)
        if finish:
            run.finish()
        return run.path

    return make


def keep(folder, name="kolektor", title="A title"):
    return store_run(folder, name, title, NOTE)


def cells(table, name):
    return next(row for row in table.frame.to_dict("records") if row["method"] == name)


def test_a_run_comes_back_with_every_row_and_what_makes_it_again(finished, home):
    folder = finished()
    assert keep(folder) == home / "kolektor"
    run = load_stored("kolektor")
    assert (home / "kolektor" / "results.csv").read_bytes() == (folder / "results.csv").read_bytes()
    assert len(run.rows) == 4
    assert (run.title, run.note) == ("A title", NOTE)
    assert (run.dataset, run.regime, run.masks) == ("kolektor_sdd", "zero_shot", "real")
    assert run.seeds == (0, 1)
    assert run.test_images == {"normal": 6, "defective": 2, "groups": 8}
    assert "stored run kolektor" in str(run.provenance)


def test_rows_of_older_code_say_so_and_those_of_an_unknown_one_name_their_commit_alone(finished, home, monkeypatch):
    keep(finished())
    run = load_stored("kolektor")
    assert run.source == provenance.source_hash(provenance.COMPUTING)
    assert stored.OLDER not in " ".join(run.notes) and f"commit {run.commit}" in run.notes[1]
    assert stored.OLDER in replace(run, source="0" * 12).notes[1]
    assert stored.OLDER not in replace(run, source="").notes[1]
    record = home / "kolektor" / "run.json"
    record.write_text(json.dumps({k: v for k, v in json.loads(record.read_text()).items() if k != "source"}))
    assert load_stored("kolektor").source == ""


def test_no_place_of_a_machine_is_stored(finished, home):
    keep(finished(masks="/home/me/masks", generator="owner/model"))
    run = load_stored("kolektor")
    assert "/home/me" not in (home / "kolektor" / "run.json").read_text()
    assert run.parameters["weights"] == "net.npz"
    assert run.parameters["generator"] == "owner/model"
    assert run.masks == "masks"
    assert "data_root" not in run.parameters
    words = shlex.split(run.command)
    assert words[:3] == ["papermill", "notebooks/diag.ipynb", "out.ipynb"]
    assert words[words.index("weights") + 1] == "net.npz"


@pytest.mark.parametrize(
    ("value", "kept"),
    [("/a/b.npz", "b.npz"), ("~/b", "b"), ("../w/b.npz", "b.npz"), (r"C:\w\b.npz", "b.npz"), ("a/b", "a/b"), (3, 3)],
)
def test_of_a_path_outside_only_the_last_part_is_kept(value, kept):
    assert portable(value) == kept
    assert portable([value]) == [kept]


def test_a_run_stored_again_takes_the_place_of_the_old_one(finished, home):
    folder = finished()
    keep(folder)
    keep(folder, title="Another")
    assert [run.title for run in stored_runs()] == ["Another"]


def test_what_is_no_result_is_refused(finished, home, tmp_path):
    with pytest.raises(ValueError, match="not finished; the same command goes on"):
        keep(finished(finish=False))
    with pytest.raises(ValueError, match="a smoke run shows that the code runs and is no result"):
        keep(finished(profile="smoke"))
    with pytest.raises(FileNotFoundError, match=r"parameters.json is not there; give the folder of one run"):
        keep(tmp_path)
    with pytest.raises(ValueError, match="'a b' cannot be a folder's name; 'a-b' can"):
        keep(finished(), name="a b")
    with pytest.raises(ValueError, match=r"expected the seeds \[0, 1\], its rows have \[0\]"):
        keep(finished({"diag": (0.5,)}, n_shot=3))
    assert not home.exists()


def test_an_unknown_name_lists_what_is_stored(finished, home):
    with pytest.raises(ValueError, match="no stored run 'x'; there are: none stored"):
        load_stored("x")
    keep(finished())
    with pytest.raises(ValueError, match="no stored run 'x'; there are: kolektor"):
        load_stored("x")


def test_a_damaged_record_is_named(finished, home):
    file = keep(finished()) / "run.json"
    record = json.loads(file.read_text())
    file.write_text(json.dumps({**record, "regime": "full_shot"}))
    with pytest.raises(ValueError, match=r"run.json says regime full_shot, its rows zero_shot"):
        load_stored("kolektor")
    del record["device"]
    file.write_text(json.dumps(record))
    with pytest.raises(ValueError, match=r"run.json: missing or unknown: device; store the run again"):
        load_stored("kolektor")


def test_the_table_has_a_line_for_each_method_with_seeds_and_paired_difference(finished, home):
    keep(finished(metrics=("ap_step", "precision_best_f1", "recall_best_f1")))
    table = run_table(load_stored("kolektor"))
    assert table.caption == "A title"
    diag = cells(table, "DIAG")
    assert diag["AP"] == "0.750 ± 0.071"
    assert diag["95 %"] == "0.115 to 1.000"  # 0.75 -+ 12.7062 * 0.0707107 / sqrt(2), cut at 1
    assert diag["seeds"] == "0.800, 0.700"
    assert diag["minus MemSeg (95 %)"] == "+0.200 (-1.071 to +1.471)"  # 0.2 -+ 12.7062 * 0.141421 / sqrt(2)
    assert diag["precision / recall, best F1 on test"] == "0.750 / 0.750"
    assert diag["precision / recall, threshold from validation"] == "– / –"
    assert cells(table, "MemSeg")["minus MemSeg (95 %)"] == "–"
    assert "minus No augmentation (95 %)" not in table.frame.columns
    assert "chance is 0.250 AP and one defective image is 0.500 of recall" in table.notes[0]
    assert NOTE in table.notes


def test_with_real_positives_the_difference_to_no_augmentation_stands_beside(finished, home):
    keep(finished({**VALUES, "none": (0.75, 0.70)}, regime="full_shot"))
    table = run_table(load_stored("kolektor"))
    assert list(table.frame["method"]) == ["No augmentation", "DIAG", "MemSeg"]
    assert cells(table, "DIAG")["minus No augmentation (95 %)"].startswith("+0.025")
    assert cells(table, "MemSeg")["minus No augmentation (95 %)"].startswith("-0.175")


def test_one_seed_has_no_interval(finished, home):
    folder = finished({name: values[:1] for name, values in VALUES.items()}, n_shot=3)
    parameters = json.loads((folder / "parameters.json").read_text())
    (folder / "parameters.json").write_text(json.dumps({**parameters, "seeds": [0]}))
    keep(folder)
    diag = cells(run_table(load_stored("kolektor")), "DIAG")
    assert (diag["AP"], diag["95 %"], diag["minus MemSeg (95 %)"]) == ("0.800", "–", "+0.300")


def test_classes_of_defects_have_a_table_of_their_own(finished, home):
    keep(finished(metrics=("ap_step", "ap_step_Crack", "ap_step_Fray")))
    table = classes_table(load_stored("kolektor"))
    assert list(table.frame["class"]) == ["Crack", "Fray"]
    assert table.frame["DIAG"][0].startswith("0.750 (")
    keep(finished(n_shot=4), name="one")
    assert classes_table(load_stored("one")) is None


def test_the_overview_has_a_line_for_each_run_with_real_masks_first(finished, home):
    keep(finished(masks="lines"), name="a")
    keep(finished(), name="b")
    keep(finished(regime="full_shot"), name="c")
    table = overview_table(stored_runs("diag")).frame
    assert list(table["stored run"]) == ["b", "a", "c"]
    assert list(table["masks"]) == ["real", "lines", "real"]
    assert list(table["chance"]) == ["0.250"] * 3
    assert table["DIAG minus MemSeg (95 %)"][0].startswith("+0.200")
    assert stored_runs("ddpm") == ()


def test_the_gain_shown_is_that_of_the_method_that_the_notebook_is_about(finished, home):
    keep(finished({"memseg": (0.5, 0.6), "in_and_out": (0.7, 0.8)}))
    run = load_stored("kolektor")
    run = replace(run, notebook="in_and_out", rows=run.rows.assign(notebook="in_and_out"))
    table = overview_table([run]).frame
    assert table["In&Out minus MemSeg (95 %)"][0].startswith("+0.200")
    assert "DIAG minus MemSeg (95 %)" not in table


def test_claims_are_judged_on_runs_that_differ_in_the_regime_only(finished, home):
    better = {name: tuple(value + 0.1 for value in values) for name, values in VALUES.items()}
    keep(finished(), name="zero-real")
    keep(finished(masks="lines"), name="zero-lines")
    keep(finished(better, regime="full_shot"), name="full-real")
    found = stored_findings(stored_runs(dataset="kolektor_sdd")).frame
    assert set(zip(found["claim"], found["masks"], strict=True)) == {
        ("F1", "real"), ("F1", "lines"), ("F2", "real"), ("F4", "real"),
    }  # fmt: skip
    regimes = found[found["claim"] == "F4"].iloc[0]
    assert regimes["here (95 %)"].startswith("+0.100")
    assert regimes["verdict"] == "✓ reproduced"
    # Two seeds have a wide interval, and a mean of 0.2 is less than half of the 0.413 in print.
    assert found[found["claim"] == "F1"]["verdict"].tolist() == ["✗ not reproduced"] * 2


def test_two_runs_of_one_setting_cannot_be_judged_together(finished, home):
    keep(finished(), name="a")
    keep(finished(), name="b")
    with pytest.raises(ValueError, match="4 result rows stand twice"):
        stored_findings(stored_runs())


def test_without_a_stored_run_the_page_says_so_and_shows_no_number(home):
    table = TABLES["stored"]("diag")
    assert "none stored" in str(table)
    lines = stored_lines("kolektor_sdd")
    assert lines[0] == "No run on `kolektor_sdd` is stored yet."
    assert not re.search(r"\d", f"{table} {lines}")


def test_the_page_shows_what_is_stored_and_the_line_that_makes_it_again(finished, home):
    keep(finished())
    text = "\n".join(stored_lines("kolektor_sdd"))
    assert "{list-table} A title" in text
    assert "0.750 ± 0.071" in text
    assert "stored run kolektor" in text
    assert "papermill notebooks/diag.ipynb out.ipynb -r dataset kolektor_sdd" in text
    assert stored_lines("magnetic_tile")[0].startswith("No run on")


def test_no_number_is_typed_into_the_page():
    of_results = PAGE.partition("\n## Exercises")[0]  # an exercise may give numbers of its own, and its minutes
    prose = re.sub(r"```.*?```|`[^`]*`", "", of_results, flags=re.S)
    assert not re.findall(r"(?<![\w-])\d", prose)


def test_the_page_shows_each_set_that_is_stored_with_its_terms():
    shown = re.findall(r"\{defectlab-stored\} (\w+)", PAGE)
    assert {run.dataset for run in stored_runs("diag")} <= set(shown) == {"kolektor_sdd", "magnetic_tile"}
    assert "{defectlab-table} stored diag" in PAGE
    assert ENTRIES["kolektor_sdd"].licence in PAGE
    assert "is welcome to be used and ask to be cited" in re.sub(r"\s+", " ", PAGE)


def test_each_stored_run_has_its_command_and_no_place_of_a_machine():
    for run in stored_runs():
        words = shlex.split(run.command)
        assert words[0] == "papermill" and (ROOT / words[1]).is_file(), run.name
        assert {words[i + 1] for i, word in enumerate(words) if word in ("-p", "-r")} == set(run.parameters), run.name
        if run.notebook == "diag":
            assert set(run.parameters) <= set(DiagParameters().as_dict()), run.name
        kept = "".join((stored.HOME / run.name / name).read_text() for name in ("run.json", "results.csv"))
        assert not re.search(r"(?<![\w.])(?:/|~/|[A-Z]:\\)\w+", kept), run.name
        assert run.note and len(run.seeds) > 1, run.name


def test_the_command_stores_a_run_and_the_ledger_still_answers(finished, home, capsys):
    folder = finished()
    parser = argparse.ArgumentParser()
    command.register(parser.add_subparsers())
    given = parser.parse_args(["claims", "store", str(folder), "--name", "n", "--title", "t", "--note", NOTE])
    assert given.handler(given) == 0
    assert capsys.readouterr().out.strip() == str(home / "n")
    ledger = parser.parse_args(["claims", "--results", str(home / "n" / "results.csv")])
    ledger.handler(ledger)
    assert "partly reproduced" in capsys.readouterr().out

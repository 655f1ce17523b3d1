import json
from dataclasses import dataclass
from multiprocessing import get_context
from typing import ClassVar

import matplotlib.figure
import numpy as np
import pandas as pd
import pytest

from defectlab import files, provenance, runs
from defectlab.params import Parameters, parameter, resolve
from defectlab.runs import Run, collect_results, fingerprint, latest_run


@dataclass(frozen=True)
class Demo(Parameters):
    dataset: str = parameter("surfaces", help="images")
    n_aug: int = parameter(100, help="images added")
    data_root: str | None = parameter(None, help="folder")
    profile: str = parameter("laptop", help="budget", choices=("smoke", "laptop"))
    device: str = parameter("auto", help="where to compute", identity=False)
    out: str = parameter("", help="folder of an export", identity=False)

    profiles: ClassVar = {}


@pytest.fixture
def run(tmp_path):
    return Run.open(tmp_path, "diag", resolve(Demo, {"n_aug": 50}), device="cpu (test)")


def add(run, **columns):
    run.add(run.result(**{"method": "diag", "regime": "zero_shot", "seed": 0, "metric": "ap", "value": 0.5, **columns}))


def test_the_folder_says_what_differs_from_the_defaults(tmp_path):
    run = Run.open(tmp_path, "diag", resolve(Demo, {"n_aug": 50, "profile": "smoke", "data_root": "/far/away/ks dd"}))
    assert run.path.parent == tmp_path / "diag"
    assert run.path.name.startswith("smoke-n_aug_50-data_root_ks-dd-")


def test_equal_settings_share_a_folder_and_others_do_not(tmp_path, run):
    assert Run.open(tmp_path, "diag", resolve(Demo, {"n_aug": "50"})).path == run.path
    assert Run.open(tmp_path, "diag", resolve(Demo, {})).path != run.path
    assert Run.open(tmp_path, "other", resolve(Demo, {"n_aug": 50})).path != run.path


def test_where_to_compute_and_to_write_makes_no_other_run(tmp_path, run):
    with run.step("train"):
        pass
    again = Run.open(tmp_path, "diag", resolve(Demo, {"n_aug": 50, "device": "cuda:1", "out": "/far"}), "NVIDIA")
    assert again.path == run.path and again.path.name.startswith("laptop-n_aug_50-") and "cuda" not in again.path.name
    with again.step("train") as todo:
        assert not todo
    assert again.parameters["device"] == "cuda:1" == json.loads((again.path / "parameters.json").read_text())["device"]
    assert again.provenance()["device"] == "NVIDIA"
    assert again.provenance()["command"].endswith("-p n_aug 50 -r device cuda:1 -r out /far")


def test_plain_settings_will_do(tmp_path):
    run = Run.open(tmp_path, "my notes", {"n": (1, 2)})
    assert run.path.parent.name == "my-notes" and run.path.name.startswith("n_1_2-")


def test_a_long_list_of_settings_stays_a_valid_name(tmp_path):
    run = Run.open(tmp_path, "diag", {f"name{i}": "v" * 50 for i in range(20)})
    assert len(run.path.name) <= 75


def test_parameters_and_provenance_are_written_at_once(run):
    assert json.loads((run.path / "parameters.json").read_text())["n_aug"] == 50
    record = run.provenance()
    assert record["command"] == "papermill notebooks/diag.ipynb out.ipynb -p n_aug 50"
    assert record["finished"] is None and record["device"] == "cpu (test)"
    assert record["packages"]["numpy"] == np.__version__ and len(record["source"]) == 12


def test_a_finished_run_adds_up_its_seconds(tmp_path, run, monkeypatch):
    monkeypatch.setattr(runs.time, "time", lambda: run.started + 10)
    run.finish()
    first = run.provenance()
    again = Run.open(tmp_path, "diag", resolve(Demo, {"n_aug": 50}))
    monkeypatch.setattr(runs.time, "time", lambda: again.started + 5)
    again.finish()
    second = again.provenance()
    assert first["finished"] and first["seconds"] == 10 and second["seconds"] == 15
    assert second["started"] == first["started"]


def test_a_result_takes_its_columns_from_the_run(run):
    add(run)
    (row,) = run.results().to_dict("records")
    assert (row["notebook"], row["dataset"], row["n_aug"], row["profile"]) == ("diag", "surfaces", 50, "laptop")


def test_results_are_added_without_duplicates(run):
    add(run, value=0.1)
    add(run, seed=1)
    add(run, value=0.7)
    run.add([])
    assert run.results()["value"].tolist() == [0.7, 0.5]


def test_a_table_comes_back_as_it_was(run):
    table = pd.DataFrame({"x": [0.1 + 0.2, 1e-300], "name": ["é", "b"]})
    run.write_table("pr/curve", table)
    pd.testing.assert_frame_equal(run.read_table("pr/curve"), table)


def test_a_table_that_is_not_there_is_named_beside_those_that_are(run):
    run.write_table("there", pd.DataFrame({"x": [1]}))
    with pytest.raises(FileNotFoundError, match="no table 'absent' in .*; there: there"):
        run.read_table("absent")


def test_a_figure_is_saved_in_both_formats_and_the_same_each_time(run):
    figure = matplotlib.figure.Figure()
    figure.subplots().plot([0, 1])
    path = run.save_figure("pr curve", figure)
    assert path.name == "pr-curve.png" and path.with_suffix(".svg").is_file()


def test_a_step_is_done_once(run):
    done = []
    for _ in range(3):
        with run.step("train/diag", {"seed": 0}) as todo:
            done.append(todo)
    assert done == [True, False, False]


def test_a_step_that_fails_is_done_again(run):
    with pytest.raises(RuntimeError), run.step("train") as todo:
        raise RuntimeError("killed")
    with run.step("train") as todo:
        assert todo


def test_a_step_with_other_inputs_is_done_again(run):
    for inputs, expected in [({"seed": 0}, True), ({"seed": 1}, True), ({"seed": 1}, False), ({"seed": 0}, True)]:
        with run.step("train", inputs) as todo:
            assert todo is expected


def test_a_failed_repetition_leaves_no_mark_of_the_old_one(run):
    with run.step("train", {"seed": 0}):
        pass
    with pytest.raises(RuntimeError), run.step("train", {"seed": 1}):
        raise RuntimeError("killed")
    with run.step("train", {"seed": 0}) as todo:
        assert todo


def test_a_step_is_done_again_when_the_code_it_depends_on_changed(run, monkeypatch):
    with run.step("train"), run.step("words", rooms=()):
        pass
    monkeypatch.setattr(runs, "source_hash", lambda rooms: "another")
    with run.step("train") as train, run.step("words", rooms=()) as words:
        assert train and not words


def test_a_step_that_names_its_rooms_outlives_an_edit_of_another_room(tmp_path, run, monkeypatch):
    for room in ("data", "synthesis"):
        (tmp_path / "package" / room).mkdir(parents=True)
        (tmp_path / "package" / room / "a.py").write_text("x = 1")
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "package")
    monkeypatch.setattr(runs, "source_hash", provenance.source_hash.__wrapped__)  # an edit is seen at once

    def todo(room):
        with run.step(f"of {room}", rooms=[room]) as answer:
            return answer

    assert todo("data") and todo("synthesis")
    (tmp_path / "package" / "synthesis" / "a.py").write_text("x = 2")
    assert not todo("data") and todo("synthesis")


def test_a_step_and_a_table_of_a_room_that_is_not_there_are_refused(run):
    with pytest.raises(ValueError, match="no module or sub-package 'kitchen'"), run.step("cook", rooms=("kitchen",)):
        pass
    with pytest.raises(ValueError, match="no module or sub-package 'kitchen'"):
        run.table("menu", pd.DataFrame, rooms=("kitchen",))


def test_steps_of_similar_names_are_told_apart(run):
    with run.step("a/b"), run.step("a-b") as todo:
        assert todo


def test_a_computed_table_is_made_once(run):
    made = []

    def make():
        made.append(1)
        return pd.DataFrame({"x": [1]})

    assert run.table("curve", make).equals(run.table("curve", make)) and made == [1]
    (run.path / "tables" / "curve.csv").unlink()
    run.table("curve", make)
    assert made == [1, 1]


def test_results_of_all_runs_are_collected(tmp_path, run):
    assert collect_results(tmp_path).empty
    add(run)
    add(Run.open(tmp_path, "ddpm", resolve(Demo, {})))
    table = collect_results(tmp_path)
    assert sorted(table["notebook"]) == ["ddpm", "diag"] and table["run"].str.startswith(("ddpm/", "diag/")).all()


def test_the_latest_run_is_the_one_opened_last(tmp_path, run):
    other = Run.open(tmp_path, "diag", resolve(Demo, {}))
    assert latest_run(tmp_path, "diag") == other.path
    Run.open(tmp_path, "diag", resolve(Demo, {"n_aug": 50}))
    assert latest_run(tmp_path, "diag") == run.path and latest_run(tmp_path, "none") is None


def test_a_fingerprint_knows_no_order_and_no_tuple():
    assert fingerprint({"a": (1, 2), "b": np.float64(0.5)}) == fingerprint({"b": 0.5, "a": [1, 2]})


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.atomic_path(path) as partial:
        partial.write_text("half")
        raise RuntimeError("killed")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_broken_json_file_is_named(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ValueError, match=r"a\.json is not JSON"):
        files.read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(ValueError, match="expected a JSON object, found list"):
        files.read_json(tmp_path / "a.json")


def test_what_json_cannot_hold_is_refused(tmp_path):
    with pytest.raises(TypeError, match="cannot store set as JSON"):
        files.write_json(tmp_path / "a.json", {"a": {1}})


def _write_rows(root, number):
    run = Run.open(root, "diag", {"dataset": "surfaces", "profile": "smoke", "n_aug": number})
    for seed in range(5):
        add(run, seed=seed)
    run.finish()


def test_two_processes_in_different_runs_do_not_disturb_each_other(tmp_path):
    context = get_context("fork")
    workers = [context.Process(target=_write_rows, args=(tmp_path, number)) for number in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert collect_results(tmp_path).groupby("n_aug").size().to_dict() == {1: 5, 2: 5}


def test_the_source_hash_sees_a_change_of_code_but_not_of_line_endings(tmp_path, monkeypatch):
    (tmp_path / "room").mkdir()
    code = tmp_path / "room" / "a.py"
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    hashes = []
    for text in (b"x = 1\n", b"x = 1\r\n", b"x = 2\n"):
        code.write_bytes(text)
        provenance.source_hash.cache_clear()
        hashes.append(provenance.source_hash(("room",)))
    provenance.source_hash.cache_clear()
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_room_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="no module or sub-package 'kitchen' in defectlab"):
        provenance.source_hash(("kitchen",))


def test_a_checkout_that_git_cannot_read_has_an_unknown_commit(tmp_path, monkeypatch):
    (tmp_path / ".git").mkdir()
    monkeypatch.setattr(provenance, "checkout_dir", lambda: tmp_path)
    provenance.git_state.cache_clear()
    assert provenance.git_state() == ("unknown", False)
    provenance.git_state.cache_clear()


def test_the_command_can_be_pasted_into_a_shell():
    command = provenance.papermill_command("diag", {"prompts": "a 'deep' crack", "seeds": [0, 1]})
    assert command == "papermill notebooks/diag.ipynb out.ipynb -r prompts \"a 'deep' crack\" -p seeds '[0, 1]'"

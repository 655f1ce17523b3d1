import json

import pytest

from defectlab import cli, doctor
from defectlab.data.entries import ENTRIES
from defectlab.doctor import GIB, Weights, find_data, find_weights, recommend


@pytest.mark.parametrize(
    ("device", "gib", "cores", "profile"),
    [
        ("cpu", 16, 2, "laptop"),
        ("cpu", 4, 8, "smoke"),
        ("cpu", 64, 1, "smoke"),
        ("mps", 16, 8, "laptop"),
        ("cuda", 80, 16, "paper"),
        ("cuda:0", 6, 2, "laptop"),
    ],
)
def test_the_profile_fits_the_machine(device, gib, cores, profile):
    assert recommend(device, gib * GIB, cores) == profile


def test_the_report_says_what_there_is(capsys):
    assert cli.main(["doctor"]) == 0
    text = capsys.readouterr().out
    for title in ("machine", "packages", "data", "weights", "recommended profile: "):
        assert f"\n{title}" in f"\n{text}"
    assert "torchmetrics" in text and "kolektor_sdd" in text and "sdxl" in text


def test_the_report_is_json_on_request(capsys):
    assert cli.main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["profile"] in ("smoke", "laptop", "paper") and report["device"]["cores"] >= 1
    assert report["packages"]["torch"] and {"name", "path", "note"} == report["data"][0].keys()


def test_data_that_are_there_are_shown_with_their_folder(tmp_path, monkeypatch):
    (tmp_path / "KolektorSDD2").mkdir()
    (tmp_path / "magnetic-tile").mkdir()
    monkeypatch.setenv("DEFECTLAB_DATA", str(tmp_path))
    paths = {found.name: found.path for found in find_data()}
    assert paths["ksdd2"] == str(tmp_path / "KolektorSDD2")
    assert paths["magnetic_tile"] == str(tmp_path / "magnetic-tile")
    assert paths["kolektor_sdd"] is None


def test_every_data_set_of_the_registry_that_is_read_from_files_is_looked_for():
    read = {name for name, entry in ENTRIES.items() if not entry.made and not entry.own}
    assert {found.name for found in find_data()} == read
    assert {"ksdd2", "kolektor_sdd", "magnetic_tile", "dtd"} <= read


def test_weights_under_the_weights_folder_are_found(tmp_path, monkeypatch):
    (tmp_path / "owner--model").mkdir()
    monkeypatch.setenv("DEFECTLAB_WEIGHTS", str(tmp_path))
    assert find_weights(Weights("x", "tests", "owner/model")).path == str(tmp_path / "owner--model")


def test_weights_in_the_cache_of_the_hub_are_found(tmp_path, monkeypatch):
    snapshot = tmp_path / "model.safetensors"
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda repo, file: str(snapshot))
    assert find_weights(Weights("x", "tests", "owner/model", "model.safetensors")).path == str(tmp_path)


def test_weights_that_are_nowhere_say_how_they_are_looked_for(monkeypatch):
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda repo, file: None)
    hub = find_weights(Weights("x", "tests", "owner/model", "model.safetensors"))
    assert hub.path is None and hub.note == "tests; fetched as owner/model when asked for"
    assert find_weights(Weights("x", "tests", "file.pth")).note == "tests; looked for as file.pth"


def test_shipped_weights_are_those_with_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor.defectlab, "__file__", str(tmp_path / "__init__.py"))
    shipped = Weights("pocket", "tests", shipped="pocket")
    assert find_weights(shipped).path is None
    (tmp_path / "pocket").mkdir()
    (tmp_path / "pocket" / "model.safetensors").touch()
    assert find_weights(shipped).path == str(tmp_path / "pocket")


def test_the_doctor_needs_no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr("socket.socket.connect", refuse)
    assert doctor.examine()["weights"]

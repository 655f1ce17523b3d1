import numpy as np
import pytest
from PIL import Image

from defectlab.cli import main
from defectlab.data.registry import ENTRIES


@pytest.fixture
def photos(tmp_path):
    """A user's folder with a space and an umlaut in its path, four good and four defective images with masks."""
    root = tmp_path / "meine Bilder ä"
    rng = np.random.default_rng(0)
    for kind in ("good", "defect"):
        (root / kind).mkdir(parents=True)
        for i in range(4):
            Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(root / kind / f"{kind}{i}.png")
    (root / "masks").mkdir()
    for i in range(4):
        Image.fromarray(np.eye(20, 30, dtype=np.uint8) * 255).save(root / f"masks/defect{i}.png")
    return root


def test_list_names_every_data_set_with_its_terms(capsys):
    assert main(["data", "list"]) == 0
    text = capsys.readouterr().out
    assert all(f"{entry.name}\n  {entry.title}\n  licence: {entry.licence}" in text for entry in ENTRIES.values())
    assert "official counts, normal + defective: train 2085 + 246, test 894 + 110" in text
    assert "not found" in text


def test_list_says_where_a_data_set_was_found(capsys, tmp_path, monkeypatch):
    (tmp_path / "KolektorSDD2").mkdir()
    monkeypatch.setenv("DEFECTLAB_DATA", str(tmp_path))
    main(["data", "list"])
    assert f"found at {tmp_path / 'KolektorSDD2'}" in capsys.readouterr().out


def test_where_says_how_to_get_what_is_missing(capsys):
    assert main(["data", "where"]) == 0
    text = capsys.readouterr().out
    assert f"ksdd2: not found\n  {ENTRIES['ksdd2'].how_to_get}" in text
    assert "surfaces: made by the program" in text and "Looked for in DEFECTLAB_DATA" in text


def test_where_of_one_data_set_is_its_folder_alone(capsys, tmp_path, monkeypatch):
    (tmp_path / "Magnetic-Tile-Defect").mkdir()
    monkeypatch.setenv("DEFECTLAB_DATA", str(tmp_path))
    assert main(["data", "where", "magnetic_tile"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'Magnetic-Tile-Defect'}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["where", "ksdd2"], "data set 'ksdd2' was not found"),
        (["where", "ksdd"], "unknown data set 'ksdd'; did you mean 'ksdd2'?"),
        (["check", "kolektor_sdd"], "data set 'kolektor_sdd' was not found"),
        (["check", "folder"], "give their folder"),
        (["check", "folder", "--bound", "2"], "bound is a correlation in (0, 1], got 2.0"),
    ],
)
def test_what_a_user_can_mend_is_one_message_and_exit_code_2(words, message, capsys):
    assert main(["data", *words]) == 2
    assert message in capsys.readouterr().err


def test_check_of_sound_files_ends_with_0(photos, capsys):
    assert main(["data", "check", "folder", "--root", str(photos)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"folder at {photos}\n")
    assert captured.out.endswith("folder: no errors, no warnings\n") and captured.err == ""


def test_check_of_a_broken_file_ends_with_1_and_names_it(photos, capsys):
    (photos / "good/good2.png").write_bytes(b"")
    assert main(["data", "check", "folder", "--root", str(photos)]) == 1
    text = capsys.readouterr().out
    assert "error: unreadable image:" in text and "good2.png" in text and "1 error" in text


def test_check_can_name_all_files_and_write_a_datasheet(photos, capsys, tmp_path):
    for i in range(12):
        Image.fromarray(np.full((4, 4), i, np.uint8)).save(photos / f"spare{i}.png")
    words = ["data", "check", "folder", "--root", str(photos)]
    main(words)
    assert "and 2 more" in capsys.readouterr().out
    assert main([*words, "--all-files", "--datasheet", str(tmp_path / "sheets/mine.md")]) == 0
    text = capsys.readouterr().out
    assert "more" not in text and f"datasheet: {tmp_path / 'sheets/mine.md'}" in text
    assert (tmp_path / "sheets/mine.md").read_text(encoding="utf-8").startswith("# Your own images\n")


def test_a_datasheet_that_is_a_folder_is_refused_before_the_check(photos, capsys, tmp_path):
    assert main(["data", "check", "folder", "--root", str(photos), "--datasheet", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert "--datasheet" in captured.err and captured.out == ""


def test_data_alone_shows_its_commands(capsys):
    with pytest.raises(SystemExit):
        main(["data"])
    text = capsys.readouterr().out
    assert all(f"    {word} " in text for word in ("list", "check", "where"))

import pytest

from defectlab import paths


@pytest.fixture
def data_root(tmp_path, monkeypatch):
    root = tmp_path / "données brutes"
    root.mkdir()
    monkeypatch.setenv("DEFECTLAB_DATA", str(root))
    return root


def test_an_argument_wins_over_the_environment(tmp_path, data_root):
    (data_root / "ksdd2").mkdir()
    mine = tmp_path / "mine" / "ksdd2"
    mine.mkdir(parents=True)
    assert paths.resolve_data("ksdd2", mine.parent) == mine


def test_an_argument_may_be_the_folder_of_the_data_set_itself(tmp_path):
    assert paths.resolve_data("ksdd2", tmp_path) == tmp_path


def test_the_environment_wins_over_the_cache(data_root):
    cached = paths.cache_dir() / "data" / "ksdd2"
    cached.mkdir(parents=True)
    assert paths.resolve_data("ksdd2") == cached
    (data_root / "ksdd2").mkdir()
    assert paths.resolve_data("ksdd2") == data_root / "ksdd2"


@pytest.mark.parametrize("folder", ["magnetic-tile", "Magnetic Tile", "MAGNETIC_TILE"])
def test_case_hyphens_and_spaces_of_a_folder_do_not_matter(data_root, folder):
    (data_root / folder).mkdir()
    assert paths.resolve_data("magnetic_tile") == data_root / folder


def test_an_exact_name_comes_before_a_similar_one(data_root):
    (data_root / "KSDD2").mkdir()
    (data_root / "ksdd2").mkdir()
    assert paths.resolve_data("ksdd2").name == "ksdd2"


def test_the_official_name_of_a_folder_is_looked_for_too(data_root):
    (data_root / "KolektorSDD2").mkdir()
    assert paths.resolve_data("ksdd2", folders=["KolektorSDD2"]) == data_root / "KolektorSDD2"


def test_a_file_of_that_name_is_not_the_data_set(data_root):
    (data_root / "ksdd2").write_text("")
    with pytest.raises(paths.MissingPathError):
        paths.resolve_data("ksdd2")


def test_missing_data_are_reported_with_places_and_a_way_out(data_root):
    with pytest.raises(paths.MissingPathError) as caught:
        paths.resolve_data("ksdd2")
    text = str(caught.value)
    assert str(data_root) in text and str(paths.cache_dir() / "data") in text
    assert "data_root" in text and "DEFECTLAB_DATA" in text and "defectlab data where" in text


def test_an_unset_variable_is_named_in_the_error():
    with pytest.raises(paths.MissingPathError, match="DEFECTLAB_DATA is not set"):
        paths.resolve_data("ksdd2")


def test_a_data_root_that_is_not_there_is_an_error_even_if_the_cache_has_the_data(tmp_path):
    (paths.cache_dir() / "data" / "ksdd2").mkdir(parents=True)
    with pytest.raises(
        paths.MissingPathError, match="data_root: .*nowhere is not there, expected the folder of 'ksdd2'"
    ):
        paths.resolve_data("ksdd2", tmp_path / "nowhere")


def test_an_empty_data_root_counts_as_unset(data_root):
    (data_root / "ksdd2").mkdir()
    assert paths.resolve_data("ksdd2", "") == data_root / "ksdd2"


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "sets" / "ksdd2").mkdir(parents=True)
    assert paths.resolve_data("ksdd2", "~/sets") == tmp_path / "sets" / "ksdd2"


def test_a_relative_environment_variable_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEFECTLAB_CACHE", "here")
    assert paths.cache_dir() == tmp_path / "here"


def test_weights_are_found_by_path_name_and_suffix(tmp_path, monkeypatch):
    root = tmp_path / "weights"
    (root / "owner--model").mkdir(parents=True)
    (root / "resnet50.safetensors").write_bytes(b"")
    monkeypatch.setenv("DEFECTLAB_WEIGHTS", str(root))
    assert paths.resolve_weights(root / "owner--model") == root / "owner--model"
    assert paths.resolve_weights("resnet50") == root / "resnet50.safetensors"
    assert paths.resolve_weights("owner/model") == root / "owner--model"


def test_missing_weights_name_every_place(tmp_path):
    with pytest.raises(paths.MissingPathError, match="DEFECTLAB_WEIGHTS") as caught:
        paths.resolve_weights("inception")
    assert str(paths.cache_dir() / "weights") in str(caught.value)


def test_the_cache_follows_the_platform_where_nothing_is_set(tmp_path, monkeypatch):
    monkeypatch.delenv("DEFECTLAB_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert paths.cache_dir() == tmp_path / "defectlab"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(paths.sys, "platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert paths.cache_dir() == tmp_path / "me" / ".cache" / "defectlab"


def test_runs_go_where_the_argument_or_the_variable_says(tmp_path, monkeypatch):
    monkeypatch.setenv("DEFECTLAB_RUNS", str(tmp_path / "a"))
    assert paths.runs_dir() == tmp_path / "a"
    assert paths.runs_dir(tmp_path / "b") == tmp_path / "b"


def test_runs_go_to_the_checkout_or_to_the_cache_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("DEFECTLAB_RUNS")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(paths, "checkout_dir", lambda: tmp_path / "clone")
    assert paths.runs_dir() == tmp_path / "clone" / "runs"
    monkeypatch.setattr(paths, "checkout_dir", lambda: None)
    assert paths.runs_dir() == paths.cache_dir() / "runs"

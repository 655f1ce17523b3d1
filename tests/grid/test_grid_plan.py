"""A grid file becomes the right cells, whatever else was asked for before."""

import json
from itertools import product

import pytest
import yaml

from defectlab.grid.jobs import Cell, FineTune, ImageSet, log_path, mark_path
from defectlab.grid.loading import grid_file, load_grid, workflow_dir
from defectlab.grid.plan import Grid


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("DEFECTLAB_RUNS", str(tmp_path / "a run store"))
    monkeypatch.delenv("DEFECTLAB_PROFILE", raising=False)


def small(**changes):
    values = {"paper": "in_and_out", "methods": ["memseg"], "n_aug": [4], "regimes": ["zero_shot"], "seeds": [0]}
    return Grid.from_mapping({**values, **changes})


def test_the_grid_of_in_and_out_has_the_108_trainings_of_its_tables_and_four_without_synthetic_images():
    grid = load_grid("in_and_out")
    bare = [cell for cell in grid.cells if cell.method == "none"]
    assert len(grid.cells) == 112 and len(set(grid.cells)) == 112
    assert bare == [Cell("none", "full_shot", 0, seed) for seed in range(4)]
    wanted = product(
        ("memseg", "ddpm", "in_and_out"), ("zero_shot", "few_shot", "full_shot"), (80, 100, 120), (0, 1, 2, 3)
    )
    assert {cell for cell in grid.cells if cell.method != "none"} == {Cell(*values) for values in wanted}


def test_the_grid_of_diag_has_the_cells_of_tables_one_and_two_four_times():
    grid = load_grid("diag")
    assert len(grid.cells) == 2 * 3 * 2 * 4 + 4
    assert grid.fine_tunings == ()


def test_names_of_cells_and_marks_stay():
    cell = Cell("in_and_out", "few_shot", 80, 3)
    assert cell.id == "few_shot-in_and_out-80-3"
    assert mark_path(cell).as_posix() == "done/cells/few_shot-in_and_out-80-3.json"
    assert log_path(FineTune("full_shot", 2)).as_posix() == "logs/fine_tune/full_shot-2.log"
    assert ImageSet("memseg", "", 1, 120).id == "all-memseg-120-1"


def test_every_job_has_a_name_of_its_own_that_a_file_can_have():
    jobs = load_grid("in_and_out", methods=["memseg", "ddpm", "in_and_out", "diag"]).jobs
    names = [(job.kind, job.id) for job in jobs]
    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").replace("_", "").isalnum() for _, name in names)


def test_a_wider_grid_has_the_folder_of_the_narrow_one_and_all_its_cells():
    narrow, wide = small(), small(methods=["memseg", "ddpm"], n_aug=[4, 6], seeds=[0, 1], baselines=["few_shot"])
    assert narrow.folder == wide.folder
    assert set(narrow.cells) <= set(wide.cells)


def test_other_parameters_make_another_folder_but_a_place_of_the_data_does_not(tmp_path):
    assert small().folder == tmp_path / "a run store" / "grids" / "in_and_out-laptop-surfaces"
    assert small(parameters={"epochs": 2}).folder != small().folder
    assert small(parameters={"epochs": 2}).folder != small(parameters={"epochs": 3}).folder
    assert small(parameters={"data_root": "/somewhere", "device": "cpu"}).folder == small().folder


def test_a_cell_waits_for_the_sets_of_its_own_seed_and_regime():
    grid = load_grid("in_and_out")
    assert set(grid.needs(Cell("in_and_out", "few_shot", 80, 2))) == {
        ImageSet("ddpm", "few_shot", 2, 120),
        ImageSet("memseg", "", 2, 120),
    }
    assert grid.needs(Cell("none", "full_shot", 0, 0)) == ()
    assert grid.needs(ImageSet("ddpm", "few_shot", 2, 120)) == (FineTune("few_shot", 2),)
    assert grid.needs(FineTune("few_shot", 2)) == (FineTune("few_shot", 0),)
    assert grid.needs(ImageSet("memseg", "", 2, 120)) == ()


def test_jobs_stand_after_those_that_they_need():
    grid = load_grid("in_and_out")
    places = {job: place for place, job in enumerate(grid.jobs)}
    assert all(places[need] < places[job] for job in grid.jobs for need in grid.needs(job))


def test_the_saved_grid_is_the_grid(tmp_path):
    grid = small(parameters={"prompts": ["a crack"]}, seeds=[0, 3])
    again = load_grid(grid.save())
    assert again.cells == grid.cells and again.folder == grid.folder
    assert json.loads((grid.folder / "grid.json").read_text())["parameters"] == {"prompts": ["a crack"]}


def test_a_grid_is_found_by_its_file(tmp_path):
    path = tmp_path / "my grid.yaml"
    path.write_text(yaml.safe_dump(small(seeds=[5]).as_dict() | {"methods": ["memseg"], "parameters": {}}))
    assert load_grid(path).seeds == (5,)


def test_changes_take_the_place_of_the_file_and_parameters_are_added(tmp_path):
    path = tmp_path / "grid.json"
    path.write_text(json.dumps({**GIVEN, "parameters": {"epochs": 3, "scale": 0.1}}))
    grid = load_grid(path, seeds=[7], profile="smoke", dataset=None, parameters={"epochs": 1})
    assert (grid.seeds, grid.profile, grid.dataset) == ((7,), "smoke", "surfaces")
    assert grid.parameters == {"epochs": 1, "scale": 0.1}


GIVEN = {"paper": "diag", "methods": ["memseg"], "n_aug": [4], "regimes": ["zero_shot"], "seeds": [0]}


def test_the_environment_sets_the_profile_as_it_does_for_notebooks(monkeypatch):
    monkeypatch.setenv("DEFECTLAB_PROFILE", "smoke")
    assert load_grid("in_and_out", profile="paper").profile == "smoke"


def test_values_of_the_command_line_of_snakemake_are_taken_as_lists():
    grid = small(n_aug="80,100", seeds=0, methods="memseg ddpm")
    assert (grid.n_aug, grid.seeds, grid.methods) == ((80, 100), (0,), ("memseg", "ddpm"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"paper": "inandout"}, "unknown paper 'inandout'; did you mean 'in_and_out'"),
        ({"methods": ["memsec"]}, "unknown method 'memsec'; did you mean 'memseg'"),
        ({"methods": ["none"]}, "unknown method 'none'"),
        ({"regimes": ["zero-shot"]}, "unknown regime 'zero-shot'; did you mean 'zero_shot'"),
        ({"profile": "big"}, "unknown profile 'big'"),
        ({"n_aug": [80, 80]}, "n_aug: expected each once"),
        ({"n_aug": ["many"]}, "n_aug: expected whole numbers"),
        ({"n_aug": [1]}, "n_aug of at least 2"),
        ({"seeds": []}, "seeds missing"),
        ({"seeds": [-1]}, "seeds and gpus of at least 0"),
        ({"baselines": ["zero_shot"]}, "zero_shot has no positives at all"),
        ({"parameters": {"regime": "few_shot", "epochs": 3}}, "parameters: regime belongs to the grid"),
        ({"method": ["memseg"]}, "unknown key of a grid 'method'; did you mean 'methods'"),
    ],
)
def test_what_cannot_be_a_grid_is_said_with_a_way_to_mend_it(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes)


def test_an_unknown_grid_is_answered_with_those_there_are():
    with pytest.raises(FileNotFoundError, match="no grid 'moco'.*diag, in_and_out"):
        load_grid("moco")


def test_a_file_that_is_no_grid_is_named(tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text("- 1\n- 2\n")
    with pytest.raises(ValueError, match=r"grid\.yaml: expected the keys of a grid, found list"):
        load_grid(path)
    path.write_text("a: [")
    with pytest.raises(ValueError, match="is not YAML"):
        load_grid(path)


def test_an_unknown_job_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="unknown job.*did you mean 'zero_shot-memseg-80-0'"):
        load_grid("in_and_out").job("cells", "zero_shot-memseg-8-0")


def test_the_grid_of_one_cell_has_the_same_folder():
    grid = load_grid("in_and_out")
    cell = Cell("memseg", "zero_shot", 6, 9)
    assert grid.narrowed(cell).cells == (cell,)
    assert grid.narrowed(cell).folder == grid.folder
    bare = Cell("none", "few_shot", 0, 1)
    assert bare in grid.narrowed(bare).cells
    with pytest.raises(ValueError, match="unknown method"):
        grid.narrowed(Cell("gan", "zero_shot", 6, 9))


@pytest.mark.parametrize("path", sorted(workflow_dir().glob("grids/*.yaml")), ids=lambda path: path.stem)
def test_each_grid_of_the_checkout_is_named_after_its_paper(path):
    assert load_grid(path).paper == path.stem and grid_file(path.stem) == path

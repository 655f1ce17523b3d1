import pytest

from defectlab import cli
from defectlab.experiments.ddpm_moco_data import load_classes
from defectlab.experiments.ddpm_moco_study import moco_settings, plan, study
from defectlab.experiments.ddpm_moco_study_parameters import StudyParameters
from defectlab.params import ParameterError, resolve
from defectlab.report.stored.grids import load_stored_grid, store_grid

TINY = {"profile": "smoke", "scale": 0.04, "steps": 2, "device": "cpu"}


def resolved(**values):
    return resolve(StudyParameters, {**TINY, **values})


def test_the_plan_crosses_all_axes_and_trains_a_baseline_once_for_all_batches():
    params = resolved(seeds=[0, 1])
    jobs = list(plan(params, load_classes("aluminium", size=32, scale=0.04)))
    assert len(jobs) == 2 * 2 * (2 + 2 * 2)
    assert len({(job.method, job.regime, job.seed) for job in jobs}) == len(jobs)
    first = jobs[0]
    assert (first.method, first.also) == ("untrained", ("test_resnet/single_class/plain/real",))
    assert len(first.train) == 8 * 8 and len(first.test) == 8
    assert {job.seed for job in jobs[: len(jobs) // 2]} == {0}
    single = [job for job in jobs if "/single_class/" in job.regime]
    assert {job.settings.batch_composition for job in single} == {"single_class"}


def test_transformers_are_trained_once_for_all_settings_of_batch_norm():
    params = resolved(backbones=["test_vit"], baselines=["untrained"])
    jobs = list(plan(params, load_classes("aluminium", size=32, scale=0.04)))
    assert {job.regime.split("/")[2] for job in jobs} == {"plain"} and len(jobs) == 3 * (1 + 2 * 2)


def test_steps_become_whole_epochs():
    params = resolved(steps=1000, batch_size=32, profile="laptop")
    assert moco_settings(params, "resnet10t", 1600).epochs == 20
    assert moco_settings(resolved(steps=1), "resnet10t", 1600).epochs == 1


def test_group_normalisation_has_a_rate_at_which_it_can_learn():
    params = resolved(profile="laptop", batch_norms=["plain", "group"], baselines=["supervised"])
    jobs = list(plan(params, load_classes("aluminium", size=32, scale=0.04)))
    assert {(job.settings.batch_norm, job.settings.lr) for job in jobs} == {("plain", 0.03), ("group", 0.01)}
    assert moco_settings(resolved(lr=0.2), "resnet10t", 1600, "group").lr == 0.2


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    said = []
    params = resolved(seeds=[0], batch_norms=["plain"], runs=str(tmp_path_factory.mktemp("runs")))
    return study(params, said.append), params, said


def test_a_study_says_what_comes_and_goes_on_where_it_was(finished):
    run, params, said = finished
    assert "6 trainings on 64 images of aluminium, tested on 8" in said[0] and "6/6 moco_improved" in said[-1]
    rows, again = run.results(), []
    assert study(params, again.append).results().equals(rows)
    assert "min left" in said[2] and not any("min left" in line for line in again)


def test_every_setting_has_both_losses_and_both_baselines(finished):
    rows = finished[0].results()
    maps = rows[rows["metric"] == "map_step"]
    assert len(maps) == 2 * 4 and set(maps["method"]) == {"untrained", "supervised", "moco_original", "moco_improved"}
    assert set(rows["notebook"]) == {"ddpm_moco_study"} and maps["value"].between(0, 1).all()


def test_a_finished_study_can_be_stored(finished, tmp_path):
    run = finished[0]
    with pytest.raises(ValueError, match="a smoke grid"):
        store_grid(run.path, "tiny", "Tiny", "A test.", tmp_path)
    for name in ("collected.json", "grid.csv"):
        text = (run.path / name).read_text().replace("smoke", "laptop")
        (tmp_path / name).write_text(text)
    store_grid(tmp_path, "tiny", "Tiny", "A test.", tmp_path)
    stored = load_stored_grid("tiny", tmp_path)
    assert stored.paper == "ddpm_moco_study" and stored.cells == 8
    assert stored.test_images == {"normal": 2, "defective": 6, "groups": 8}
    assert stored.command.startswith("""defectlab study ddpm_moco -p batch_norms '["plain"]' -p seeds '[0]'""")


def test_a_wrong_parameter_stops_before_anything_is_opened(tmp_path):
    with pytest.raises(ParameterError) as caught:
        resolved(losses=["improve"], seeds=[0, 0], runs=str(tmp_path / "runs"))
    assert "losses: expected one of original, improved, literal, got 'improve'" in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_the_command_line_lists_the_parameters(capsys):
    assert cli.main(["study", "ddpm_moco", "--list", "-p", "dataset", "magnetic_tile"]) == 0
    assert "magnetic_tile" in capsys.readouterr().out
    assert cli.main(["study", "ddpm_moco", "-p", "dataset", "tiles"]) == 2
    assert "dataset: expected one of aluminium, magnetic_tile, class_folders" in capsys.readouterr().err

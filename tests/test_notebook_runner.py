import subprocess
import sys

import nbformat
import pytest

from defectlab import cli, notebook_runner
from defectlab.notebook_runner import NotebookError, find_notebook, result_table, run_notebook
from defectlab.results import Result, to_frame

CODE = """
from defectlab.runs import Run
run = Run.open(None, "tiny", {"n_aug": n_aug, "dataset": "surfaces", "profile": "smoke", "regime": "zero_shot"})
for seed in (0, 1):
    run.add(run.result(method="diag", seed=seed, metric="ap_step", value=n_aug / 100 + seed / 10))
run.finish()
"""


@pytest.fixture
def tiny(tmp_path):
    """A notebook that stores two results."""
    cells = [
        nbformat.v4.new_code_cell("n_aug: int = 10  # images added", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("if n_aug < 0:\n    raise ValueError(f'n_aug: {n_aug} is negative')"),
        nbformat.v4.new_code_cell(CODE),
    ]
    path = tmp_path / "tiny.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_a_run_ends_with_the_table_and_the_paths(tiny, tmp_path, capfd):
    out = tmp_path / "mes résultats"
    assert cli.main(["run", str(tiny), "-p", "n_aug", "50", "--out", str(out)]) == 0
    text = capfd.readouterr().out
    assert "surfaces, zero_shot: method (synthetic positives), 2 seeds" in text
    assert "diag (50)" in text and "0.550 ± 0.071" in text
    (notebook,), (page,) = out.glob("*.ipynb"), out.glob("*.html")
    assert str(notebook) in text and str(page) in text and notebook.name.startswith("tiny-n_aug_50-")
    assert 'src="http' not in page.read_text().replace('src="https://cdnjs.cloudflare.com/ajax/libs/mathjax', "")


def test_a_notebook_that_raises_is_an_error_that_names_it(tiny, tmp_path):
    with pytest.raises(NotebookError, match=r"tiny\.ipynb: ValueError: n_aug: -1 is negative"):
        run_notebook(tiny, {"n_aug": -1}, tmp_path)


def test_the_kernel_is_quiet_about_itself_and_its_cells_are_heard(tmp_path):
    source = "import os, sys\nprint('heard')\nos.write(2, b'a line of a library')\nsys.stderr.write('said')"
    path = tmp_path / "toy.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), path)
    done = subprocess.run(
        [sys.executable, "-m", "defectlab", "run", str(path), "--out", str(tmp_path / "out")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "IPKernelApp" not in done.stdout + done.stderr and "encryption" not in done.stdout + done.stderr
    cell = nbformat.read(tmp_path / "out" / "toy.ipynb", 4).cells[0]
    assert {output.get("name") for output in cell.outputs} >= {"stdout", "stderr"}


def test_a_notebook_that_is_not_there_is_reported_with_those_that_are(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "diag.ipynb").write_text("{}")
    monkeypatch.setattr(notebook_runner, "checkout_dir", lambda: tmp_path)
    assert find_notebook("diag").name == find_notebook("diag.ipynb").name == "diag.ipynb"
    with pytest.raises(FileNotFoundError, match="no notebook 'dig' at .*; in notebooks/: diag"):
        find_notebook("dig")
    monkeypatch.setattr(notebook_runner, "checkout_dir", lambda: None)
    with pytest.raises(FileNotFoundError, match="not a source checkout"):
        find_notebook("diag")


@pytest.mark.parametrize(
    ("text", "value"), [("100", 100), ("1e2", 100.0), ("[0, 1]", [0, 1]), ("True", True), ("zero_shot", "zero_shot")]
)
def test_a_value_on_the_command_line_is_read_as_python_writes_it(text, value):
    assert notebook_runner.literal(text) == value


def test_the_table_has_a_column_for_each_method_and_number_of_images():
    def row(**columns):
        return Result("diag", dataset="surfaces", regime="few_shot", profile="smoke", metric="ap", **columns)

    rows = [row(method="none", n_aug=0, seed=0, value=0.25), row(method="diag", n_aug=9, seed=0, value=0.5)]
    lines = result_table(to_frame(rows)).splitlines()
    assert lines[0].endswith("1 seed")
    assert lines[1].split() == ["none", "(0)", "diag", "(9)"] and lines[2].split() == ["ap", "0.250", "0.500"]


def test_the_module_is_a_program_too():
    done = subprocess.run([sys.executable, "-m", "defectlab", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("defectlab ")

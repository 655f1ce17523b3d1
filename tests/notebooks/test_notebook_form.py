"""What holds for the source of every notebook: short cells, nothing defined, nothing stored, nothing typed by hand."""

import ast
import re
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from papermill.cli import papermill
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from defectlab.parameter_cells import check_parameters_cell, notebook_parameters_cell
from defectlab.params import Parameters, schema_fields

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
LINES = 20
TAGS = {"parameters", "hide-input", "hide-cell", "remove-cell", "nbval-ignore-output", "nbval-skip", "solution"}
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


@pytest.fixture
def schema(path):
    """The schema that the notebook resolves its parameters by."""
    module = import_module(f"defectlab.experiments.{path.stem}_parameters")
    (found,) = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Parameters) and value.__module__ == module.__name__
    ]
    return found


def sources(notebook, kind):
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def tags(cell):
    return cell.metadata.get("tags", [])


def test_the_parameters_cell_agrees_with_the_schema(path, schema):
    assert check_parameters_cell(schema, notebook_parameters_cell(path)) == []


def test_papermill_prints_every_parameter_with_its_meaning(path, schema):
    done = CliRunner().invoke(papermill, ["--help-notebook", str(path)])
    assert done.exit_code == 0, done.output
    shown = " ".join(done.output.split())
    for item in schema_fields(schema):
        assert re.search(rf"{item.name}: \w+ \(default", shown), f"{item.name} is not shown"
        assert item.metadata["help"] in shown, f"the meaning of {item.name} is not shown"


def test_it_is_valid_and_names_its_cells_after_itself(path, notebook):
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor >= 5) == (4, True)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(rf"{path.stem}-[a-z0-9-]{{1,32}}", cell_id) for cell_id in ids), ids
    assert notebook.metadata.kernelspec.name == "python3"


def test_names_of_cells_and_every_byte_outlive_reading_and_writing(path, notebook, tmp_path):
    nbformat.write(notebook, tmp_path / "again.ipynb")
    assert (tmp_path / "again.ipynb").read_bytes() == path.read_bytes()


def test_papermill_keeps_the_names_of_cells_and_adds_one(path, notebook):
    ids = [cell.id for cell in notebook.cells]
    given = parameterize_notebook(load_notebook_node(str(path)), {"seeds": [0]})
    (added,) = [cell for cell in given.cells if "injected-parameters" in tags(cell)]
    assert [cell.id for cell in given.cells if cell is not added] == ids and added.id not in ids


def test_it_stores_no_output_and_no_count(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None, cell.id


def test_cells_are_short(notebook):
    for cell in notebook.cells:
        lines = [line for line in cell.source.splitlines() if line.strip()]
        is_list = "parameters" in tags(cell) or any(line.startswith(("import ", "from ")) for line in lines)
        if cell.cell_type == "code" and not is_list:
            assert len(lines) <= LINES, f"{cell.id} has {len(lines)} lines"


def test_nothing_is_defined_and_nothing_is_caught(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            nodes = list(ast.walk(ast.parse(cell.source)))
            assert not [node for node in nodes if isinstance(node, (*DEFINITIONS, ast.Try))], cell.id


def test_imports_stand_in_one_cell(notebook):
    cells = [
        cell.id
        for cell in notebook.cells
        if cell.cell_type == "code"
        and any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(ast.parse(cell.source)))
    ]
    assert len(cells) == 1


def test_no_path_of_a_machine_is_in_it(path):
    text = path.read_text(encoding="utf-8")
    found = re.findall(r"(?<![\w.:/])(?:~/|[A-Z]:\\\\|/(?:home|Users|root|tmp|mnt|work|content)\b)[^\s\"\\]*", text)
    assert found == []


def test_tags_are_known_and_figures_hide_the_code_that_draws_them(notebook):
    used = [tag for cell in notebook.cells for tag in tags(cell)]
    assert set(used) <= TAGS and used.count("parameters") == 1
    for cell in notebook.cells:
        if cell.cell_type == "code" and "show(" in cell.source:
            assert "hide-input" in tags(cell), cell.id
            assert 'name="fig-' in cell.source and "caption=" in cell.source, cell.id


def test_no_result_is_typed_into_the_text(notebook):
    for text in sources(notebook, "markdown"):
        plain = re.sub(r"`[^`]*`|\{cite\w*\}`[^`]*`|\]\([^)]*\)", "", text)
        assert not re.findall(r"(?<![\w.])\d*\.\d{2,}\b", plain), text


def test_it_says_what_one_learns_needs_and_waits_for(notebook):
    first = notebook.cells[0].source
    assert first.startswith("# ") and all(
        word in first for word in ("**You will**", "**You need**", "**Time and hardware**")
    )
    text = "\n".join(sources(notebook, "markdown"))
    assert text.index("## Exercises") < text.index("## Key points")

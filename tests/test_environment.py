"""pyproject.toml, requirements.lock, environment.yml, CITATION.cff, Makefile and the workflows agree."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import defectlab

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def pinned():
    """Version of each package of the lock, by name."""
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    requirements = [Requirement(line) for line in lines]
    assert all(len(item.specifier) == 1 and str(item.specifier).startswith("==") for item in requirements)
    return {canonicalize_name(item.name): str(item.specifier)[2:] for item in requirements}


def asked_for():
    """What pyproject.toml asks for, without the extras that have environments of their own."""
    own = ("browser", "comparison")
    extras = [text for name, texts in PROJECT["optional-dependencies"].items() if name not in own for text in texts]
    return [Requirement(text) for text in PROJECT["dependencies"] + extras]


def targets():
    """Targets of the Makefile."""
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), flags=re.M))


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("requirement", asked_for(), ids=str)
def test_the_lock_pins_what_the_project_asks_for_within_its_bounds(requirement):
    pins = pinned()
    assert canonicalize_name(requirement.name) in pins
    assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])


def test_the_lock_is_complete():
    pins = pinned()
    missing = []
    for name in pins:
        try:
            needs = [Requirement(text) for text in distribution(name).requires or []]
        except PackageNotFoundError:  # for another platform
            continue
        missing += [
            f"{name} needs {need.name}"
            for need in needs
            if (need.marker is None or need.marker.evaluate({"extra": ""})) and canonicalize_name(need.name) not in pins
        ]
    assert missing == []


def test_the_lock_leaves_packages_of_gpu_drivers_to_linux():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    drivers = [Requirement(line) for line in lines if line.startswith(("nvidia-", "triton"))]
    assert drivers and all(item.marker == Marker('sys_platform == "linux"') for item in drivers)


def test_the_conda_environment_agrees_with_the_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = [item["pip"] for item in environment["dependencies"] if isinstance(item, dict)]
    assert "-r requirements.lock" in pip and "-e ." in pip
    named = [Requirement(text) for text in pip if not text.startswith("-")]
    pins = pinned()
    assert {item.name: str(item.specifier) for item in named} == {item.name: f"=={pins[item.name]}" for item in named}
    assert {item.name for item in named} == {canonicalize_name(item.name) for item in asked_for()}


def test_the_conda_environment_has_a_python_that_the_project_allows():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (python,) = [Requirement(text.replace("=", "==", 1)) for text in environment["dependencies"] if "python=" in text]
    (pin,) = python.specifier
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(pin.version)


def test_scipy_stays_below_what_pytorch_fid_needs():
    (scipy,) = [item for item in asked_for() if item.name == "scipy"]
    assert not scipy.specifier.contains("1.18.0") and scipy.specifier.contains("1.17.1")


def test_the_citation_names_the_version_and_licence_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == defectlab.__version__ and citation["license"] == PROJECT["license"]
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()


def test_the_changelog_starts_with_what_is_not_released():
    headings = re.findall(r"^## \[(.+)\]", (ROOT / "CHANGELOG.md").read_text(), flags=re.M)
    assert headings[0] in ("Unreleased", defectlab.__version__)


def test_the_makefile_has_the_targets_that_are_documented():
    assert {"help", "setup", "demo", "test", "lint", "book", "zip", "bench", "clean"} <= targets()


def test_continuous_integration_runs_make_test():
    script = (ROOT / ".ci" / "run").read_text()
    assert "set -euo pipefail" in script and "make test" in script
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_well_formed_and_runs_commands_that_exist(path):
    workflow = yaml.safe_load(path.read_text())
    assert {"name", "jobs"} <= workflow.keys() and True in workflow  # YAML reads the key `on` as true
    assert workflow["permissions"]["contents"] == "read"
    for job in workflow["jobs"].values():
        assert job["runs-on"] and job["steps"]
    for step in steps(workflow):
        assert ("uses" in step) != ("run" in step), step
        assert "uses" not in step or re.fullmatch(r"[\w.-]+/[\w.-]+@v\d+", step["uses"])
        made = re.findall(r"\bmake ((?:[a-z-]+ ?)+)", step.get("run", ""))
        assert all(target in targets() for line in made for target in line.split())


def test_the_workflows_test_each_change_publish_the_book_and_try_other_versions_weekly():
    loaded = {path.stem: yaml.safe_load(path.read_text()) for path in WORKFLOWS}
    assert {"push", "pull_request"} <= loaded["test"][True].keys()
    assert any(step.get("run") == ".ci/run" for step in steps(loaded["test"]))
    assert any("deploy-pages" in step.get("uses", "") for step in steps(loaded["book"]))
    assert "schedule" in loaded["weekly"][True]
    weekly = [step.get("run") for step in steps(loaded["weekly"])]
    assert weekly.index("make setup") < weekly.index("make unit notebooks book-smoke") < weekly.index("make book")


def test_other_versions_are_resolved_anew_and_not_taken_from_the_lock():
    (job,) = yaml.safe_load((ROOT / ".github" / "workflows" / "weekly.yml").read_text())["jobs"].values()
    (line,) = [
        line
        for step in steps({"jobs": {"weekly": job}})
        for line in step.get("run", "").splitlines()
        if "uv pip compile" in line
    ]
    assert "--upgrade" in line and "--output-file requirements.lock" in line
    extras = re.findall(r"EXTRAS = \((.*)\)", (ROOT / ".ci" / "lock.py").read_text())[0]
    assert set(re.findall(r"--extra (\w+)", line)) == set(re.findall(r'"(\w+)"', extras))
    assert {item["resolution"] for item in job["strategy"]["matrix"]["include"]} == {"highest", "lowest-direct"}


def test_a_tag_releases_the_zip_with_its_checksum():
    (job,) = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"].values()
    assert job["permissions"] == {"contents": "write"}
    script = "\n".join(step.get("run", "") for step in job["steps"])
    assert "make zip" in script and "sha256sum --check" in script
    assert re.search(r"gh release upload .*\.zip .*\.zip\.sha256", script)


def test_the_hooks_use_the_tools_of_the_lock():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in hooks["repos"]] == ["local"]
    assert all(hook["entry"].startswith(".venv/bin/") for repo in hooks["repos"] for hook in repo["hooks"])


def test_package_data_travel_with_the_wheel():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert not {"*.csv", "*.json", "*.safetensors", "*.md", "*.mplstyle"} & set(ignored)

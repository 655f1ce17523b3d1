"""The licence tables name every data set, every set of weights and every package that is required."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

import defectlab
from defectlab import doctor
from defectlab.data.entries import ENTRIES
from defectlab.detection.baselines.nearest import NearestSettings
from defectlab.detection.config import ClassifierConfig
from defectlab.detection.student_teacher.settings import StudentTeacherSettings
from defectlab.report.licences import COMMERCIAL, data_terms, dependencies, licence_of, licence_tables, weight_terms
from defectlab.report.terms import DATA_COMMERCIAL, DATA_LICENCES, NOT_STATED, WEIGHTS
from defectlab.synthesis import pipelines, text_to_image

NAMED = {name for terms in WEIGHTS for name in terms.names}


def test_every_data_set_of_the_registry_has_terms():
    assert set(DATA_COMMERCIAL) == set(ENTRIES)
    assert set(DATA_LICENCES) <= set(ENTRIES)
    table = data_terms()
    assert set(table["data set"]) >= {entry.title for entry in ENTRIES.values()}
    assert not table.isin(["", None]).any(axis=None)


@pytest.mark.parametrize(
    "registry",
    [
        {weights.name for weights in doctor.WEIGHTS},
        {weights.file for weights in doctor.WEIGHTS if weights.file},
        {*pipelines.SHORT_NAMES, *pipelines.SHORT_NAMES.values()},
        {*text_to_image.SHORT_NAMES, *text_to_image.SHORT_NAMES.values(), text_to_image.POCKET_SD},
        {ClassifierConfig().backbone, NearestSettings().backbone},
        {StudentTeacherSettings().teacher, StudentTeacherSettings().weights},
    ],
    ids=["doctor", "files", "inpainting", "text to image", "backbones", "teacher"],
)
def test_every_name_of_weights_in_a_registry_has_terms(registry):
    assert registry <= NAMED


def test_what_a_data_set_of_a_non_commercial_licence_allows_is_not_commercial_use():
    for name, entry in ENTRIES.items():
        licence = DATA_LICENCES.get(name, entry.licence)
        if licence.startswith("CC BY-NC"):
            assert DATA_COMMERCIAL[name].startswith("no"), name
    assert DATA_COMMERCIAL["mpdd"] == NOT_STATED
    assert weight_terms().set_index("weights").loc["Inception v3 for FID", COMMERCIAL] == NOT_STATED


def test_terms_that_say_nothing_are_refused():
    with pytest.raises(ValueError, match="terms of Stable Diffusion 1.5: nothing is said of licence"):
        replace(WEIGHTS[2], licence="")


def test_every_package_that_is_required_has_its_line():
    *_, code = (table.frame for table in licence_tables())
    project = tomllib.loads((Path(defectlab.__file__).parents[1] / "pyproject.toml").read_text())["project"]
    required = {re.split(r"[<>=!]", text)[0] for text in project["dependencies"]}
    assert code["package"].iloc[0] == "defectlab" and "MathJax" in code["package"].iloc[1]
    assert set(code["package"][2:]) <= required and len(code) > 15


def test_licences_are_read_from_the_metadata_in_a_few_words():
    known = dict(dependencies())
    assert "BSD" in known["numpy"] and all(known.values())
    assert licence_of("no-such-package") == "–"

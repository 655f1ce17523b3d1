"""The licence tables name every data set, every set of weights and every package that is required."""

import re
import tomllib
from pathlib import Path

import defectlab
from defectlab.data.entries import ENTRIES
from defectlab.report.licences import dependencies, licence_of, licence_tables


def test_every_data_set_and_every_package_has_its_line():
    data, weights, code = (table.frame for table in licence_tables())
    assert len(data) == len(ENTRIES) and (data["licence"] != "").all()
    assert weights["weights"].is_unique and (weights["terms"] != "").all()
    project = tomllib.loads((Path(defectlab.__file__).parents[1] / "pyproject.toml").read_text())["project"]
    required = {re.split(r"[<>=!]", text)[0] for text in project["dependencies"]}
    assert set(code["package"][1:]) <= required and len(code) > 15
    assert code["package"].iloc[0] == "defectlab"


def test_licences_are_read_from_the_metadata_in_a_few_words():
    known = dict(dependencies())
    assert "BSD" in known["numpy"] and all(known.values())
    assert licence_of("no-such-package") == "–"

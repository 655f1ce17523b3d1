import pandas as pd
import pytest
from contrastive_samples import contrastive_rows

from defectlab.files import write_json
from defectlab.report.contrastive_setting import ContrastiveSetting
from defectlab.report.stored.grids import COLLECTED, TABLE, store_grid
from defectlab.report.stored.studies import stored_loss_claims, stored_losses
from defectlab.results import COLUMNS


@pytest.fixture
def root(tmp_path):
    """One stored study of two settings: the improved loss loses in one and gains in the other."""
    parts = [
        contrastive_rows({"untrained": [0.3, 0.3], "moco_original": [0.6, 0.61], "moco_improved": improved}, setting)
        for setting, improved in (
            (ContrastiveSetting("resnet10t"), [0.3, 0.3]),
            (ContrastiveSetting("resnet10t", "single_class"), [0.7, 0.72]),
        )
    ]
    rows = pd.concat(parts, ignore_index=True).assign(notebook="ddpm_moco_study", n_aug=0)
    folder = tmp_path / "run"
    folder.mkdir()
    rows[COLUMNS].to_csv(folder / TABLE, index=False)
    record = {
        "paper": "ddpm_moco_study", "dataset": "surfaces", "profile": "laptop",
        "methods": ["untrained", "moco_original", "moco_improved"], "n_aug": [0],
        "regimes": list(dict.fromkeys(rows["regime"])), "seeds": [0, 1], "baselines": [], "parameters": {},
        "command": "defectlab study ddpm_moco", "commit": "abc1234", "device": "cpu", "cells": 12, "missing": [],
        "seconds": 60.0, "finished": "2026-01-01T00:00:00", "test_images": {},
    }  # fmt: skip
    write_json(folder / COLLECTED, record)
    store_grid(folder, "surfaces-losses", "The losses", "Small images.", tmp_path / "stored")
    return tmp_path / "stored"


def test_each_setting_of_a_stored_study_has_its_line(root):
    table = stored_losses(root=root)
    shown = table.frame[["data", "batches and normalisation", "verdict"]].to_dict("records")
    assert shown == [
        {
            "data": "surfaces",
            "batches and normalisation": "shuffled batches, plain BatchNorm",
            "verdict": "✗ not reproduced",
        },
        {
            "data": "surfaces",
            "batches and normalisation": "batches of one class, plain BatchNorm",
            "verdict": "✓ reproduced",
        },
    ]
    assert table.notes[0] == "Small images."


def test_claims_are_judged_setting_by_setting(root):
    frame = stored_loss_claims(root=root).frame
    assert set(frame["claim"]) == {"F9"} and len(frame) == 2 * 5
    place = "surfaces (batches of one class, plain BatchNorm, no generated images)"
    assert set(frame[frame["data and setting"] == place]["verdict"]) == {"✓ reproduced"}
    assert frame["here (95 %)"].iloc[-1].startswith("-0.3")


def test_nothing_stored_is_said_and_other_papers_have_no_study(tmp_path):
    assert stored_losses(root=tmp_path).frame["data"].tolist() == ["none stored"]
    assert stored_loss_claims(root=tmp_path).frame["claim"].tolist() == ["none stored"]
    with pytest.raises(ValueError, match="a study of its loss has ddpm_moco, got 'diag'"):
        stored_losses("diag")

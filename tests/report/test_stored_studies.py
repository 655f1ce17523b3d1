import matplotlib.pyplot as plt
import pandas as pd
import pytest
from contrastive_samples import contrastive_rows

from defectlab.files import write_json
from defectlab.report.contrastive_setting import ContrastiveSetting
from defectlab.report.stored.grids import COLLECTED, TABLE, store_grid
from defectlab.report.stored.histories import load_histories, store_histories
from defectlab.report.stored.studies import stored_collapse, stored_effect, stored_loss_claims, stored_losses
from defectlab.results import COLUMNS


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def history(key, regime, norm):
    """Two epochs of one training."""
    measures = {"alignment": 0.1, "uniformity": -1.0, "mean_norm": norm, "effective_rank": 4.0}
    more = {"lr": 0.1, "collapsed": "", "seconds": 1.0, "method": key, "regime": regime, "seed": 0}
    return pd.DataFrame([{"epoch": e, "loss": 1.2345678, **measures, **more} for e in (1, 2)])


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
    (folder / "tables").mkdir()
    for key, norm in (("moco_original", 0.5), ("moco_improved", 0.99987654)):
        for setting in dict.fromkeys(rows["regime"]):
            history(key, setting, norm).to_csv(
                folder / "tables" / f"history-{key}-{setting.replace('/', '-')}-0.csv", index=False
            )
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


def test_a_row_says_whether_the_papers_gain_is_excluded_and_how_far_the_encoder_began_from_one_point(root):
    lines = stored_losses(root=root).frame.to_dict("records")
    column = "excludes the paper's gain"
    assert [line[column] for line in lines] == ["yes, below it", "no"]  # -0.3 and +0.1, printed +0.146
    assert {line["norm, untrained"] for line in lines} == {"0.7000 ± 0.0000"}
    assert {line["collapsed"] for line in lines} == {"0 of 2"}
    claims = stored_loss_claims(root=root).frame
    assert set(claims[column]) == {"yes, below it", "no"}


def test_histories_are_stored_in_four_digits_and_begin_with_the_untrained_encoder(root):
    file = root / "surfaces-losses" / "histories.csv"
    lines = file.read_text().splitlines()
    assert lines[0] == "method,regime,seed,epoch,loss,alignment,uniformity,mean_norm,effective_rank"
    assert lines[1] == "moco_improved,resnet10t/shuffled/plain/real,0,1,1.235,0.1,-1,0.9999,4" and len(lines) == 1 + 8
    plot = stored_collapse("surfaces", "plain", root=root)
    assert plot.alt.startswith("surfaces: resnet10t, shuffled batches, plain BatchNorm. Measures of collapse by epoch.")
    assert "Dashed: the untrained encoder, norm of the mean embedding 0.70." in plot.alt
    assert "improved loss: +0.10" in stored_effect("surfaces", root=root).alt


def test_a_history_that_has_the_untrained_encoder_keeps_its_own(tmp_path):
    (tmp_path / "run" / "tables").mkdir(parents=True), (tmp_path / "stored").mkdir()
    begun = history("moco_original", "a/shuffled/plain/real", 0.5).assign(epoch=[0, 1], loss=[None, 1.0])
    begun.to_csv(tmp_path / "run" / "tables" / "history-a.csv", index=False)
    store_histories(tmp_path / "run", tmp_path / "stored")
    table = load_histories("stored", pd.DataFrame(), tmp_path)
    assert table[table["metric"] == "loss"]["epoch"].tolist() == [1]
    assert table[table["metric"] == "mean_norm"]["epoch"].tolist() == [0, 1]


def test_histories_too_large_for_the_package_are_refused_and_none_are_no_file(tmp_path, monkeypatch):
    (tmp_path / "tables").mkdir()
    assert store_histories(tmp_path, tmp_path) is None
    history("moco_original", "a", 0.5).to_csv(tmp_path / "tables" / "history-a.csv", index=False)
    monkeypatch.setattr("defectlab.report.stored.histories.LARGEST", 100)
    with pytest.raises(ValueError, match=r"its histories take \d+ bytes, at most 100 are stored"):
        store_histories(tmp_path, tmp_path)
    assert not (tmp_path / "histories.csv").exists()


def test_a_study_or_setting_that_is_not_stored_is_named(root):
    with pytest.raises(ValueError, match="no study of ddpm_moco on 'aluminium' is stored; there are: surfaces"):
        stored_effect("aluminium", root=root)
    with pytest.raises(ValueError, match="surfaces-losses has no histories of shuffled batches, group"):
        stored_collapse("surfaces", "group", root=root)


def test_the_improved_loss_of_the_packages_studies_has_collapsed_from_the_untrained_encoder_in_every_run():
    frame = stored_losses().frame
    assert set(frame["collapsed"]) == {"3 of 3"} and len(frame) == 8
    not_excluded = frame[frame["excludes the paper's gain"] == "no"]
    assert not_excluded[["data", "batches and normalisation"]].to_numpy().tolist() == [
        ["aluminium", "shuffled batches, group norm"]
    ]
    assert set(frame["verdict"]) == {"✗ not reproduced"}
    for dataset in ("aluminium", "magnetic_tile"):
        for batch_norm in ("plain", "group"):
            assert "Dashed: the untrained encoder" in stored_collapse(dataset, batch_norm).alt


def test_nothing_stored_is_said_and_other_papers_have_no_study(tmp_path):
    assert stored_losses(root=tmp_path).frame["data"].tolist() == ["none stored"]
    assert stored_loss_claims(root=tmp_path).frame["claim"].tolist() == ["none stored"]
    with pytest.raises(ValueError, match="a study of its loss has ddpm_moco, got 'diag'"):
        stored_losses("diag")

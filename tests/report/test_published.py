import pytest

from defectlab.report import published


def test_every_published_table_reads_and_has_rows():
    assert len(published.names()) == 13
    assert all(len(published.load(name)) for name in published.names())


def test_diag_prints_sixty_cells_each_with_its_own_name():
    cells = published.diag_cells()
    assert len(cells) == 18 * 3 + 3 * 2
    assert cells["id"].is_unique
    assert cells.set_index("id")["paper"]["diag/tableI/diag/100/AP"] == 0.801
    assert cells.set_index("id")["paper"]["diag/tableIII/ddpm/FID_192"] == 1.520


def test_baseline_rows_of_diag_equal_those_of_in_and_out_digit_for_digit():
    ours = published.load("diag_tables1-2_ap")
    theirs = published.load("in_and_out_tables1-6")
    copied = ours[ours["source"] != "DIAG"]
    assert len(copied) == 12
    for row in copied.itertuples():
        table = int(row.source.split()[-1])
        same = (theirs["table"] == table) & (theirs["method"] == row.method) & (theirs["n_aug"] == str(row.n_aug))
        printed = theirs[same][["AP", "precision", "recall"]].to_numpy().tolist()
        assert printed == [[row.AP, row.precision, row.recall]]


def test_diag_recalls_are_multiples_of_one_test_positive():
    rows = published.load("diag_tables1-2_ap")
    recalls = rows[rows["source"] == "DIAG"]["recall"]
    assert all(abs(recall - round(recall * 110) / 110) < 0.0006 for recall in recalls)


def test_operating_point_is_the_papers_precision_and_recall():
    assert published.diag_operating_point("diag", "zero_shot", 100) == (0.924, 0.664)
    assert published.diag_operating_point("diag", "few_shot", 100) is None
    assert published.diag_operating_point("none", "zero_shot", 100) is None


def test_an_unknown_table_lists_those_there_are():
    with pytest.raises(ValueError, match="no published table 'diag_table9'; there are: ddpm_moco"):
        published.load("diag_table9")

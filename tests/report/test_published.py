import pytest

from defectlab.report import published


def test_every_published_table_reads_and_has_rows():
    assert len(published.names()) == 14
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


def average(cells, table, method, column, value="paper"):
    chosen = cells[(cells["table"] == table) & (cells["method"] == method) & (cells["column"] == column)]
    return chosen.set_index("row")[value].loc["average"]


def test_in_and_out_prints_one_hundred_and_twelve_cells_each_with_its_own_name():
    cells = published.in_and_out_cells()
    assert len(cells) == 37 * 3 + 1
    assert cells["id"].is_unique
    by_id = cells.set_index("id")
    assert tuple(by_id.loc["in_and_out/table2/in_and_out/100/AP", ["paper", "sd"]]) == (0.626, 0.059)
    assert by_id.loc["in_and_out/table5/none/0/recall", "paper"] == 0.723
    assert by_id.loc["in_and_out/table5/mixsegdec/reference/AP", "paper"] == 0.733
    assert by_id.loc["in_and_out/table6/ddpm/average/precision", "sd"] == 0.066
    assert set(cells["regime"]) == {"zero_shot", "few_shot", "full_shot"}


def test_in_and_out_averages_are_means_of_means_and_of_deviations_without_the_run_of_no_image():
    cells = published.in_and_out_cells()
    averages = cells[cells["row"] == "average"]
    assert len(averages) == 9 * 3
    for row in averages.itertuples():
        counts = cells[
            (cells["table"] == row.table) & (cells["method"] == row.method) & (cells["column"] == row.column)
            & (cells["row"] == "count")
        ]  # fmt: skip
        assert sorted(counts["n_aug"]) == [80, 100, 120]
        assert counts["paper"].mean() == pytest.approx(row.paper, abs=0.0006)
        assert counts["sd"].mean() == pytest.approx(row.sd, abs=0.0006)


def test_the_figures_of_in_and_out_draw_the_rows_of_its_first_two_tables():
    figures = published.load("in_and_out_figs6-7").melt(["figure", "metric", "method"], var_name="n_aug")
    curves = published.in_and_out_curves("zero_shot")
    for row in figures.itertuples():
        where = (curves["method"] == published.SHORT_NAMES[row.method]) & (curves["n_aug"] == int(row.n_aug))
        where &= curves["metric"] == published.IN_AND_OUT_METRICS[row.metric]
        assert curves[where]["paper"].tolist() == [row.value]


def test_precision_of_in_and_out_is_above_memseg_at_100_and_120_and_below_on_average():
    points = {n: [published.in_and_out_operating_point(m, "zero_shot", n)[0] for m in ("in_and_out", "memseg")]
              for n in (80, 100, 120)}  # fmt: skip
    assert [a > b for a, b in points.values()] == [False, True, True]
    cells = published.in_and_out_cells()
    assert average(cells, "2", "in_and_out", "precision") < average(cells, "1", "memseg", "precision")


def test_recall_of_in_and_out_is_the_lowest_with_all_positives():
    cells = published.in_and_out_cells()
    others = [average(cells, "6", "memseg", "recall"), average(cells, "6", "ddpm", "recall")]
    others.append(published.in_and_out_operating_point("none", "full_shot", 0)[1])
    assert average(cells, "5", "in_and_out", "recall") < min(others)


def test_the_run_without_added_images_already_lies_above_the_reference():
    values = published.in_and_out_cells().set_index("id")["paper"]
    assert values["in_and_out/table5/none/0/AP"] > values["in_and_out/table5/mixsegdec/reference/AP"]


def test_a_regime_or_paper_that_is_not_listed_is_named():
    assert published.in_and_out_operating_point("diag", "zero_shot", 100) is None
    with pytest.raises(ValueError, match="In&Out has the regimes zero_shot, few_shot, full_shot, got 'few'"):
        published.in_and_out_curves("few")
    with pytest.raises(ValueError, match="cells are listed for diag, in_and_out.* so far, got 'moco'"):
        published.cells("moco")

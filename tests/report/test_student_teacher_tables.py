import numpy as np
import pandas as pd
import pytest

from defectlab.data.mvtec import CATEGORIES as MVTEC
from defectlab.report import published
from defectlab.report.ablation_tables import ablation_table, gains_table, localisation_table, printed_ablation
from defectlab.report.heat_maps import heat_row, hits
from defectlab.report.localisation_plots import aupro_by_definition_plot, metric_panels
from defectlab.report.localisation_setting import LocalisationSetting, shorter_side, why_not_comparable
from defectlab.report.published.student_teacher import category_of_row, student_teacher_cells
from defectlab.report.student_teacher_tables import (
    DESTSEG_NOTE,
    printed_table,
    sources_table,
    student_teacher_tables,
)

METRICS = ("image_auroc", "pixel_auroc", "aupro")


@pytest.fixture
def results(make_rows):
    """Rows of every metric of some methods, two seeds each, of the values that are given."""

    def rows(values, metrics=METRICS, **about):
        keys = {(method, "per_category", 0): seeds for method, seeds in values.items()}
        return pd.concat([make_rows(keys, metric=metric, **about) for metric in metrics], ignore_index=True)

    return rows


def line(table, **where):
    frame = table.frame
    for column, value in where.items():
        frame = frame[frame[column] == value]
    (only,) = frame.to_dict("records")
    return only


def test_the_tables_have_447_cells_each_with_its_own_name():
    cells = student_teacher_cells()
    assert len(cells) == 3 * 16 * 8 + 2 * 8 * 3 + 5 * 3 and cells["id"].is_unique
    values = cells.set_index("id")["paper"]
    assert values["student_teacher/table3/uniad/Screw/AUPRO"] == 0.909
    assert values["student_teacher/table4/student_teacher/Average/I-AUROC"] == 0.923
    assert published.cells("student_teacher").equals(cells)


def test_each_cell_says_whose_number_it_is():
    cells = student_teacher_cells()
    sources = cells.groupby("method")["source"].agg(set)
    assert sources["student_teacher"] == {"the paper's own; setting and resolution not stated"}
    assert sources["realnet"] == {"equals ADer's log: one model for all categories, 256 x 256, 100 epochs"}
    assert "origin not compared: ADer published no log of it" in sources["diad"]
    of_six = cells[cells["table"].isin(["1", "2", "3"]) & ~cells["method"].isin(["diad", "student_teacher"])]
    assert (len(of_six), int(of_six["source"].str.startswith("equals ADer's log").sum())) == (288, 287)


def test_four_cells_are_one_point_below_the_benchmark():
    cells = student_teacher_cells()
    lower = cells[cells["table"].isin(["4", "5"]) & cells["benchmark"].notna()]
    assert len(lower) == 4 and set(lower["column"]) == {"P-AUROC"}
    assert (lower["benchmark"] - lower["paper"]).round(2).tolist() == [0.01] * 4
    for table, rivals in (("4", ("cflow", "uniad")), ("5", ("simplenet", "cflow"))):
        of_pixels = cells[(cells["table"] == table) & (cells["column"] == "P-AUROC")].set_index("method")
        values = of_pixels["benchmark"].fillna(of_pixels["paper"]).sort_values(ascending=False)
        assert set(values.index[:2]) == set(rivals) and values.index[2] == "student_teacher"


def test_two_printed_averages_are_not_those_of_their_columns():
    assert printed_table().notes == (
        "The printed average of DiAD is 88.9; its values give 88.95.",
        "The printed average of DeSTSeg is 92.0; its values give 92.07.",
    )


def test_both_printed_names_are_pyramidflow():
    cells = student_teacher_cells()
    assert cells[cells["method"] == "pyramidflow"]["table"].nunique() == 5
    assert "PyramidFlow" in printed_table().frame.columns


def test_cable_alone_has_an_aupro_above_its_pixel_auroc():
    cells = student_teacher_cells()
    ours = cells[(cells["method"] == "student_teacher") & (cells["table"].isin(["2", "3"]))]
    wide = ours.pivot(index="row", columns="column", values="paper")
    assert wide.index[wide["AUPRO"] > wide["P-AUROC"]].tolist() == ["Cable"]


def test_sources_are_counted_and_the_differing_cells_named():
    table = sources_table()
    assert table.frame["cells"].sum() == 432
    assert any("VisA" not in note and "96.7 printed, 97.7 in the log" in note for note in table.notes)


def test_other_data_stand_beside_the_average_and_do_not_compare(results):
    first, second, third = student_teacher_tables(results({"student_teacher": [0.9, 0.92], "nearest": [0.8, 0.8]}))
    assert "image AUROC on MVTec AD in the paper, here on surfaces (laptop profile)" in first.caption
    ours = line(second, method="Student-teacher")
    assert (ours["category"], ours["paper"], ours["ours"], ours["n"]) == ("Average", "98.3", "91.0 ± 1.4", 2)
    assert ours["verdict"] == "≠ not comparable" and ours["definition"] == "pixel AUROC"
    floor = line(third, method="Nearest neighbour")
    assert (floor["paper"], floor["whose number"], floor["ours"]) == ("–", "–", "80.0 ± 0.0")


def test_what_was_not_run_is_not_attempted(results):
    table = student_teacher_tables(results({"student_teacher": [0.9, 0.92]}))[0]
    for name in ("RealNet", "PyramidFlow", "DiAD", "UniAD"):
        assert line(table, method=name)["verdict"] == "– not attempted"


def setting(side, measured=(256, 256), category="screw"):
    return LocalisationSetting(measured, {"student_teacher": (252, 252)}, {category: (side, side)})


def test_one_category_stands_beside_its_own_row_and_compares_at_the_paper_profile(results):
    rows = results({"student_teacher": [0.855, 0.86, 0.865]}, dataset="mvtec/screw", profile="paper")
    table = student_teacher_tables(rows, setting(1024))[0]
    assert set(table.frame["category"]) == {"Screw"}
    ours = line(table, method="Student-teacher")
    assert (ours["paper"], ours["ours"], ours["verdict"]) == ("86.0", "86.0 ± 0.5", "✓ reproduced")


def test_a_reduced_copy_with_the_official_counts_compares_with_nothing_and_says_why(results):
    rows = results({"student_teacher": [0.855, 0.86, 0.865]}, dataset="mvtec/screw", profile="paper")
    reduced, unknown = student_teacher_tables(rows, setting(256))[0], student_teacher_tables(rows)[0]
    assert line(reduced, method="Student-teacher")["verdict"] == "≠ not comparable"
    (said,) = [note for note in reduced.notes if note.startswith("Not comparable, Student-teacher")]
    assert "256 x 256 pixels, a copy that was reduced: the release has 1024 a side" in said
    assert line(unknown, method="Student-teacher")["verdict"] == "≠ not comparable"
    assert "Not comparable, Student-teacher: the size of the images is not recorded." in unknown.notes
    assert shorter_side("mvtec", "metal_nut") == 700 and shorter_side("surfaces", "leather") == 0


def test_a_baseline_of_one_category_does_not_stand_beside_a_number_of_one_model_for_all(results, make_rows):
    rows = results({"destseg": [0.855, 0.86, 0.865]}, dataset="mvtec/screw", profile="paper")
    table = student_teacher_tables(rows, setting(1024))[0]
    ours = line(table, method="DeSTSeg")
    assert (ours["verdict"], ours["models"]) == ("≠ not comparable", "one a category")
    assert any("DeSTSeg: the printed number is that of one model for all categories" in note for note in table.notes)
    names = sorted(MVTEC)
    metrics = ("aupro", *(f"aupro_{name}" for name in names))
    whole = pd.concat(
        make_rows({("destseg", "unified", 0): [0.8] * 3}, metric=metric, dataset="mvtec", profile="paper")
        for metric in metrics
    )
    native = dict.fromkeys(names, (1024, 1024))
    assert why_not_comparable(whole, LocalisationSetting((256, 256), {}, native), "destseg") == ""
    other = why_not_comparable(whole, LocalisationSetting((224, 224), {}, native), "destseg")
    assert other == "the printed number was measured at 256 x 256, ours at 224 x 224"


def test_our_rows_state_their_setting_and_both_sizes(results):
    rows = results({"student_teacher": [0.9, 0.92]}, dataset="mvtec/screw")
    ours = line(student_teacher_tables(rows, setting(256))[0], method="Student-teacher")
    assert (ours["models"], ours["measured at"], ours["network sees"]) == ("one a category", "256 x 256", "252 x 252")
    missing = line(student_teacher_tables(rows, setting(256))[0], method="UniAD")
    assert (missing["models"], missing["measured at"], missing["network sees"]) == ("–", "–", "–")


def test_the_table_says_that_destseg_does_not_follow_its_own_protocol(results):
    with_it = student_teacher_tables(results({"student_teacher": [0.9], "destseg": [0.9]}))[2]
    assert DESTSEG_NOTE in with_it.notes
    assert DESTSEG_NOTE not in student_teacher_tables(results({"student_teacher": [0.9]}))[2].notes


def test_an_average_of_a_part_of_the_categories_is_left_out(results):
    of_two = [f"{metric}_{name}" for metric in METRICS for name in ("screw", "metal_nut")]
    rows = results({"student_teacher": [0.9, 0.9]}, metrics=(*METRICS, *of_two), dataset="mvtec")
    table = student_teacher_tables(rows)[2]
    assert list(dict.fromkeys(table.frame["category"])) == ["MetalNut", "Screw", "Average"]
    assert line(table, method="Student-teacher", category="MetalNut")["ours"] == "90.0 ± 0.0"
    assert line(table, method="Student-teacher", category="Average")["ours"] == "–"
    assert category_of_row("MetalNut") == "metal_nut"


def test_visa_and_mpdd_have_one_table_with_three_metrics(results):
    for dataset, number in (("visa", "4"), ("mpdd", "5")):
        (table,) = student_teacher_tables(results({"student_teacher": [0.9]}, dataset=dataset))
        assert f"Table {number}" in table.caption
        assert list(dict.fromkeys(table.frame["metric"])) == ["I-AUROC", "P-AUROC", "AUPRO"]


def test_the_ablation_shows_drops_paired_by_seed_and_rows_that_the_paper_lacks(results):
    values = {"student_teacher": [0.9, 0.92], "wo_seg": [0.8, 0.83], "textures_for_p": [0.91, 0.9]}
    table = ablation_table(results(values))
    seg = line(table, row="w/o segmentation head", metric="AUPRO")
    assert (seg["paper"], seg["drop in the paper"], seg["ours"]) == ("92.4", "3.2", "81.5 ± 2.1")
    assert seg["drop here (95 %)"].startswith("+9.5 (") and seg["verdict"] == "✓ reproduced"
    textures = line(table, row="Textures for P", metric="AUPRO")
    assert (textures["paper"], textures["verdict"]) == ("–", "–")
    assert line(table, row="w/o focal loss", metric="AUPRO")["verdict"] == "– not attempted"
    assert "L2 for L1" not in set(table.frame["row"])
    assert printed_ablation().frame["AUPRO"].tolist() == [94.2, 94.1, 92.4, 94.5, 95.6]


def test_smoke_runs_give_no_verdict(results):
    rows = results({"student_teacher": [0.9, 0.9], "wo_seg": [0.1, 0.1]}, profile="smoke")
    table = ablation_table(rows)
    assert line(table, row="w/o segmentation head", metric="AUPRO")["verdict"] == "– not attempted"
    assert table.notes[-1] == "Smoke profile: not a result."


def test_gains_are_paired_by_seed(results):
    rows = results({"student_teacher": [0.9, 0.92, 0.91], "nearest": [0.8, 0.83, 0.8]})
    gains = gains_table(rows).frame
    assert len(gains) == 3 and gains["seeds"].iloc[0] == "+10.0, +9.0, +11.0"
    assert localisation_table(rows).frame["seeds"].tolist() == [3, 3]


def test_panels_say_every_mean(results):
    plot = metric_panels(results({"student_teacher": [0.9, 0.92], "nearest": [0.8, 0.8]}))
    assert "AUPRO: Nearest neighbour 80.0; Student-teacher 91.0." in plot.alt
    assert len(plot.figure.axes) == 3
    with pytest.raises(ValueError, match="no result rows of image_auroc"):
        metric_panels(results({"nearest": [0.8]}, metrics=("pixel_ap",)))


def test_definitions_are_shown_as_distances_from_the_metric():
    table = pd.DataFrame(
        [
            {"method": m, "definition": d, "value": v}
            for m, d, v in [
                ("nearest", "mvtec_ad", 0.5), ("nearest", "no_limit", 0.8),
                ("student_teacher", "mvtec_ad", 0.6), ("student_teacher", "no_limit", 0.7),
            ]
        ]
    )  # fmt: skip
    plot = aupro_by_definition_plot(table, {"mvtec_ad": "nothing", "no_limit": "no limit of the rate"}, "smoke")
    assert "no limit +10.0 to +30.0" in plot.alt and "ordered otherwise by no limit" in plot.alt
    assert plot.alt.endswith("Smoke profile: not a result.")
    with pytest.raises(ValueError, match="'mvtec_ad' among them, got 2 rows"):
        aupro_by_definition_plot(table[table["definition"] == "no_limit"], {})


def test_maps_are_coloured_between_the_ends_of_all_images():
    scores = np.array([[0.0, 1.0], [2.0, 4.0]])
    row = heat_row("maps", [scores], (0.0, 4.0), ["a"], method="nearest")
    dark, bright = row.images[0][0, 0], row.images[0][1, 1]
    assert dark.max() < 10 and bright.min() > 150 and row.images[0].dtype == np.uint8
    flat = heat_row("maps", [np.ones((2, 2))], (1.0, 1.0), ["a"])
    assert len(np.unique(flat.images[0].reshape(-1, 3), axis=0)) == 1
    with pytest.raises(ValueError, match=r"row 'maps': expected finite scores, the lowest first, got \(1.0, 0.0\)"):
        heat_row("maps", [scores], (1.0, 0.0), ["a"])


def test_a_hit_has_its_highest_score_on_the_defect():
    scores = [np.array([[0.0, 3.0]]), np.array([[5.0, 3.0]])]
    masks = [np.array([[False, True]]), np.array([[False, True]])]
    assert hits(scores, masks) == 1


def test_of_pixels_that_share_the_highest_score_the_share_on_the_defect_counts():
    scores = [np.array([[1.0, 1.0], [1.0, 0.5]]), np.ones((2, 2))]
    masks = [np.array([[False, True], [True, True]]), np.array([[True, False], [False, False]])]
    assert hits(scores, masks) == pytest.approx(2 / 3 + 1 / 4)

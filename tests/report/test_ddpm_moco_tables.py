import pandas as pd
import pytest
from contrastive_samples import contrastive_rows, generator_values

from defectlab.report import published
from defectlab.report.contrastive_setting import ContrastiveSetting
from defectlab.report.contrastive_tables import generators_table, loss_effect_table, paper_gain
from defectlab.report.ddpm_moco_tables import average_precision_table, generation_table, published_precision_table
from defectlab.report.published.moco import moco_cells, moco_figure_ap


def lines(table, **where):
    frame = table.frame
    for column, value in where.items():
        frame = frame[frame[column.replace("_", ", ")] == value]
    return frame.to_dict("records")


def test_ddpm_moco_prints_forty_two_cells_each_with_its_own_name():
    cells = moco_cells()
    assert len(cells) == 6 + 6 * 6 == len(published.cells("ddpm_moco"))
    assert cells["id"].is_unique
    values = cells.set_index("id")["paper"]
    assert values["ddpm_moco/table1/ddpm/fid_dent"] == 2.85
    assert values["ddpm_moco/table2/moco_improved/V-16/ap_step_good"] == 0.9681


def test_two_printed_means_are_not_those_of_their_row():
    cells = moco_cells()
    wide = cells[cells["table"] == "2"].pivot_table(index=["method", "regime"], columns="column", values="paper")
    mean = wide[[f"ap_step_{name}" for name in ("corrosion", "dent", "scratch", "good")]].mean(axis=1)
    assert mean.to_numpy() == pytest.approx(wide["map_step"].to_numpy(), abs=1e-6)
    off = (wide["map_stated"] - wide["map_step"]).round(4)
    assert off[off.abs() > 0.001].to_dict() == {
        ("moco_improved_original_data", "R-50"): -0.0282,
        ("moco_improved_original_data", "V-16"): 0.0292,
    }


def test_the_legends_of_figures_5_to_8_are_the_cells_of_table_2_rounded():
    cells = moco_cells().set_index(["method", "regime", "column"])["paper"]
    for key in ("moco_original", "moco_improved"):
        for family in ("R-50", "V-16"):
            for name in ("corrosion", "dent", "scratch", "good"):
                assert moco_figure_ap(family, key, name) == pytest.approx(
                    cells[key, family, f"ap_step_{name}"], abs=0.0056
                )
    assert moco_figure_ap("R-50", "untrained", "dent") is None
    assert moco_figure_ap("R-50", "moco_original", "crack") is None


def test_gains_of_corrosion_in_the_text_are_not_in_the_table():
    cells = moco_cells()
    printed = set(cells[cells["table"] == "2"]["paper"])
    assert not {0.7212, 0.7997, 0.7002, 0.8287} & printed


def test_scratch_gains_most_in_print_though_the_text_says_smooth():
    for family in ("R-50", "V-16"):
        gains = {name: paper_gain(family, f"ap_step_{name}") for name in ("corrosion", "dent", "scratch", "good")}
        assert max(gains, key=gains.get) == "scratch"
    assert paper_gain("R-50") == pytest.approx(0.1459)
    assert paper_gain("V-16") == pytest.approx(0.116275)
    assert paper_gain("R-50", "ap_step_crack") != paper_gain("R-50", "ap_step_crack")


def test_table_two_has_the_papers_rows_and_below_them_those_that_it_lacks():
    rows = contrastive_rows({"untrained": [0.3, 0.32], "moco_original": [0.6, 0.64], "moco_improved": [0.5, 0.5]})
    table = average_precision_table(rows)
    dent = lines(table, method="MoCo, original loss", backbone_paper="R-50")
    dent = [line for line in dent if line["class"] == "dent"]
    assert [(d["paper"], d["ours"], d["seeds"], d["verdict"]) for d in dent] == [
        ("0.717", "0.630 ± 0.028", "0.610, 0.650", "≠ not comparable")
    ]
    assert table.frame["method"].iloc[-1] == "Untrained" and table.frame["paper"].iloc[-1] == "–"
    missing = [line for line in lines(table, backbone_paper="V-16") if line["method"] == "MoCo, improved loss"]
    assert {line["verdict"] for line in missing} == {"– not attempted"} and len(missing) == 5
    assert any("private" in note for note in table.notes)


def test_steps_stand_beside_rows_of_data_that_differ_in_number():
    rows = contrastive_rows({"untrained": [0.3], "moco_improved": [0.6], "moco_improved_original_data": [0.5]})
    steps = {"untrained": 0, "moco_improved": 120, "moco_improved_original_data": 72}
    table = average_precision_table(rows, steps=steps)
    here = table.frame[table.frame["backbone, here"] == "resnet10t"]
    assert here.groupby("method")["steps"].unique().map(list).to_dict() == {
        "MoCo, improved loss": ["120"], "MoCo, improved loss, original data": ["72"], "Untrained": ["0"],
    }  # fmt: skip
    assert any("rows of different data differ in both" in note for note in table.notes)
    assert table.caption.endswith("; equal epochs, unequal steps")
    equal = average_precision_table(rows, steps={**steps, "moco_improved_original_data": 120})
    assert not any("Epochs are equal" in note for note in equal.notes)
    assert "steps" not in average_precision_table(rows).frame


def test_a_mean_that_is_printed_otherwise_is_shown_with_the_printed_one():
    table = average_precision_table(contrastive_rows({"moco_improved_original_data": [0.5]}))
    means = [line["paper"] for line in table.frame.to_dict("records") if line["class"] == "mean"]
    assert means[-2:] == ["0.339 (printed: 0.311)", "0.344 (printed: 0.374)"]


def test_other_classes_than_the_papers_stand_without_its_values():
    rows = contrastive_rows({"moco_original": [0.5]}, classes=("blowhole", "crack", "good"), dataset="magnetic_tile")
    shown = [line for line in average_precision_table(rows).frame.to_dict("records") if line["n"]]
    assert [(line["class"], line["paper"]) for line in shown] == [
        ("blowhole", "–"), ("crack", "–"), ("smooth", "0.816"), ("mean", "0.722"),
    ]  # fmt: skip


def test_several_settings_need_a_choice_and_generated_test_images_are_named():
    parts = [
        contrastive_rows({"moco_original": [level]}, setting)
        for level, setting in (
            (0.5, ContrastiveSetting("resnet10t")),
            (0.7, ContrastiveSetting("resnet10t", test_on="generated")),
        )
    ]
    rows = pd.concat(parts, ignore_index=True)
    with pytest.raises(ValueError, match="one table shows one setting; the rows have: shuffled batches, plain"):
        average_precision_table(rows)
    table = average_precision_table(rows, "any/shuffled/plain/generated")
    assert "tested on generated images" in table.caption
    assert any(note.startswith("The test images are generated") for note in table.notes)
    assert table.frame["ours"].iloc[0] == "0.700"


def test_smoke_rows_are_no_result():
    table = average_precision_table(contrastive_rows({"moco_original": [0.5]}, profile="smoke"))
    assert set(table.frame["verdict"]) <= {"– not attempted", "–"}
    assert table.notes[-1] == "Smoke profile: not a result."


def test_two_numbers_of_generated_images_in_one_cell_are_an_error():
    rows = contrastive_rows({"moco_original": [0.5]})
    both = pd.concat([rows, rows.assign(n_aug=800)], ignore_index=True)
    with pytest.raises(ValueError, match="expected one number of generated images, got 400, 800"):
        average_precision_table(both)


def test_table_one_has_no_smooth_value_of_the_paper_and_lists_other_distances_below():
    rows = generator_values({"ddpm": [10.0, 12.0], "gan": [20.0]}, ("fid_dent", "fid_good", "frechet", "frechet_dent"))
    table = generation_table(rows)
    shown = [(line["class"], line["paper"], line["n"]) for line in table.frame.to_dict("records")]
    assert shown[:3] == [("corrosion", "2.17", 0), ("dent", "2.85", 2), ("scratch", "1.94", 0)]
    assert shown[6:] == [("smooth", "–", 2), ("dent", "–", 2), ("all", "–", 2)]


@pytest.mark.parametrize("stem", ["inception_score", "frechet", "kid", "kernel"])
def test_table_one_shows_every_distance_that_is_measured(stem):
    frame = generation_table(generator_values({"ddpm": [10.0, 12.0]}, (f"{stem}_good", stem))).frame
    assert [line["class"] for line in frame.to_dict("records") if line["n"] and line["paper"] == "–"] == [
        "smooth",
        "all",
    ]


def test_the_table_of_losses_pairs_by_seed_and_shows_the_norm():
    rows = contrastive_rows(
        {"untrained": [0.5, 0.5, 0.5], "moco_original": [0.8, 0.81, 0.79], "moco_improved": [0.4, 0.4, 0.4]}
    )
    (line,) = loss_effect_table(rows).frame.to_dict("records")
    assert line["improved loss minus original loss"].startswith("-0.400 (")
    assert line["original loss minus untrained"].startswith("+0.300 (")
    assert line["equation 7 minus original loss"] == "–"
    assert (line["norm"], line["seeds"], line["paper's gain"]) == ("0.6000 ± 0.0000", 3, "+0.146")
    assert line["verdict"] == "✗ not reproduced"


def test_the_table_of_losses_needs_a_setting(make_rows):
    with pytest.raises(ValueError, match="no row has a setting"):
        loss_effect_table(make_rows({("diag", "zero_shot", 100): [0.5]}))


def test_generators_stand_in_the_order_of_the_book_without_columns_of_one_class():
    table = generators_table(generator_values({"gan": [2.0], "ddpm": [1.0, 3.0]}, ("frechet", "frechet_dent", "kid")))
    assert table.frame.to_dict("list") == {
        "generator": ["DDPM", "GAN"],
        "Frechet distance": ["2.000 ± 1.414", "2.000"],
        "KID": ["2.000 ± 1.414", "2.000"],
    }  # fmt: skip
    with pytest.raises(ValueError, match="no rows of generators; the rows have methods moco_original"):
        generators_table(contrastive_rows({"moco_original": [0.5]}))


def test_training_images_stand_above_the_generators_and_parameters_are_counted_whole():
    rows = generator_values({"ddpm": [1234567.0]}, ("parameters", "diversity"))
    first, second = generators_table(rows, {"diversity": 0.98}).frame.to_dict("records")
    assert first == {"generator": "Real training images", "parameters": "–", "diversity": "0.980"}
    assert second["parameters"] == "1,234,567"


def judged(n, **more):
    """Rows of two generators, judged on so many images of 64 features."""
    parts = [generator_values({"ddpm": [3.0], "gan": [4.0]}, ("frechet", "frechet_dent"))]
    counts = {"images_compared": 4 * n, "images_compared_dent": n, "features_compared": 64, "side": 32, **more}
    parts += [generator_values({key: [float(value)] for key in ("ddpm", "gan")}, (m,)) for m, value in counts.items()]
    return pd.concat(parts, ignore_index=True)


def test_the_tables_of_generators_say_how_many_images_stand_on_each_side_and_how_a_few_are_to_be_read():
    table = generators_table(judged(25), {"frechet": 2.0})
    assert table.caption.endswith("; n = 100 images on each side, 64 features, judged at 32 pixels")
    assert list(table.frame.columns) == ["generator", "Frechet distance"]
    assert any("biased upwards" in note for note in table.notes)
    assert any(note.startswith("At n = 25 there are no more images than the 64 features") for note in table.notes)
    first = generation_table(judged(25))
    dent = [line for line in first.frame.to_dict("records") if line["ours"] == "3.000"]
    assert {(line["class"], line["images a side"]) for line in dent} == {("dent", "25"), ("all", "100")}
    assert first.caption.endswith("; 64 features, judged at 32 pixels")
    assert any("measures the number of images first" in note for note in first.notes)


def test_many_images_have_no_word_on_the_rank_of_a_covariance():
    notes = generators_table(judged(65)).notes
    assert any("biased upwards" in note for note in notes) and not any("full rank" in note for note in notes)


def test_the_table_shows_what_share_of_the_training_of_diffusion_a_generator_had():
    rows = pd.concat(
        [generator_values({"ddpm": [200.0], "gan": [30.0]}, ("train_seconds",)), generator_values({"vae": [1.0]})]
    )
    table = generators_table(rows.reset_index(drop=True), {"frechet": 2.0})
    shares = dict(zip(table.frame["generator"], table.frame["training, of DDPM's"], strict=True))
    assert shares == {"Real training images": "–", "DDPM": "100%", "GAN": "15%", "VAE": "–"}
    assert "budget" not in table.caption and any("budgets are not equal" in note for note in table.notes)


def test_large_numbers_have_fewer_digits():
    table = generators_table(generator_values({"ddpm": [3.14159], "gan": [31.4159], "vae": [31415.9]}))
    assert table.frame["Frechet distance"].tolist() == ["3.142", "31.4", "31416"]


def test_the_printed_table_keeps_both_means():
    frame = published_precision_table().frame
    assert len(frame) == 6
    assert frame[["mean, printed", "mean of the row"]].iloc[-1].tolist() == ["37.36", "34.45"]

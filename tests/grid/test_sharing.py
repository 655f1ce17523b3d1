"""What cells share is counted right, and enough is made for all of them."""

from defectlab.grid import sharing
from defectlab.grid.jobs import Cell, ImageSet
from defectlab.grid.plan import load_grid
from defectlab.grid.sharing import Counts, alone_counts, image_sets, parts, shared_counts, validation_count


def test_the_papers_grid_is_counted_with_and_without_sharing():
    cells = load_grid("in_and_out").cells
    # ddpm: 3 regimes x 4 seeds sets of 120 + 24; memseg: 4 sets of 120 + 24 for all regimes; In&Out makes none
    assert shared_counts(cells) == Counts(fine_tunings=12, images=16 * 144, trainings=112)
    # alone: each of 72 cells of ddpm and In&Out fine-tunes; 36 cells each of 80 + 16, 100 + 20 and 120 + 24 images
    assert alone_counts(cells) == Counts(fine_tunings=72, images=36 * (96 + 120 + 144), trainings=112)


def test_a_grid_of_one_cell_saves_nothing():
    cells = [Cell("memseg", "zero_shot", 80, 0)]
    assert shared_counts(cells) == alone_counts(cells) == Counts(0, 96, 1)


def test_in_and_out_alone_makes_half_sets():
    cells = [Cell("in_and_out", "zero_shot", 120, 0)]
    assert set(image_sets(cells)) == {ImageSet("ddpm", "zero_shot", 0, 60), ImageSet("memseg", "", 0, 60)}
    assert shared_counts(cells) == alone_counts(cells) == Counts(1, 144, 1)


def test_the_longest_use_of_a_set_is_its_length():
    cells = [Cell("ddpm", "few_shot", 20, 0), Cell("in_and_out", "few_shot", 100, 0), Cell("ddpm", "few_shot", 30, 0)]
    assert ImageSet("ddpm", "few_shot", 0, 50) in image_sets(cells)


def test_images_of_memseg_and_diag_serve_every_regime_and_those_of_ddpm_do_not():
    cells = [
        Cell(method, regime, 80, 0) for method in ("memseg", "ddpm", "diag") for regime in ("zero_shot", "few_shot")
    ]
    assert sorted(item.method for item in image_sets(cells)) == ["ddpm", "ddpm", "diag", "memseg"]


def test_both_parts_of_in_and_out_have_enough_for_training_and_for_validation():
    for n in range(2, 400):
        for count in parts("in_and_out", n).values():
            assert count >= -(-n // 2), n
            assert validation_count(count) >= -(-validation_count(n) // 2), n


def test_a_training_without_synthetic_images_needs_none():
    assert parts("none", 0) == {}
    assert not sharing.serves(ImageSet("memseg", "", 0, 80), Cell("none", "full_shot", 0, 0))

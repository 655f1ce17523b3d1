"""What cells share is counted right, and enough is made for all of them."""

from defectlab.grid.jobs import Cell, FineTune, ImageSet
from defectlab.grid.loading import load_grid
from defectlab.grid.sharing import Counts, Sharing, validation_count, waits_for

SHARING = Sharing(largest=120)


def test_the_papers_grid_is_counted_with_and_without_sharing():
    grid = load_grid("in_and_out")
    # ddpm: 3 regimes x 4 seeds sets of 120 + 24; memseg: 4 sets of 120 + 24 for all regimes; In&Out makes none
    assert grid.sharing.shared(grid.cells) == Counts(fine_tunings=12, images=16 * 144, trainings=112)
    # alone: each of 72 cells of ddpm and In&Out fine-tunes; 36 cells each of 80 + 16, 100 + 20 and 120 + 24 images
    assert grid.sharing.alone(grid.cells) == Counts(fine_tunings=72, images=36 * (96 + 120 + 144), trainings=112)


def test_a_grid_of_one_cell_saves_nothing():
    cells = [Cell("memseg", "zero_shot", 80, 0)]
    assert SHARING.shared(cells) == SHARING.alone(cells) == Counts(0, 96, 1)


def test_in_and_out_alone_makes_half_sets():
    cells = [Cell("in_and_out", "zero_shot", 120, 0)]
    assert set(SHARING.image_sets(cells)) == {ImageSet("ddpm", "zero_shot", 0, 60), ImageSet("memseg", "", 0, 60)}
    assert SHARING.shared(cells) == SHARING.alone(cells) == Counts(1, 144, 1)


def test_the_longest_use_of_a_set_is_its_length():
    cells = [Cell("ddpm", "few_shot", 20, 0), Cell("in_and_out", "few_shot", 100, 0), Cell("ddpm", "few_shot", 30, 0)]
    assert ImageSet("ddpm", "few_shot", 0, 50) in SHARING.image_sets(cells)


def test_images_of_memseg_serve_every_regime_and_those_of_ddpm_their_own():
    cells = [Cell(method, regime, 80, 0) for method in ("memseg", "ddpm") for regime in ("zero_shot", "full_shot")]
    assert sorted(item.method for item in SHARING.image_sets(cells)) == ["ddpm", "ddpm", "memseg"]


def test_diag_has_a_set_for_each_count_for_its_prompts_are_dealt_by_it():
    cells = [Cell("diag", regime, n, 0) for regime in ("zero_shot", "full_shot") for n in (80, 100)]
    assert {item.count for item in SHARING.image_sets(cells)} == {80, 100}
    one_prompt = Sharing.of("diag", [80, 100], {"prompts": ["a crack"]})
    assert one_prompt.image_sets(cells) == (ImageSet("diag", "", 0, 100),)


def test_diag_has_a_set_of_its_own_in_few_shot_where_it_may_know_few_masks_only():
    cells = [Cell("diag", regime, 80, 0) for regime in ("zero_shot", "few_shot", "full_shot")]
    assert [item.regime for item in SHARING.image_sets(cells)] == ["", "few_shot"]
    lines = Sharing.of("diag", [80], {"masks": "lines"})
    assert [item.regime for item in lines.image_sets(cells)] == [""]


def test_both_parts_of_in_and_out_have_enough_for_training_and_for_validation():
    for n in range(2, 400):
        for item in SHARING.sets_of(Cell("in_and_out", "zero_shot", n, 0)):
            assert item.count >= max(2, -(-n // 2)), n
            assert validation_count(item.count) >= -(-validation_count(n) // 2), n


def test_training_without_synthetic_images_needs_some_for_its_threshold_in_few_shot_alone():
    assert SHARING.sets_of(Cell("none", "full_shot", 0, 0)) == ()
    few = Cell("none", "few_shot", 0, 0)
    assert SHARING.sets_of(few) == (ImageSet("memseg", "", 0, 120),)
    assert SHARING.images(few) == 24


def test_no_two_fine_tunings_begin_a_set_of_regularisation_images_at_the_same_time():
    tunings = [FineTune(regime, seed) for regime in ("zero_shot", "few_shot") for seed in (3, 4, 5)]
    waits = [waits_for(item, tunings) for item in tunings]
    first, second = tunings[0], tunings[3]
    assert waits == [(), (first,), (first,), (first,), (second,), (second,)]

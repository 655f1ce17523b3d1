import pytest

from defectlab.experiments.arms import fine_tune, make_synthesizers
from defectlab.experiments.fine_tuning import instances, losses, sampling_of, settings_of, trained_layers
from defectlab.experiments.splits import load_splits, real_positives
from defectlab.runs import Run


def ids(dataset):
    return {record.id for record in dataset.records}


@pytest.fixture
def open_mixed(tmp_path):
    return lambda params: Run.open(tmp_path / "runs", "in_and_out", params)


def test_zero_shot_learns_from_normal_training_images_drawn_by_the_seed(make_mixed):
    params = make_mixed(n_negatives=3)
    splits = load_splits(params)
    draws = [frozenset(ids(instances(params, splits, seed))) for seed in range(6)]
    assert all(len(draw) == 3 and draw <= ids(splits.normals) for draw in draws)
    assert len(set(draws)) > 1 and draws[2] == ids(instances(params, splits, 2))


def test_zero_shot_takes_all_normals_where_there_are_fewer(make_mixed):
    params = make_mixed(n_negatives=1000)
    splits = load_splits(params)
    assert ids(instances(params, splits, 0)) == ids(splits.normals)


def test_few_shot_learns_from_the_positives_that_the_classifier_is_given_and_from_no_others(make_mixed):
    params = make_mixed(regime="few_shot")
    splits = load_splits(params)
    for seed in (0, 1, 2):
        learnt = instances(params, splits, seed)
        assert ids(learnt) == ids(real_positives(splits, params, seed)) and len(learnt) == 2 and learnt.labels.all()


def test_full_shot_learns_from_all_training_positives(make_mixed):
    params = make_mixed(regime="full_shot")
    splits = load_splits(params)
    assert ids(instances(params, splits, 0)) == ids(splits.positives)


@pytest.mark.parametrize(
    ("regime", "epochs", "ratio"), [("zero_shot", 5, 0.6), ("few_shot", 49, 0.95), ("full_shot", 25, 0.8)]
)
def test_the_papers_preset_has_its_epochs_and_merge_ratio(make_mixed, regime, epochs, ratio):
    params = make_mixed(regime=regime, preset="paper", fine_tune_steps=None)
    settings, sampling = settings_of(params, seed=3), sampling_of(params)
    assert (settings.epochs, settings.schedule_epochs, settings.seed) == (epochs, 50, 3)
    assert (sampling.merge_ratio, sampling.steps, sampling.guidance_scale, sampling.side) == (ratio, 50, 7.5, 512)


def test_the_released_preset_is_its_own(make_mixed):
    params = make_mixed(preset="released")
    assert settings_of(params, 0).conv_rank is None and settings_of(params, 0).regularisation == "ordinary"
    assert sampling_of(params).merge_ratio == 0.65 and sampling_of(params).square_to_tall == "stretch"


def test_parameters_change_the_preset(make_mixed):
    params = make_mixed(
        fine_tune_epochs=70, fine_tune_steps=9, preset="paper", merge_ratio=0.3, steps=4, guidance_scale=2, canvas=32,
        prompts=["skt background dented"], square_to_tall="crop",
    )  # fmt: skip
    settings, sampling = settings_of(params, 0), sampling_of(params)
    assert (settings.epochs, settings.schedule_epochs, settings.max_steps) == (70, 70, 9)
    assert (sampling.prompts, sampling.steps, sampling.guidance_scale) == (("skt background dented",), 4, 2.0)
    assert (sampling.merge_ratio, sampling.side, sampling.square_to_tall) == (0.3, 32, "crop")


def test_prompts_without_the_token_are_refused_before_any_work(make_mixed):
    params = make_mixed(prompts=["a crack"])
    with pytest.raises(ValueError, match="'a crack' does not hold the instance prompt 'skt background'"):
        make_synthesizers(params, load_splits(params))


def test_a_bare_token_that_means_a_normal_surface_is_refused_before_any_work(make_mixed):
    params = make_mixed(prompts=["skt background"])
    with pytest.raises(ValueError, match="normal images only, so 'skt background' comes to mean a normal surface"):
        make_synthesizers(params, load_splits(params))


def test_one_fine_tuning_a_seed_and_regime_serves_all_runs_of_a_folder(make_mixed, open_mixed, tmp_path):
    found = []
    for n in (4, 6):
        params = make_mixed(seeds=[0, 1], n_aug=n)
        splits = load_splits(params)
        makers = make_synthesizers(params, splits)
        found.append(fine_tune(params, makers, open_mixed(params), tmp_path / "shared"))
    assert len(list((tmp_path / "shared" / "fine-tuned").glob("adapter-*"))) == 2
    assert len(list((tmp_path / "shared" / "fine-tuned").glob("regularisation-*"))) == 1
    prints = [[model.adapter.fingerprint for model in tuned.values()] for tuned in found]
    assert prints[0] == prints[1] and len(set(prints[0])) == 2


def test_the_table_of_layers_counts_every_trained_weight(make_mixed, open_mixed):
    params = make_mixed()
    splits = load_splits(params)
    tuned = fine_tune(params, make_synthesizers(params, splits), open_mixed(params))
    table = trained_layers(tuned)
    assert table["parameters"].sum() == tuned[0].adapter.parameters
    assert set(table["model"]) == {"UNet", "text encoder"} and "3 x 3 convolution" in set(table["layer"])
    by_kind = table.set_index(["model", "layer"])["rank"]
    assert by_kind["UNet", "3 x 3 convolution"] == 4 and by_kind["text encoder", "linear"] == 32
    log = losses(tuned)
    assert list(log["epoch"]) == [2] and set(log["method"]) == {"ddpm"} and (log["value"] > 0).all()


def test_without_a_method_that_is_fine_tuned_nothing_is(make_mixed, open_mixed):
    params = make_mixed(methods=["memseg"])
    makers = make_synthesizers(params, load_splits(params))
    tuned = fine_tune(params, makers, open_mixed(params))
    assert tuned == {} and trained_layers(tuned).empty and losses(tuned).empty

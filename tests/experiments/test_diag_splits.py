import numpy as np
import pytest
from PIL import Image
from small_data import write_folder

from defectlab.data import concatenate, load_dataset
from defectlab.data.images import ImageError
from defectlab.experiments.splits import Splits, load_splits, real_positives
from defectlab.experiments.views import parts_table


def ids(dataset):
    return {record.id for record in dataset.records}


def test_no_image_and_no_group_is_in_two_parts(make_params):
    splits = load_splits(make_params())
    parts = [splits.train, splits.validation, splits.test]
    assert sum(len(part) for part in parts) == 24
    for i, part in enumerate(parts):
        others = [other for other in parts if other is not part]
        assert not any(ids(part) & ids(other) for other in others)
        assert not any(set(part.groups) & set(other.groups) for other in others)
        assert set(part.labels) == {0, 1}, f"part {i} lacks a class"


def test_validation_never_parts_a_group(make_params, folder, tmp_path):
    rows = [f"{folder}/good/{i:03d}.png,good,,tile{i // 2}" for i in range(16)]
    rows += [f"{folder}/defect/{i:03d}.png,defect,{folder}/masks/{i:03d}.png,plate{i // 2}" for i in range(8)]
    (tmp_path / "manifest.csv").write_text("image,label,mask,group\n" + "\n".join(rows) + "\n")
    splits = load_splits(make_params(data_root=str(tmp_path), validation=0.4))
    assert not set(splits.train.groups) & set(splits.validation.groups)
    assert all(list(splits.validation.groups).count(group) == 2 for group in splits.validation.groups)


def test_the_parts_do_not_depend_on_the_seeds_of_the_experiment(make_params):
    first, second = load_splits(make_params(seeds=[0])), load_splits(make_params(seeds=[5, 6]))
    assert ids(first.validation) == ids(second.validation) and ids(first.test) == ids(second.test)


def test_the_share_of_validation_is_a_parameter(make_params):
    sizes = [len(load_splits(make_params(validation=share)).validation) for share in (0.2, 0.5)]
    assert sizes[0] < sizes[1]


def test_the_table_counts_both_classes_of_each_part(make_params):
    splits = load_splits(make_params())
    table = splits.table()
    assert list(table.index) == ["train", "validation", "test"]
    assert table.to_numpy().sum() == 24 and table["defective"].sum() == 8
    assert table.loc["train", "defective"] == len(splits.positives)
    assert table.loc["train", "normal"] == len(splits.normals) and not splits.normals.labels.any()


def test_surfaces_take_the_scale_and_the_size(make_params):
    small = {"dataset": "surfaces", "data_root": "", "height": 32, "width": 40}
    splits = load_splits(make_params(**small, scale=0.05))
    assert len(splits.train) + len(splits.validation) == 104 + 12 and splits.train[0].image.shape == (3, 32, 40)


@pytest.mark.parametrize(("regime", "share"), [("zero_shot", 0), ("full_shot", 1)])
def test_a_regime_gives_no_real_positive_or_all(make_params, regime, share):
    params = make_params(regime=regime)
    splits = load_splits(params)
    given = real_positives(splits, params, seed=0)
    assert len(given) == share * len(splits.positives) and given.labels.all()


def test_few_shot_draws_by_the_seed_from_training_images_only(make_params):
    params = make_params(regime="few_shot", n_shot=2)
    splits = load_splits(params)
    draws = [frozenset(ids(real_positives(splits, params, seed))) for seed in range(8)]
    assert all(len(draw) == 2 and draw <= ids(splits.positives) for draw in draws)
    assert len(set(draws)) > 1
    assert draws[3] == ids(real_positives(splits, params, 3))


def test_few_shot_that_asks_for_more_than_there_is_stops_at_loading(make_params):
    params = make_params(regime="few_shot", n_shot=100)
    with pytest.raises(ValueError, match=r"n_shot: 100 real positives asked for, the training part has \d"):
        load_splits(params)


def test_a_training_part_without_positives_serves_the_zero_shot_regime_alone(make_params, tmp_path):
    write_folder(tmp_path / "train", 8, 0)
    write_folder(tmp_path / "test", 4, 4)
    splits = load_splits(make_params(data_root=str(tmp_path)))
    assert len(splits.positives) == 0 and len(splits.validation)
    with pytest.raises(ValueError, match="regime: full_shot trains on real positives, the training part .* has none"):
        load_splits(make_params(data_root=str(tmp_path), regime="full_shot"))


def test_a_file_that_is_cut_off_is_named_before_anything_else(make_params, tmp_path):
    root = write_folder(tmp_path)
    victim = root / "good" / "007.png"
    victim.write_bytes(victim.read_bytes()[:-900])  # the header stays whole
    with pytest.raises(ImageError, match=r"good/007\.png"):
        load_splits(make_params(data_root=str(root)))


def test_a_mask_that_is_cut_off_is_named_too(make_params, tmp_path):
    root = write_folder(tmp_path, size=(200, 32))
    noise = np.random.default_rng(0).integers(0, 2, (200, 32), dtype=np.uint8) * 255
    victim = root / "masks" / "003.png"
    Image.fromarray(noise).save(victim)
    victim.write_bytes(victim.read_bytes()[:-500])
    with pytest.raises(ImageError, match=r"masks/003\.png"):
        load_splits(make_params(data_root=str(root)))


def test_a_folder_without_normal_images_is_refused(make_params, tmp_path):
    root = write_folder(tmp_path, normal=0)
    with pytest.raises(ValueError, match="folder/train: expected normal images to train on"):
        load_splits(make_params(data_root=str(root)))


def test_a_folder_that_is_not_there_is_named(make_params, tmp_path):
    with pytest.raises(FileNotFoundError, match="data_root: .*nowhere is not there"):
        load_splits(make_params(data_root=str(tmp_path / "nowhere")))


def test_a_class_with_fewer_than_five_test_images_is_said_to_be_too_few():
    whole = load_dataset("surfaces", "test", scale=0.1)
    normal, defective = (whole.subset(normal=kind, defective=not kind) for kind in (True, False))

    def few(n_normal, n_defective):
        test = concatenate(normal.subset(indices=range(n_normal)), defective.subset(indices=range(n_defective)))
        splits = Splits(whole, whole, test)
        assert parts_table(splits).notes == splits.few
        return splits.few

    assert few(5, 5) == ()
    (note,) = few(5, 1)
    assert note.startswith("Too few to say: 1 defective test image, fewer than 5.")
    assert [note.split(",")[0] for note in few(2, 4)] == [
        "Too few to say: 4 defective test images", "Too few to say: 2 normal test images"
    ]  # fmt: skip

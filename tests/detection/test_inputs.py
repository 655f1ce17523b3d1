import numpy as np
import pytest
import torch
from torch import nn

from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.detection.backbones import BackboneSpec
from defectlab.detection.inputs import FLIPS, Frozen, gather, images

RAMP = torch.arange(12).view(1, 3, 4).expand(3, 3, 4).float() / 255


def dataset(*shots: torch.Tensor) -> MappedDataset:
    records = [Record(str(i), i % 2) for i in range(len(shots))]
    return MappedDataset(lambda record: Sample(shots[int(record.id)], None, record.label), "ramp", "train", records)


def frozen(cache=None) -> Frozen:
    return Frozen(nn.Sequential(nn.AvgPool2d(1)), BackboneSpec("none"), torch.device("cpu"), cache)


def test_images_are_kept_in_eight_bits_and_come_back_as_they_were():
    inputs = gather(dataset(RAMP, RAMP), None)
    assert inputs.data.shape == (2, 1, 3, 3, 4) and inputs.data.dtype == torch.uint8
    assert torch.equal(inputs.draw(torch.tensor([1]), torch.tensor([0]))[0], RAMP)


def test_a_variant_of_an_image_is_its_mirror_image():
    inputs = gather(dataset(RAMP, RAMP), None, flips="hv")
    four = inputs.draw(torch.zeros(4, dtype=torch.int64), torch.arange(4))
    assert torch.equal(four[0], RAMP)
    assert torch.equal(four[1], RAMP.flip(1)) and torch.equal(four[2], RAMP.flip(2))
    assert torch.equal(four[3], RAMP.flip(1, 2))


def test_cached_features_are_those_of_the_mirror_image():
    inputs = gather(dataset(RAMP, RAMP), None, frozen(), flips="h")
    assert inputs.data.shape == (2, 2, 3, 3, 4) and inputs.flips == FLIPS["h"]
    assert torch.allclose(inputs.draw(torch.tensor([0]), torch.tensor([1]))[0], RAMP.flip(2), atol=1e-4)


def test_features_are_computed_once_and_then_read(tmp_path):
    first = gather(dataset(RAMP, RAMP + 0.1), None, frozen(tmp_path))
    files = sorted(tmp_path.rglob("*.npy"))
    assert len(files) == 2 and not list(tmp_path.rglob(".partial*"))
    for file in files:  # proof that the files are read: what is in them comes out
        np.save(file, np.load(file) + 1)
    again = gather(dataset(RAMP, RAMP + 0.1), None, frozen(tmp_path))
    assert torch.allclose(again.data, first.data + 1)


def test_other_weights_do_not_read_each_other_s_features(tmp_path):
    for seed in (0, 1):
        torch.manual_seed(seed)
        layer = Frozen(nn.Sequential(nn.Conv2d(3, 2, 1)), BackboneSpec("none"), torch.device("cpu"), tmp_path)
        gather(dataset(RAMP), None, layer)
    assert len(list(tmp_path.rglob("*.npy"))) == 2


def test_a_damaged_cache_file_is_named(tmp_path):
    gather(dataset(RAMP), None, frozen(tmp_path))
    next(tmp_path.rglob("*.npy")).write_bytes(b"half")
    with pytest.raises(ValueError, match=r"cached features .*\.npy are damaged .* delete the file"):
        gather(dataset(RAMP), None, frozen(tmp_path))


def test_images_are_brought_to_the_size_of_the_settings():
    assert next(images(dataset(torch.ones(3, 8, 6)), (4, 2))).shape == (3, 4, 2)
    assert next(images(dataset(torch.ones(3, 8, 6)), (4, 2))).unique().tolist() == [255]


def test_images_of_two_sizes_are_refused_with_both_sizes():
    with pytest.raises(ValueError, match="'1' is 5 high and 4 wide, those before 3 and 4; set size"):
        gather(dataset(RAMP, torch.zeros(3, 5, 4)), None)

import numpy as np
from small_data import write_folder

from defectlab.data import concatenate, load_dataset
from defectlab.experiments.contents import contents
from defectlab.synthesis.base import Synthetic, SyntheticSet


def synthetic(shade: int, mask: bool = True) -> SyntheticSet:
    located = np.zeros((4, 4), bool) | (np.arange(4) == 1 if mask else False)
    return SyntheticSet([Synthetic(np.full((4, 4, 3), shade, np.uint8), located, {})])


def test_equal_images_have_equal_contents_whatever_reads_them(folder):
    first, second = (load_dataset("folder", "train", folder, (64, 32)) for _ in range(2))
    assert contents(first) == contents(second) and len(contents(first)) == 12
    assert contents(first) != contents(load_dataset("folder", "train", folder, (32, 32)))
    assert contents(first) != contents(first.subset(defective=False))


def test_a_file_that_was_replaced_is_noticed(tmp_path):
    root = write_folder(tmp_path)
    before = contents(load_dataset("folder", "all", root, (64, 32)))
    (root / "good" / "000.png").write_bytes((root / "good" / "000.png").read_bytes() + b"more")
    assert contents(load_dataset("folder", "all", root, (64, 32))) != before


def test_synthetic_images_count_with_their_pixels_and_masks():
    assert contents(synthetic(3)) == contents(synthetic(3))
    assert len({contents(synthetic(3)), contents(synthetic(4)), contents(synthetic(3, mask=False))}) == 3


def test_a_joined_set_sees_what_its_parts_hold():
    same, other = concatenate(synthetic(3), synthetic(5)), concatenate(synthetic(3), synthetic(6))
    assert contents(same) == contents(concatenate(synthetic(3), synthetic(5))) != contents(other)
    assert contents(same.subset(indices=[0])) == contents(other.subset(indices=[0]))

import cv2
import numpy as np
import pytest
import torch

from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.synthesis.lines import BlobMasks, LineMasks
from defectlab.synthesis.masks import DrawnMask, FolderMasks, PerlinMasks, RealMasks, mask_source
from defectlab.synthesis.perlin import Perlin


def dot(height: int, width: int, row: int, column: int) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[row, column] = True
    return mask


def dataset(masks: dict[str, np.ndarray | None]) -> MappedDataset:
    """One normal image and a defective one for each mask."""
    records = [Record("good", 0), *(Record(name, 1, "crack") for name in masks)]

    def read(record: Record) -> Sample:
        mask = masks.get(record.id) if record.label else np.zeros((40, 20), bool)
        plane = None if mask is None else torch.from_numpy(mask)[None]
        return Sample(torch.zeros(3, 40, 20), plane, record.label)

    return MappedDataset(read, "tiny", "train", records, (40, 20))


@pytest.fixture
def folder(tmp_path):
    """Masks of two sizes, one of them all black, in a subfolder with a space in its name."""
    (tmp_path / "my masks").mkdir()
    cv2.imwrite(str(tmp_path / "my masks" / "a.png"), dot(64, 32, 10, 20).astype(np.uint8) * 255)
    cv2.imwrite(str(tmp_path / "my masks" / "b.png"), dot(16, 16, 3, 4).astype(np.uint8) * 255)
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((16, 16), np.uint8))
    return tmp_path


def every_source(folder) -> list:
    return [
        PerlinMasks(),
        LineMasks(),
        BlobMasks(),
        RealMasks(dataset({"p1": dot(40, 20, 3, 4)})),
        FolderMasks(folder),
        DrawnMask(dot(50, 70, 5, 60), shift=0.3, flip=True),
    ]


@pytest.mark.parametrize("size", [(224, 560), (97, 41), (33, 64)])
def test_every_source_gives_masks_of_any_size_that_are_never_empty_and_repeat_themselves(folder, size):
    for source in every_source(folder):
        for seed in range(20):
            (mask, mask_id), (again, same_id) = (source.draw(np.random.default_rng(seed), *size) for _ in range(2))
            assert mask.shape == size and mask.dtype == bool and mask.any() and mask_id
            assert np.array_equal(mask, again) and mask_id == same_id


def test_every_source_says_what_a_reader_must_know(folder):
    notes = [source.note for source in every_source(folder)]
    assert len(set(notes)) == 6
    assert "not truly zero-shot" in notes[3] and all("no real defect" in note for note in notes[:3])


def test_one_pixel_of_a_real_mask_survives_a_strong_reduction():
    mask, mask_id = RealMasks(dataset({"p1": dot(400, 200, 123, 77)})).draw(np.random.default_rng(0), 40, 20)
    assert mask_id == "p1" and np.argwhere(mask).tolist() == [[12, 7]]


def test_what_is_done_to_a_drawn_mask_does_not_reach_the_stored_one():
    source = RealMasks(dataset({"p1": dot(40, 20, 1, 2)}))
    source.draw(np.random.default_rng(0), 40, 20)[0][:] = True
    assert source.draw(np.random.default_rng(0), 40, 20)[0].sum() == 1


def test_real_masks_come_from_positives_that_have_one():
    masks = {"none": None, "empty": np.zeros((40, 20), bool), "p1": dot(40, 20, 1, 2), "p2": dot(40, 20, 30, 10)}
    source, rng = RealMasks(dataset(masks)), np.random.default_rng(0)
    drawn = dict(source.draw(rng, 40, 20)[::-1] for _ in range(40))
    assert set(drawn) == {"p1", "p2"} and source.left_out == ("none", "empty")
    assert all(np.array_equal(drawn[name], masks[name]) for name in drawn)


def test_a_data_set_without_masks_is_refused():
    with pytest.raises(ValueError, match="at least one mask with a pixel in the 1 defective images of tiny/train"):
        RealMasks(dataset({"p1": None}))


def test_masks_of_a_folder_are_named_by_their_path_in_it(folder):
    source = FolderMasks(folder)
    assert source.ids == ["my masks/a.png", "my masks/b.png"] and source.left_out == ("black.png",)


def test_a_folder_without_masks_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"found nothing at .*absent"):
        FolderMasks(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match="no image in"):
        FolderMasks(tmp_path)


def test_a_drawn_mask_stays_in_place_unless_told_to_move():
    drawn = dot(50, 70, 5, 60)
    assert all(np.array_equal(DrawnMask(drawn).draw(np.random.default_rng(i), 50, 70)[0], drawn) for i in range(5))


def test_a_moved_mask_keeps_every_pixel_and_its_shape():
    drawn = np.zeros((50, 70), bool)
    drawn[2:6, 60:69] = True
    source, places = DrawnMask(drawn, shift=0.5), set()
    for seed in range(100):
        row, column = np.nonzero(source.draw(np.random.default_rng(seed), 50, 70)[0])
        assert len(row) == 36 and np.ptp(row) == 3 and np.ptp(column) == 8
        places.add((int(row[0]), int(column[0])))
    assert len(places) > 50
    assert {0, 27} == {min(row for row, _ in places), max(row for row, _ in places)}  # 2 - 2 and 2 + 25
    assert all(60 - 35 <= column <= 61 for _, column in places)


def test_flips_give_all_four_images():
    source = DrawnMask(dot(4, 6, 0, 1), flip=True)
    found = {tuple(np.argwhere(source.draw(np.random.default_rng(i), 4, 6)[0])[0].tolist()) for i in range(40)}
    assert found == {(0, 1), (3, 1), (0, 4), (3, 4)}


def test_what_the_masks_depend_on_shows_in_the_representation(folder):
    first = repr(FolderMasks(folder))
    assert first == repr(FolderMasks(folder)) and "2 masks" in first and str(folder) not in first
    cv2.imwrite(str(folder / "black.png"), np.full((16, 16), 255, np.uint8))
    assert repr(FolderMasks(folder)) != first
    drawn = dot(4, 6, 0, 1)
    assert repr(DrawnMask(drawn)) != repr(DrawnMask(drawn, flip=True))


def test_sources_by_name_file_and_folder(folder):
    assert mask_source("perlin") == PerlinMasks() and mask_source("lines") == LineMasks()
    assert mask_source("blobs") == BlobMasks()
    assert isinstance(mask_source("real", dataset({"p1": dot(40, 20, 1, 2)})), RealMasks)
    assert isinstance(mask_source(str(folder)), FolderMasks)
    assert isinstance(mask_source(folder / "my masks" / "a.png"), DrawnMask)


def test_an_unknown_source_is_answered_with_the_near_miss():
    with pytest.raises(ValueError, match="unknown mask source 'line'; did you mean 'lines'"):
        mask_source("line")


def test_real_masks_without_a_data_set_are_refused():
    with pytest.raises(ValueError, match="masks='real' needs a data set with masked positives"):
        mask_source("real")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DrawnMask(np.zeros((3, 3), bool)), "at least one mask with a pixel in the array given"),
        (lambda: DrawnMask(np.ones((3, 3, 3), bool)), r"must have shape \(H, W\), got \(3, 3, 3\)"),
        (lambda: DrawnMask(np.ones((3, 3), bool), shift=2), "shift must be a fraction of the side"),
        (lambda: PerlinMasks(Perlin(allow_empty=True)), "never gives an empty mask"),
    ],
)
def test_bad_masks_and_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()

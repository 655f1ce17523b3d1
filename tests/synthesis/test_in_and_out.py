"""In&Out: exactly n images, halves that begin the sets of their methods, resume, and a view of both as one set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.synthesis.base import Synthesizer, Synthetic, SyntheticSet
from defectlab.synthesis.in_and_out import InAndOut, halves, mix
from defectlab.synthesis.memseg import MemSeg
from defectlab.synthesis.store import collect, load, save, save_parts
from defectlab.synthesis.stored import DamagedSetError

SIZE = (24, 16)


class Noise(Synthesizer):
    """Stands in for the diffusion: noise of ``(seed, i)``, no mask; counts, and breaks where it is told to."""

    name = "ddpm"

    def __init__(self) -> None:
        self.made: list[int] = []
        self.break_at: int | None = None
        self.fitted = 0

    def fit(self, dataset):
        self.fitted += 1
        return self

    def synthesize(self, normals, n: int, seed: int, out: Path | None = None) -> SyntheticSet:
        def make(indices: Sequence[int]) -> list[Synthetic]:
            if self.break_at in indices:
                raise KeyboardInterrupt
            self.made += indices
            return [self._image(seed, i) for i in indices]

        return collect(make, n, name=self.name, settings={"seed": seed}, out=out)

    def _image(self, seed: int, i: int) -> Synthetic:
        pixels = np.random.default_rng([seed, i]).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        return Synthetic(pixels, None, {"method": self.name, "index": i})


def normals(n: int = 3) -> MappedDataset:
    def read(record: Record) -> Sample:
        pixels = np.random.default_rng(int(record.id)).integers(0, 256, (3, *SIZE), dtype=np.uint8)
        return Sample(torch.from_numpy(pixels).float() / 255, torch.zeros(1, *SIZE) > 0, 0)

    return MappedDataset(read, "noise", "train", [Record(str(i), 0) for i in range(n)], SIZE)


@pytest.fixture
def noise():
    return Noise()


@pytest.fixture
def method(noise):
    return InAndOut(noise, MemSeg(textures=None))


def as_written(made: SyntheticSet) -> list[tuple]:
    """Everything of every image."""
    return [
        (item.image.tobytes(), None if item.mask is None else item.mask.tobytes(), item.record) for item in made.items
    ]


@pytest.mark.parametrize(("n", "expected"), [(1, (1, 0)), (2, (1, 1)), (80, (40, 40)), (101, (51, 50))])
def test_an_odd_number_gives_diffusion_the_one_more(n, expected):
    assert halves(n) == expected


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_the_set_has_exactly_n_images_diffusion_first(method, n):
    made = method.synthesize(normals(), n, seed=3)
    diffusion, memseg = halves(n)
    assert len(made) == n and made.name == "in_and_out" and made.size == SIZE
    assert [item.record["method"] for item in made.items] == ["ddpm"] * diffusion + ["memseg"] * memseg
    assert [item.mask is None for item in made.items] == [True] * diffusion + [False] * memseg


def test_each_half_begins_the_set_that_its_method_makes_alone(method, noise):
    made = as_written(method.synthesize(normals(), 7, seed=3))
    assert made[:4] == as_written(noise.synthesize(normals(), 9, 3))[:4]
    assert made[4:] == as_written(MemSeg(textures=None).synthesize(normals(), 9, 3))[:3]


def test_the_set_of_12_holds_those_of_10_and_8_and_none_is_made_twice(method, noise, tmp_path):
    long = as_written(method.synthesize(normals(), 12, 0, tmp_path))
    noise.made.clear()
    for n in (10, 8):
        short = as_written(method.synthesize(normals(), n, 0, tmp_path))
        assert short == long[: n // 2] + long[6 : 6 + n // 2]
        assert as_written(load(tmp_path)) == short
    assert noise.made == []
    assert as_written(method.synthesize(normals(), 14, 0, tmp_path)) == as_written(method.synthesize(normals(), 14, 0))


def test_sets_that_are_there_mix_without_making_an_image(method, noise):
    diffusion, memseg = (each.synthesize(normals(), 9, 3) for each in (noise, MemSeg(textures=None)))
    assert as_written(mix(diffusion, memseg, 7)) == as_written(method.synthesize(normals(), 7, 3))
    with pytest.raises(ValueError, match="mix: 21 images need 11 of diffusion, got 9"):
        mix(diffusion, memseg, 21)


def test_a_killed_run_goes_on_and_ends_as_an_unbroken_one(method, noise, tmp_path):
    noise.break_at = 2
    with pytest.raises(KeyboardInterrupt):
        method.synthesize(normals(), 8, 0, tmp_path / "broken")
    noise.break_at = None
    noise.made.clear()
    method.synthesize(normals(), 8, 0, tmp_path / "broken")
    assert noise.made == [2, 3]
    method.synthesize(normals(), 8, 0, tmp_path / "whole")
    broken, whole = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "broken", tmp_path / "whole")
    )
    assert broken == whole


def test_the_folder_holds_both_halves_and_a_list_of_all(method, tmp_path):
    made = method.synthesize(normals(), 5, 0, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["diffusion", "memseg", "parts.json", "records.csv"]
    lines = (tmp_path / "records.csv").read_text().splitlines()
    assert len(lines) == 6 and lines[0].startswith("part,image_file,mask_file")
    assert lines[3].startswith("diffusion,diffusion/images/000002.png,null,")
    assert lines[4].startswith("memseg,memseg/images/000000.png,memseg/masks/000000.png,")
    assert as_written(load(tmp_path)) == as_written(made) and load(tmp_path).name == "in_and_out"
    assert len(load(tmp_path / "diffusion")) == 3


def test_a_mixed_set_copied_elsewhere_keeps_its_absent_masks(method, tmp_path):
    made = method.synthesize(normals(), 4, 0)
    save(made, tmp_path / "copy")
    assert as_written(load(tmp_path / "copy")) == as_written(made)
    assert sorted(path.name for path in (tmp_path / "copy" / "masks").iterdir()) == ["000002.png", "000003.png"]


def test_a_view_of_fewer_images_than_it_says_is_damage(method, tmp_path):
    method.synthesize(normals(), 4, 0, tmp_path)
    text = (tmp_path / "parts.json").read_text()
    (tmp_path / "parts.json").write_text(text.replace('"memseg": 2', '"memseg": 3'))
    with pytest.raises(DamagedSetError, match="3 images of memseg wanted, 2 there"):
        load(tmp_path)


def test_a_set_of_its_own_is_not_overwritten_by_a_view_nor_the_other_way_round(method, noise, tmp_path):
    noise.synthesize(normals(), 1, 0, tmp_path / "own")
    with pytest.raises(ValueError, match="holds the set 'ddpm'; give another folder"):
        method.synthesize(normals(), 2, 0, tmp_path / "own")
    with pytest.raises(ValueError, match="holds the set 'ddpm'"):
        save_parts(tmp_path / "own", "x", {})
    method.synthesize(normals(), 2, 0, tmp_path / "view")
    with pytest.raises(ValueError, match="expected a new folder"):
        noise.synthesize(normals(), 1, 0, tmp_path / "view")


def test_fit_reaches_the_diffusion(method, noise):
    assert method.fit(normals()) is method and noise.fitted == 1


def test_what_cannot_be_made_is_refused(method, noise):
    with pytest.raises(ValueError, match="n: expected at least 1, got 0"):
        method.synthesize(normals(), 0, 0)
    with pytest.raises(ValueError, match="holds no image"):
        method.synthesize(normals(0), 2, 0)
    assert noise.made == []

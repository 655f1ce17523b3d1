"""`defectlab synthesise`: from images to a stored set and its layouts, with errors before the long work."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_sdxl
import torch
from PIL import Image
from pycocotools.coco import COCO

from defectlab import cli
from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.synthesis import command
from defectlab.synthesis.store import load

SIZE = (48, 32)


def photos(folder, n: int = 3, sizes=None) -> MappedDataset:
    """Files of normal images, and one positive whose mask is a line."""
    rng = np.random.default_rng(0)
    records = []
    for i in range(n):
        height, width = (sizes or [SIZE] * n)[i]
        path = folder / f"photo {i}.png"
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)
        records.append(Record(id=f"photo {i}", label=0, path=str(path)))
    records.append(Record(id="bad", label=1, defect="defect", path=records[0].path))

    def read(record: Record) -> Sample:
        image = torch.from_numpy(np.array(Image.open(record.path))).permute(2, 0, 1) / 255
        mask = torch.zeros((1, *image.shape[1:]), dtype=torch.bool)
        mask[0, 10:30, 16] = bool(record.label)
        return Sample(image, mask, record.label, record.defect)

    return MappedDataset(read, "folder", "all", records, None)


@pytest.fixture(autouse=True)
def images(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    monkeypatch.setattr(command, "_dataset", lambda arguments: photos(arguments.images))
    return tmp_path / "photos"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_sdxl.save_tiny_sdxl(tmp_path_factory.mktemp("models") / "tiny")


def synthesise(tmp_path, *words) -> int:
    arguments = ["--images", tmp_path / "photos", "--out", tmp_path / "out", *words]
    return cli.main(["synthesise", *map(str, arguments)])


def diag(tmp_path, model, *words) -> int:
    quick = ("--generator", model, "--canvas", 64, "--steps", 2, "--guidance", 3, "--device", "cpu")
    return synthesise(tmp_path, *quick, *words)


def test_diag_on_a_folder_ends_with_images_masks_records_and_layouts(tmp_path, model, capsys):
    words = ("--n", 3, "--prompts", "a crack", "a dent", "--masks", "real", "--batch-size", 2, "--category", "prompt")
    assert diag(tmp_path, model, *words, "--format", "mvtec", "coco") == 0
    made = load(tmp_path / "out")
    assert [item.record["prompt"] for item in made.items] == ["a crack", "a crack", "a dent"]
    assert {item.record["mask_id"] for item in made.items} == {"bad"}
    assert made.items[0].mask.sum() == 20
    coco = COCO(str(tmp_path / "out/coco/annotations.json"))
    assert len(coco.getImgIds()) == 6 and len(coco.getAnnIds()) == 3
    assert len(list((tmp_path / "out/mvtec/train/good").iterdir())) == 3
    said = capsys.readouterr().out
    assert "3 images from 3 normal ones; masks of real positives" in said
    for place in ("out/images", "out/masks", "out/records.csv", "out/mvtec", "out/coco"):
        assert str(tmp_path / place) in said


def test_the_same_command_again_finds_everything_made(tmp_path, model):
    words = ("--n", 2, "--masks", "real", "--prompts", "a crack", "--no-normals", "--format", "yolo")
    for _ in range(2):
        assert diag(tmp_path, model, *words) == 0
    assert len(list((tmp_path / "out/yolo/images/train").iterdir())) == 2


def test_another_setting_in_the_same_folder_is_refused(tmp_path, model, capsys):
    assert diag(tmp_path, model, "--n", 1, "--masks", "real") == 0
    assert diag(tmp_path, model, "--n", 1, "--masks", "real", "--strength", 0.7) == 2
    assert "strength: stored 0.99, asked 0.7" in capsys.readouterr().err


def test_a_drawn_mask_file_decides_where(tmp_path, model):
    mask = np.zeros(SIZE, np.uint8)
    mask[5:9, 7:20] = 255
    Image.fromarray(mask).save(tmp_path / "drawn.png")
    assert diag(tmp_path, model, "--n", 2, "--masks", tmp_path / "drawn.png") == 0
    for item in load(tmp_path / "out").items:
        np.testing.assert_array_equal(item.mask, mask > 0)


def test_memseg_needs_no_model(tmp_path):
    assert synthesise(tmp_path, "--method", "memseg", "--n", 2, "--textures", "none", "--label", "mask") == 0
    made = load(tmp_path / "out")
    assert len(made) == 2 and {item.record["label"] for item in made.items} == {"drawn"}


def test_perturbed_learns_from_the_normal_images_and_its_model_serves_again(tmp_path, capsys):
    words = (
        "--method",
        "perturbed",
        "--profile",
        "smoke",
        "--train-steps",
        2,
        "--disturbance",
        1,
        6,
        "--device",
        "cpu",
    )
    assert synthesise(tmp_path, *words, "--n", 2, "--format", "mvtec") == 0
    made = load(tmp_path / "out")
    assert {item.record["method"] for item in made.items} == {"perturbed_ddpm"}
    assert all(1 <= float(item.record["strength"]) <= 6 and item.record["label"] == "drawn" for item in made.items)
    assert len(list((tmp_path / "out/diffusion").glob("*/model/*"))) == 2
    assert synthesise(tmp_path, *words, "--n", 3) == 0 and len(load(tmp_path / "out").items) == 3
    assert "perturbed: 3 images from 3 normal ones" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--n", 0), "--n: expected at least 1"),
        (("--seed", -1), "--seed: expected at least 0"),
        (("--method", "memseg", "--prompts", "a crack", "--steps", 3), "--prompts, --steps: not an option of"),
        (("--textures", "dtd"), "--textures: not an option of --method diag"),
        (("--method", "memseg", "--device", "cpu", "--sampler", "ddim"), "--device, --sampler: not an option of"),
        (("--method", "perturbed", "--steps", 3), "--steps: not an option of --method perturbed"),
        (("--method", "perturbed", "--disturbance", 3, 1), "strength: expected 0 <= low <= high, got (3.0, 1.0)"),
        (("--method", "perturbed", "--foreground", "otzu"), "did you mean 'otsu'"),
        (("--masks", "perlim"), "did you mean 'perlin'"),
        (("--masks", "real", "--generator", "nowhere"), "'nowhere' is no folder"),
        (("--masks", "real", "--strength", 2), "strength: expected a value in"),
    ],
)
def test_a_wrong_option_stops_before_anything_is_written(tmp_path, capsys, words, message):
    assert synthesise(tmp_path, *words) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_images_of_several_sizes_ask_for_one(tmp_path, monkeypatch, capsys):
    mixed = [SIZE, (32, 48), SIZE]
    monkeypatch.setattr(command, "_dataset", lambda arguments: photos(arguments.images, 3, mixed))
    assert synthesise(tmp_path, "--masks", "real") == 2
    said = capsys.readouterr().err
    assert "photo 0.png is 48 x 32" in said and "photo 1.png is 32 x 48" in said and "--size HEIGHT WIDTH" in said


def test_out_must_not_be_a_file(tmp_path, capsys):
    (tmp_path / "out").write_text("")
    assert synthesise(tmp_path, "--masks", "real") == 2
    assert "is a file; expected a folder" in capsys.readouterr().err

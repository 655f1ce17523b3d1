"""`defectlab detect`: train and apply from the command line, on images of several sizes and kinds of file."""

from __future__ import annotations

import argparse
import csv

import numpy as np
import pytest
from PIL import Image
from small_data import write_folder

from defectlab.cli import main
from defectlab.data.images import ImageError
from defectlab.data.photos import plain_folder
from defectlab.detection.apply import Applied, apply, heat_map
from defectlab.detection.baselines import BASELINES, make_baseline
from defectlab.detection.detect_command import _synthesizer, register
from defectlab.detection.detect_help import DETECTORS
from defectlab.detection.saved import load_detector
from defectlab.experiments.student_teacher_parameters import StudentTeacherParameters


def write(folder, n, size, suffix="png", dark=()):
    """Grey noise; a dark square where one is asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        pixels = np.random.default_rng(i).integers(100, 156, (*size, 3), dtype=np.uint8)
        if i in dark:
            pixels[8:24, 8:24] = 0
        Image.fromarray(pixels).save(folder / f"part{i}.{suffix}")
    return folder


@pytest.fixture(scope="module")
def floor(tmp_path_factory):
    """A detector trained from the command line on a flat folder."""
    root = tmp_path_factory.mktemp("floor")
    out = root / "floor.safetensors"
    arguments = ["--images", str(write(root / "good", 6, (32, 32))), "--detector", "nearest", "--profile", "smoke"]
    assert main(["detect", "train", *arguments, "--out", str(out), "--device", "cpu"]) == 0
    return out


def test_a_trained_detector_scores_a_folder_and_draws_it(floor, tmp_path, capsys):
    images = write(tmp_path / "new", 3, (32, 40), "png", dark=(2,))
    write(images / "more", 3, (48, 32), "bmp", dark=(0,))
    write(images / "more", 1, (48, 32), "tif")  # of the same stem as a bmp
    out = tmp_path / "found"
    assert main(["detect", "apply", str(floor), "--images", str(images), "--out", str(out), "--device", "cpu"]) == 0
    rows = list(csv.DictReader((out / "scores.csv").open()))
    assert [row["image"] for row in rows] == [
        *(f"part{i}.png" for i in range(3)), "more/part0.bmp", "more/part0.tif", "more/part1.bmp", "more/part2.bmp"
    ]  # fmt: skip
    by_score = sorted(rows, key=lambda row: -float(row["score"]))
    assert {row["image"] for row in by_score[:2]} == {"part2.png", "more/part0.bmp"}
    assert all(int(row[axis]) < 32 for row in by_score[:2] for axis in ("row", "column"))
    assert (rows[0]["height"], rows[0]["width"]) == ("32", "40")
    assert Image.open(out / "heat" / "part2.png").size == (40, 32)
    assert (out / "heat/more/part0.bmp.png").is_file() and (out / "heat/more/part0.tif.png").is_file()
    values = np.asarray(Image.open(out / "maps/part2.tiff"))
    assert values.dtype == np.float32 and values.shape == (32, 40)
    row = next(row for row in rows if row["image"] == "part2.png")
    assert float(values.max()) == pytest.approx(float(row["largest"]), rel=1e-5)
    said = capsys.readouterr().out
    assert "7 images" in said and by_score[0]["image"] in said


def test_scores_in_the_table_are_those_of_the_detector(floor, tmp_path):
    images = write(tmp_path / "new", 3, (32, 32), dark=(1,))
    found = apply(load_detector(floor, "cpu"), images, tmp_path / "out", batch_size=2)
    scores = load_detector(floor, "cpu").score(plain_folder(images))
    np.testing.assert_allclose([row["score"] for row in found.rows], scores.image, atol=1e-4)
    assert (found.low, found.high) == (pytest.approx(scores.pixel.min(), abs=1e-4), pytest.approx(scores.pixel.max()))


def test_masks_beside_the_images_are_left_out_and_labels_of_the_folder_give_an_ap(floor, tmp_path, capsys):
    images = write_folder(tmp_path / "photos", 3, 2, (32, 32))
    command = ["detect", "apply", str(floor), "--out", str(tmp_path / "out"), "--device", "cpu", "--images"]
    assert main([*command, str(images)]) == 0
    said = capsys.readouterr().out
    assert "5 images in" in said and "left out: 2 files of masks/" in said
    assert "AP 1.000 (step)" in said and "higher is more conspicuous" in said
    assert main([*command, str(images / "good")]) == 0
    said = capsys.readouterr().out
    assert "3 images in" in said and "left out" not in said and "AP" not in said


def test_ap_of_scores_counts_images_by_their_folders():
    def applied(**scores):
        rows = [{"image": name.replace("_", "/"), "score": score} for name, score in scores.items()]
        return Applied(rows, None, None)

    # Sorted: defect, good, defect: precisions 1 and 2/3 at recalls 1/2 and 1.
    assert applied(defect_a=3, good_a=2, defect_b=1).average_precision == pytest.approx(5 / 6)
    assert applied(defect_a=3, good_a=2, other=1).average_precision is None
    assert applied(defect_a=3).average_precision is None


def test_help_names_every_detector_an_example_and_the_columns(capsys):
    for name in (*DETECTORS, "defectlab detect train --images"):
        assert name in help_of("train", capsys)
    assert ("student_teacher", *BASELINES) == DETECTORS
    text = help_of("apply", capsys)
    assert "defectlab detect apply" in text and "score: of the whole image" in text and "largest: the highest" in text


def help_of(command, capsys):
    with pytest.raises(SystemExit):
        main(["detect", command, "--help"])
    return capsys.readouterr().out


def test_a_folder_without_normal_images_is_refused_before_training(tmp_path, capsys):
    images = write_folder(tmp_path / "photos", 0, 2, (32, 32))
    out = tmp_path / "d.safetensors"
    assert main(["detect", "train", "--images", str(images), "--detector", "nearest", "--out", str(out)]) == 2
    assert "expected normal images, found none in" in capsys.readouterr().err


def test_heat_maps_keep_the_image_and_cut_at_the_limits():
    image = np.full((2, 2, 3), 100, np.uint8)
    values = np.array([[0.0, 1.0], [-5.0, 9.0]])
    drawn = heat_map(image, values, (0.0, 1.0))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert drawn[0, 1].astype(int).sum() > drawn[0, 0].astype(int).sum()
    assert (drawn >= 50).all()  # half of the image is always there


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (["--detector", "destseg"], "destseg"),
        (["--detector", "destseg", "--synthesis", "structure", "--n-synthetic", "3"], "destseg"),
        (["--detector", "simplenet", "--set", "epochs=1"], "simplenet"),
        (["--set", "steps=2", "--size", "48", "32"], "student_teacher"),
    ],
)
def test_every_detector_is_trained_by_name(tmp_path, options, kind):
    images = write_folder(tmp_path / "mine", 4, 2, (32, 32))
    out = tmp_path / "d.safetensors"
    assert main(["detect", "train", "--images", str(images), "--profile", "smoke", *options, "--out", str(out)]) == 0
    detector = load_detector(out, "cpu")
    assert detector.name == kind
    assert (tmp_path / "d-training" / "checkpoint.pt").is_file()
    if "--size" in options:
        assert detector.settings.size == (48, 32) and detector.settings.steps == 2


def test_the_command_says_what_is_learnt_from_and_draws_strengths_as_the_notebook_does(tmp_path, capsys):
    images = write(tmp_path / "good", 4, (32, 32))
    options = ["--images", str(images), "--profile", "smoke", "--device", "cpu"]
    for name, said in {
        "nearest": "learns from: the normal images alone",
        "destseg": "the normal images and 4 synthetic defects: foreign textures under Perlin masks (MemSeg)\n",
        "student_teacher": "(MemSeg); as in its paper: --synthesis diffusion",
    }.items():
        out = tmp_path / f"{name}.safetensors"
        assert main(["detect", "train", *options, "--detector", name, "--out", str(out)]) == 0
        assert said in capsys.readouterr().out
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    given = ["detect", "train", "--images", str(images), "--out", str(out), "--synthesis", "diffusion"]
    strengths = {
        profile: _synthesizer(parser.parse_args([*given, "--profile", profile]), tmp_path).settings.strengths
        for profile in ("smoke", "laptop", "paper")
    }
    assert strengths == {"smoke": (0.1, 0.2), "laptop": (1.0, 6.0), "paper": (0.1, 0.2)}
    assert StudentTeacherParameters.profiles["laptop"]["strength"] == list(strengths["laptop"])


def test_weights_that_are_not_there_stop_before_any_defect_is_made(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("defectlab.synthesis.memseg.MemSeg.synthesize", lambda *_: pytest.fail("defects were made"))
    images, out = write(tmp_path / "good", 2, (32, 32)), tmp_path / "d.safetensors"
    given = ["--images", str(images), "--profile", "smoke", "--weights", str(tmp_path / "nowhere.safetensors")]
    assert main(["detect", "train", *given, "--out", str(out)]) == 2
    assert "nowhere.safetensors" in capsys.readouterr().err and not out.exists()


def test_damaged_files_are_named_before_anything_is_scored(floor, tmp_path):
    images, out = write(tmp_path / "new", 3, (32, 32)), tmp_path / "out"
    whole = (images / "part1.png").read_bytes()
    (images / "part1.png").write_bytes(whole[: len(whole) // 2])
    (images / "part2.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"(?s)2 of 3 images or masks cannot be used:.*part1.png.*part2.png"):
        apply(load_detector(floor, "cpu"), images, out)
    assert not out.exists()


def test_a_data_set_of_the_registry_serves_by_name(tmp_path):
    out = tmp_path / "d.safetensors"
    options = ["--dataset", "surfaces", "--option", "scale=0.02", "--detector", "nearest", "--profile", "smoke"]
    assert main(["detect", "train", *options, "--out", str(out)]) == 0
    assert load_detector(out, "cpu").settings.size == (32, 32)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--detector", "realnet"], "expected one of student_teacher, nearest"),
        (["--detector", "nearest", "--synthesis", "texture"], "learns from normal images alone"),
        (["--detector", "nearest", "--set", "ratio"], "expected NAME=VALUE"),
        (["--detector", "nearest", "--set", "speed=3"], "speed"),
        (["--detector", "destseg", "--synthesis", "structure", "--textures", "dtd"], "not an option of --synthesis"),
        (["--detector", "nearest", "--option", "category=screw"], "belong to --dataset"),
        (["--detector", "draem"], "defectlab[comparison]"),
    ],
)
def test_a_wrong_option_stops_before_any_training(tmp_path, capsys, monkeypatch, options, message):
    monkeypatch.setattr("defectlab.detection.baselines.anomalib_models.installed", lambda: False)
    images = write(tmp_path / "good", 2, (32, 32))
    out = tmp_path / "d.safetensors"
    assert main(["detect", "train", "--images", str(images), "--profile", "smoke", *options, "--out", str(out)]) == 2
    assert message in capsys.readouterr().err and not out.exists()


def test_folders_that_cannot_serve_are_refused(floor, tmp_path):
    detector = load_detector(floor, "cpu")
    with pytest.raises(FileNotFoundError, match="found nothing at"):
        apply(detector, tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="hold no image"):
        apply(detector, tmp_path / "empty", tmp_path / "out")
    images = write(tmp_path / "new", 1, (32, 32))
    with pytest.raises(ValueError, match="second run would score"):
        apply(detector, images, images / "found")
    with pytest.raises(ValueError, match="low < high"):
        apply(detector, images, tmp_path / "out", limits=(1.0, 1.0))


def test_the_floor_made_by_name_is_the_one_of_the_command(floor):
    assert load_detector(floor, "cpu").settings == make_baseline("nearest", "smoke", device="cpu").settings

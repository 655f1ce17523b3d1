"""DIAG end to end on a tiny SDXL of the real classes: geometry, compositing, records, batches, resume."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_sdxl
import torch
from PIL import Image

from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.synthesis.diag import Diag, DiagSettings, changed_pixels
from defectlab.synthesis.inpainting import canvas_of, crop_box, inpaint, paste, stretch, stretch_mask
from defectlab.synthesis.pipelines import load_inpainting
from defectlab.synthesis.store import load

SIZE = (40, 24)
QUICK = DiagSettings(canvas=64, num_inference_steps=3, guidance_scale=5.0)


class Boxes:
    """A random rectangle with at least 3 pixels a side."""

    def __repr__(self) -> str:
        return "Boxes()"

    def draw(self, rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, str]:
        top, left = int(rng.integers(height - 12)), int(rng.integers(width - 8))
        mask = np.zeros((height, width), bool)
        mask[top : top + int(rng.integers(3, 12)), left : left + int(rng.integers(3, 8))] = True
        return mask, f"box {top} {left}"


class Painter:
    """Called like a pipeline that crops for itself: paints the mask, and what is around it, in a colour of its own."""

    def __init__(self) -> None:
        self.calls: list[dict] = []

    def __call__(self, **arguments):
        self.calls.append(arguments)
        shades = [int(torch.randint(0, 256, (1,), generator=generator)) for generator in arguments["generator"]]
        pairs = zip(arguments["image"], shades, strict=True)
        images = [Image.new("RGB", image.size, (shade,) * 3) for image, shade in pairs]
        return SimpleNamespace(images=images)


def normals(n: int = 6, size: tuple[int, int] = SIZE) -> MappedDataset:
    def read(record: Record) -> Sample:
        pixels = np.random.default_rng(int(record.id)).integers(0, 256, (3, *size), dtype=np.uint8)
        return Sample(torch.from_numpy(pixels).float() / 255, torch.zeros((1, *size), dtype=torch.bool), 0)

    return MappedDataset(read, "noise", "train", [Record(id=str(i), label=0) for i in range(n)], size)


def normal_of(item) -> np.ndarray:
    return (normals()[int(item.record["source"])].image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory):
    return load_inpainting(tiny_sdxl.save_tiny_sdxl(tmp_path_factory.mktemp("models") / "tiny"), "cpu")


@pytest.fixture(scope="module")
def made(sdxl):
    return Diag(sdxl, Boxes(), QUICK, batch_size=3).synthesize(normals(), 5, seed=7)


def test_a_loaded_sdxl_makes_defects_and_leaves_all_other_pixels_bit_exact(made):
    assert len(made) == 5
    for item in made.items:
        normal = normal_of(item)
        np.testing.assert_array_equal(item.image[~item.mask], normal[~item.mask])
        assert (item.image[item.mask] != normal[item.mask]).any(axis=1).mean() > 0.5
        assert item.record["changed"] > 0.3
    assert made[0].image.shape == (3, *SIZE) and made[0].mask.shape == (1, *SIZE)


def test_the_record_says_how_each_image_was_made(made, sdxl):
    record = made.items[3].record
    assert record["prompt"] == "copper metal scratches" and made.items[0].record["prompt"] == "white marks on the wall"
    assert {key: record[key] for key in ("method", "seed", "index", "steps", "effective_steps", "strength")} == {
        "method": "diag", "seed": 7, "index": 3, "steps": 3, "effective_steps": 2, "strength": 0.99,
    }  # fmt: skip
    assert record["scheduler"] == "EulerDiscreteScheduler"
    assert (record["model"], record["revision"]) == (sdxl.model_source.name, sdxl.model_source.revision)
    assert record["mask_id"].startswith("box") and record["negative_prompt"].startswith("smooth")
    assert record["area"] == pytest.approx(made.items[3].mask.mean(), abs=1e-6)


def test_released_settings_are_those_of_the_script():
    released = DiagSettings.released()
    assert released.prompts == ("white marks on the wall", "copper metal scratches")
    assert released.negative_prompt == "smooth, plain, black, dark, shadow"
    assert (released.num_inference_steps, released.guidance_scale, released.strength) == (30, 20.0, 0.99)
    assert (released.padding_mask_crop, released.canvas, released.batch_size) == (2, 1024, 1)
    assert (released.order, released.compositing, released.label) == ("paper", "released", "mask")


@pytest.mark.parametrize(("steps", "strength", "effective"), [(30, 0.99, 29), (30, 1.0, 30), (8, 1.0, 8), (12, 0.5, 6)])
def test_effective_steps_are_what_the_pipeline_runs(sdxl, steps, strength, effective):
    assert DiagSettings(num_inference_steps=steps, strength=strength).effective_steps == effective
    sdxl.scheduler.set_timesteps(steps)
    assert len(sdxl.get_timesteps(steps, strength, "cpu")[0]) == effective


def test_the_same_seed_gives_the_same_set_and_another_seed_another(sdxl, made):
    again = Diag(sdxl, Boxes(), QUICK, batch_size=3).synthesize(normals(), 5, seed=7)
    other = Diag(sdxl, Boxes(), QUICK).synthesize(normals(), 1, seed=8)
    for one, two in zip(made.items, again.items, strict=True):
        np.testing.assert_array_equal(one.image, two.image)
        assert one.record == two.record
    assert other.items[0].record["noise_seed"] != made.items[0].record["noise_seed"]


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_the_batch_size_moves_nothing_but_the_last_bit_of_the_arithmetic(sdxl, made, batch_size):
    other = Diag(sdxl, Boxes(), QUICK, batch_size=batch_size).synthesize(normals(), 5, seed=7)
    for one, two in zip(made.items, other.items, strict=True):
        np.testing.assert_array_equal(one.mask, two.mask)
        moved = np.abs(one.image.astype(int) - two.image)
        assert moved.max() <= 1 and (moved > 0).mean() < 0.005
        assert one.record["noise_seed"] == two.record["noise_seed"]


def test_batches_do_not_matter_at_all_to_exact_arithmetic():
    sets = [Diag(Painter(), Boxes(), DiagSettings.pocket(batch_size=k)).synthesize(normals(), 7, 1) for k in (1, 3, 8)]
    for other in sets[1:]:
        for one, two in zip(sets[0].items, other.items, strict=True):
            np.testing.assert_array_equal(one.image, two.image)
            assert one.record == two.record


def test_batched_crops_give_what_single_calls_with_padding_mask_crop_give(sdxl):
    drawn = [Boxes().draw(np.random.default_rng(i), 64, 64)[0] for i in range(3)]
    masks = [stretch_mask(mask, (64, 64)) for mask in drawn]
    images = [Image.fromarray(np.random.default_rng(i).integers(0, 256, (64, 64, 3), dtype=np.uint8)) for i in range(3)]
    options = {"num_inference_steps": 3, "guidance_scale": 5.0, "strength": 0.99}
    ours = inpaint(sdxl, images, masks, ["a", "b", "c"], [1, 2, 3], negative_prompt="d", padding_mask_crop=2, **options)
    for i, prompt in enumerate("abc"):
        theirs = sdxl(
            prompt=prompt, negative_prompt="d", image=images[i], mask_image=masks[i], width=64, height=64,
            padding_mask_crop=2, generator=torch.Generator().manual_seed(i + 1), **options,
        ).images[0]  # fmt: skip
        assert np.abs(np.asarray(ours[i], int) - np.asarray(theirs)).max() <= 1
        np.testing.assert_array_equal(np.asarray(ours[i])[~drawn[i]], np.asarray(images[i])[~drawn[i]])


def test_the_crop_is_the_padded_box_of_the_mask_grown_to_a_square(sdxl):
    mask = np.zeros((64, 64), bool)
    mask[20:30, 40:44] = True  # 10 high, 4 wide; padded by 2: 14 x 8; square of 14: three more on either side
    assert crop_box(sdxl, stretch_mask(mask, (64, 64)), 2) == (35, 18, 49, 32)
    corner = np.zeros((64, 64), bool)
    corner[0:10, 0:4] = True  # the frame cuts the padding, the square is pushed inside: 12 x 12 from the corner
    assert crop_box(sdxl, stretch_mask(corner, (64, 64)), 2) == (0, 0, 12, 12)


def test_the_stretch_of_the_paper_is_anisotropic_and_its_mask_grey():
    mask = np.zeros((632, 224), bool)
    mask[300:310, 100:110] = True
    wide = np.asarray(stretch_mask(mask, (1024, 1024)))
    assert wide.shape == (1024, 1024)
    box = np.argwhere(wide >= 128)
    height, width = np.ptp(box, axis=0) + 1
    assert height == pytest.approx(10 * 1024 / 632, abs=1) and width == pytest.approx(10 * 1024 / 224, abs=1)
    assert len(np.unique(wide)) > 2
    assert stretch(np.zeros((632, 224, 3), np.uint8), (1024, 512)).size == (512, 1024)


def test_a_thin_mask_survives_a_shrinking_canvas():
    mask = np.zeros((512, 512), bool)
    mask[:, 101] = True
    shrunk = np.asarray(stretch_mask(mask, (64, 64)))
    assert (shrunk[:, 12] == 255).all() and (shrunk > 0).sum() == 64


def test_paste_is_exact_outside_the_mask_whatever_the_size_of_the_result():
    image = np.random.default_rng(0).integers(0, 256, (30, 20, 3), dtype=np.uint8)
    mask = np.zeros((30, 20), bool)
    mask[5:9, 4] = True
    pasted = paste(Image.new("RGB", (128, 128), (1, 2, 3)), image, mask)
    assert (pasted[mask] == (1, 2, 3)).all()
    np.testing.assert_array_equal(pasted[~mask], image[~mask])


def test_the_released_compositing_resamples_every_pixel(sdxl):
    item = Diag(sdxl, Boxes(), QUICK, compositing="released").synthesize(normals(), 1, seed=7).items[0]
    normal = normal_of(item)
    back = np.asarray(stretch(normal, (64, 64)).resize(SIZE[::-1]))
    far = ~np.pad(item.mask, 3)[3:-3, 3:-3]
    far[max(0, np.argwhere(item.mask)[:, 0].min() - 4) : np.argwhere(item.mask)[:, 0].max() + 5] = False
    assert (item.image[far] != normal[far]).any()
    np.testing.assert_array_equal(item.image[far], back[far])


def test_without_a_crop_and_at_its_own_size_the_image_is_still_exact_outside(sdxl):
    settings = replace(QUICK, canvas=None, padding_mask_crop=None)
    item = Diag(sdxl, Boxes(), settings).synthesize(normals(), 1, seed=7).items[0]
    np.testing.assert_array_equal(item.image[~item.mask], normal_of(item)[~item.mask])
    assert canvas_of(sdxl, (41, 24), None) == (48, 24)
    assert canvas_of(Painter(), (41, 23), None) == (41, 23)
    assert canvas_of(sdxl, (41, 24), 1024) == (1024, 1024)


def test_the_label_may_be_the_pixels_that_really_changed():
    whole, changed = (
        Diag(Painter(), Boxes(), DiagSettings.pocket(), label=label).synthesize(normals(), 4, seed=3)
        for label in ("mask", "changed")
    )
    for asked, moved in zip(whole.items, changed.items, strict=True):
        np.testing.assert_array_equal(asked.image, moved.image)
        np.testing.assert_array_equal(moved.mask, changed_pixels(normal_of(moved), moved.image, 10))
        assert moved.mask.sum() / asked.mask.sum() == pytest.approx(asked.record["changed"], abs=1e-6)


def test_a_change_counts_when_one_channel_moves_by_more_than_the_limit():
    before, after = np.full((1, 3, 3), 250, np.uint8), np.full((1, 3, 3), 250, np.uint8)
    after[0, 1, 2], after[0, 2, 0] = 240, 239
    assert changed_pixels(before, after, 10).tolist() == [[False, False, True]]


def test_a_pipeline_that_crops_for_itself_gets_the_batch_and_the_padding():
    painter = Painter()
    Diag(painter, Boxes(), DiagSettings.pocket(prompts=("a dent",))).synthesize(normals(), 3, seed=0)
    call = painter.calls[0]
    assert call["prompt"] == ["a dent"] * 3 and call["negative_prompt"] is None
    assert call["padding_mask_crop"] == 2 and call["guidance_scale"] == 4.0 and call["num_inference_steps"] == 8
    assert [image.size for image in call["image"]] == [SIZE[::-1]] * 3
    assert [mask.mode for mask in call["mask_image"]] == ["L"] * 3
    assert "width" not in call


def test_a_broken_run_resumes_to_the_same_set(tmp_path, sdxl):
    class Breaks(Boxes):
        def draw(self, rng, height, width):
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("killed")
            return super().draw(rng, height, width)

    breaks = Breaks()
    breaks.left = 3
    with pytest.raises(RuntimeError, match="killed"):
        Diag(sdxl, breaks, QUICK, batch_size=2).synthesize(normals(), 5, seed=7, out=tmp_path / "a")
    assert len(load(tmp_path / "a")) == 2
    for folder in ("a", "b"):
        Diag(sdxl, Boxes(), QUICK, batch_size=2).synthesize(normals(), 5, seed=7, out=tmp_path / folder)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert len(files) == 12
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)


def test_a_folder_made_with_another_setting_or_size_is_refused(tmp_path):
    Diag(Painter(), Boxes(), DiagSettings.pocket()).synthesize(normals(), 2, seed=0, out=tmp_path)
    with pytest.raises(ValueError, match=r"guidance_scale: stored 4.0, asked 3.0"):
        Diag(Painter(), Boxes(), DiagSettings.pocket(guidance_scale=3.0)).synthesize(normals(), 2, seed=0, out=tmp_path)
    with pytest.raises(ValueError, match=r"n: stored 2, asked 4"):
        Diag(Painter(), Boxes(), DiagSettings.pocket()).synthesize(normals(), 4, seed=0, out=tmp_path)


def test_prompts_in_random_order_let_a_set_grow(tmp_path):
    diag = Diag(Painter(), Boxes(), DiagSettings.pocket(order="random"))
    diag.synthesize(normals(), 3, seed=0, out=tmp_path)
    grown, whole = diag.synthesize(normals(), 6, seed=0, out=tmp_path), diag.synthesize(normals(), 6, seed=0)
    assert [item.record for item in grown.items] == [item.record for item in whole.items]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompts": ()}, "prompts: expected at least one"),
        ({"prompts": ("crack", " ")}, "none empty"),
        ({"strength": 0.0}, r"strength: expected a value in \(0, 1\]"),
        ({"strength": 0.01}, r"at least one whole step, got int\(30 x 0.01\) = 0"),
        ({"guidance_scale": 0.5}, "guidance_scale: expected at least 1"),
        ({"canvas": 100}, "canvas: expected a positive multiple of 8"),
        ({"padding_mask_crop": -1}, "padding_mask_crop: expected at least 0"),
        ({"batch_size": 0}, "batch_size: expected at least 1"),
        ({"order": "papr"}, "did you mean 'paper'"),
        ({"label": "real"}, "unknown label"),
        ({"guidance": 2}, "unknown setting of DIAG 'guidance'; did you mean 'guidance_scale'"),
    ],
)
def test_a_wrong_setting_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        Diag(Painter(), Boxes(), **change)


def test_normal_images_must_be_there_and_normal():
    with pytest.raises(ValueError, match="holds no image"):
        Diag(Painter(), Boxes(), DiagSettings.pocket()).synthesize(normals(0), 1, seed=0)


def test_one_prompt_may_be_given_as_text():
    assert DiagSettings(prompts="a crack").prompts == ("a crack",)

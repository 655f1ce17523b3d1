"""Diffusion alone: what is fine-tuned where, what is asked for, what is recorded; with stand-ins, and once for real."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny_sd import build_tiny_sd

from defectlab.data.base import MappedDataset, Record, Sample
from defectlab.synthesis import fine_tuned as module
from defectlab.synthesis.dreambooth import DreamBoothSettings
from defectlab.synthesis.fine_tuned import FineTuned
from defectlab.synthesis.pipelines import ModelSource
from defectlab.synthesis.sampling import SamplingSettings, prompts_of
from defectlab.synthesis.store import load

SIZE = (48, 16)
LEARN = DreamBoothSettings.smoke()
SAMPLE = SamplingSettings(steps=3, guidance_scale=2.0, side=32)


def surface(n: int = 4, label: int = 0, size: tuple[int, int] = SIZE, start: int = 0) -> MappedDataset:
    """Noise pictures."""

    def read(record: Record) -> Sample:
        pixels = np.random.default_rng(int(record.id)).integers(0, 256, (3, *size), dtype=np.uint8)
        return Sample(torch.from_numpy(pixels).float() / 255, None, record.label)

    return MappedDataset(read, "noise", "train", [Record(str(start + i), label) for i in range(n)], size)


class Model:
    """Stands in for fine-tuning and sampling: notes what it is asked, and gives noise of the seeds."""

    def __init__(self) -> None:
        self.unet = SimpleNamespace(config=SimpleNamespace(sample_size=8, block_out_channels=(1, 1)))
        self.vae_scale_factor = 4
        self.dtype = torch.float32
        self.model_source = ModelSource("stand-in", "r1")
        self.taught: list[tuple] = []
        self.asked: list[dict] = []
        self.merges = 0
        self.ratio: float | None = None

    def finetune(self, pipeline, instances, settings, folder, device, regularisation):
        assert pipeline is self
        self.taught.append((len(instances), folder, regularisation, device))
        return SimpleNamespace(fingerprint=folder.name[-4:])

    @contextmanager
    def merged(self, pipeline, adapter, ratio):
        assert self.ratio is None
        self.ratio, self.merges = ratio, self.merges + 1
        yield pipeline
        self.ratio = None

    def generate(self, pipeline, prompts, seeds, **options):
        self.asked.append({"prompts": prompts, "seeds": seeds, "ratio": self.ratio, **options})
        size = (options["height"], options["width"], 3)
        return [np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8) for seed in seeds]


@pytest.fixture
def model(monkeypatch):
    stand_in = Model()
    for name in ("finetune", "merged", "generate"):
        monkeypatch.setattr(module, name, getattr(stand_in, name))
    return stand_in


@pytest.fixture
def make(model, tmp_path):
    """A synthesizer with some settings changed."""

    def made(learn: DreamBoothSettings = LEARN, **changes) -> FineTuned:
        return FineTuned(model, learn, replace(SAMPLE, **changes), tmp_path / "adapters")

    return made


def pixels(made) -> list[bytes]:
    return [item.image.tobytes() for item in made.items]


def test_the_images_have_the_size_of_the_surface_and_no_masks(make, model):
    made = make().fit(surface()).synthesize(surface(), 5, seed=7)
    assert len(made) == 5 and made.name == "ddpm" and made.size == SIZE
    assert [item.mask for item in made.items] == [None] * 5
    assert made[0].mask is None and made[0].label == 1
    assert {(asked["height"], asked["width"]) for asked in model.asked} == {(56, 16)}  # 32 sqrt(3) = 55.4, 18.5


def test_the_record_says_all_that_the_image_depends_on(make, model):
    made = make().fit(surface()).synthesize(surface(), 2, seed=7)
    record = made.items[1].record
    assert record["prompt"] == "skt background scratched" and record["method"] == "ddpm" and record["index"] == 1
    assert record["noise_seed"] == model.asked[1]["seeds"][0] != made.items[0].record["noise_seed"]
    wanted = {"seed": 7, "steps": 3, "guidance_scale": 2.0, "merge_ratio": 0.6, "model": "stand-in", "revision": "r1"}
    wanted |= {"square_to_tall": "native", "generated": "56 x 16", "size": "48 x 16", "clip_skip": 1}
    assert wanted.items() <= record.items() and len(record["adapter"]) == 4
    assert model.asked[0]["clip_skip"] == LEARN.sampling_clip_skip and model.asked[0]["ratio"] == 0.6


def test_two_prompts_take_turns_and_the_shorter_set_begins_the_longer(make):
    method = make().fit(surface())
    long, short = method.synthesize(surface(), 7, seed=1), method.synthesize(surface(), 4, seed=1)
    assert pixels(short) == pixels(long)[:4]
    assert [item.record for item in short.items] == [item.record for item in long.items][:4]
    assert [item.record["prompt"].split()[-1] for item in long.items] == ["cracked", "scratched"] * 3 + ["cracked"]


def test_another_seed_gives_other_images_and_the_batch_size_the_same(make):
    one, other = (make().fit(surface()).synthesize(surface(), 3, seed=seed) for seed in (0, 1))
    assert not set(pixels(one)) & set(pixels(other))
    assert pixels(make(batch_size=2).fit(surface()).synthesize(surface(), 3, seed=0)) == pixels(one)


def test_a_killed_synthesis_goes_on_and_a_finished_one_merges_nothing(make, model, tmp_path, monkeypatch):
    def breaks(*arguments, **options):
        if len(model.asked) == 2:
            raise KeyboardInterrupt
        return model.generate(*arguments, **options)

    monkeypatch.setattr(module, "generate", breaks)
    with pytest.raises(KeyboardInterrupt):
        make().fit(surface()).synthesize(surface(), 4, 0, tmp_path / "set")
    monkeypatch.setattr(module, "generate", model.generate)
    model.ratio = None  # the stand-in does not tidy up
    resumed = make().fit(surface()).synthesize(surface(), 4, 0, tmp_path / "set")
    assert len(model.asked) == 4 and model.merges == 2
    assert (
        pixels(resumed) == pixels(make().fit(surface()).synthesize(surface(), 4, 0)) == pixels(load(tmp_path / "set"))
    )
    before = model.merges
    make().fit(surface()).synthesize(surface(), 3, 0, tmp_path / "set")
    assert model.merges == before


@pytest.mark.parametrize(
    "changes", [{"merge_ratio": 0.5}, {"steps": 4}, {"square_to_tall": "crop"}, {"guidance_scale": 3.0}]
)
def test_a_folder_of_other_settings_is_refused(make, tmp_path, changes):
    make().fit(surface()).synthesize(surface(), 1, 0, tmp_path / "set")
    with pytest.raises(ValueError, match=f"other settings:\n.*{next(iter(changes))}: stored"):
        make(**changes).fit(surface()).synthesize(surface(), 1, 0, tmp_path / "set")


def test_the_normals_give_their_size_alone(make, tmp_path):
    method = make().fit(surface())
    method.synthesize(surface(4), 2, 0, tmp_path / "set")
    assert len(method.synthesize(surface(9, start=50), 3, 0, tmp_path / "set")) == 3
    with pytest.raises(ValueError, match="size: stored '48 x 16', asked '64 x 16'"):
        method.synthesize(surface(size=(64, 16)), 2, 0, tmp_path / "set")


def test_each_fine_tuning_has_a_folder_and_those_of_one_model_share_the_images_of_the_class(make, model):
    make().fit(surface())
    make().fit(surface())
    make(replace(LEARN, seed=1)).fit(surface())
    make().fit(surface(start=9))
    model.model_source = ModelSource("stand-in", "r2")
    make().fit(surface())
    folders = [folder.name for _, folder, _, _ in model.taught]
    assert folders[0] == folders[1] and len(set(folders)) == 4
    shared = [folder.name for _, _, folder, _ in model.taught]
    assert shared[0] == shared[1] == shared[2] == shared[3] != shared[4]


def test_nothing_is_made_before_something_was_learnt(make):
    with pytest.raises(ValueError, match=r"ddpm: call fit\(dataset\) first"):
        make().synthesize(surface(), 1, 0)


def test_what_cannot_lead_to_defects_is_refused_before_any_work(make, model):
    with pytest.raises(ValueError, match="'a crack' does not hold the instance prompt 'skt background'.*put it in fr"):
        make(prompts=("skt background cracked", "a crack"))
    with pytest.raises(ValueError, match="noise/train holds none"):
        make().fit(surface(0))
    mixed = MappedDataset(surface().reader, "both", "train", [Record("0", 0), Record("1", 1)], SIZE)
    with pytest.raises(ValueError, match="both/train mixes 1 normal and 1 defective"):
        make().fit(mixed)
    with pytest.raises(ValueError, match="wrongly be labelled defective; name a defect in the prompts"):
        make(prompts=prompts_of("few_shot")).fit(surface())
    assert model.taught == []
    make(prompts=prompts_of("few_shot")).fit(surface(label=1))


def test_normals_are_normal_and_the_side_is_one_of_the_model(make):
    method = make().fit(surface())
    with pytest.raises(ValueError, match="4 of 4 images are defective"):
        method.synthesize(surface(label=1), 1, 0)
    with pytest.raises(ValueError, match="side: expected a multiple of 8"):
        make(side=30).fit(surface()).synthesize(surface(), 1, 0)
    assert make(side=None).side == 32


def test_the_presets_hold_the_papers_values():
    ratios = {regime: SamplingSettings.paper(regime).merge_ratio for regime in ("zero_shot", "few_shot", "full_shot")}
    assert ratios == {"zero_shot": 0.60, "few_shot": 0.95, "full_shot": 0.80}
    paper = SamplingSettings.paper()
    assert paper == SamplingSettings()
    assert paper.prompts == ("skt background cracked", "skt background scratched")
    assert (paper.steps, paper.guidance_scale, paper.side, paper.square_to_tall) == (50, 7.5, 512, "native")
    assert SamplingSettings.paper("full_shot").prompts == ("skt background",)
    released = SamplingSettings.released()
    assert (released.merge_ratio, released.square_to_tall) == (0.65, "stretch")
    for regime in ratios:
        for preset in ("paper", "laptop", "smoke"):
            sampling = getattr(SamplingSettings, preset)(regime)
            learn = getattr(DreamBoothSettings, preset)(regime)
            assert sampling.merge_ratio == learn.merge_ratio
            assert all(learn.instance_prompt in prompt for prompt in sampling.prompts)
    assert all(DreamBoothSettings.released().instance_prompt in prompt for prompt in released.prompts)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"prompts": ()}, r"prompts: expected at least one, none empty, got \(\)"),
        ({"prompts": ("", "x")}, "prompts: expected at least one, none empty"),
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"guidance_scale": float("nan")}, "guidance_scale: expected at least 1, got nan"),
        ({"batch_size": 0}, "batch_size: expected at least 1"),
        ({"merge_ratio": 1.2}, r"merge_ratio: expected a value in \[0, 1\], got 1.2"),
        ({"side": 0}, "side: expected a number of pixels above 0, or None, got 0"),
        ({"square_to_tall": "natif"}, "unknown square_to_tall 'natif'; did you mean 'native'"),
    ],
)
def test_a_setting_out_of_range_is_named(changes, problem):
    with pytest.raises(ValueError, match=problem):
        SamplingSettings(**changes)


def test_an_unknown_regime_is_named():
    with pytest.raises(ValueError, match="unknown regime 'one_shot'.*few_shot"):
        SamplingSettings.laptop("one_shot")


def test_one_prompt_may_be_given_as_text():
    assert SamplingSettings(prompts="skt background").prompts == ("skt background",)


QUICK = replace(
    DreamBoothSettings.smoke(), regularisation_images=1, max_steps=2, resolution=32, smallest_side=16, largest_side=64,
    rank=2, conv_rank=2, lr=0.05, text_lr=0.05, flips=False,
)  # fmt: skip


def weights(pipeline) -> list[torch.Tensor]:
    """Copies of all that a fine-tuning may touch."""
    return [p.detach().clone() for model in (pipeline.unet, pipeline.text_encoder) for p in model.parameters()]


def test_a_real_pipeline_learns_is_asked_and_is_left_as_it_was(tmp_path):
    pipeline = build_tiny_sd()
    before = weights(pipeline)
    sampling = SamplingSettings.smoke()
    method = FineTuned(pipeline, QUICK, replace(sampling, side=32, merge_ratio=1.0), tmp_path, "cpu").fit(surface())
    made = method.synthesize(surface(), 3, 0, tmp_path / "set")
    assert [item.image.shape for item in made.items] == [(*SIZE, 3)] * 3
    assert {item.record["generated"] for item in made.items} == {"56 x 16"}  # 55.4 x 18.5 in steps of 8
    assert made.items[0].record["adapter"] == method.adapter.fingerprint
    assert all(torch.equal(a, b) for a, b in zip(before, weights(pipeline), strict=True))

    other = FineTuned(build_tiny_sd(), QUICK, method.sampling, tmp_path, "cpu").fit(surface())
    assert other.adapter.fingerprint == method.adapter.fingerprint  # picked up, not trained again
    assert len(list(tmp_path.glob("adapter-*/adapter.json"))) == len(list(tmp_path.glob("regularisation-*"))) == 1
    assert pixels(other.synthesize(surface(), 2, 0)) == pixels(made)[:2]

    base = replace(method.sampling, merge_ratio=0.0)
    plain = FineTuned(pipeline, QUICK, base, tmp_path, "cpu").fit(surface()).synthesize(surface(), 2, 0)
    assert not set(pixels(plain)) & set(pixels(made)), "the adapter changes nothing"
    assert method.side == 32 and FineTuned(pipeline, QUICK, sampling, tmp_path).side == 64

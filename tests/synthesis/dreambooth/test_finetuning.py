from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_sd import build_tiny_sd

from defectlab.synthesis.dreambooth import (
    Adapter,
    DivergedError,
    finetune,
    finetuning,
    merge,
    merged,
    training,
    unmerge,
)
from defectlab.synthesis.dreambooth.adapters import adapted, plan_adapters
from defectlab.synthesis.dreambooth.examples import encode_images, instance_examples
from defectlab.synthesis.dreambooth.objective import Learner
from defectlab.synthesis.dreambooth.text import encode_prompts

PAIR = {"regularisation": "subset", "regularisation_images": 2, "regularisation_steps": 1}


class KilledError(Exception):
    pass


def kill_at(monkeypatch, step):
    """Stop a fine-tuning as a power cut would: in the midst of a step."""
    whole = training.FineTuning._train_step

    def cut(self):
        if self.step == step:
            raise KilledError
        return whole(self)

    monkeypatch.setattr(training.FineTuning, "_train_step", cut)


def same(one, other):
    return all(
        torch.equal(tensor, other.states[m][key]) for m, state in one.states.items() for key, tensor in state.items()
    )


@pytest.fixture(scope="module")
def trained(built, photos, quick, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    return finetune(built, photos, quick, folder, "cpu"), folder


def test_the_pipeline_is_unchanged_and_the_adapter_is_on_disk(built, photos, quick, trained):
    fresh = build_tiny_sd()
    for model in ("unet", "text_encoder"):
        ours, theirs = getattr(built, model), getattr(fresh, model)
        assert all(torch.equal(tensor, theirs.state_dict()[name]) for name, tensor in ours.state_dict().items())
        assert [p.requires_grad for p in ours.parameters()] == [p.requires_grad for p in theirs.parameters()]
        assert not any(module.training for module in ours.modules())
    adapter, folder = trained
    assert Adapter.load(folder).fingerprint == adapter.fingerprint
    assert adapter.record["steps"] == 6 and adapter.record["optimiser"] == "AdamW"
    assert not (folder / "checkpoint.pt").exists()
    assert (folder / "log.csv").read_text().splitlines()[-1].startswith("6,")


def test_a_finished_fine_tuning_is_only_loaded(built, photos, quick, trained, monkeypatch):
    monkeypatch.setattr(finetuning, "FineTuning", None)
    adapter, folder = trained
    assert finetune(built, photos, quick, folder, "cpu").fingerprint == adapter.fingerprint


@pytest.mark.parametrize("step", [1, 2, 5])
def test_killed_and_resumed_equals_unbroken_to_the_bit(built, photos, quick, trained, tmp_path, monkeypatch, step):
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        kill_at(patch, step)
        finetune(built, photos, quick, tmp_path, "cpu")
    assert (tmp_path / "checkpoint.pt").exists() == (step >= 2)
    torch.manual_seed(step)  # whatever happened to the global random numbers meanwhile
    adapter = finetune(built, photos, quick, tmp_path, "cpu")
    assert same(adapter, trained[0]) and adapter.fingerprint == trained[0].fingerprint
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 2


def test_the_callers_random_numbers_stay_as_they_are(built, photos, quick, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    finetune(built, photos, replace(quick, max_steps=1), tmp_path, "cpu")
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(("channels", "kind"), [(4, "epsilon"), (18, "v_prediction")])
def test_fine_tuning_lowers_the_loss_on_a_fixed_batch(photos, quick, tmp_path, channels, kind):
    pipeline = build_tiny_sd(latent_channels=channels, prediction_type=kind)
    examples = instance_examples(photos, quick)
    latents = torch.stack(encode_images(pipeline.vae, examples))
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0))
    levels, prompts = torch.tensor([100, 300, 500, 700]), [example.prompt for example in examples]

    def loss():
        with torch.no_grad():
            return Learner(pipeline, quick)(latents, noise, levels, prompts).mean().item()

    before = loss()
    adapter = finetune(pipeline, photos, replace(quick, max_steps=30, lr=2e-2), tmp_path, "cpu")
    with merged(pipeline, adapter, 1.0):
        assert loss() < 0.98 * before
    assert loss() == before


def test_the_text_encoder_learns_the_token(built, trained):
    base = encode_prompts(built, ["skt background", "background"]).detach()
    adapter, _ = trained
    ups = [tensor for key, tensor in adapter.states["text_encoder"].items() if "lora_B" in key]
    assert len(ups) == 12 and all(tensor.any() for tensor in ups)
    with merged(built, adapter, 1.0):
        assert (encode_prompts(built, ["skt background"]).detach() - base[:1]).abs().max() > 0.01


def test_without_its_adapters_the_text_encoder_stays(built, photos, quick, tmp_path):
    adapter = finetune(built, photos, replace(quick, train_text_encoder=False, max_steps=2), tmp_path, "cpu")
    assert set(adapter.states) == {"unet"}


def test_the_weight_of_the_prior_changes_what_is_learnt(built, photos, quick, tmp_path):
    settings = replace(quick, **PAIR, max_steps=3)
    shared = tmp_path / "shared"
    with_prior, without, plain = (
        finetune(built, photos, replace(settings, **change), tmp_path / name, "cpu", regularisation=shared)
        for name, change in (
            ("one", {"prior_weight": 1.0}),
            ("zero", {"prior_weight": 0.0}),
            ("ordinary", {"regularisation": "ordinary", "prior_weight": 0.0}),
        )
    )
    assert not same(with_prior, without)
    assert not same(without, plain)


def test_in_the_release_the_weight_of_the_prior_is_without_effect(built, photos, quick, tmp_path):
    settings = replace(quick, **PAIR | {"regularisation": "ordinary"}, max_steps=2)
    one, other = (
        finetune(built, photos, replace(settings, prior_weight=weight), tmp_path / str(weight), "cpu", tmp_path / "r")
        for weight in (0.0, 1.0)
    )
    assert same(one, other)


def test_regularisation_images_are_made_once_by_the_model_itself(built, photos, quick, tmp_path, monkeypatch):
    settings = replace(quick, **PAIR, max_steps=1)
    finetune(built, photos, settings, tmp_path / "a", "cpu", regularisation=tmp_path / "shared")
    assert len(list((tmp_path / "shared" / "images").iterdir())) == 2
    monkeypatch.setattr("defectlab.synthesis.dreambooth.sampling.generate", None)
    finetune(built, photos, replace(settings, seed=9), tmp_path / "b", "cpu", regularisation=tmp_path / "shared")


def test_regularisation_images_of_another_model_are_refused(built, photos, quick, tmp_path):
    settings = replace(quick, **PAIR, max_steps=1)
    finetune(built, photos, settings, tmp_path / "a", "cpu", regularisation=tmp_path / "shared")
    with pytest.raises(ValueError, match="holds a set of other settings"):
        finetune(build_tiny_sd(seed=1), photos, settings, tmp_path / "b", "cpu", regularisation=tmp_path / "shared")


def test_a_loss_that_is_no_number_stops_with_advice_and_keeps_the_last_checkpoint(
    built, photos, quick, trained, tmp_path, monkeypatch
):
    def broken(*inputs, **options):
        loss = weighted(*inputs, **options)
        calls.append(1)
        return loss * float("nan") if len(calls) == 4 else loss

    weighted, calls = training.weighted_mean, []
    with monkeypatch.context() as patch:
        patch.setattr(training, "weighted_mean", broken)
        with pytest.raises(DivergedError, match=r"the loss is nan at step 3 of 6: lower lr \(now 0\.01\).*checkpoint"):
            finetune(built, photos, quick, tmp_path, "cpu")
    assert same(finetune(built, photos, quick, tmp_path, "cpu"), trained[0])


def test_other_settings_in_the_same_folder_are_refused_by_name(built, photos, quick, trained, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"settings\.lr: stored 0\.01, asked 0\.005"):
        finetune(built, photos, replace(quick, lr=5e-3), trained[1], "cpu")
    with pytest.raises(KilledError):
        kill_at(monkeypatch, 3)
        finetune(built, photos, quick, tmp_path, "cpu")
    with pytest.raises(ValueError, match="checkpoint.pt is of another fine-tuning:\n  settings.seed: stored 1234"):
        finetune(built, photos, replace(quick, seed=1), tmp_path, "cpu")
    with pytest.raises(ValueError, match="instances: stored"):
        finetune(built, photos.subset(indices=[0, 1]), quick, tmp_path, "cpu")


def test_a_damaged_checkpoint_is_named(built, photos, quick, tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"cut off")
    with pytest.raises(ValueError, match=r"checkpoint\.pt is damaged; delete it to start again"):
        finetune(built, photos, quick, tmp_path, "cpu")


def test_a_fine_tuning_of_a_merged_pipeline_is_refused(pipeline, photos, quick, trained, tmp_path):
    merge(pipeline, trained[0], 0.5)
    with pytest.raises(ValueError, match="an adapter is merged"):
        finetune(pipeline, photos, quick, tmp_path, "cpu")
    unmerge(pipeline)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mixed_precision": "fp16"}, "fp16 needs a CUDA device, the device is cpu"),
        ({"side_step": 4, "regularisation": "none"}, "side_step: expected a multiple of 8 for this model, got 4"),
        ({"clip_skip": 3}, "clip_skip: the text encoder has 2 layers only"),
        ({"optimiser": "adamw8bit"}, "adamw8bit needs bitsandbytes and a CUDA device"),
    ],
)
def test_settings_that_do_not_fit_the_machine_or_the_model_are_refused(built, photos, quick, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        finetune(built, photos, replace(quick, **change), tmp_path, "cpu")


@pytest.mark.parametrize("change", [{"clip_skip": 2}, {"gradient_checkpointing": True}, {"mixed_precision": "bf16"}])
def test_each_way_to_compute_trains_all_adapters(built, photos, quick, tmp_path, change):
    adapter = finetune(built, photos, replace(quick, **change, max_steps=1), tmp_path, "cpu")
    moved = {m: sum(bool(t.any()) for k, t in s.items() if "lora_B" in k) for m, s in adapter.states.items()}
    skipped = 6 if change.get("clip_skip") == 2 else 0  # adapters of the layer that is not read
    assert moved == {"unet": len(adapter.plans["unet"]), "text_encoder": 12 - skipped}
    assert not any(getattr(module, "gradient_checkpointing", False) for module in built.unet.modules())


def test_gradient_checkpointing_changes_memory_not_results(built, photos, quick, trained, tmp_path):
    settings = replace(quick, gradient_checkpointing=True)
    adapter = finetune(built, photos, settings, tmp_path, "cpu")
    for model, state in adapter.states.items():
        for key, tensor in state.items():
            assert torch.allclose(tensor, trained[0].states[model][key], atol=1e-5)


def test_processes_share_a_batch_and_lose_nothing(built, photos, quick, tmp_path):
    """Two processes take every second image; their losses add up to that of one."""
    plans = plan_adapters(built, quick)
    examples = instance_examples(photos, quick)
    with adapted(built, plans, quick.seed):
        accelerator = finetuning.make_accelerator(quick, "cpu")
        run = training.FineTuning(built, plans, examples, quick, tmp_path, accelerator, {"settings": {}})
        batch = [0, 1, 2]
        whole = run._losses(batch, [0, 1, 2])[1]
        shares = [run._losses(batch, places)[1] for places in ([0, 2], [1], [])]
    assert torch.isclose(whole, sum(shares), rtol=1e-5)
    assert shares[2] == 0
    assert np.isfinite(whole.item())

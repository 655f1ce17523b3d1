from dataclasses import replace

import pytest
import torch
from torch import nn

from defectlab.synthesis.dreambooth import DreamBoothSettings
from defectlab.synthesis.dreambooth.adapters import (
    adapted,
    count_parameters,
    get_layer,
    plan_adapters,
)
from defectlab.synthesis.dreambooth.text import encode_prompts

SEED = 7
C3LIER = DreamBoothSettings()
LIERLA = replace(C3LIER, conv_rank=None)


def predicted(pipeline):
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        text = encode_prompts(pipeline, ["skt background"])
        return pipeline.unet(torch.randn(1, 4, 8, 8, generator=generator), 500, encoder_hidden_states=text).sample


def test_a_fresh_adapter_changes_nothing(pipeline):
    before = predicted(pipeline)
    with adapted(pipeline, plan_adapters(pipeline, C3LIER), SEED):
        assert torch.equal(predicted(pipeline), before)


def test_down_is_kaiming_uniform_and_up_is_zero(pipeline):
    with adapted(pipeline, plan_adapters(pipeline, C3LIER), SEED):
        for name, weight in pipeline.unet.named_parameters():
            if "lora_B" in name:
                assert not weight.any()
            elif "lora_A" in name:
                bound = weight[0].numel() ** -0.5  # a = sqrt(5) gives 1 / sqrt(fan in)
                assert 0 < weight.abs().max() <= bound


def test_only_adapters_are_trained_and_their_number_matches_the_formula(pipeline):
    plans = plan_adapters(pipeline, C3LIER)
    expected = sum(count_parameters(getattr(pipeline, model), plan) for model, plan in plans.items())
    with adapted(pipeline, plans, SEED) as weights:
        trained = [p for model in (pipeline.unet, pipeline.text_encoder) for p in model.parameters() if p.requires_grad]
        assert sum(p.numel() for p in trained) == sum(w.numel() for w in weights) == expected
        assert all(w.dtype == torch.float32 for w in weights)


def test_the_formula_by_hand():
    model = nn.ModuleDict({"linear": nn.Linear(6, 10), "one": nn.Conv2d(6, 10, 1), "three": nn.Conv2d(6, 10, 3)})
    plan = plan_of({"linear": 4, "one": 4, "three": 2})
    assert count_parameters(model, plan) == 4 * 16 + 4 * 16 + 2 * (6 * 9 + 10)


def plan_of(ranks):
    from defectlab.synthesis.dreambooth.adapters import Scaling

    return {name: Scaling(rank, 1.0) for name, rank in ranks.items()}


def test_c3lier_gives_convolutions_a_rank_and_alpha_of_their_own(pipeline):
    plan = plan_adapters(pipeline, C3LIER)["unet"]
    for name, scaling in plan.items():
        layer = get_layer(pipeline.unet, name)
        wide = isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3)
        assert (scaling.rank, scaling.alpha) == ((4, 1.0) if wide else (32, 16.0))
    kinds = {name.rpartition(".")[2] for name in plan}
    assert {"conv1", "conv2", "conv", "time_emb_proj", "conv_shortcut", "to_q", "proj_in"} <= kinds
    assert not {"conv_in", "conv_out", "linear_1"} & kinds


def test_peft_builds_the_ranks_and_scales_of_the_plan(pipeline):
    plans = plan_adapters(pipeline, C3LIER)
    with adapted(pipeline, plans, SEED):
        for model, plan in plans.items():
            for name, scaling in plan.items():
                layer = getattr(pipeline, model).get_submodule(name)
                assert layer.r["dreambooth"] == scaling.rank
                assert layer.scaling["dreambooth"] == scaling.factor


def test_lierla_adapts_attention_blocks_only(pipeline):
    plan = plan_adapters(pipeline, LIERLA)["unet"]
    assert plan and all("attentions" in name for name in plan)


def test_the_text_encoder_has_six_adapters_a_layer_and_none_when_not_asked(pipeline):
    plans = plan_adapters(pipeline, C3LIER)
    assert len(plans["text_encoder"]) == 2 * 6
    assert "text_encoder" not in plan_adapters(pipeline, replace(C3LIER, train_text_encoder=False))


def test_the_pipeline_is_what_it_was_afterwards(pipeline):
    pipeline.unet.conv_in.weight.requires_grad_(False)

    def state(model):
        flags = {name: p.requires_grad for name, p in model.named_parameters()}
        classes = {name: (type(module), module.training) for name, module in model.named_modules()}
        return flags, classes, sorted(vars(model))

    models = pipeline.unet, pipeline.text_encoder
    before = [(state(model), {name: t.clone() for name, t in model.state_dict().items()}) for model in models]
    with pytest.raises(KeyError), adapted(pipeline, plan_adapters(pipeline, C3LIER), SEED):
        pipeline.unet.train()
        raise KeyError
    for model, (known, weights) in zip(models, before, strict=True):
        assert state(model) == known
        assert all(torch.equal(t, weights[name]) for name, t in model.state_dict().items())


def test_a_pipeline_with_adapters_is_refused(pipeline):
    plans = plan_adapters(pipeline, C3LIER)
    with (
        adapted(pipeline, plans, SEED),
        pytest.raises(ValueError, match="unet carries LoRA layers already"),
        adapted(pipeline, plans, SEED),
    ):
        pass


def test_a_model_without_attention_is_refused(pipeline):
    pipeline.unet = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="Sequential has no layer in a block of class Transformer2DModel; nothing"):
        plan_adapters(pipeline, LIERLA)


def test_the_first_weights_depend_on_the_seed_alone(pipeline):
    def first(seed):
        with adapted(pipeline, plan_adapters(pipeline, C3LIER), seed) as weights:
            return [w.detach().clone() for w in weights]

    same, again, other = first(1), first(1), first(2)
    assert all(torch.equal(a, b) for a, b in zip(same, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(same, other, strict=True))

"""Teacher, student and head: the teacher never changes, equal networks see no anomaly, each reading learns its part."""

from __future__ import annotations

import pytest
import timm
import torch
from safetensors.torch import save_file

from defectlab.detection.baselines.features import load_model
from defectlab.detection.student_teacher import settings as presets
from defectlab.detection.student_teacher import teacher as teacher_module
from defectlab.detection.student_teacher.losses import cosine_loss, joint_loss
from defectlab.detection.student_teacher.network import Network
from defectlab.detection.student_teacher.segmentation import SegmentationHead
from defectlab.detection.student_teacher.student import Student
from defectlab.detection.student_teacher.teacher import load_teacher
from defectlab.detection.weights import state_digest


def images(seed, n=2, size=32):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed))


def make(**changes):
    settings = presets.smoke(**changes)
    return Network(load_teacher(settings)[0], settings), settings


def test_the_teacher_gives_one_map_a_level_of_patches_alone():
    teacher, report = load_teacher(presets.smoke(size=(32, 64)))
    levels = teacher(images(0)[..., :1].expand(-1, -1, -1, 64))
    assert [tuple(level.shape) for level in levels] == [(2, teacher.channels, 2, 4)] * 3
    assert report.name == "none" and "Random weights" in str(report)


def test_the_shipped_teacher_says_what_it_was_trained_on_and_only_a_file_of_others_is_unknown(tmp_path):
    assert set(teacher_module.NOTES) == {"dinov2", "imagenet", "pocket", "none"}
    _, report = load_teacher(presets.laptop())
    assert report.name == "pocket" and "trained by this project" in report.note and len(report.sha256) == 64
    assert "that encoder was shown the exact masks of drawn defects" in report.note
    assert load_model("auto", "pocket_teacher", (128, 128), 0)[2].note == report.note
    given = presets.smoke(teacher="test_vit", weights=str(tmp_path / "vit.safetensors"))
    own = timm.create_model("test_vit", num_classes=0, dynamic_img_size=False)
    save_file(own.state_dict(), tmp_path / "vit.safetensors")
    assert "does not know what it was trained on" in load_teacher(given)[1].note


def test_a_level_is_the_mean_of_timms_own_intermediates():
    teacher, _ = load_teacher(presets.smoke(levels=((0, 2), (5,))))
    image = images(0)
    every = teacher.model.forward_intermediates(teacher.normalise(image), intermediates_only=True)
    first, second = teacher(image)
    assert torch.allclose(first, (every[0] + every[2]) / 2, atol=1e-6) and torch.allclose(second, every[5], atol=1e-6)


@pytest.mark.parametrize("student", ["shared", "copy", "random"])
def test_a_training_step_changes_the_student_and_never_the_teacher(student):
    network, settings = make(student=student)
    before = state_digest(network.teacher), state_digest(network.student)
    network.train()
    assert not network.teacher.training and not network.teacher.model.training and network.student.training
    learning = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learning, lr=0.1)
    output = network(images(0), images(1))
    joint_loss(output.pairs, output.logits, torch.ones(2, 1, 32, 32), settings).total.backward()
    optimiser.step()
    assert state_digest(network.teacher) == before[0] and state_digest(network.student) != before[1]
    assert all(p.grad is None for p in network.teacher.parameters())


def test_a_student_that_is_its_teacher_has_loss_0_and_an_empty_map():
    network, _ = make(student="copy", decoder=False)
    network.eval()
    image = images(0)
    assert cosine_loss(network(image, image).pairs).item() == pytest.approx(0, abs=1e-6)
    assert network.maps(image, "features").abs().max() < 1e-6


def test_the_readings_differ_in_what_learns():
    shared, copied, scratch = (make(student=reading)[0] for reading in ("shared", "copy", "random"))
    assert shared.student.encoder is None
    same = copied.student.encoder.model.state_dict()
    assert all(torch.equal(value, same[key]) for key, value in copied.teacher.model.state_dict().items())
    other = scratch.student.encoder.model.state_dict()
    assert any(not torch.equal(value, other[key]) for key, value in scratch.teacher.model.state_dict().items())
    assert all(p.requires_grad for p in copied.student.parameters())


def test_without_a_decoder_the_shared_reading_keeps_a_bottleneck_a_level_and_the_copy_none():
    assert len(make(decoder=False)[0].student.bottlenecks) == 3
    bare = make(decoder=False, student="copy")[0].student
    assert not bare.bottlenecks and not bare.decoder


def test_the_first_blocks_of_the_decoder_answer_for_the_deepest_level():
    network, _ = make(decoder_blocks=4)
    student, levels = network.student.eval(), network.teacher(images(0))
    outputs = []
    for block in student.decoder:
        block.register_forward_hook(lambda module, given, result: outputs.append(result))
    shallow, _, deep = student(images(0), levels)
    assert student.groups == [[0, 1], [2], [3]]
    assert torch.allclose(deep.flatten(2).transpose(1, 2), (outputs[0] + outputs[1]) / 2, atol=1e-6)
    assert torch.allclose(shallow.flatten(2).transpose(1, 2), outputs[3], atol=1e-6)
    with pytest.raises(ValueError, match="at least 3, one for each level, got 2"):
        Student(network.teacher, presets.smoke(decoder_blocks=2))


def test_weights_of_the_student_depend_on_the_seed_alone():
    torch.manual_seed(0)
    first = state_digest(make(seed=1)[0])
    torch.manual_seed(5)
    assert state_digest(make(seed=1)[0]) == first != state_digest(make(seed=2)[0])


@pytest.mark.parametrize("reads", ["difference", "product"])
def test_the_head_gives_one_logit_a_pixel_at_the_size_asked_for(reads):
    head = SegmentationHead(4, 2, 8, 4, reads).eval()
    pairs = [(torch.rand(3, 4, 2, 5), torch.rand(3, 4, 2, 5))] * 2
    assert head(pairs, (30, 70)).shape == (3, 1, 30, 70)


def test_a_frozen_student_gets_no_gradient_from_the_head():
    network, _ = make()
    network(images(0), images(1), freeze_student=True).logits.sum().backward()
    assert all(p.grad is None for p in network.student.parameters())
    assert any(p.grad is not None for p in network.head.parameters())


def test_the_head_reads_the_teacher_of_the_image_that_it_will_see_at_inference():
    network, settings = make()
    network.eval()
    seen, other = images(1), images(2)
    assert torch.allclose(network(images(0), seen).logits.sigmoid(), network.maps(seen, "head"), atol=1e-6)
    network.settings = settings.but(head_teacher="clean")
    assert not torch.allclose(network(images(0), other).logits, network(other, other).logits)


def test_a_map_of_the_head_needs_a_head():
    network, _ = make(**presets.ABLATIONS["w/o seg"])
    assert network(images(0), images(1)).logits is None
    with pytest.raises(ValueError, match="no segmentation head, got 'head'"):
        network.maps(images(0), "head")
    with pytest.raises(ValueError, match="'head' or 'features', got 'both'"):
        make()[0].maps(images(0), "both")


def test_the_trained_state_leaves_the_teacher_out_and_comes_back():
    network, other = make(seed=0)[0], make(seed=3)[0]
    state = network.trained_state()
    assert not any(key.startswith("teacher.") for key in state)
    other.load_trained_state(state)
    assert state_digest(other.student) == state_digest(network.student)
    with pytest.raises(KeyError, match="does not fit"):
        other.load_trained_state({})


def test_local_weights_of_another_size_are_brought_to_the_size_of_the_images(tmp_path):
    model = timm.create_model("test_vit", num_classes=0)
    save_file(model.state_dict(), tmp_path / "vit.safetensors")
    teacher, report = load_teacher(presets.smoke(weights=str(tmp_path / "vit.safetensors")))
    assert torch.equal(teacher.model.blocks[0].attn.qkv.weight, model.blocks[0].attn.qkv.weight)
    assert teacher.model.pos_embed.shape[1] == 1 + 4 and len(report.sha256) == 64 and "local file" in report.note


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"size": (40, 32)},
            ValueError,
            r"\(40, 32\) is no multiple of the patch \(16, 16\).*near it: \((32|48), 32\)",
        ),
        ({"teacher": "resnet10t"}, ValueError, "must be a vision transformer"),
        ({"teacher": "vit_none"}, ValueError, "not a model of timm"),
        ({"weights": "dinov2"}, ValueError, "take weights='imagenet', or a teacher with 'dinov2'"),
        ({"teacher": "vit_small_patch14_dinov2", "weights": "imagenet"}, ValueError, "take weights='dinov2'"),
        ({"weights": "pocket"}, FileNotFoundError, "no pocket teacher"),
    ],
)
def test_a_teacher_that_cannot_be_is_refused_with_what_would_mend_it(changes, error, message, tmp_path, monkeypatch):
    monkeypatch.setattr(teacher_module, "POCKET", tmp_path)
    with pytest.raises(error, match=message):
        load_teacher(presets.smoke(**changes))

"""Teacher, student and segmentation head as one module, for training and for inference."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from defectlab.detection.backbones import BackboneSpec
from defectlab.detection.student_teacher.alignment import align
from defectlab.detection.student_teacher.losses import Pairs
from defectlab.detection.student_teacher.maps import fuse, level_maps, smooth
from defectlab.detection.student_teacher.segmentation import SegmentationHead
from defectlab.detection.student_teacher.settings import StudentTeacherSettings
from defectlab.detection.student_teacher.student import Student
from defectlab.detection.student_teacher.teacher import Teacher

TeacherLevels = tuple[list[Tensor], list[Tensor]]
"""The teacher's features of I and of A, a map a level."""


@dataclass(frozen=True)
class Output:
    """What a training step needs.

    Attributes:
        pairs: teacher of the clean image, student of the anomalous one, normalised, a level each.
        logits: of the segmentation head, ``(n, 1, H, W)``; ``None`` without one.
    """

    pairs: Pairs
    logits: Tensor | None


class PairNetwork(nn.Module, ABC):
    """A teacher that stays as it is, a student that learns from it, and what reads their differences.

    Attributes:
        teacher: frozen.
        student: trained.
        spec: what it takes to build the teacher again.
    """

    teacher: nn.Module
    student: nn.Module
    spec: BackboneSpec

    @abstractmethod
    def forward(self, clean: Tensor, anomalous: Tensor, freeze_student: bool = False) -> Output:
        """One training pass.

        Args:
            clean: I, in [0, 1], shape ``(n, 3, H, W)``.
            anomalous: A, likewise; the student sees this one alone.
            freeze_student: let no gradient reach the student (DeSTSeg's second phase).
        """

    @abstractmethod
    def maps(self, image: Tensor, kind: str) -> Tensor:
        """Anomaly maps of images that both networks see, float32, shape ``(n, 1, H, W)``."""

    def trained_state(self) -> dict[str, Tensor]:
        """Weights and buffers of student and head, the teacher's left out."""
        return {k: v for k, v in self.state_dict().items() if not k.startswith("teacher.")}

    def load_trained_state(self, state: dict[str, Tensor]) -> None:
        """Sets what `trained_state` gave; the teacher stays.

        Raises:
            KeyError: if the state is of another network.
        """
        missing, unknown = self.load_state_dict(state, strict=False)
        lacking = [key for key in missing if not key.startswith("teacher.")]
        if lacking or unknown:
            raise KeyError(f"the state does not fit: {len(lacking)} missing {lacking[:3]}, unknown {unknown[:3]}")


class Network(PairNetwork):
    """The asymmetric pair with its head.

    Args:
        teacher: frozen.
        settings: the settings.
    """

    teacher: Teacher
    student: Student

    def __init__(self, teacher: Teacher, settings: StudentTeacherSettings) -> None:
        super().__init__()
        self.settings, self.teacher, self.spec = settings, teacher, teacher.spec
        self.student = Student(teacher, settings)
        self.head: SegmentationHead | None = None
        if settings.segmentation:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(settings.seed)
                self.head = SegmentationHead(
                    teacher.channels,
                    len(teacher.groups),
                    settings.head_width,
                    settings.head_scale,
                    settings.head_input,
                )

    def forward(
        self, clean: Tensor, anomalous: Tensor, freeze_student: bool = False, levels: TeacherLevels | None = None
    ) -> Output:
        """One training pass; see `PairNetwork.forward`.

        Args:
            clean: I.
            anomalous: A.
            freeze_student: let no gradient reach the student.
            levels: what the teacher says of I and of A, where it is known already.
        """
        of_clean, of_anomalous = levels or (self.teacher(clean), self.teacher(anomalous))
        student = self.student(anomalous, of_anomalous)
        if freeze_student:
            student = [level.detach() for level in student]
        pairs = align(of_clean, student)
        if self.head is None:
            return Output(pairs, None)
        read = pairs if self.settings.head_teacher == "clean" else align(of_anomalous, student)
        return Output(pairs, self.head(read, (clean.shape[2], clean.shape[3])))

    @torch.no_grad()
    def maps(self, image: Tensor, kind: str) -> Tensor:
        """Anomaly maps of images that both networks see, float32, shape ``(n, 1, H, W)``.

        Args:
            image: in [0, 1], shape ``(n, 3, H, W)``.
            kind: ``"head"``, probabilities; or ``"features"``, Eq. 5, in [0, 2].

        Raises:
            ValueError: if the head is asked for and there is none, or the kind is neither.
        """
        if kind not in ("head", "features") or (kind == "head" and self.head is None):
            have = (
                "'features' alone, for there is no segmentation head" if self.head is None else "'head' or 'features'"
            )
            raise ValueError(f"maps must be {have}, got {kind!r}")
        levels = self.teacher(image)
        pairs = align(levels, self.student(image, levels))
        size = (image.shape[2], image.shape[3])
        if kind == "head" and self.head is not None:
            scores = self.head(pairs, size).float().sigmoid()
        else:
            scores = fuse(level_maps(pairs), size, self.settings.fusion)
        return smooth(scores, self.settings.smoothing)

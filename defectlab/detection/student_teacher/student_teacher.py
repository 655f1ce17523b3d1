"""`StudentTeacher`: defects located by a detector that saw normal images and synthetic defects alone."""

from __future__ import annotations

from defectlab.detection.backbones import BackboneSpec, create
from defectlab.detection.student_teacher.network import Network
from defectlab.detection.student_teacher.pair_detector import PairDetector
from defectlab.detection.student_teacher.settings import StudentTeacherSettings
from defectlab.detection.student_teacher.teacher import build_teacher, load_teacher
from defectlab.detection.student_teacher.training import StudentTeacherTrainer
from defectlab.detection.weights import WeightsReport


class StudentTeacher(PairDetector):
    """The asymmetric student-teacher network (arXiv 2604.19240).

    One model for a category or one for all, which the paper does not say, is a matter of what `fit` is given.
    Presets of the settings are in `defectlab.detection.student_teacher.settings`; for everything else see
    `PairDetector`.
    """

    name = "student_teacher"
    settings_class = StudentTeacherSettings
    trainer_class = StudentTeacherTrainer
    settings: StudentTeacherSettings

    def make_network(self) -> tuple[Network, WeightsReport]:
        """Teacher with its weights, student and head."""
        teacher, report = load_teacher(self.settings)
        return Network(teacher, self.settings), report

    def remake_network(self, spec: BackboneSpec) -> Network:
        """The network for weights still to come."""
        return Network(build_teacher(create(spec, seed=0), spec, self.settings), self.settings)

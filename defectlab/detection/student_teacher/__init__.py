"""The asymmetric student-teacher detector: defects located by a network that saw normal images and synthetic ones."""

from defectlab.detection.student_teacher.settings import StudentTeacherSettings, ablation, laptop, paper, smoke
from defectlab.detection.student_teacher.student_teacher import StudentTeacher
from defectlab.detection.student_teacher.training import StudentTeacherTrainer
from defectlab.detection.student_teacher.triplets import PairedDataset, Triplets, gather

__all__ = [
    "PairedDataset",
    "StudentTeacher",
    "StudentTeacherSettings",
    "StudentTeacherTrainer",
    "Triplets",
    "ablation",
    "gather",
    "laptop",
    "paper",
    "smoke",
]

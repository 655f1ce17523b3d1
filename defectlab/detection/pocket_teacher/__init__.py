"""The pocket teacher: a small ViT that learns procedural surfaces by filling in what was hidden of them."""

from defectlab.detection.pocket_teacher.settings import TeacherSettings
from defectlab.detection.pocket_teacher.training import TeacherTrainer

__all__ = ["TeacherSettings", "TeacherTrainer"]

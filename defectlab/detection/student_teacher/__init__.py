"""The asymmetric student-teacher detector: defects located by a network that saw normal images and synthetic ones."""

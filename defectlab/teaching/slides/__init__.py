"""Slides of the chapters, from the same pages and notebooks as the book: one HTML file a chapter, without a network."""

from defectlab.teaching.slides.chapters import chapters_with_slides
from defectlab.teaching.slides.writing import write_slides

__all__ = ["chapters_with_slides", "write_slides"]

"""Data sets of surfaces: procedural, public and the user's own, all alike."""

from defectlab.data.base import Record, Sample, SurfaceDataset
from defectlab.data.combine import concatenate, split_by_group
from defectlab.data.registry import load_dataset

__all__ = ["Record", "Sample", "SurfaceDataset", "concatenate", "load_dataset", "split_by_group"]

"""defectlab: four papers on synthetic surface defects and their detection, as one tested package."""

__version__ = "0.1.0"

"""The papers' grids, methods x n_aug x regimes x seeds: one cell a run of its own, shared fine-tunings and images.

A grid is declared in ``workflow/grids/PAPER.yaml``, expanded in `plan`, run by Snakemake through ``workflow/Snakefile``
and `engine`, one job at a time by `work`, and becomes one tidy table in `collect`.
"""

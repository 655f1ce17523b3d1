"""Denoising diffusion in pixels (DDPM-MoCo, sections 1 and 2): one model a class, trained from nothing.

Nothing is imported here, so that a caller who needs one module does not wait for all of them.

| module | what |
|---|---|
| `settings` | `DiffusionSettings`, `SamplingSettings` and their presets |
| `schedule`, `posterior` | the noise process forth (Eq. 1, 2) and back (Eq. 3 as printed, and the right one) |
| `attention`, `network` | linear attention; the U-Net that tells the noise |
| `linear_guess` | the best linear guess at the noise, which a short training corrects |
| `model` | `DiffusionModel`: network, schedule and classes, in a folder |
| `classes`, `classical` | images of a class; the classical augmentation by eight |
| `training`, `folder_trainer` | `Trainer`: resumable; its loop and checkpoints, which the comparators share |
| `sampling` | ancestral sampling, DDIM, DPM-Solver++ |
| `class_synthesizer` | what `Ddpm` and the comparators have in common |
| `ddpm` | `Ddpm`, the synthesizer |
"""

"""Defects from normal images alone: disturbed reverse diffusion, Perlin mask, blend (student-teacher, section 3).

Nothing is imported here, so that a caller who needs one module does not wait for all of them.

| module | what |
|---|---|
| `settings` | `PerturbedSettings`; presets of the diffusion model |
| `process` | the reverse process with extra variance: globally abnormal images P |
| `normals` | the normal images that the model learns, and their categories |
| `perturbed_ddpm` | `PerturbedDdpm`, the synthesizer |
| `stored` | `StoredTriplets`: (I, A, M) read back from the folder of a set |
"""

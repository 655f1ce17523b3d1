"""Synthesis: from normal images to defective ones.

Nothing is imported here, so that a command which needs one module does not wait for all of them.

| module | what |
|---|---|
| `base` | `Synthesizer`, `SyntheticSet`, `Synthetic`: what every method speaks |
| `store` | sets on disk, resumable |
| `perlin`, `lines` | laws that masks are drawn from |
| `masks` | where a defect goes: `mask_source("real" / "perlin" / "lines" / "blobs" / path)` |
| `textures` | where foreign texture comes from: `texture_source("surfaces" / "dtd" / path)` |
| `foreground` | where the object is |
| `augment`, `blend` | DRAEM's ten augmentations; pasting under a mask |
| `memseg` | `MemSeg`, the comparison method of In&Out and DIAG |
| `diag`, `triplets`, `pipelines` | `Diag`: inpainting with a text-conditioned diffusion model |
| `dreambooth` | fine-tuning of a text-to-image model by DreamBooth with LoRA, and sampling |
| `fine_tuned`, `sampling`, `tall` | `FineTuned`: diffusion alone; how it is asked, squares to tall; no masks |
| `diffusion` | `Ddpm`: diffusion models in pixels, trained from nothing on the classes of a surface |
| `comparators` | `Gan`, `Vae`, `Flow`: what diffusion is compared with, in the form of `Ddpm` |
| `perturbed` | `PerturbedDdpm`: a disturbed diffusion of normal images, blended in under a mask; triplets |
| `morphology` | `MorphedMasks`: erosion and dilation of any masks |
| `in_and_out` | `InAndOut`: half `FineTuned`, half `MemSeg` |
"""

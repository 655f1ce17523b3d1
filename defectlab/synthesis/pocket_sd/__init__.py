"""`pocket-sd`, a small Stable-Diffusion-shaped text-to-image model of surfaces, made to be fine-tuned."""

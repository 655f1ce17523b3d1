"""`pocket`, a small text-conditioned diffusion model of defects: trained here, shipped here, runs on a laptop."""

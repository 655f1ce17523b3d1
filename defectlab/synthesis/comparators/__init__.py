"""What diffusion is compared with in Figure 9 of DDPM-MoCo: a GAN, a VAE and a normalising flow, one model a class.

The paper does not say which ones; these are the plain forms of each kind. Nothing is imported here, so that a caller
who needs one module does not wait for all of them.

| module | what |
|---|---|
| `settings` | `GanSettings`, `VaeSettings`, `FlowSettings` and their presets |
| `networks` | the convolutional halves that GAN and VAE share |
| `coupling` | the invertible layers of the flow |
| `gan`, `vae`, `flow` | how each is trained, and `Gan`, `Vae`, `Flow`: synthesizers in the form of `Ddpm` |
| `recipe`, `training` | what a kind of generator must say, and its resumable training |
| `model` | a trained generator in a folder |
| `comparator` | what the three synthesizers have in common |
"""

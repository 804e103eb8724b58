"""Diffusion-GAN (Wang et al. 2023, "Diffusion-GAN: Training GANs with Diffusion")."""

from gankit import registering
from gankit_diffusion_gan.augmentations import DiffusionNoise

gankit_register = registering(("diffusion-noise", DiffusionNoise))
"""Noise of many strengths on reals and fakes, the stronger the more the discriminator overfits."""

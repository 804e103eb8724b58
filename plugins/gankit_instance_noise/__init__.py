"""Instance noise (Sønderby et al. 2017, "Amortised MAP Inference for Image Super-resolution")."""

from gankit import registering
from gankit_instance_noise.augmentations import InstanceNoise

gankit_register = registering(("instance-noise", InstanceNoise))
"""Noise on reals and fakes, so that their distributions overlap."""

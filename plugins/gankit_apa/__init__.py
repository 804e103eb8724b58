"""APA (Jiang et al. 2021, "Deceive D: Adaptive Pseudo Augmentation for GAN Training with Limited Data")."""

from gankit import registering
from gankit_apa.augmentations import PseudoAugmentation

gankit_register = registering(("apa", PseudoAugmentation))
"""Fakes among the reals."""

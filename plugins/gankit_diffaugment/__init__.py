"""DiffAugment (Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training")."""

from gankit import registering
from gankit_diffaugment.augmentations import DiffAugment

gankit_register = registering(("diffaugment", DiffAugment))
"""Colors, places and holes drawn anew for every image."""

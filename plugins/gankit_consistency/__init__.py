"""Consistency of scores under changes that should not matter.

CR (Zhang et al. 2020, "Consistency Regularization for Generative Adversarial Networks"), bCR and zCR (Zhao et al. 2020,
"Improved Consistency Regularization for GANs").
"""

from gankit import registering
from gankit_consistency.regularizers import BalancedConsistency, Consistency, LatentConsistency

gankit_register = registering(
    ("consistency", Consistency),
    ("balanced-consistency", BalancedConsistency),
    ("latent-consistency", LatentConsistency),
)
"""Penalties on scores that change with an image's augmentation, or with a step in its latent."""

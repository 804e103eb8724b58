"""Augmentation of what a discriminator sees, without leaking into the images that are generated (Karras et al. 2020).

"Training Generative Adversarial Networks with Limited Data": 18 transforms in sections 2 and 3 and appendix B, the
probability fixed, on a schedule, or adapted to how much the discriminator overfits.
"""

from gankit import registering
from gankit_ada.augmentations import AdaptiveAugmentation, StochasticAugmentation

gankit_register = registering(("ada", AdaptiveAugmentation), ("stochastic", StochasticAugmentation))
"""The augmentation pipe, by a probability that adapts itself or is given."""

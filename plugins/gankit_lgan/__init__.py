"""The penalty of Lipschitz GANs (Zhou et al. 2019, "Lipschitz Generative Adversarial Nets")."""

from gankit import registering
from gankit_lgan.regularizers import MaxGradientPenalty

gankit_register = registering(("max-gradient-penalty", MaxGradientPenalty))
"""A penalty on the steepest place that is found."""

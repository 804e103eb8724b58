"""The first GAN losses (Goodfellow et al. 2014, "Generative Adversarial Nets"), and that of pairs.

The latter is of Jolicoeur-Martineau 2019, "The relativistic discriminator: a key element missing from standard GAN".
"""

from gankit import registering
from gankit_gan.losses import NonSaturating, Relativistic, Saturating

gankit_register = registering(
    ("non-saturating", NonSaturating),
    ("saturating", Saturating),
    ("relativistic", Relativistic),
)

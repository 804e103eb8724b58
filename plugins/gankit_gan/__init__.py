"""The first GAN losses (Goodfellow et al. 2014, "Generative Adversarial Nets")."""

from gankit import registering
from gankit_gan.losses import NonSaturating, Saturating

gankit_register = registering(
    ("non-saturating", NonSaturating),
    ("saturating", Saturating),
)

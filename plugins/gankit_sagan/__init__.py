"""Self-attention (Zhang et al. 2019, "Self-Attention Generative Adversarial Networks")."""

from gankit import registering
from gankit_sagan.blocks import Attention

gankit_register = registering(("attention", Attention))

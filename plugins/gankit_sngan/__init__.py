"""SNGAN (Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks").

With labels it is Miyato and Koyama 2018, "cGANs with Projection Discriminator".
"""

from gankit import registering
from gankit_sngan.blocks import Residual, ResidualRgb
from gankit_sngan.heads import SnganHead
from gankit_sngan.losses import Hinge
from gankit_sngan.norms import ConditionalBatch, Spectral
from gankit_sngan.stems import SnganStem

gankit_register = registering(
    ("sngan", SnganStem),
    ("residual", Residual),
    ("residual-rgb", ResidualRgb),
    ("sngan", SnganHead),
    ("spectral", Spectral),
    ("conditional-batch", ConditionalBatch),
    ("hinge", Hinge),
)

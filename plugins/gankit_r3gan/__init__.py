"""R3GAN (Huang et al. 2024, "The GAN is dead; long live the GAN! A Modern GAN Baseline").

Its loss is in gankit_gan, its two penalties are in gankit_r1.
"""

from collections.abc import Callable

from gankit import WeightNames, hookimpl, registering
from gankit_r3gan.blocks import R3ganBlock, R3ganRgb
from gankit_r3gan.heads import R3ganHead
from gankit_r3gan.mappings import LabelEmbedding
from gankit_r3gan.stems import R3ganStem
from gankit_r3gan.weight_names import R3GAN

gankit_register = registering(
    ("label-embedding", LabelEmbedding),
    ("r3gan", R3ganStem),
    ("r3gan", R3ganBlock),
    ("r3gan-rgb", R3ganRgb),
    ("r3gan", R3ganHead),
)


@hookimpl
def gankit_add_weight_names(add: Callable[[WeightNames], None]) -> None:
    """The authors' own."""
    add(R3GAN)

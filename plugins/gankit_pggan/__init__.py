"""PGGAN (Karras et al. 2018, "Progressive Growing of GANs for Improved Quality, Stability, and Variation").

Its gradient penalty and drift are in gankit_wgan, its minibatch stddev in gankit_diversity and its growth in
gankit_basics.
"""

from collections.abc import Callable

from gankit import WeightNames, hookimpl, registering
from gankit_pggan.blocks import Conv, Rgb
from gankit_pggan.heads import PgganHead
from gankit_pggan.mappings import Normalized
from gankit_pggan.metrics import MultiScaleSimilarity, SlicedWasserstein
from gankit_pggan.norms import Equalized, Pixel
from gankit_pggan.stems import PgganStem
from gankit_pggan.weight_names import PGGAN

gankit_register = registering(
    ("normalized", Normalized),
    ("pggan", PgganStem),
    ("conv", Conv),
    ("rgb", Rgb),
    ("pggan", PgganHead),
    ("pixel", Pixel),
    ("equalized", Equalized),
    ("swd", SlicedWasserstein),
    ("ms-ssim", MultiScaleSimilarity),
)


@hookimpl
def gankit_add_weight_names(add: Callable[[WeightNames], None]) -> None:
    """The authors' own."""
    add(PGGAN)

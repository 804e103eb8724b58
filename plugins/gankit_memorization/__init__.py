"""Whether a generator repeats: the images that it learned from, or itself."""

from gankit import registering
from gankit_memorization.metrics import Authenticity, Distinct, NearestNeighbor
from gankit_memorization.presets import Copies
from gankit_memorization.vendi import Vendi

gankit_register = registering(
    ("nearest-neighbor", NearestNeighbor),
    ("authenticity", Authenticity),
    ("distinct", Distinct),
    ("vendi", Vendi),
    ("copies", Copies),
)

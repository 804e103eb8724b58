"""Whether a generator repeats: the images that it learned from, or itself."""

from gankit import registering
from gankit_memorization.metrics import Distinct, NearestNeighbor

gankit_register = registering(
    ("nearest-neighbor", NearestNeighbor),
    ("distinct", Distinct),
)

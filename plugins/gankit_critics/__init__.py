"""Critics that are networks of parts, and the views of images that they look at."""

from gankit import registering
from gankit_critics.critics import NetworkCritic
from gankit_critics.views import Crop, Scaled

gankit_register = registering(("network", NetworkCritic), ("scaled", Scaled), ("crop", Crop))

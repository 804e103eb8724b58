"""Images of all scales at once (Karnewar & Wang 2020, "MSG-GAN: Multi-Scale Gradients for GANs")."""

from gankit import registering
from gankit_msggan.joins import Concatenated
from gankit_msggan.regularizers import ScaleConsistency

gankit_register = registering(
    ("concatenate", Concatenated),
    ("scale-consistency", ScaleConsistency),
)

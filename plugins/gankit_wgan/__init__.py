"""Wasserstein GANs, clipped (Arjovsky et al. 2017) or penalized (Gulrajani et al. 2017); drift (Karras et al. 2018)."""

from gankit import registering
from gankit_wgan.losses import Wasserstein
from gankit_wgan.regularizers import Drift, GradientPenalty, WeightClipping

gankit_register = registering(
    ("wgan", Wasserstein),
    ("gradient-penalty", GradientPenalty),
    ("drift", Drift),
    ("weight-clipping", WeightClipping),
)

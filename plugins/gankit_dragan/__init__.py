"""DRAGAN (Kodali et al. 2017, "On Convergence and Stability of GANs")."""

from gankit import registering
from gankit_dragan.regularizers import Dragan

gankit_register = registering(("dragan", Dragan))

"""Runs of a study on a Ray cluster."""

from gankit import registering
from gankit_ray.launchers import Ray

gankit_register = registering(("ray", Ray))

"""Runs of a study on a Ray cluster."""

from gankit.discovery.hookspecs import registering
from gankit_ray.launchers import Ray

gankit_register = registering(("ray", Ray))

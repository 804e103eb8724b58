"""Runs of a study as jobs of Slurm, submitted with submitit."""

from gankit import registering
from gankit_slurm.launchers import Slurm

gankit_register = registering(("slurm", Slurm))

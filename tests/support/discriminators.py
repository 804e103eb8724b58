"""The discriminator of experiments that have one of their own and no critics, as those of most tests do."""

from __future__ import annotations

from gankit.config.experiment import DiscriminatorOptions, Experiment
from gankit.networks.discriminator import Discriminator
from gankit.training.step import Step
from gankit.training.trainer import Trainer


def discriminator_options(experiment: Experiment) -> DiscriminatorOptions:
    """Its options, where they are not left to critics."""
    assert experiment.discriminator is not None
    return experiment.discriminator


def own_discriminator(training: Trainer | Step) -> Discriminator:
    """The network itself, where no critics judge beside it or in its place."""
    assert isinstance(training.discriminator, Discriminator)
    return training.discriminator

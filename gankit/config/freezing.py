"""The parts of networks that can be kept from training, by their names."""

from __future__ import annotations

from collections.abc import Iterator

from gankit.config.experiment import Experiment
from gankit.config.walk import Problem
from gankit.core.networks import NetworkName
from gankit.core.options import did_you_mean

WITHOUT_RESOLUTION = {"generator": ("mapping", "stem", "base_blocks"), "discriminator": ("head", "base_blocks")}


def problems_of_freezing(experiment: Experiment) -> Iterator[Problem]:
    """The parts to be frozen that there are not."""
    if not experiment.training.freeze:
        return
    known = [*freezable(experiment, "generator"), *freezable(experiment, "discriminator")]
    known += [f"critics.{name}" for name in experiment.critics]
    for position, name in enumerate(experiment.training.freeze):
        if name not in known:
            hint = did_you_mean(name, known) or f" There are: {', '.join(known)}."
            yield ("training", "freeze", position), f"the networks have no part {name!r}.{hint}"


def freezable(experiment: Experiment, network: NetworkName) -> Iterator[str]:
    """The parts of a network by the names that `training.freeze` takes."""
    if (options := experiment.generator if network == "generator" else experiment.discriminator) is None:
        return
    stages = [stage.resolution for stage in experiment.stages()]
    all_of_it = [options.base << i for i in range((stages[-1] // options.base).bit_length())]
    for part in WITHOUT_RESOLUTION[network]:
        yield f"{network}.{part}"
    with_rgb = all_of_it if options.join.where == "resolutions" else experiment.resolutions()
    if network == "discriminator" and options.join.joins_images():
        with_rgb = [*dict.fromkeys(stages)]
    for part, resolutions in (("blocks", all_of_it[1:]), ("rgb", with_rgb if options.rgb else ())):
        if resolutions:
            yield f"{network}.{part}"
        for resolution in resolutions:
            yield f"{network}.{part}.{resolution}"

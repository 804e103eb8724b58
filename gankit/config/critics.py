"""Whether several discriminators go together, without torch."""

from __future__ import annotations

from collections.abc import Iterator

from gankit.config.experiment import Experiment
from gankit.config.walk import Problem
from gankit.core.options import did_you_mean


def problems_of_critics(experiment: Experiment) -> Iterator[Problem]:
    """Problems if nobody judges, or a regularizer is to act on a discriminator that does not exist."""
    own = [] if experiment.discriminator is None else ["discriminator"]
    known = [*own, *experiment.critics]
    if not known:
        yield (
            ("discriminator",),
            "null leaves it to critics to judge images, and there are none; name one under critics",
        )
    if experiment.growth.scales() and experiment.critics:
        yield (
            ("critics",),
            "judge images of one scale, but the growth has several; leave them out, or use another growth",
        )
    if experiment.training.compile and experiment.critics:
        yield ("training", "compile"), "compiles one discriminator, and there are critics; leave out one of both"
    for position, regularizer in enumerate(experiment.regularizers):
        for number, name in enumerate(regularizer.critics or ()):
            if known and name not in known:
                hint = did_you_mean(name, known) or f" There are: {', '.join(known)}."
                yield ("regularizers", position, "critics", number), f"there is no discriminator {name!r}.{hint}"

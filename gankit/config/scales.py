"""What an experiment needs whose networks give and take images of all scales at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from gankit.config.experiment import Experiment, NetworkOptions
from gankit.config.walk import Problem
from gankit.core.progress import Stage
from gankit.core.registry import registries
from gankit.kinds import Growth, Join

WITH_SCALES = ("resolutions", "scales")
"""Where joins stand by which a discriminator takes an image of each scale."""


def problems_of_scales(experiment: Experiment, stages: Sequence[Stage]) -> Iterator[Problem]:
    """Why networks cannot give or take images of the growth's scales, or have none for what is to join them."""
    scales = [*experiment.growth.scales()]
    if not scales:
        yield from _joins_of_scales(experiment)
        return
    if (mistake := _mistake_in(scales, stages)) is not None:
        yield ("growth",), f"has impossible scales {scales}: {mistake}"
        return
    growth = registries["growth"].entry_of(type(experiment.growth)).name
    for name, network in _named_networks(experiment):
        if network.rgb is None:
            without = f"{growth} has an image at each of {', '.join(map(str, scales))}"
            yield (name, "rgb"), f"{without}, for which a block between feature maps and images is needed"
        if network.base > scales[0]:
            yield (
                (name, "base"),
                f"must be {scales[0]}, the smallest scale, or that halved some times, not {network.base}",
            )
    if experiment.generator.join.where == "scales":
        yield ("generator", "join"), f"{_name(experiment.generator.join)} joins in a discriminator alone"
    if experiment.discriminator is None:
        return
    join = experiment.discriminator.join
    if join.where not in WITH_SCALES:
        able = [entry.name for entry in registries["join"].entries() if _takes_scales(entry.component)]
        yield (
            ("discriminator", "join"),
            f"{_name(join)} takes no image of a smaller scale, of which {growth} gives one at each of "
            f"{', '.join(map(str, scales[:-1]))}; name one that does: {', '.join(able)}",
        )


def _named_networks(experiment: Experiment) -> Iterator[tuple[str, NetworkOptions]]:
    yield "generator", experiment.generator
    if experiment.discriminator is not None:
        yield "discriminator", experiment.discriminator


def _mistake_in(scales: Sequence[int], stages: Sequence[Stage]) -> str | None:
    """Why a growth cannot have these scales."""
    final = stages[-1].resolution
    if len(scales) < 2 or any(above != 2 * below for below, above in pairwise(scales)):
        return "they are to be two or more, each twice the one before"
    if scales[-1] != final or any(stage.resolution != final for stage in stages):
        return f"they are to end at the resolution of all stages, which are at {', '.join(_heights(stages))}"
    return None


def _heights(stages: Sequence[Stage]) -> list[str]:
    return [*dict.fromkeys(str(stage.resolution) for stage in stages)]


def _joins_of_scales(experiment: Experiment) -> Iterator[Problem]:
    """The joins that ask for scales where there are none."""
    for name, network in _named_networks(experiment):
        if network.join.where == "scales":
            able = [
                entry.name
                for entry in registries["growth"].entries()
                if entry.component.scales is not Growth.scales  # pyright: ignore[reportAttributeAccessIssue]
            ]
            growth = registries["growth"].entry_of(type(experiment.growth)).name
            yield (
                (name, "join"),
                f"{_name(network.join)} joins images of smaller scales in a discriminator, and growth {growth} has "
                f"none; growths that have: {', '.join(able)}",
            )


def _takes_scales(component: object) -> bool:
    return isinstance(component, type) and issubclass(component, Join) and component.where in WITH_SCALES


def _name(join: Join) -> str:
    return registries["join"].entry_of(type(join)).name

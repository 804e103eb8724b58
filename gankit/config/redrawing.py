"""Norms that draw weights anew, for which whatever has changed or drawn these before was in vain."""

from __future__ import annotations

from collections.abc import Iterator

from gankit.config.experiment import Experiment
from gankit.config.walk import Path, Problem, components, networks
from gankit.core.registry import registries
from gankit.kinds import Init, Norm
from gankit.kinds.networks import NetworkPart

OF_THE_DISCRIMINATOR = ("discriminator", "regularizers")
"""Where parts of the discriminator stand."""


def problems_of_redrawing(experiment: Experiment) -> Iterator[Problem]:
    """Problems of weights that are normed, or drawn by the init of a part, before they are redrawn."""
    for where, network in networks(experiment):
        redrawing: list[Path] = []
        for start, norms in network.norm.items():
            found = next((position for position, norm in enumerate(norms) if norm.redraws), None)
            if found is None:
                continue
            redrawing.append((*where, "norm", start, found))
            if earlier := [each for each in norms[:found] if type(each).apply is not Norm.apply]:
                order = ", ".join(map(_name, [norms[found], *earlier]))
                yield redrawing[-1], f"redraws weights, so it has to come before other norms of weights: [{order}]"
            if others := [each for each in norms[found + 1 :] if each.redraws]:
                yield redrawing[-1], f"redraws weights, and so does {_name(others[0])}; leave one of them out"
        if len(redrawing) == len(network.norm):  # at every resolution
            for path in _with_inits(experiment, where):
                named = ".".join(str(step) for step in path if step != 0 or path[0] == "regularizers")
                yield (
                    redrawing[0],
                    f"redraws weights, so that the init of {named} would do nothing; leave one of them out",
                )


def _with_inits(experiment: Experiment, where: Path) -> Iterator[Path]:
    """The parts of the network at `where` that have inits of their own."""
    for path, part in components(experiment):
        is_its = path[: len(where)] == where or (where == ("discriminator",) and path[0] in OF_THE_DISCRIMINATOR)
        if is_its and isinstance(part, NetworkPart) and isinstance(part.init, Init):
            yield path


def _name(norm: Norm) -> str:
    return registries["norm"].entry_of(type(norm)).name

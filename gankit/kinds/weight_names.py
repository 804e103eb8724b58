"""How the code of others names the weights of a generator, for `gankit import` to take them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.networks.generator import Generator


class WeightSource(NamedTuple):
    """Where a weight stands in a state dict of others."""

    name: str
    """What it is called there."""
    changed: Callable[[Tensor], Tensor] | None = None
    """From their layout to ours, such as a transpose; None: it is the same. Dimensions of length 1 need no change."""


@dataclass(frozen=True)
class WeightNames:
    """The names and layouts of the weights that one code of others gives the generators of one system."""

    system: str
    """What these weights are called in messages: the paper's name for its networks."""
    marks: tuple[str, ...]
    """Weights that each such state dict has and no other, by which it is known; others may stand before their names."""
    parts: Mapping[str, str | tuple[str, ...] | frozenset[str]]
    """The parts of a generator of gankit's that computes the same, full names by options: {"stem": "mine/mine", "norm":
    ("mine/scaled",)}; all that stand there are a tuple, those of which one does a frozenset. With others it is refused,
    as they would compute something else of the same weights."""
    sources: Callable[[Generator, Collection[str]], Mapping[str, WeightSource]]
    """sources(generator, names): where each weight of a generator is found in a state dict of these names; its own
    names are those by which one gets it from the layer, as stem.conv.weight, whatever a norm keeps it under."""
    unused: tuple[str, ...] = ()
    """Regular expressions that match the whole names of weights that are there for nothing that gankit computes."""

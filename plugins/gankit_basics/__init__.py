"""What belongs to no single paper: optimizers, averages, growth, common norms, inits and the plain mapping."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_basics.averages import Exponential, Snapshots
from gankit_basics.growth import Fixed, Progressive
from gankit_basics.inits import Glorot, Normal, Orthogonal
from gankit_basics.mappings import Identity
from gankit_basics.norms import Batch, Layer
from gankit_basics.optimizers import Adam, RMSprop


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("adam", Adam)
    register("rmsprop", RMSprop)
    register("exponential", Exponential)
    register("snapshots", Snapshots)
    register("fixed", Fixed)
    register("progressive", Progressive)
    register("identity", Identity)
    register("batch", Batch)
    register("layer", Layer)
    register("normal", Normal)
    register("glorot", Glorot)
    register("orthogonal", Orthogonal)

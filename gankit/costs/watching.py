"""Calls of an experiment's parts, told to whoever watches; nobody's code knows of it, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any, Protocol

from torch import nn

from gankit.costs.parts import WatchedPart, modules_with_parts, short_name
from gankit.data.loader import Loader
from gankit.training.averages import AveragedGenerator
from gankit.training.parameters import acts_on, named_regularizers
from gankit.training.trainer import Trainer

Place = tuple[object, str, WatchedPart]
"""An object, one of its methods, and the part that this works for."""

EXCHANGING = ("add_up", "gathered", "exchanged", "told", "say", "hear")
"""Methods of several processes in which one waits for the others."""


class Watcher(Protocol):
    """Is told where work for a part begins and ends; calls lie within each other."""

    def enter(self, part: WatchedPart) -> None:
        """What follows is done for `part`."""
        ...

    def leave(self) -> None:
        """Back to the part around."""
        ...


@contextmanager
def watched(trainer: Trainer, watcher: Watcher) -> Iterator[None]:
    """Tell a watcher of all work that a trainer does for parts of its experiment, as long as the block lasts."""
    with ExitStack() as stack:
        for network in trainer.networks.values():
            for module, part in modules_with_parts(network):
                stack.enter_context(_hooked(module, part, watcher))
        stack.enter_context(calls_watched(list(_places(trainer)), watcher))
        yield


def _places(trainer: Trainer) -> Iterator[Place]:
    """What a trainer calls of components and of its own."""
    experiment = trainer.experiment
    for method in ("generator", "discriminator"):
        yield experiment.loss, method, WatchedPart("loss", short_name(experiment.loss))
    for name, regularizer in named_regularizers(experiment.regularizers):
        for method in ("generator", "discriminator", "constrain"):
            if acts_on(regularizer, method):
                yield regularizer, method, WatchedPart("penalty" if method != "constrain" else "constraint", name)
    for augmentation in experiment.augment:
        for method in ("apply", "adapt"):
            yield augmentation, method, WatchedPart("augmentation", short_name(augmentation))
    for name, averaged in trainer.averages.items():
        yield averaged, AveragedGenerator.move.__name__, WatchedPart("average", name)
    for name, optimizer in trainer.optimizers.items():
        for method in ("step", "zero_grad"):
            yield (
                optimizer,
                method,
                WatchedPart("optimizer", short_name(getattr(experiment.training.optimizer, name)), name),
            )
    yield trainer.loader, Loader.batch.__name__, WatchedPart("data")
    if trainer.ranks.count > 1:
        for method in EXCHANGING:
            yield trainer.ranks, method, WatchedPart("processes")


@contextmanager
def _hooked(module: nn.Module, part: WatchedPart, watcher: Watcher) -> Iterator[None]:
    """Tell of a module's forward passes, of one that raises too, by which making activations again ends."""
    before = module.register_forward_pre_hook(lambda *_: watcher.enter(part), prepend=True)
    after = module.register_forward_hook(lambda *_: watcher.leave(), always_call=True)
    try:
        yield
    finally:
        before.remove()
        after.remove()


@contextmanager
def calls_watched(places: list[Place], watcher: Watcher) -> Iterator[None]:
    """Tell of the calls of methods.

    They are replaced in their classes, since components are frozen, and stay what they were for all other objects.
    """
    parts = {(id(owner), method): part for owner, method, part in places}
    methods = dict.fromkeys((type(owner), method) for owner, method, _ in places)
    own = {(cls, method): vars(cls).get(method) for cls, method in methods}
    telling = {(cls, method): _telling(getattr(cls, method), method, parts, watcher) for cls, method in methods}
    try:
        for (cls, method), function in telling.items():
            setattr(cls, method, function)
        yield
    finally:
        for (cls, method), function in own.items():
            if function is None:
                delattr(cls, method)
            else:
                setattr(cls, method, function)


def _telling(
    function: Callable[..., Any], method: str, parts: dict[tuple[int, str], WatchedPart], watcher: Watcher
) -> Callable[..., Any]:
    @wraps(function)
    def telling(this: object, *given: Any, **named: Any) -> Any:
        part = parts.get((id(this), method))
        if part is None:
            return function(this, *given, **named)
        watcher.enter(part)
        try:
            return function(this, *given, **named)
        finally:
            watcher.leave()

    return telling

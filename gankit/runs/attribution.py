"""Names the component whose code failed, so that whoever composed an experiment knows which option to change."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from gankit.config.walk import Path, components
from gankit.core.component import Component
from gankit.core.errors import ComponentError, RunError, UserError
from gankit.core.options import Options
from gankit.core.registry import registries
from gankit.discovery.manager import plugins
from gankit.networks.protocols import BuiltBy

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment


NO_MEMORY = ("not enough memory", "can't allocate memory", "out of memory", "Invalid buffer size")
"""What torch says of memory that it does not get, in errors that have no type of their own."""
NO_SIZE = ("Storage size calculation overflowed", "integer multiplication overflow", "overflow when unpacking long")
"""What it says of sizes that no memory could have."""
NO_NUMBER = "without overflow"
"""What it says of a number that its 32 bits do not hold."""


@contextmanager
def attributing_errors(experiment: Experiment) -> Iterator[None]:
    """Turn what a component of `experiment` raises by its own fault into an error that names it.

    Raises:
        ComponentError: instead of that; what no component raises, and errors meant for the user, pass through.
        RunError: instead of what is raised where memory runs out, whoever asked for it, or an option is too large a
            number for torch.
    """
    try:
        yield
    except (UserError, RunError):
        raise
    except Exception as failure:
        if is_lack_of_memory(failure):
            raise RunError(_out_of_memory(failure, experiment)) from failure
        if (found := _guilty(failure, experiment)) is None:
            raise
        path, component, since = found
        if isinstance(failure, OverflowError) or (isinstance(failure, RuntimeError) and NO_NUMBER in str(failure)):
            where = f"option {_option(experiment, path)!r}"
            raise RunError(f"{where} has a number that is too large to be computed with: {failure}") from failure
        raise ComponentError(
            _in_words(_option(experiment, path), component, failure), _from(failure, since)
        ) from failure


def is_lack_of_memory(failure: BaseException) -> bool:
    """Whether memory ran out, of the machine or of a GPU, or more was asked for than there could be."""
    said = str(failure)
    return isinstance(failure, MemoryError) or (
        isinstance(failure, RuntimeError) and any(words in said for words in (*NO_MEMORY, *NO_SIZE))
    )


def _out_of_memory(failure: Exception, experiment: Experiment) -> str:
    """Where memory ran out, and which options need less of it."""
    found = _guilty(failure, experiment)
    where = "" if found is None else f" in option {_option(experiment, found[0])!r}"
    batch = ", ".join(map(str, dict.fromkeys(experiment.training.batch.values())))
    return (
        f"memory ran out{where}: {' '.join(str(failure).split()) or type(failure).__name__:.200}; lower training.batch "
        f"({batch}), generator.channels, discriminator.channels or the resolution"
    )


def _guilty(failure: Exception, experiment: Experiment) -> tuple[Path, Component, TracebackType] | None:
    """The component in whose code, or in whose module's, the failure arose: its place in the experiment and itself.

    That is the innermost one: a block may have asked for a norm, which failed.
    """
    named = list(components(experiment))
    found = None
    step = failure.__traceback__
    while step is not None:
        owner = step.tb_frame.f_locals.get("self")
        component = owner.built_by if isinstance(owner, BuiltBy) else owner
        if isinstance(component, Component):
            itself = [place for place in named if place[1] is component]
            alike = [place for place in named if place[1] == component]  # that of a copied network is a copy
            if itself or alike:
                found = (*(itself or alike)[0], step)
        step = step.tb_next
    return found


def _option(experiment: Experiment, path: Path) -> str:
    """The option at a path as it is written; a table by resolution that holds one value is written as that value."""
    value: Any = experiment
    steps: list[str] = []
    for step in path:
        if not (isinstance(value, Mapping) and list(value) == [0]):
            steps.append(str(step))
        value = getattr(value, str(step)) if isinstance(value, Options) else value[step]
    return ".".join(steps)


def _in_words(option: str, component: Component, failure: Exception) -> str:
    """Which component failed, where the experiment names it, and how."""
    entry = registries[component.kind].entry_of(type(component))
    source = plugins.source(entry.plugin)
    where = f"option {option!r}, plugin {entry.plugin!r} of {source.package or source.path}"
    return f"{component.kind} {entry.full_name} ({where}) failed: {plugins.reason(entry.plugin, failure)}"


def _from(failure: Exception, step: TracebackType) -> str:
    """The traceback from the component's own code on."""
    return "".join(traceback.format_exception(type(failure), failure, step)).rstrip()

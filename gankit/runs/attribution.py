"""Names the component whose code failed, so that whoever composed an experiment knows which option to change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from operator import itemgetter
from types import TracebackType
from typing import TYPE_CHECKING, Any

from gankit.config.schedules import stands_for
from gankit.config.walk import Path, components
from gankit.core.component import Component
from gankit.core.errors import ComponentError, ContractError, RunError, UserError
from gankit.core.options import Options
from gankit.core.tracebacks import in_plugins
from gankit.discovery.manager import plugins
from gankit.networks.protocols import BuiltBy

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment


NO_MEMORY = ("not enough memory", "can't allocate memory", "out of memory", "Invalid buffer size")
"""What torch says of memory that it does not get, in errors that have no type of their own."""
NO_SIZE = ("Storage size calculation overflowed", "integer multiplication overflow", "overflow when unpacking long")
"""What it says of sizes that no memory could have."""
GPU_FAULT = "CUDA error"
"""What is said of a kernel that failed where it is raised as a plain RuntimeError."""
LATE = (
    "; a GPU reports its faults late, so the place is uncertain and the cause may be another component: with "
    "CUDA_LAUNCH_BLOCKING=1 in the environment the failure is reported where it arises"
)
NO_NUMBER = "without overflow"
"""What it says of a number that its 32 bits do not hold."""


@contextmanager
def attributing_errors(experiment: Experiment, trains: bool = False) -> Iterator[None]:
    """Turn what a component of `experiment` raises by its own fault into an error that names it.

    Args:
        experiment: The experiment.
        trains: Whether its run is under way, which such a fault then ends.

    Raises:
        ComponentError: instead of that; what no component raises, and errors meant for the user, pass through.
        RunError: instead of what is raised where memory runs out, whoever asked for it, where an option is too large a
            number for torch, and where a component breaks what its kind promises in training.
        UserError: instead of the latter before training.
    """
    try:
        yield
    except (UserError, RunError):
        raise
    except ContractError as broken:
        said = str(broken)
        if broken.component is not None:
            said = plugins.in_words(broken.component, _option_of(experiment, broken.component), broken)
        raise (RunError if trains else UserError)(said) from broken
    except Exception as failure:
        if is_lack_of_memory(failure):
            raise RunError(_out_of_memory(failure, experiment)) from failure
        if (found := _guilty(failure, experiment)) is None:
            raise
        path, component, since = found
        if isinstance(failure, OverflowError) or (isinstance(failure, RuntimeError) and NO_NUMBER in str(failure)):
            where = f"option {_option(experiment, path)!r}"
            raise RunError(f"{where} has a number that is too large to be computed with: {failure}") from failure
        said = plugins.in_words(component, _option(experiment, path), failure)
        if _is_of_gpu(failure):
            said += LATE
        raise ComponentError(said, in_plugins(failure, since)) from failure


def is_lack_of_memory(failure: BaseException) -> bool:
    """Whether memory ran out, of the machine or of a GPU, or more was asked for than there could be."""
    said = str(failure)
    return isinstance(failure, MemoryError) or (
        isinstance(failure, RuntimeError) and any(words in said for words in (*NO_MEMORY, *NO_SIZE))
    )


def _is_of_gpu(failure: Exception) -> bool:
    """Whether a GPU reports that something failed which it was given before, whoever asks it now."""
    if not isinstance(failure, RuntimeError):
        return False
    import torch

    return isinstance(failure, torch.AcceleratorError) or GPU_FAULT in str(failure)


def _out_of_memory(failure: Exception, experiment: Experiment) -> str:
    """Where memory ran out, and which options need less of it."""
    found = _guilty(failure, experiment)
    where = "" if found is None else f" in option {_option(experiment, found[0])!r}"
    batch = ", ".join(map(str, dict.fromkeys(map(experiment.training.part_in, experiment.stages()))))
    return (
        f"memory ran out{where}: {' '.join(str(failure).split()) or type(failure).__name__:.200}; lower "
        f"training.micro_batch or batch ({batch}), generator.channels, discriminator.channels or the resolution"
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
        if isinstance(component, Component) and (path := _path_of(named, component)) is not None:
            found = path, component, step
        step = step.tb_next
    return found


def _path_of(named: Iterable[tuple[Path, Component]], component: Component) -> Path | None:
    """Where an experiment names a component, or one that it stands for, by its numbers in force; None if nowhere."""
    alike = [(other is not component, path) for path, other in named if stands_for(component, other)]
    alike.sort(key=itemgetter(0))
    return alike[0][1] if alike else None


def _option_of(experiment: Experiment, component: Component) -> str:
    """The option that names a component, or its kind if none does."""
    path = _path_of(components(experiment), component)
    return component.kind if path is None else _option(experiment, path)


def _option(experiment: Experiment, path: Path) -> str:
    """The option at a path as it is written; a table by resolution that holds one value is written as that value."""
    value: Any = experiment
    steps: list[str] = []
    for step in path:
        if not (isinstance(value, Mapping) and list(value) == [0]):
            steps.append(str(step))
        value = getattr(value, str(step)) if isinstance(value, Options) else value[step]
    return ".".join(steps)

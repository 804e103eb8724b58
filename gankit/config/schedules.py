"""The numbers of an experiment that move as a run goes on, and the experiment as it is where a run stands."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, NamedTuple, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from gankit.config.experiment import Experiment
from gankit.config.walk import Path, Problem, components, problem_of_failure
from gankit.core.options import Options
from gankit.core.progress import Progress, Stage, ends, progress_at
from gankit.kinds.schedules import Schedule, number_at


class Acting:
    """An experiment in which each schedule has given way to the number that it gives where the run stands.

    Components that have schedules are copied, once; `move` changes the numbers of the copies, which all that hold one
    then see. The others are those of the experiment itself.
    """

    def __init__(self, experiment: Experiment, progress: Progress | None = None) -> None:
        self._moving: list[tuple[Options, str, Any]] = []
        self.experiment = self._acting(experiment)
        self.move(progress or progress_at(experiment.stages(), 0))

    def move(self, progress: Progress) -> None:
        """Bring all numbers to where the run stands."""
        for options, name, scheduled in self._moving:
            object.__setattr__(options, name, _mapped(scheduled, lambda number: number_at(number, progress)))

    def moves(self, options: Options) -> bool:
        """Whether options of `options`, a part of `self.experiment`, move."""
        return any(moving is options for moving, _, _ in self._moving)

    def _acting(self, value: Any) -> Any:
        """`value` itself, or a copy of it if there are schedules below."""
        if not isinstance(value, Options) or isinstance(value, Schedule):
            return _mapped(value, self._acting) if isinstance(value, Mapping | list | tuple) else value
        own = {name: getattr(value, name) for name in type(value).model_fields}
        acting = {name: self._acting(part) for name, part in own.items()}
        scheduled = [name for name, part in acting.items() if any(_schedules(part))]
        changed = {name: part for name, part in acting.items() if part is not own[name]}
        if not scheduled and not changed:
            return value
        copy = value.model_copy(update=changed)
        self._moving += [(copy, name, acting[name]) for name in scheduled]
        return copy


def stands_for(acting: Any, written: Any) -> bool:
    """Whether `acting` is what `written`, a component or another value of an experiment, may be where a run stands."""
    if isinstance(written, Schedule):
        return True
    if isinstance(written, Options):
        names = type(written).model_fields
        alike = type(acting) is type(written)
        return alike and all(stands_for(getattr(acting, name), getattr(written, name)) for name in names)
    if isinstance(written, Mapping) and isinstance(acting, Mapping):
        return acting.keys() == written.keys() and all(stands_for(acting[key], written[key]) for key in written)
    if isinstance(written, list | tuple) and isinstance(acting, list | tuple):
        return len(acting) == len(written) and all(map(stands_for, acting, written))
    return acting == written


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """`value`, or what stands in a mapping, list or tuple, changed; the same object if nothing is."""
    if isinstance(value, Mapping):
        made: Any = {key: change(part) for key, part in value.items()}
        return made if any(made[key] is not part for key, part in value.items()) else value
    if isinstance(value, list | tuple):
        made = [_mapped(part, change) for part in value]
        return type(value)(made) if any(new is not old for new, old in zip(made, value, strict=True)) else value
    return change(value)


def _schedules(value: Any) -> Iterator[Schedule]:
    """The schedules that stand in `value`, those inside other options left out."""
    if isinstance(value, Schedule):
        yield value
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for part in parts:
        yield from _schedules(part)


class MovingNumber(NamedTuple):
    """An option with a schedule."""

    path: Path
    """Where it stands."""
    schedule: Schedule
    """How it moves."""
    owner: Options
    """What it is an option of."""
    below: Path
    """The option's name, and where in its value the schedule stands."""


def moving_numbers(experiment: Experiment) -> Iterator[MovingNumber]:
    """Every option that moves; a schedule that is part of another moves nothing by itself."""
    for path, component in components(experiment):
        if isinstance(component, Schedule):
            owner, below = _owner(experiment, path)
            if not isinstance(owner, Schedule):
                yield MovingNumber(path, component, owner, below)


def _owner(experiment: Experiment, path: Path) -> tuple[Options, Path]:
    """The innermost options above a path, and the rest of it."""
    value: Any = experiment
    owner, below = value, path
    for position, step in enumerate(path[:-1], 1):
        value = getattr(value, str(step)) if isinstance(value, Options) else value[step]
        if isinstance(value, Options):
            owner, below = value, path[position:]
    return owner, below


POINTS = 16
"""Into how many parts a fade, and the rest of a stage, are divided to look at what moves."""


def moments(stages: Sequence[Stage]) -> list[int]:
    """Numbers of images at which to look at what moves: both ends of each stage, those of fades and some between."""
    found = set[int]()
    for stage, end in zip(stages, ends(stages), strict=True):
        begin = end - stage.images
        for first, last in ((begin, begin + stage.fade), (begin + stage.fade, end)):
            found |= {first + (last - first) * point // POINTS for point in range(POINTS + 1)}
    return sorted(found)


def schedule_problems(experiment: Experiment) -> Iterator[Problem]:
    """The schedules that give a number which their option may not be, each with the first such."""
    stages = experiment.stages()
    for number in moving_numbers(experiment):
        for images in moments(stages):
            try:
                value = number.schedule.value(progress_at(stages, images))
            except Exception as failure:
                yield problem_of_failure(number.path, number.schedule, failure)
                break
            if (wrong := _refusal(number, value)) is not None:
                said = f"{value:.6g}" if isinstance(value, float) else f"{value!r:.40}"
                yield number.path, f"gives {said} after {images:,} images: {wrong}"
                break


OF_WHOLE_NUMBERS = ("int_from_float", "int_type", "images")
"""Types of error that say that a number is not whole."""


def _refusal(number: MovingNumber, value: object) -> str | None:
    """Why an option may not be a value.

    One of whole numbers, such as images, may be between two that it may be; and an open bound may be touched, as by a
    learning rate that begins or ends at zero.
    """
    if not isinstance(value, int | float) or not math.isfinite(value):
        return "not a finite number"
    failure = _failure(number, value)
    if failure is not None and failure["type"] in OF_WHOLE_NUMBERS:
        failure = _failure(number, math.floor(value)) or _failure(number, math.ceil(value))
    if failure is None or value in (failure.get("ctx", {}).get(bound) for bound in ("gt", "lt")):
        return None
    return failure["msg"][:1].lower() + failure["msg"][1:]


def _failure(number: MovingNumber, value: float) -> ErrorDetails | None:
    """What pydantic says of an option with a number in place of its schedule; None if nothing."""
    name, *inner = number.below
    try:
        _option(type(number.owner), str(name)).validate_python(_with(getattr(number.owner, str(name)), inner, value))
    except ValidationError as failure:
        return failure.errors(include_url=False)[0]
    return None


@cache
def _option(owner: type[Options], name: str) -> TypeAdapter[Any]:
    """What may stand in an option."""
    field = owner.model_fields[name]
    annotation, annotated = field.annotation, cast(Any, Annotated)
    return TypeAdapter(cast(Any, annotated[annotation, *field.metadata] if field.metadata else annotation))


def _with(value: Any, path: Sequence[str | int], new: Any) -> Any:
    """`value` with `new` in it."""
    if not path:
        return new
    step, *below = path
    if isinstance(value, Mapping):
        return {**value, step: _with(value[step], below, new)}
    return [*value[: int(step)], _with(value[int(step)], below, new), *value[int(step) + 1 :]]

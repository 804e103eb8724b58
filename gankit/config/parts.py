"""Whether batches can be computed in the parts that an experiment asks for, and what that changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gankit.config.experiment import Experiment
from gankit.config.walk import Path, Problem, components
from gankit.core.component import Component
from gankit.core.progress import Stage, at_stages
from gankit.core.registry import registries

ALL_AT_ONCE = 1_000_000
"""A `micro_batch` that no batch is above."""


def problems_of_parts(experiment: Experiment, stages: Sequence[Stage]) -> list[Problem]:
    """The numbers of parts that do not go with the batches, or with layers over a batch that take whole ones.

    Each number is told once, at its own option, with the nearest that would do. Parts of what each process computes are
    looked at where there can be so many processes.
    """
    training = experiment.training
    table = training.micro_batch or {}

    def with_processes(count: int) -> Experiment:
        return _with(experiment, count, {})

    def in_all(count: int) -> bool:
        return _fits(_with(experiment, count, table), stages)

    batches = {stage: training.batch_in(stage) for stage in stages}
    wish = training.processes
    if said := _mistake(with_processes, wish, batches, f"{wish} equal parts", preferred=in_all):
        return [(("training", "processes"), said)]
    shares = {stage: batch // wish for stage, batch in batches.items()}
    each = "" if wish == 1 else f" for each of {wish} processes"
    found = list[Problem]()
    for key, part in table.items():

        def with_part(count: int, key: int = key) -> Experiment:
            others = dict.fromkeys((0, *table), ALL_AT_ONCE)
            return _with(experiment, wish, {**others, key: count})

        if said := _mistake(with_part, part, shares, f"parts of {part}", each):
            path: Path = ("training", "micro_batch") if list(table) == [0] else ("training", "micro_batch", key)
            found.append((path, said))
    return found


def possible_parts(experiment: Experiment, stage: Stage) -> list[int]:
    """How many images of a stage's batch each process may compute at a time, rising, whatever it does elsewhere."""
    share, height = experiment.training.batch_in(stage) // experiment.training.processes, stage.resolution
    tables = {n: {0: ALL_AT_ONCE, height: n, 2 * height: ALL_AT_ONCE} for n in range(1, share + 1) if share % n == 0}
    return [n for n, table in tables.items() if _fits(_with(experiment, experiment.training.processes, table), [stage])]


def names_of_mixing(experiment: Experiment) -> list[str]:
    """The components to which a part of a batch is a batch of its own."""
    return [*dict.fromkeys(map(_name, _mixing(experiment)))]


def in_whole_batches(experiment: Experiment) -> Experiment:
    """The experiment as if one process computed all of a batch at once."""
    return _with(experiment, 1, {})


def description_of_parts(experiment: Experiment) -> str | None:
    """Which statistics of batches are those of their parts; None if batches have no parts, or no such statistics."""
    training = experiment.training
    in_parts = [stage for stage in experiment.stages() if training.part_in(stage) < training.batch_in(stage)]
    mixing = list(map(_name, _mixing(experiment)))
    if not in_parts or not mixing:
        return None
    sizes = dict.fromkeys(map(training.part_in, in_parts))
    parts = f"{', '.join(f'{size:,}' for size in sizes)} image{'' if list(sizes) == [1] else 's'}"
    return (
        f"batches are computed in parts of {parts}, of which each is a batch of its own to "
        f"{', '.join(dict.fromkeys(mixing))}: the updates are not those of whole batches"
    )


def _with(experiment: Experiment, processes: int, micro_batch: Mapping[int, int]) -> Experiment:
    changed = {"processes": processes, "micro_batch": dict(micro_batch) or None}
    return experiment.model_copy(update={"training": experiment.training.model_copy(update=changed)})


def _mistake(
    as_if: Callable[[int], Experiment],
    wish: int,
    batches: Mapping[Stage, int],
    parts: str,
    each: str = "",
    preferred: Callable[[int], bool] = lambda count: True,
) -> str | None:
    """Why a number of parts, or of images in each, cannot be, and which would do; None if it can.

    Args:
        as_if: The experiment with another such number, and no others.
        wish: The number.
        batches: What is split in each stage.
        parts: What it is split into.
        each: What says whose the batches are.
        preferred: Which of the numbers that would do are named rather than others.
    """
    stages, asked = list(batches), as_if(wish)
    if uneven := [stage for stage in stages if not _splits(asked, stage)]:
        alike: dict[int, list[Stage]] = {}
        for stage in uneven:
            alike.setdefault(batches[stage], []).append(stage)
        numbers = [f"{number}{each}{at_stages(those, stages)}" for number, those in alike.items()]
        listed = f"batches of {', '.join(numbers)} do" if len(numbers) > 1 else f"a batch of {numbers[0]} does"
        said = f"{listed} not split into {parts}"
    elif refused := _refusals(asked, stages):
        said = "; ".join(refused)
    else:
        return None
    divisors = {n for number in set(batches.values()) for n in range(1, number + 1) if number % n == 0}
    would_do = [n for n in divisors if _fits(as_if(n), stages)]
    return f"{said}; {min(would_do, key=lambda n: (not preferred(n), abs(n - wish), n))} would do"


def _splits(experiment: Experiment, stage: Stage) -> bool:
    """Whether a stage's batches split into equal parts."""
    share, rest = divmod(experiment.training.batch_in(stage), experiment.training.processes)
    return not rest and share > 0 and share % experiment.training.part_in(stage) == 0


def _fits(experiment: Experiment, stages: Sequence[Stage]) -> bool:
    """Whether batches split, into parts that everything takes which would take whole batches."""
    return all(_splits(experiment, stage) for stage in stages) and not _refusals(experiment, stages)


def _refusals(experiment: Experiment, stages: Sequence[Stage]) -> list[str]:
    """What layers over a batch have against its parts, and not against whole batches."""
    training = experiment.training
    if all(training.part_in(stage) == training.batch_in(stage) for stage in stages):
        return []
    whole = in_whole_batches(experiment)
    return [
        f"{_name(component)}: {said}"
        for component in _mixing(experiment)
        for said in sorted(_said(component, experiment) - _said(component, whole))
    ]


def _said(component: Component, experiment: Experiment) -> set[str]:
    """What a component has against an experiment; nothing if it fails, which is told where all are asked."""
    try:
        said = component.problems(experiment)
        return {said} if isinstance(said, str) else set(said)
    except Exception:
        return set()


def _mixing(experiment: Experiment) -> list[Component]:
    """The components to which the samples of a batch are not each its own."""
    return [each for _, each in components(experiment) if getattr(each, "mixes_samples", False)]


def _name(component: Component) -> str:
    return registries[component.kind].entry_of(type(component)).name

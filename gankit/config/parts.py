"""Whether batches can be computed in the parts that an experiment asks for, and what that changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gankit.config.experiment import Experiment
from gankit.config.walk import Problem, components
from gankit.core.progress import Stage
from gankit.core.registry import registries


def problems_of_parts(experiment: Experiment, stages: Sequence[Stage]) -> Iterator[Problem]:
    """The batches that cannot be computed in parts of one size."""
    training = experiment.training
    for stage in stages:
        batch = training.batch_in(stage)
        share, rest = divmod(batch, training.processes)
        if rest or not share:
            yield (
                ("training", "processes"),
                f"a batch of {batch} (at {stage.label}) does not split into {training.processes} equal parts; "
                f"{_nearest_divisor(batch, training.processes)} would do",
            )
        elif share % (part := training.part_in(stage)):
            each = "" if training.processes == 1 else f" for each of {training.processes} processes"
            yield (
                ("training", "micro_batch"),
                f"a batch of {share}{each} (at {stage.label}) does not split into parts of {part}; "
                f"{_nearest_divisor(share, part)} would do",
            )


def description_of_parts(experiment: Experiment) -> str | None:
    """Which statistics of batches are those of their parts; None if batches have no parts, or no such statistics."""
    training = experiment.training
    in_parts = [stage for stage in experiment.stages() if training.part_in(stage) < training.batch_in(stage)]
    mixing = [
        registries[component.kind].entry_of(type(component)).name
        for _, component in components(experiment)
        if getattr(component, "mixes_samples", False)
    ]
    if not in_parts or not mixing:
        return None
    sizes = dict.fromkeys(map(training.part_in, in_parts))
    parts = f"{', '.join(f'{size:,}' for size in sizes)} image{'' if list(sizes) == [1] else 's'}"
    return (
        f"batches are computed in parts of {parts}, of which each is a batch of its own to "
        f"{', '.join(dict.fromkeys(mixing))}: the updates are not those of whole batches"
    )


def _nearest_divisor(number: int, wish: int) -> int:
    """The divisor that is nearest to what was wished for."""
    divisors = [each for each in range(1, number + 1) if number % each == 0]
    return min(divisors, key=lambda each: abs(each - wish))

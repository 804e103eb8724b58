"""What a stage that does not fit into memory would fit with: fewer images at a time, activations made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

from gankit.config.experiment import Experiment
from gankit.config.parts import ALL_AT_ONCE, possible_parts, problems_of_parts
from gankit.costs.counting import Counting, IterationCount
from gankit.costs.estimate import Fitting, PhaseEstimate, Setting
from gankit.costs.phases import Phase

BYTES = 4
"""Of a number in an image."""
SEEN_AGAIN = 3
"""How often the images of a batch are held whole if augmentations look at all of them afterwards."""


class Room(NamedTuple):
    """What is known of memory."""

    there: int
    """Bytes that the machine has."""
    without: int
    """Bytes that the process, or the GPU, holds of other things than networks."""
    compiler: int
    """Bytes of torch's compiler, which checkpointing of activations loads."""
    most_spare: float
    """How much more memory what passes takes at most than was counted."""


class Fitter:
    """Extrapolates memory from what was measured or extrapolated of a stage, by what is counted for other settings."""

    def __init__(self, experiment: Experiment, counting: Counting, room: Room, say: Callable[[str], None]) -> None:
        """Count by `counting`, and by networks that make activations again if they are asked for."""
        self._experiment, self._room, self._say = experiment, room, say
        self._counting: dict[bool, Counting] = {False: counting}
        self._kept: dict[tuple[Phase, bool], IterationCount] = {}

    def fittings(self, too_large: Sequence[PhaseEstimate]) -> list[Fitting]:
        """For each stage of which a phase does not fit."""
        stages = [list(phases) for _, phases in groupby(too_large, key=lambda each: each.phase.number)]
        worst = [max(phases, key=lambda each: each.memory or 0) for phases in stages]
        return [self._fitting(each) for each in worst if each.memory is not None and each.count is not None]

    def _fitting(self, each: PhaseEstimate) -> Fitting:
        """The most images at a time, activations that are made again, or else both."""
        phase, training = each.phase, self._experiment.training
        self._say(f"what {phase.label} would fit with")
        again = not (training.activation_checkpointing or training.compile)
        now = training.part_in(phase.stage)
        parts = [part for part in possible_parts(self._experiment, phase.stage) if part < now]
        alone = [self._most_that_fits(each, parts, False)]
        if again and (setting := self._setting(each, None, True)).memory <= self._room.there:
            alone.append(setting)
        would_fit = [setting for setting in alone if setting is not None]
        if not would_fit and again and (both := self._most_that_fits(each, parts, True)) is not None:
            would_fit = [both]
        if would_fit or not (parts or again):
            return Fitting(phase, would_fit, None)
        return Fitting(phase, [], self._setting(each, parts[0] if parts else None, again))

    def _most_that_fits(self, each: PhaseEstimate, parts: Sequence[int], again: bool) -> Setting | None:
        """The setting of most images at a time among `parts`, which rise, of those that fit."""
        found, low, high = None, 0, len(parts)
        while low < high:
            middle = (low + high) // 2
            setting = self._setting(each, parts[middle], again)
            if setting.memory <= self._room.there:
                found, low = setting, middle + 1
            else:
                high = middle
        return found

    def _setting(self, each: PhaseEstimate, part: int | None, again: bool) -> Setting:
        """What a phase would take with so many images at a time: less by what passes less, as much more as it was."""
        phase, count, memory = each.phase, each.count, each.memory
        assert count is not None
        assert memory is not None
        other = self._count(phase if part is None else phase._replace(batch=part), again)
        spare = (memory - self._room.without - count.kept) / max(1, count.passing)
        spare = min(self._room.most_spare, max(0.0, spare))
        less = spare * (count.passing - other.passing) + count.kept - other.kept
        more = self._room.compiler if again else 0
        if part is not None:
            more += (phase.batch - part) * self._image(phase) * (SEEN_AGAIN if self._experiment.augment else 1)
        return Setting(part, again, memory - round(less) + more)

    def _count(self, phase: Phase, again: bool) -> IterationCount:
        if again not in self._counting:
            training = self._experiment.training.model_copy(update={"activation_checkpointing": True})
            self._counting[again] = Counting(self._experiment.model_copy(update={"training": training}))
        if (phase, again) not in self._kept:
            self._kept[phase, again] = self._counting[again].iteration(phase)
        return self._kept[phase, again]

    def _image(self, phase: Phase) -> int:
        """Bytes of a real."""
        data, height = self._experiment.data, phase.stage.resolution
        return BYTES * data.image_channels() * height * round(height * data.aspect())


def micro_batches(experiment: Experiment, fittings: Sequence[Fitting], too_large: int) -> dict[int, int] | None:
    """A `training.micro_batch` with which each of so many stages fits that do not; None if that is not known.

    It names as few resolutions as can be.
    """
    found = {each.phase.number: setting.micro_batch for each in fittings for setting in each.would_fit[:1]}
    only = [each for each in fittings for setting in each.would_fit[:1] if setting.is_micro_batch_alone]
    if not only or len(only) < too_large:
        return None
    training, table = experiment.training, dict[int, int]()
    for number, stage in enumerate(experiment.stages(), 1):
        batch = training.batch_in(stage)
        part = found.get(number) or training.part_in(stage)
        before = list(table.values())[-1:]
        if not before or min(batch, before[0]) != part:
            table[stage.resolution] = min(part, table.get(stage.resolution, ALL_AT_ONCE))
    changed = training.model_copy(update={"micro_batch": table})
    wrong = problems_of_parts(experiment.model_copy(update={"training": changed}), experiment.stages())
    return None if wrong else table

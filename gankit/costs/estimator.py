"""Estimates a run: counts what it asks for, measures where that goes fast, and extrapolates from both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gankit.config.experiment import Experiment
from gankit.core.errors import RunError, UserError
from gankit.core.progress import ends
from gankit.costs.counting import Counting, IterationCount
from gankit.costs.estimate import Estimate, Fitting, PhaseEstimate
from gankit.costs.evaluating import evaluation_cost
from gankit.costs.fitting import Fitter, Room
from gankit.costs.machine import Machine
from gankit.costs.measurements import Measurements, alike
from gankit.costs.measuring import Measured, Measuring
from gankit.costs.model import TimeModel
from gankit.costs.phases import Phase, phases
from gankit.costs.random_reals import RandomReals
from gankit.runs.attribution import attributing_errors
from gankit.runs.rehearsal import FEW, rehearse_training

BUDGET = 25.0
"""Seconds of work on the machine."""
FOR_ITERATIONS = 0.6
"""The share of them for whole iterations; what is left is for single operations."""
REHEARSED = 5e10
"""Floating point operations up to which an iteration of few images is rehearsed."""
TO_BUILD = 3e3
"""How many of them take as long as building networks takes for each parameter."""
FOR_OPERATIONS = 0.15
"""The share of what is left for single operations before it is known whether there is time for iterations."""
LEAST_PASSING = 2**28
"""Bytes of activations from which on the peak of memory tells how much more of them there is than was counted."""
SPARE = 1.3
"""How much more that is taken to be where nothing tells: passes of 150 to 600 MB took 1.04 to 1.8 times as much."""
MOST_SPARE = 2.0
"""Upper bound on that factor, even where more was measured."""

Say = Callable[[str], None]


class Estimator:
    """Estimates one experiment on one machine."""

    def __init__(
        self,
        experiment: Experiment,
        machine: Machine,
        budget: float = BUDGET,
        say: Say = print,
        known: Measurements | None = None,
    ) -> None:
        """Estimate with so many seconds of the machine.

        Args:
            experiment: What would be run; its data need not be here.
            machine: Where.
            budget: Seconds for iterations and single operations on the machine; counting comes on top.
            say: Told what is going on.
            known: What was measured of others on that machine, to which is added what is measured of this one.
        """
        self._experiment, self._machine, self._budget, self._say = experiment, machine, budget, say
        self._phases, self._notes = phases(experiment), list[str]()
        self._known = Measurements(machine) if known is None else known
        self._model = TimeModel(self._known.replay)
        self.spent = 0.0
        """Seconds of the budget that were needed."""

    def estimate(self) -> Estimate:
        """Count, measure and extrapolate.

        Raises:
            UserError: if the data cannot tell its shape or a component gives other than its kind promises.
            ComponentError: naming the first component that fails.
            RunError: if not even the networks fit into memory.
        """
        training = self._experiment.training
        in_run = training.compile or training.activation_checkpointing
        self._machine.load("torch._dynamo", in_run)  # for the meta device
        with attributing_errors(self._experiment):
            counting, counts = self._counted()
            self._rehearse(counts)
            self._say("building the networks")
            measuring = Measuring(self._experiment, self._machine)
            measured = self._measured(counting, measuring, counts)
            estimates = self._estimates(counts, measured, measuring.without)
            self._say("evaluation")
            evaluation = evaluation_cost(self._experiment, counting, self._model, self._machine)
            fittings = self._fittings(counting, estimates, measuring.without)
        if training.processes > 1:
            self._notes.append(
                f"training.processes: this is of one process that does all; each of {training.processes} would compute "
                f"1/{training.processes} of every batch, and what they tell each other comes on top"
            )
        notes = [*self._notes, *([evaluation.without] if evaluation.without else [])]
        machine = self._machine
        return Estimate(
            self._experiment,
            machine.name,
            machine.device.type,
            machine.memory,
            estimates,
            evaluation,
            notes,
            fittings,
            self._model.pace,
        )

    def _counted(self) -> tuple[Counting | None, Mapping[Phase, IterationCount]]:
        """What all phases ask for; nothing if a part asks for numbers, where there are none, and is not broken.

        Augmentations that do so are left out first, as they take least.
        """
        whole = self._experiment
        attempts = [whole, whole.model_copy(update={"augment": []})] if whole.augment else [whole]
        for experiment in attempts:
            counts: dict[Phase, IterationCount] = {}
            try:
                counting = Counting(experiment)
                for phase in self._phases:
                    self._say(f"counting {phase.label}")
                    counts[phase] = counting.iteration(phase)
            except (UserError, RunError):
                raise
            except Exception:
                continue
            if experiment is not whole:
                self._notes.append("augmentation is not counted, as what it does depends on numbers, only measured")
            return counting, counts
        self._say("rehearsing")
        self._rehearse_until(None)
        self._notes.append("operations are not counted, as some part asks for numbers that only training has")
        return None, {}

    def _rehearse(self, counts: Mapping[Phase, IterationCount]) -> None:
        """Hold the parts to what their kinds promise in those stages where that is quick."""
        until, last = 0, counts.get(self._phases[-1])
        if last is None:
            return
        to_build = TO_BUILD * sum(last.parameters.values())
        for end, phase in zip(ends(self._experiment.stages()), self._ends(), strict=True):
            if to_build + sum(counts[phase].flops.values()) * FEW / phase.batch > REHEARSED:
                break
            until = end
        if until:
            self._say("rehearsing")
            self._rehearse_until(until)

    def _ends(self) -> list[Phase]:
        """The last phase of each stage."""
        return list({phase.number: phase for phase in self._phases}.values())

    def _rehearse_until(self, images: int | None) -> None:
        experiment = self._experiment
        final = max(stage.resolution for stage in experiment.stages())
        rehearse_training(experiment, RandomReals(experiment.data, final), self._machine.device, images)

    def _measured(
        self, counting: Counting | None, measuring: Measuring, counts: Mapping[Phase, IterationCount]
    ) -> dict[Phase, Measured]:
        """Iterations of the first stages, fades last, and single operations of all others, in the seconds given."""
        began = self._machine.now()
        found: dict[Phase, Measured] = {}

        def left(share: float = 1.0) -> float:
            return share * self._budget - (self._machine.now() - began)

        for phase in sorted(self._phases, key=lambda phase: (phase.number, phase.fades)):
            count = counts.get(phase)
            key = None if count is None else alike(self._experiment, phase, count)
            if count is not None and (known := self._known.iterations.get(key)) is not None:
                found[phase] = known
                self._model.learn(count.workload, known.took)
                continue
            self._say(f"measuring {phase.label}")
            expected = _as_pixels(phase, found)
            if count is not None:
                until = self._machine.now() + FOR_OPERATIONS * left()
                self._model.try_operations(count.workload, lambda until=until: self._machine.now() < until)
                expected = self._model.seconds(count.workload)
            if expected * measuring.kinds > left(FOR_ITERATIONS):
                break
            spare = self._spare(counts, found, measuring.without)
            if count is not None and not self._has_room(count, spare, measuring):
                continue
            found[phase] = measuring.iterations(phase, left(FOR_ITERATIONS) / 2)
            if count is not None:
                self._known.iterations[key] = found[phase]
                self._model.learn(count.workload, found[phase].took)
        if not found and counting is not None:
            self._learn_from_fewer(counting, measuring, counts, left(FOR_ITERATIONS))
        unknown = [phase for phase in self._phases if phase not in found and phase in counts]
        for position, phase in enumerate(unknown):
            self._say(f"timing operations of {phase.label}")
            until = self._machine.now() + left() / (len(unknown) - position)
            self._model.try_operations(counts[phase].workload, lambda until=until: self._machine.now() < until)
        self.spent = self._machine.now() - began
        return found

    def _learn_from_fewer(
        self, counting: Counting, measuring: Measuring, counts: Mapping[Phase, IterationCount], seconds: float
    ) -> None:
        """Measure the first phase with as many images as there are time and room for, so that something is measured."""
        first = self._phases[0]
        batch = first.batch
        while batch >= 2 * FEW:
            batch //= 2
            share = batch / first.batch
            if self._model.seconds(counts[first].workload) * share * measuring.kinds * 2 < seconds:
                fewer = first._replace(batch=batch)
                count = counting.iteration(fewer)
                if not self._has_room(count, SPARE, measuring):
                    continue
                workload = count.workload
                self._model.try_operations(workload, lambda: True)
                self._model.learn(workload, measuring.iterations(fewer, seconds).took)
                self._notes.append(f"an iteration of {first.label} was measured with {batch} of {first.batch} images")
                return
        self._notes.append(
            "no iteration was measured, which would take too long or too much memory: only single operations were"
        )

    def _has_room(self, count: IterationCount, spare: float, measuring: Measuring) -> bool:
        """Whether an iteration fits into memory; one that does not might end this process."""
        there = self._machine.memory
        return there is None or measuring.without + count.kept + spare * count.passing <= there

    def _estimates(
        self, counts: Mapping[Phase, IterationCount], measured: Mapping[Phase, Measured], without: int
    ) -> list[PhaseEstimate]:
        """All phases in order."""
        spare = self._spare(counts, measured, without)
        found = []
        for phase in self._phases:
            mine, count = measured.get(phase), counts.get(phase)
            if mine is not None:
                seconds = mine.took.wall
            else:
                seconds = _as_pixels(phase, measured) if count is None else self._model.seconds(count.workload)
            memory = None if mine is None else mine.peak
            is_measured = memory is not None
            if memory is None and count is not None:
                memory = without + count.kept + round(spare * count.passing)
            found.append(
                PhaseEstimate(
                    phase,
                    count,
                    seconds,
                    "extrapolated" if mine is None else "measured",
                    memory,
                    "measured" if is_measured else "extrapolated",
                )
            )
        return found

    def _fittings(self, counting: Counting | None, estimates: Sequence[PhaseEstimate], without: int) -> list[Fitting]:
        """What the stages would fit with that do not fit into memory."""
        there = self._machine.memory
        large = [] if there is None else [each for each in estimates if each.memory is not None and each.memory > there]
        if there is None or counting is None or not large:
            return []
        room = Room(there, without, self._machine.tools, MOST_SPARE)
        return Fitter(self._experiment, counting, room, self._say).fittings(large)

    def _spare(self, counts: Mapping[Phase, IterationCount], measured: Mapping[Phase, Measured], without: int) -> float:
        """How much more memory what passes takes than was counted, as buffers of the library's and gaps come on top.

        It is told by the phase in which most passes, as in small ones these vary.
        """
        passing, ratio = max(
            (
                (counts[phase].passing, (mine.peak - without - counts[phase].kept) / counts[phase].passing)
                for phase, mine in measured.items()
                if mine.peak is not None and phase in counts
            ),
            default=(0, SPARE),
        )
        return min(MOST_SPARE, max(1.0, ratio)) if passing >= LEAST_PASSING else SPARE


def _as_pixels(phase: Phase, measured: Mapping[Phase, Measured]) -> float:
    """Seconds of an iteration by those of the last that was measured, if they go as its pixels do; 0 if none was."""
    if not measured:
        return 0.0
    last, known = list(measured.items())[-1]
    pixels, before = (each.batch * each.stage.resolution**2 for each in (phase, last))
    return known.took.wall * pixels / before

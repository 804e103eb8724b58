"""A guard against training that goes wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from gankit import Callback, Images, Many, Observer
from gankit.core.failures import warn
from gankit.core.progress import Progress, crossed, ends
from gankit.kinds.callbacks import RunContext

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.config.experiment import Experiment
    from gankit_observers.health_checks import HealthCheck

CheckName = Literal["not-finite", "gradients", "collapse", "saturation"]


REMEDY = (
    "a lower learning rate or a stronger regularizer may help; gankit resume with "
    "--set 'observers=[progress, {use: guard, policy: roll-back, rate: 0.5}]' goes on with other draws, more slowly"
)
"""What whoever reads that a run was stopped can do: it would meet the same draws again."""
IN_FLOAT16 = (
    "training.precision: fp16 holds no number above 65,504; if a new run in bf16 or fp32 trains, the precision was the "
    "cause, else "
)
"""What comes before it where that may be so, as a run keeps its precision."""
EARLY = 1000
"""Images of a stage within which it is looked early for what is lost for certain."""


class Guard(Observer):
    """Looks for training that goes wrong, and stops the run, goes back to its last checkpoint, or warns.

    Every trouble stands in metrics.jsonl as an event: guard.not-finite, guard.gradients, ... By default only a state
    that is lost for certain ends a run; the other troubles are judged by thresholds. Several guards may watch one run,
    each with a policy of its own; if none of them names not-finite, each looks for it too, and stops the run.
    """

    against: Many[CheckName] = ["not-finite"]
    """not-finite: a loss, penalty, score or weight that is NaN or infinite. gradients: they explode. collapse: samples
    are all alike, which takes two reals to tell. saturation: the discriminator leaves the generator no gradient."""
    policy: Literal["stop", "roll-back", "warn"] = "stop"
    """stop: end the run, exit code 1. roll-back: go on from the last checkpoint with other random draws. warn: only
    record it, when the trouble begins."""
    rate: float = Field(default=1.0, gt=0, le=1)
    """Factor on all learning rates, each time the run is rolled back."""
    times: int = Field(default=3, ge=1)
    """How often the run may have been rolled back; then the next trouble stops it."""
    every: Images = Field(default=1000, ge=1)
    """How often to look, in images; also at the end of each stage, and for not-finite a few times as one begins.
    Scalars of all iterations between are looked at."""
    gradients: float = Field(default=1000.0, gt=1)
    """They explode when a network's have so many times their usual norm."""
    collapse: float = Field(default=0.1, gt=0, lt=1)
    """Samples have collapsed when their mean distance is below so much of that of reals."""
    saturation: float = Field(default=0.001, gt=0, lt=1)
    """The discriminator is saturated when the generator's gradient has less than so much of its usual norm."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """A threshold of a trouble that is not looked for would give a false sense of safety."""
        for name in ("gradients", "collapse", "saturation"):
            threshold = getattr(self, name)
            if name not in self.against and threshold != type(self).model_fields[name].default:
                yield f"{name}: {threshold:g} has no effect, as against does not name {name}"

    def also_stops(self, experiment: Experiment) -> bool:
        """Whether not-finite stops the run though this guard does not name it, as no other does, be it switched off."""
        guards = [observer for observer in (self, *experiment.observers) if isinstance(observer, Guard)]
        return not any("not-finite" in guard.against for guard in guards)

    def callback(self, run: RunContext) -> Callback:
        """Begin to guard `run`."""
        return Sentinel(self, run)


class Sentinel(Callback):
    """Looks at multiples of `every` and at the end of each stage, so that where it looks depends on images alone.

    Where a stage begins it looks for what is not finite each time that twice as many images have been shown, as a fault
    of the first iterations should not take long to be told; so few looks keep no GPU waiting. A state that is about to
    be saved is looked at once more, unless all that would come of it is a warning.
    """

    def __init__(self, options: Guard, run: RunContext) -> None:
        self._options, self._run = options, run
        self._stage_ends = ends(run.experiment.stages())
        self._also_stops = options.also_stops(run.experiment)
        self._begin(run.progress)
        if "collapse" in self._checks and len(run.reals(2, 0)) < 2:
            warn("guard: collapse is not looked for, as a single real image has no distance from others")

    def on_stage_start(self, progress: Progress) -> None:
        """What is usual is learned anew."""
        for check in self._checks.values():
            check.stage_started()

    def on_update(self, progress: Progress, scalars: Mapping[str, Tensor]) -> None:
        """Keep the iteration's scalars, and look if it is time."""
        before, self._images = self._images, progress.images
        for check in self._checks.values():
            check.updated(progress.images, scalars)
        stage_ended = any(before < end <= progress.images for end in self._stage_ends)
        if stage_ended or crossed(before, progress.images, self._options.every):
            self._look(self._checks)
        elif self._is_early(before):
            self._look_for_lost()

    def on_save(self, progress: Progress) -> None:
        """Keep a state that is lost from being saved."""
        if self._options.policy != "warn" or self._also_stops:
            self._look_for_lost()

    def on_rollback(self, progress: Progress) -> None:
        """Begin afresh, if the checkpoint that the run went back to does not know this guard."""
        if self._images != progress.images:
            self._begin(progress)

    def state_dict(self) -> dict[str, Any]:
        """What was learned and seen so far."""
        states = {name: check.state_dict() for name, check in self._checks.items()}
        return {"images": self._images, "present": list(self._present), "troubles": states}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there; what this guard did not look for then is learned from here on."""
        self._begin(self._run.progress)
        self._images = state["images"]
        self._present = [name for name in state["present"] if name in self._checks]
        for name in self._checks.keys() & state["troubles"].keys():
            self._checks[name].load_state_dict(state["troubles"][name])

    def _begin(self, progress: Progress) -> None:
        from gankit_observers.health_checks import Collapse, Gradients, NotFinite, Saturation

        options = self._options
        every_check: dict[str, HealthCheck] = {
            "not-finite": NotFinite(),
            "gradients": Gradients(options.gradients),
            "collapse": Collapse(options.collapse),
            "saturation": Saturation(options.saturation),
        }
        self._checks = {name: check for name, check in every_check.items() if name in options.against}
        if self._also_stops:
            self._checks = {"not-finite": every_check["not-finite"], **self._checks}
        self._images = progress.images
        self._present: list[str] = []

    def _is_early(self, before: int) -> bool:
        """Whether a power of two was reached of the images of a stage, since so many of the run, and they are few."""
        began = max((end for end in self._stage_ends if end <= before), default=0)
        return before - began < EARLY and (before - began).bit_length() < (self._images - began).bit_length()

    def _look_for_lost(self) -> None:
        self._look({name: check for name, check in self._checks.items() if name == "not-finite"})

    def _look(self, checks: Mapping[str, HealthCheck]) -> None:
        """Report what each of the `checks` finds, and do what the policy says."""
        found = {}
        for name, check in checks.items():
            finding = check.look(self._run)
            if finding is not None:
                found[name] = finding
                if name == "not-finite":
                    break  # what else could be measured means nothing now
        policy = "stop" if self._also_stops and "not-finite" in found else self._options.policy
        for name, finding in found.items():
            if policy != "warn" or name not in self._present:
                self._run.log_event(f"guard.{name}", finding.value, finding.note)
        self._present = [name for name in self._present if name not in checks] + list(found)
        if found and policy != "warn":
            self._intervene("; ".join(finding.note for finding in found.values()), policy)

    def _intervene(self, reason: str, policy: str) -> None:
        if policy == "stop":
            before = IN_FLOAT16 if self._run.experiment.training.precision == "fp16" else ""
            self._run.stop(f"{reason}; {before}{REMEDY}")
        elif self._run.attempt >= self._options.times:
            self._run.stop(f"{reason}; roll-backs so far: {self._run.attempt}")
        else:
            self._run.roll_back(reason, self._options.rate)

"""What the runs of a study cost, by variant."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from gankit.config.study import StudyRun
from gankit.costs.estimate import Estimate
from gankit.costs.estimator import Estimator
from gankit.costs.machine import Machine
from gankit.costs.measurements import Measurements
from gankit.runs.components import choose_device

LEAST_SHARE = 0.5
"""Of an equal share of the seconds that a variant has at least, whatever others took."""


@dataclass(frozen=True)
class VariantEstimate:
    """What the runs of a variant cost, which differ in their seeds alone."""

    name: str
    seeds: Sequence[int]
    estimate: Estimate
    """Of one of them."""

    @property
    def seconds(self) -> float:
        """Of all of them, one after the other."""
        return self.estimate.seconds * len(self.seeds)

    @property
    def images(self) -> int:
        """Reals that all of them show."""
        return sum(each.phase.images for each in self.estimate.phases) * len(self.seeds)


def estimate_study(runs: Sequence[StudyRun], budget: float, say: Callable[[str], None]) -> list[VariantEstimate]:
    """Estimate each variant of some runs of a study once.

    Args:
        runs: The runs.
        budget: Seconds for iterations and single operations of all variants together; what one leaves others have.
        say: Told what is going on.

    Raises:
        UserError, ComponentError, RunError: as `Estimator.estimate`.
    """
    seeds: dict[str, list[int]] = {}
    for run in runs:
        seeds.setdefault(run.variant.name, []).append(run.seed)
    variants = {run.variant.name: run.variant.experiment for run in runs}
    threads, known = torch.get_num_threads(), dict[str, tuple[Machine, Measurements]]()
    found, left = list[VariantEstimate](), budget
    for position, (name, experiment) in enumerate(variants.items()):
        torch.set_num_threads(experiment.training.threads or threads)
        device = choose_device(experiment.training.device)
        if device.type not in known:
            known[device.type] = (machine := Machine(device)), Measurements(machine)
        machine, measured = known[device.type]

        def told(doing: str, of: str = f"{name} ({position + 1} of {len(variants)})") -> None:
            say(f"{of}: {doing}")

        share = max(left / (len(variants) - position), LEAST_SHARE * budget / len(variants))
        estimator = Estimator(experiment, machine, share, told, measured)
        found.append(VariantEstimate(name, seeds[name], estimator.estimate()))
        left -= estimator.spent
        del estimator
        gc.collect()  # networks hold each other, and would count for the next variant's memory
        machine.give_back()
    torch.set_num_threads(threads)
    return found

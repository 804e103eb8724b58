"""A small run of an observer in which everything happens, and what was seen of it."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from gankit.config.experiment import Experiment
from gankit.core.errors import RunError, UserError
from gankit.core.failures import in_short
from gankit.core.registry import RegistryEntry
from gankit.kinds import Observer
from gankit.kinds.callbacks import Callback, RunContext
from gankit.runs.start import begin, resume
from gankit.testing.experiments import experiment_with, loading_once
from gankit.testing.keeping import between, bits, first_difference, through_checkpoint
from gankit.testing.killed import written
from gankit.testing.processes import children
from gankit.testing.rules import Broken

ANOTHER = "another-picture"
"""A picture of another observer."""
MOMENTS = tuple(name for name in vars(Callback) if not name.startswith("_") and not name.endswith("state_dict"))
"""The methods of `Callback` that tell of a moment."""


@dataclass
class Witness:
    """What was seen of an observer in a run that goes back once and is finished, and in its sequel that is stopped."""

    told: list[str] = field(default_factory=list)
    """The moments that its watchers were told of, in order."""
    failed: list[str] = field(default_factory=list)
    """What it raised, and when."""
    changed: list[str] = field(default_factory=list)
    """What it changed that is not its own, and when."""
    forgot: list[str] = field(default_factory=list)
    """What was wrong with its state."""
    left: list[str] = field(default_factory=list)
    """What it left running."""
    wrote: bool = False
    """Whether there was anything of it in the run's folder."""
    refused: str = ""
    """Why it would not watch."""


@cache
def witnessed(entry: RegistryEntry, options: str) -> Witness:
    """Carry out the runs with an observer.

    Args:
        entry: The observer's class.
        options: Its options as JSON.
    """
    witness, component = Witness(), entry.component.model_validate_json(options)
    watch: Callable[[Any, RunContext], Callback] = entry.component.watch  # pyright: ignore[reportAttributeAccessIssue]

    def watched(observer: Observer, run: RunContext) -> Callback:
        try:
            return Shadow(run, watch(observer, run), witness)
        except UserError as refused:
            witness.refused = str(refused)
            raise
        except Exception as failure:
            witness.failed.append(f"watch() raised {in_short(failure)}")
            raise

    threads, before, processes = torch.get_num_threads(), set(threading.enumerate()), children()
    experiment = experiment_with(component)
    with (
        TemporaryDirectory() as folder,
        loading_once(experiment.data),
        patch.object(entry.component, "watch", watched),
    ):
        run = Path(folder) / "shelf" / "run"
        _carry_out(experiment, run)
        witness.wrote = any(not name.endswith(f"{ANOTHER}.png") for name in written(run))
    torch.set_num_threads(threads)
    witness.left = [f"a thread, {thread.name}" for thread in threading.enumerate() if thread not in before]
    witness.left += [f"a process, {number}" for number in children() - processes]
    return witness


def _carry_out(experiment: Experiment, folder: Path) -> None:
    """A run to its end, and one that goes on from there; either may be stopped."""
    for run_of in (lambda: begin(experiment, folder), lambda: resume(folder, extend=32)):
        try:
            run = run_of()
        except UserError:  # not finished, as an observer has stopped it
            run = resume(folder)
        try:
            if run is not None:
                run.train()
        except RunError:
            continue


class Shadow(Callback):
    """Passes everything on to an observer's watcher and sees what that does; asks the run for what else may happen."""

    def __init__(self, run: RunContext, watcher: Callback, witness: Witness) -> None:
        self._run, self._watcher, self._witness = run, watcher, witness
        self._updates = 0

    def tell(self, moment: str, *facts: object) -> None:
        """Tell the watcher of a moment."""
        self._witness.told.append(moment)
        before = bits(_surroundings(self._run))
        self._try(f"in {moment}()", lambda: getattr(self._watcher, moment)(*facts))
        where = between(before, bits(_surroundings(self._run)))
        if where is not None:
            self._witness.changed.append(f"{moment}() changed {where.lstrip('.')}")
        if moment == "updated":
            self._updates += 1
            self._stir()

    def state_dict(self) -> dict[str, Any]:
        """The watcher's state, if a checkpoint can hold it."""
        state = self._try("in state_dict()", self._watcher.state_dict) or {}
        try:
            return through_checkpoint(state) if state else {}
        except Broken as refused:
            self._witness.forgot.append(str(refused))
            return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Give the watcher its state, and see whether it has it then."""
        given = copy.deepcopy(state)
        self._try("in load_state_dict()", lambda: self._watcher.load_state_dict(given))
        now = self._try("in state_dict()", self._watcher.state_dict)
        where = None if now is None else first_difference(state, now)
        if where is not None:
            self._witness.forgot.append(f"load_state_dict() does not bring back {where.lstrip('.')}")

    def _try(self, when: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as failure:
            self._witness.failed.append(f"{when} it raised {in_short(failure)}")
            return None

    def _stir(self) -> None:
        """What other observers may do between two updates."""
        resumed = self._run.progress.images > 64
        if self._updates == 1 and not resumed:
            self._run.report("another.event", 1.0, "something that another observer noticed")
            self._run.show(ANOTHER, np.zeros((8, 8, self._run.experiment.data.image_channels()), np.uint8))
        if self._updates == 3 and not resumed and not self._run.attempt:
            self._run.roll_back("another observer wanted it")
        if self._updates == 2 and resumed:
            self._run.stop("another observer wanted it")


def _told(moment: str) -> Callable[..., None]:
    """The method of a shadow for a moment."""
    return lambda shadow, *facts: shadow.tell(moment, *facts)


for _moment in MOMENTS:
    setattr(Shadow, _moment, _told(_moment))


def _surroundings(run: RunContext) -> dict[str, Any]:
    """What an observer is not to change: weights, gradients, modes and torch's generator."""
    networks: dict[str, Any] = {}
    for name, network in run.networks.items():
        networks[name] = {
            "weights": network.state_dict(),
            "gradients": {key: weight.grad for key, weight in network.named_parameters()},
            "asks for gradients": [weight.requires_grad for weight in network.parameters()],
            "training": [module.training for module in network.modules()],
        }
    state: Tensor = torch.get_rng_state()
    return {"torch's random state": state, **networks}

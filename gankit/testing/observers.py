"""Rules for observers, by what is seen of them in small runs in which everything happens."""

from __future__ import annotations

import copy
import os
import shutil
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import resource_tracker
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from gankit.checkpoints.integrity import SNAPSHOTS
from gankit.core.errors import RunError, UserError
from gankit.core.failures import in_short
from gankit.core.progress import Progress
from gankit.kinds import Observer
from gankit.kinds.callbacks import Callback, RunContext
from gankit.runs.folder import EXPERIMENT, PLUGINS, PROVENANCE
from gankit.runs.rows import METRICS, TIMES
from gankit.runs.start import begin, resume
from gankit.runs.status import HOLDER, LOCK
from gankit.testing.experiments import experiment_with, loading_once
from gankit.testing.launchers import is_running
from gankit.testing.rules import Broken, Trial, rule
from gankit.testing.state import bits, first_differing, through_checkpoint

ANOTHER = "another-picture"
"""A picture of another observer."""
MOMENTS = tuple(name for name in vars(Callback) if not name.startswith("_") and not name.endswith("state_dict"))
"""The methods of `Callback` that tell of a moment."""
OWN = {EXPERIMENT, METRICS, PROVENANCE, TIMES, PLUGINS, LOCK, HOLDER, "checkpoints", SNAPSHOTS}
"""What gankit itself writes into a run's folder, pictures apart."""
KILLED = 48
"""Images after which the run is killed: its checkpoint is from 32, where the second of its stages began, and its end
at 64."""


@rule(Observer, examples=2)
def takes_every_event(trial: Trial[Observer]) -> None:
    """It raises nothing, whatever happens in a run: updates, numbers, pictures, events, going back, being stopped."""
    if failed := _record(trial).faults["failed"]:
        raise Broken(f"{failed[0]} ({len(failed)} failures in all); the run goes on without what it should have done")


@rule(Observer, examples=2)
def state_goes_on(trial: Trial[Observer]) -> None:
    """Its state is plain values and tensors, and it is the same after it was loaded from a checkpoint."""
    if forgot := _record(trial).faults["forgot"]:
        raise Broken(forgot[0])


@rule(Observer, examples=2)
def only_watches(trial: Trial[Observer]) -> None:
    """Networks, gradients, modes and torch's random state are after every moment what they were before."""
    if changed := _record(trial).faults["changed"]:
        raise Broken(f"{changed[0]}; change copies, put modes back, and draw with a generator of your own")


@rule(Observer, examples=1, implied=("takes-every-event",))
def writes_as_if_never_killed(trial: Trial[Observer]) -> None:
    """What it writes into the run's folder is the same whether or not the run was killed and resumed on the way."""
    if _record(trial).wrote and (name := trial.once(differing_file)):
        raise Broken(
            f"{name} is another file after a run was killed between two checkpoints and resumed, since what was seen "
            "after the first is seen again; keep in state_dict() how far the file is written, and cut it off there in "
            "load_state_dict() and where that is not called"
        )


@rule(Observer, examples=2)
def lets_go(trial: Trial[Observer]) -> None:
    """Nothing of it runs on when the run is over, whether it was finished or stopped."""
    if left := _record(trial).faults["left"]:
        raise Broken(f"when runs are over there is still {', '.join(left)}; end it in on_close()")


@dataclass
class RunRecord:
    """What was seen of an observer in a run that goes back once and is finished, and in its sequel that is stopped."""

    told: list[str] = field(default_factory=list)
    """The moments that its callbacks were told of, in order."""
    faults: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """What it `failed` at, `changed` that is not its own, `forgot` of its state and `left` running."""
    wrote: bool = False
    """Whether there was anything of it in the run's folder."""
    refused: str = ""
    """Why it would give no callback."""


def _record(trial: Trial[Observer]) -> RunRecord:
    """What was seen of the observer; skips one that gives no callback."""
    record = trial.once(recorded_run)
    trial.skip_if(record.refused)
    return record


def recorded_run(observer: Observer) -> RunRecord:
    """Carry out the runs with an observer."""
    record, make = RunRecord(), type(observer).callback

    def probed(observer: Observer, run: RunContext) -> Callback:
        try:
            return CallbackProbe(run, make(observer, run), record)
        except UserError as refused:
            record.refused = str(refused)
            raise
        except Exception as failure:
            record.faults["failed"].append(f"callback() raised {in_short(failure)}")
            raise

    threads, before, processes = torch.get_num_threads(), set(threading.enumerate()), _children()
    experiment = experiment_with(observer)
    with (
        TemporaryDirectory() as temporary,
        loading_once(experiment.data),
        patch.object(type(observer), "callback", probed),
    ):
        folder = Path(temporary) / "shelf" / "run"
        for run_of in (lambda: begin(experiment, folder), lambda: resume(folder, extend=32)):
            with suppress(RunError):  # of an observer that stops the run
                try:
                    run = run_of()
                except UserError:  # not finished, as an observer has stopped it
                    run = resume(folder)
                if run is not None:
                    run.train()
        record.wrote = any(not name.endswith(f"{ANOTHER}.png") for name in _written(folder))
    torch.set_num_threads(threads)
    record.faults["left"] = [f"a thread, {thread.name}" for thread in threading.enumerate() if thread not in before]
    record.faults["left"] += [f"a process, {number}" for number in _children() - processes]
    return record


class CallbackProbe(Callback):
    """Passes everything on to an observer's callback and sees what that does; asks the run for what else may happen."""

    def __init__(self, run: RunContext, callback: Callback, record: RunRecord) -> None:
        self._run, self._callback, self._record = run, callback, record
        self._updates = 0
        for moment in MOMENTS:
            setattr(self, moment, partial(self.tell, moment))

    def tell(self, moment: str, *facts: object) -> None:
        """Tell the callback of a moment."""
        self._record.told.append(moment)
        before = bits(_surroundings(self._run))
        self._try(f"in {moment}()", lambda: getattr(self._callback, moment)(*facts))
        if where := first_differing(before, bits(_surroundings(self._run))):
            self._record.faults["changed"].append(f"{moment}() changed {where.lstrip('.')}")
        if moment == "on_update":
            self._updates += 1
            self._act()

    def state_dict(self) -> dict[str, Any]:
        """The callback's state, if a checkpoint can hold it."""
        state = self._try("in state_dict()", self._callback.state_dict) or {}
        try:
            return through_checkpoint(state) if state else {}
        except Broken as refused:
            self._record.faults["forgot"].append(str(refused))
            return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Give the callback its state, and see whether it has it then."""
        given = copy.deepcopy(state)
        self._try("in load_state_dict()", lambda: self._callback.load_state_dict(given))
        now = self._try("in state_dict()", self._callback.state_dict)
        if where := None if now is None else first_differing(bits(state), bits(now)):
            self._record.faults["forgot"].append(f"load_state_dict() does not bring back {where.lstrip('.')}")

    def _try(self, when: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as failure:
            self._record.faults["failed"].append(f"{when} it raised {in_short(failure)}")
            return None

    def _act(self) -> None:
        """What other observers may do between two updates."""
        resumed = self._run.progress.images > 64
        if self._updates == 1 and not resumed:
            self._run.log_event("another.event", 1.0, "something that another observer noticed")
            self._run.show(ANOTHER, np.zeros((8, 8, self._run.experiment.data.image_channels()), np.uint8))
        if self._updates == 3 and not resumed and not self._run.attempt:
            self._run.roll_back("another observer wanted it")
        if self._updates == 2 and resumed:
            self._run.stop("another observer wanted it")


def _surroundings(run: RunContext) -> dict[str, Any]:
    """What an observer is not to change: weights, gradients, modes and torch's generator."""
    return {"torch's random state": torch.get_rng_state()} | {
        name: {
            "weights": network.state_dict(),
            "gradients": {key: weight.grad for key, weight in network.named_parameters()},
            "asks for gradients": [weight.requires_grad for weight in network.parameters()],
            "training": [module.training for module in network.modules()],
        }
        for name, network in run.networks.items()
    }


def differing_file(observer: Observer) -> str:
    """The first file that is otherwise in a run that was killed and went on than in one that was not; "" if none is.

    Files that two runs leave unlike without being killed, as by the clock, do not count, nor do those that are only
    there once the run has gone on.
    """
    experiment, make = experiment_with(observer), type(observer).callback
    with (
        TemporaryDirectory() as temporary,
        loading_once(experiment.data),
        suppress(RunError),  # of an observer that stops the run
    ):
        folder, kept = Path(temporary) / "shelf" / "run", Path(temporary) / "kept"

        def probed(observer: Observer, run: RunContext) -> Callback:
            callback = make(observer, run)
            on_update = callback.on_update

            def noticed(progress: Progress, scalars: Mapping[str, Tensor]) -> None:
                on_update(progress, scalars)
                if progress.images == KILLED:
                    shutil.copytree(folder, kept, ignore=shutil.ignore_patterns(LOCK, HOLDER))

            callback.on_update = noticed
            return callback

        with patch.object(type(observer), "callback", probed):
            begin(experiment, folder).train()
        whole = _written(folder)
        shutil.rmtree(folder)
        kept.rename(folder)
        if (run := resume(folder)) is not None:
            run.train()
        gone_on = _written(folder)
        if unlike := [name for name, content in whole.items() if gone_on.get(name) != content]:
            shutil.rmtree(folder)
            begin(experiment, folder).train()
            again = _written(folder)
            return next((name for name in unlike if again.get(name) == whole[name]), "")
    return ""


def _written(folder: Path) -> dict[str, bytes]:
    """The files that are in a run's folder because of observers, and what is in them."""
    named = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {str(name): path.read_bytes() for name, path in named.items() if name.parts[0] not in OWN}


def _children() -> set[int]:
    """The ids of child processes that run; none where the system does not tell, as anywhere but on Linux.

    The one by which Python's multiprocessing keeps track of what is shared is left out: it stays to the end.
    """
    found: set[int] = set()
    for listed in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        with suppress(OSError):  # of a thread that has just ended
            found |= {int(number) for number in listed.read_text().split()}
    tracker = getattr(resource_tracker, "_resource_tracker", None)
    return {number for number in found - {getattr(tracker, "_pid", None)} if is_running(number)}

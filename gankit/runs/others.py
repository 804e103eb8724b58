"""The other processes of a run, as the first of them leads them, which alone has the folder and decides what comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gankit.core.errors import RunError
from gankit.core.failures import warn
from gankit.core.processes import begin_process
from gankit.runs.launched import launched
from gankit.training.ranks import ALONE, Ranks

if TYPE_CHECKING:
    from gankit.evaluation.background import BackgroundEvaluator
    from gankit.evaluation.pair import EvaluatorPair
    from gankit.training.process_group import Word
    from gankit.training.trainer import Trainer

GRACE = 30.0
"""Seconds in which process 0 has to notice by itself that another is gone, before it is ended."""
PATIENCE = 5.0
"""Seconds in which it comes to be known how another ended whose connection is broken."""
PARTING = 10.0
"""Seconds in which the others have to leave."""
GOES_ON = "; the run goes on from its last checkpoint by gankit resume"
"""Said of a run that has lost a process."""


class Others:
    """Null object for a run in a single process."""

    ranks: Ranks = ALONE

    def begin(self, folder: Path, trainer: Trainer, evaluators: EvaluatorPair | BackgroundEvaluator) -> None:
        """Have all be where `trainer` is, which trains and measures with them from then on."""
        return

    def share_state(self, trainer: Trainer) -> None:
        """Have all be where `trainer` is."""
        return

    @contextmanager
    def iterating(self) -> Iterator[int]:
        """Have the others make an iteration, as this process does within; gives a signal that one was sent, or 0."""
        yield 0

    @contextmanager
    def evaluating(self, trainer: Trainer, full: bool) -> Iterator[None]:
        """Have the others measure what this process measures within."""
        yield

    def compare(self, trainer: Trainer) -> None:
        """Look whether all have the same weights.

        Raises:
            RunError: if not.
        """
        return

    def leave(self) -> None:
        """Part from them."""
        return


def others_of(processes: int, record_failure: Callable[[str], None]) -> Others:
    """The other processes of a run that has so many: started here, unless a launcher has.

    Args:
        processes: How many processes the run has, this one among them.
        record_failure: Told why the run ends where this process, blocked by the loss of another, cannot say so itself.
    """
    if processes == 1:
        return Others()
    return Followers(processes, record_failure)


def dismiss_launched() -> None:
    """Let those leave that a launcher has started for nothing, as there is nothing to train."""
    if (place := launched()) is not None:
        Followers(place.processes, lambda _: None).leave()


class Followers(Others):
    """Processes that do what they are told, see `gankit.runs.follower`."""

    def __init__(self, processes: int, record_failure: Callable[[str], None]) -> None:
        """Start them, or meet those that a launcher has started; see `others_of`.

        Raises:
            RunError: if one does not come.
        """
        from gankit.training.process_group import ProcessGroup, meeting_place

        self._started: list[tuple[subprocess.Popen[bytes], Connection[Any, Any], threading.Thread]] = []
        self._gone: list[str] = []
        self._record_failure = record_failure
        self._is_busy, self._left = False, threading.Event()
        if launched() is not None:
            self.ranks = self._group = ProcessGroup()
            return
        if sys.platform == "linux":  # all are on this machine, and nobody else is to reach them
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        store = meeting_place(processes)
        try:
            for number in range(1, processes):
                process, pipe = begin_process(
                    "from gankit.runs.follower import follow_starter; follow_starter()", quiet=True
                )
                watcher = threading.Thread(target=self._watch, args=(process, number), daemon=True)
                self._started.append((process, pipe, watcher))
                watcher.start()
                pipe.send((store.port, number, processes))
            self.ranks = self._group = ProcessGroup(store, 0, processes)
        except BaseException:
            self._left.set()
            self._end()
            raise

    def begin(self, folder: Path, trainer: Trainer, evaluators: EvaluatorPair | BackgroundEvaluator) -> None:
        """Have all be where `trainer` is, which trains and measures with them from then on.

        Raises:
            RunError: naming what another process lacks.
        """
        import torch

        from gankit.evaluation.pair import EvaluatorPair
        from gankit.training.process_group import Word

        with self._together(Word.BEGIN):
            self._group.told((folder, torch.get_num_threads(), trainer.reals.fingerprint))
            failures = self._group.exchanged("")
        if failed := [f"process {number} of the run: {said}" for number, said in enumerate(failures) if said]:
            raise RunError("\n".join(failed))
        trainer.join(self._group)
        if isinstance(evaluators, EvaluatorPair):
            evaluators.join(self._group)
        self.share_state(trainer)

    def share_state(self, trainer: Trainer) -> None:
        """Have all be where `trainer` is."""
        from gankit.training.process_group import Word

        with self._together(Word.STATE):
            self._group.told(on_cpu(trainer.state_dict()))

    @contextmanager
    def iterating(self) -> Iterator[int]:
        """Have the others make an iteration, as this process does within; gives a signal that one was sent, or 0."""
        from gankit.training.process_group import Word

        with self._together(Word.ITERATE) as received:
            yield received

    @contextmanager
    def evaluating(self, trainer: Trainer, full: bool) -> Iterator[None]:
        """Have the others measure what this process measures within."""
        from gankit.training.process_group import Word

        with self._together(Word.EVALUATE):
            self._group.told((trainer.grown, full))
            yield

    def compare(self, trainer: Trainer) -> None:
        """Look whether all have the same weights.

        Raises:
            RunError: if not.
        """
        from gankit.training.process_group import Word

        if self._is_busy:  # with what a signal broke off
            return
        with self._together(Word.COMPARE):
            found = self._group.exchanged(checksum(trainer))
        if other := [number for number, sums in enumerate(found) if sums != found[0]]:
            raise RunError(
                f"the weights of process {other[0]} of the run are not those of process 0 at {trainer.images:,} "
                "images: a component may draw or remember apart from torch; the run goes on from its last checkpoint"
            )

    def leave(self) -> None:
        """Part from them; those that are in the midst of something are ended."""
        from gankit.training.process_group import LostProcessError, Word

        self._left.set()
        if not self._is_busy:
            with suppress(LostProcessError):
                self._group.say(Word.LEAVE)
                self._group.close()
        self._end(at_once=self._is_busy)

    @contextmanager
    def _together(self, word: Word) -> Iterator[int]:
        """Tell the others what comes next, in which this process takes part within.

        Raises:
            RunError: saying which is gone, if one is.
        """
        from gankit.training.process_group import LostProcessError

        self._is_busy = True
        try:
            yield self._group.say(word)
        except LostProcessError as loss:
            raise RunError(self._reason(loss)) from loss
        self._is_busy = False

    def _watch(self, process: subprocess.Popen[bytes], number: int) -> None:
        """Wait for the end of one; end this process too if it does not come to notice, as where it waits for NCCL."""
        status = process.wait()
        if self._left.is_set():
            return
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with exit status {status}"
        self._gone.append(f"process {number} of the run {how}")
        if self._left.wait(GRACE):
            return
        try:
            reason = f"{self._gone[0]}{GOES_ON}"
            warn(reason)
            self._record_failure(reason)
        finally:
            os._exit(1)

    def _reason(self, loss: Exception) -> str:
        """Which process is gone and how, if it was started here, which its watcher is about to know."""
        until = time.monotonic() + PATIENCE
        while self._started and not self._gone and time.monotonic() < until:
            time.sleep(0.05)
        return f"{self._gone[0] if self._gone else loss}{GOES_ON}"

    def _end(self, at_once: bool = True) -> None:
        """See those leave that were started here."""
        for process, pipe, watcher in self._started:
            if not at_once:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(PARTING)
            process.kill()
            watcher.join()
            pipe.close()


def on_cpu(state: Any) -> Any:
    """The same with all tensors on the CPU, so that any process can read it."""
    if hasattr(state, "detach"):
        return state.detach().cpu()
    if isinstance(state, Mapping):
        return {key: on_cpu(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(map(on_cpu, state))
    return state


def checksum(trainer: Trainer) -> str:
    """What is the same for equal weights of both networks, and hardly for others."""
    import torch

    weights = [weight.detach() for network in trainer.networks.values() for weight in network.parameters()]
    return repr(torch.stack([weight.double().sum() for weight in weights]).tolist())

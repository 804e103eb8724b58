"""A process of a run beside the first, which does what that one says: see `gankit.runs.others`.

It writes nothing: no file of the run's folder, and of what goes wrong only what is its own.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from contextlib import redirect_stderr, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from gankit.core.errors import RunError, UserError
from gankit.core.failures import in_short
from gankit.core.processes import pipe_to_parent
from gankit.core.text import readable_lines
from gankit.runs.folder import EXPERIMENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from gankit.config.experiment import Experiment
    from gankit.runs.components import RunComponents
    from gankit.training.process_group import ProcessGroup


def follow_starter() -> None:
    """Follow the process that started this one, and be gone when it is."""
    pipe = pipe_to_parent()
    port, number, count = pipe.recv()
    threading.Thread(target=_end_with, args=[pipe], daemon=True).start()
    os.environ |= {"LOCAL_RANK": str(number), "LOCAL_WORLD_SIZE": str(count)}

    from gankit.training.process_group import ProcessGroup, meeting_place

    def meet() -> ProcessGroup:
        return ProcessGroup(meeting_place(count, port), number, count)

    sys.exit(follow(meet, number))


def follow_launched(number: int) -> int:
    """Follow process 0 of those that a launcher has started; returns the exit code."""
    from gankit.training.process_group import ProcessGroup

    return follow(ProcessGroup, number)


def follow(meet: Callable[[], ProcessGroup], number: int) -> int:
    """Do as process `number` what process 0 says until it says to leave.

    Returns:
        The exit code: 0, or 1 if something failed here, which is said, or process 0 is gone.
    """
    from gankit.training.process_group import LostProcessError

    try:
        with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):  # what it says process 0 says too
            group = meet()
            _Follower(group).follow()
            group.close()
    except LostProcessError:
        return 1
    except Exception as failure:
        said = in_short(failure) if isinstance(failure, UserError | RunError) else traceback.format_exc()
        print(readable_lines(f"gankit: process {number} of the run: {said}"), file=sys.stderr, flush=True)
        return 1
    return 0


class _Follower:
    """What follows."""

    def __init__(self, group: ProcessGroup) -> None:
        self._group = group
        self._received = 0
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to process 0 too
        signal.signal(signal.SIGTERM, self._receive)

    def follow(self) -> None:
        """Do what is said until it is to leave."""
        from gankit.runs.attribution import attributing_errors
        from gankit.runs.others import checksum
        from gankit.training.process_group import Word

        group, parts = self._group, None
        while (word := group.hear(self._received)) is not Word.LEAVE:
            if word is Word.BEGIN:
                parts = self._begun()
                continue
            assert parts is not None, "what comes first is the beginning"
            with attributing_errors(parts.experiment, trains=True):
                match word:
                    case Word.STATE:
                        parts.trainer.load_state_dict(group.told({}))
                    case Word.ITERATE:
                        parts.trainer.iteration()
                    case Word.EVALUATE:
                        self._evaluate(parts)
                    case Word.COMPARE:
                        group.exchanged(checksum(parts.trainer))

    def _begun(self) -> RunComponents | None:
        """All parts of the run whose folder process 0 tells of; None if something lacks, which is told to it."""
        from gankit.evaluation.pair import EvaluatorPair
        from gankit.runs.components import RunComponents
        from gankit.runs.recorded import load_recorded, refuse_other_fingerprint

        folder, threads, fingerprint = self._group.told((Path(), 1, ""))
        parts, said = None, ""
        try:
            parts = RunComponents.of(_measured_here(load_recorded(folder / EXPERIMENT)), threads)
            refuse_other_fingerprint(fingerprint, parts.reals.fingerprint)
        except Exception as failure:
            said = in_short(failure)
        if any(self._group.exchanged(said)) or parts is None:
            return None
        parts.trainer.join(self._group)
        if isinstance(parts.evaluators, EvaluatorPair):
            parts.evaluators.join(self._group)
        return parts

    def _evaluate(self, parts: RunComponents) -> None:
        """Take part in an evaluation, whose numbers are the same here."""
        from gankit.evaluation.pair import EvaluatorPair
        from gankit.training.sampler import GeneratorSampler

        grown, full = self._group.told((parts.trainer.grown, False))
        parts.trainer.grow(grown)
        generators = parts.trainer.generators(parts.experiment.evaluation.generators)
        assert isinstance(parts.evaluators, EvaluatorPair), "that of the background is process 0's"
        sources = {which: GeneratorSampler(generator, parts.device) for which, generator in generators.items()}
        parts.evaluators.evaluate(sources, parts.trainer.progress, full)

    def _receive(self, number: int, _: FrameType | None) -> None:
        self._received = number


def _measured_here(experiment: Experiment) -> Experiment:
    """The experiment, in whose evaluations this process takes no part if they are another's anyway."""
    if not experiment.evaluation.background:
        return experiment
    nothing = experiment.evaluation.model_copy(update={"background": False, "metrics": [], "quick": None})
    return experiment.model_copy(update={"evaluation": nothing})


def _end_with(pipe: Connection[Any, Any]) -> None:
    """End this process, whatever it does, with the one at the other end of a pipe."""
    with suppress(EOFError, OSError):
        pipe.recv()
    os._exit(1)

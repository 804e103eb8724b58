"""Carries out the runs of a study."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from gankit.config.study import STUDY, Study, StudyRun
from gankit.config.yaml.nodes import plain_value
from gankit.config.yaml.writer import dump
from gankit.core.errors import Interrupted, UserError
from gankit.core.failures import warn
from gankit.core.files import read_regular, refuse_irregular, write_at_once
from gankit.discovery.manager import plugins
from gankit.kinds import Job
from gankit.runs.folder import EXPERIMENT, clear_leftovers, is_run
from gankit.runs.late import late_evaluation, unheeded
from gankit.runs.recorded import allowed_changes, judged_by_images, load_recorded, refuse_other_images
from gankit.runs.signals import raising_signals
from gankit.runs.status import RunState, failed_untrained, state_of
from gankit.studies.progress import StudyProgress


class Failure(NamedTuple):
    """A run that could not be finished."""

    name: str
    status: int
    """Its process's exit status; negative: the signal that killed it."""
    log: Path

    def __str__(self) -> str:
        how = f"killed by {signal.Signals(-self.status).name}" if self.status < 0 else f"exit {self.status}"
        return f"{self.name} ({how}): {self.said()}\n    {self.log}"

    def said(self) -> str:
        """The last line that it printed, of mistakes the last that says what is wrong and not where."""
        try:
            lines = read_regular(self.log).decode(errors="replace").split("\n")
        except OSError:
            return "it printed nothing"
        said = [line.strip() for line in lines if line.strip()]
        if len(said) > 2 and said[-1] == "^":
            del said[-2:]
        return said[-1] if said else "it printed nothing"


def run_study(
    study: Study,
    folder: Path,
    only: Sequence[str] = (),
    rehearsed: bool = True,
    note: Callable[[str, Failure | None], None] = lambda name, failure: None,
) -> list[Failure]:
    """Carry out the runs of a study that are not finished, and go on past those that fail.

    Those that are finished and can be measured as the study asks for by now are measured.

    Args:
        study: What is to be run.
        folder: Where: each run gets a folder <variant>/seed-<n> in it, beside which stands what it prints.
        only: Patterns of the shell for the names of runs or variants; none: all.
        rehearsed: Whether each run is rehearsed before it trains.
        note: Told the name of each run that ends, and how it failed, or None.

    Returns:
        What failed.

    Raises:
        UserError: if `only` matches nothing, or in `folder` are runs of other experiments; then nothing was begun.
        Interrupted: after SIGINT or SIGTERM, all that was under way saved.
    """
    chosen = study.chosen(only)
    measurable = _measurable(chosen, folder)
    left = [run for run in chosen if run.name in measurable or not _is_finished(folder / run.name)]
    for run in chosen:
        clear_leftovers(folder / run.name)  # of those that are finished, which nothing else opens
    jobs = [_job(run, folder, len(chosen), rehearsed) for run in left]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in (folder / STUDY, *(job.log for job in jobs)):
            if file.exists():  # to write to a pipe would wait for ever
                refuse_irregular(file)
        write_at_once(folder / STUDY, dump(plain_value(study.root)).encode())
    except OSError as failure:
        raise UserError(f"cannot write the study to {folder}: {failure}; choose another folder with --out") from None
    failures: list[Failure] = []
    with StudyProgress(chosen, folder) as showing, raising_signals(), closing(study.launcher.launch(jobs)) as ended:
        try:
            for job, status in ended if jobs else ():
                failure = Failure(job.name, status, job.log) if status else None
                if failure is not None:
                    failures.append(failure)
                showing.ended(job.name, failure.said() if failure else None)
                note(job.name, failure)
        except Interrupted:  # told at once, as those under way take their time
            showing.interrupted()
            raise
    return failures


def _job(run: StudyRun, folder: Path, among: int, rehearsed: bool) -> Job:
    """How one run is carried out; the study's record is read, so that its file may change meanwhile.

    Plugin files are named, as they have been executed here: whether they may be is not asked again.
    """
    python = [sys.executable, "-P"]  # else the current folder's modules would stand before Python's own
    command = [*python, "-m", "gankit", "run", str(folder / STUDY), "--run", run.name, "--out", str(folder)]
    command += [word for file in run.experiment.plugins for word in ("--plugin", str(file))]
    command += [] if rehearsed else ["--no-rehearsal"]
    return Job(run.name, command, folder / f"{run.name}.log", among)


def _is_finished(path: Path) -> bool:
    return is_run(path) and state_of(path) is RunState.FINISHED


def _measurable(runs: Sequence[StudyRun], folder: Path) -> set[str]:
    """Those that are finished and have checkpoints on which the study now asks for other evaluations.

    What it asks for and cannot be had any more is said on standard error.

    Raises:
        UserError: if another study, or this one before it was changed, has left runs in the folder; naming the first
            and how it differs.
    """
    if is_run(folder):
        raise UserError(f"{folder} is the folder of a run; choose another one for the study with --out")
    measurable, said = set[str](), Counter[str]()
    for run in runs:
        path = folder / run.name
        if not is_run(path) or failed_untrained(path):
            continue
        try:
            with plugins.trusting_loaded():
                before = load_recorded(path / EXPERIMENT)
            changes, places = allowed_changes(before, run.experiment, path), {*judged_by_images(before.data)}
            if not _is_finished(path):  # it looks for itself as it goes on
                continue
            if places & {*changes}:
                refuse_other_images(path, run.experiment)
        except UserError as difference:
            raise UserError(
                f"{path} was begun as another experiment than the study's; choose another folder with --out, or remove "
                f"that run to have it done again: {difference}"
            ) from None
        late = late_evaluation(path, before, run.experiment)
        if late is not None and late.kept:
            measurable.add(run.name)
        if late is not None and late.lacking:
            said[late.lacking] += 1
        if options := unheeded((option for option in changes if option not in places), late):
            said[f"what is finished is not changed by {', '.join(options)}"] += 1
    for what, count in said.items():
        warn(f"{count} of {len(runs)} runs: {what}")
    return measurable

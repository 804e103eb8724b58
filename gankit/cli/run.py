"""gankit run and gankit resume: train, from the start or from where it was left."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from gankit.cli.options import (
    add_experiment_options,
    add_no_rehearsal_option,
    add_no_run_plugins_option,
    add_only_option,
    add_profile_option,
    add_set_option,
    warn_of_damaged,
)
from gankit.core.errors import UserError
from gankit.runs.may_change import listed_options

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment
    from gankit.config.study import Study
    from gankit.kinds import Observer
    from gankit.kinds.callbacks import Callback, RunContext


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_experiment_options(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="the folder of the run, new or empty, or of the study (default: runs/NAME)",
    )
    add_no_rehearsal_option(parser)
    parser.add_argument("--resume", action="store_true", help="go on with the run if it was begun before")
    add_only_option(parser)
    parser.add_argument("--run", dest="one", metavar="NAME", help="carry out this run of a study in this process")
    add_profile_option(parser)


def run_command(arguments: argparse.Namespace) -> int:
    """Train and evaluate an experiment, or all runs of a study."""
    from gankit.config.study import Study
    from gankit.config.study_loader import load_study
    from gankit.runs.launched import launched

    if (place := launched()) is not None and place.number:
        from gankit.runs.follower import follow_launched

        return follow_launched(place.number)
    settings = [*arguments.set, *([] if place is None else [f"training.processes={place.processes}"])]
    read = load_study(arguments.file, settings, arguments.plugin, only=arguments.one)
    if isinstance(read, Study) and place is not None:
        raise UserError("a study starts its runs itself: give them training.processes, or start a single experiment")
    folder = arguments.out or Path("runs") / read.name
    if isinstance(read, Study):
        if arguments.one:
            return _run_one(read, folder, arguments)
        if arguments.profile:
            raise UserError(f"--profile: {arguments.file} is a study; choose one of its runs with --run")
        return _run_all(read, folder, arguments)
    if arguments.only or arguments.one:
        raise UserError(f"--{'only' if arguments.only else 'run'}: {arguments.file} is no study but an experiment")
    return _run_experiment(read, folder, arguments, arguments.resume)


def _run_experiment(experiment: Experiment, path: Path, arguments: argparse.Namespace, may_resume: bool) -> int:
    """Train and evaluate one experiment in `path`."""
    from gankit.api.training import train

    train(
        experiment,
        path,
        resume=may_resume,
        rehearsal=not arguments.no_rehearsal,
        profile=arguments.profile,
        source=None if arguments.one else arguments.file,
        callback=_told_by_lines(arguments),
    )
    code = _shown(path, arguments)
    if not code and experiment.variant is None:  # of a study's runs nobody waits for a single one
        _say_next(path, experiment.observers)
    return code


def _told_by_lines(arguments: argparse.Namespace) -> Callable[[RunContext], Callback] | None:
    """What tells programs of a run as it goes on."""
    if not arguments.json:
        return None
    from gankit.cli.run_lines import RunLines

    return lambda run: RunLines(run, arguments.answer)


def _shown(path: Path, arguments: argparse.Namespace) -> int:
    """Print what a run has measured; 1 if that is nothing though it was to measure something."""
    from gankit.core.failures import warn
    from gankit.results.run_results import read_run
    from gankit.results.run_tables import print_metrics

    run = read_run(path)
    print_metrics([run])
    asked = run.options.get("evaluation", {}).get("metrics")
    lacks = bool(asked) and all(row.protocol is None for row in run.rows)
    if lacks:
        again = f"gankit evaluate {quote(str(path))}"
        warn(f"{path}: no metric that it asks for has given a number; once one does: {again}")
    if arguments.json:
        from gankit.cli.answers.results import metric_rows
        from gankit.cli.answers.training import EndedLine

        status = "failed" if lacks else "finished"
        arguments.answer(EndedLine(folder=str(path.absolute()), status=status, metrics=metric_rows(run), failures={}))
    return int(lacks)


def _run_one(study: Study, folder: Path, arguments: argparse.Namespace) -> int:
    """Begin one run of a study or go on with it, in this process, as soon as no other has it."""
    from gankit.core.options import did_you_mean
    from gankit.runs.status import FolderTakenError, wait_for

    name = arguments.one
    runs = {run.name: run for run in study.runs}
    if name not in runs:
        hint = did_you_mean(name, runs) or " `gankit expand` lists the runs."
        raise UserError(f"--run: the study has no run {name!r}.{hint}", hint)
    path = folder / name
    while True:
        wait_for(path)
        try:
            return _run_experiment(runs[name].experiment, path, arguments, may_resume=True)
        except FolderTakenError:  # since it was looked at, by what is left of a study that was killed
            time.sleep(1)


def _run_all(study: Study, folder: Path, arguments: argparse.Namespace) -> int:
    """Carry out the runs of a study, then compare its variants."""
    from gankit.cli.answers.training import EndedLine, RunEndedLine
    from gankit.core.failures import warn
    from gankit.studies.runner import Failure, run_study

    def note(name: str, failure: Failure | None) -> None:
        said = None if failure is None else failure.said()
        arguments.answer(RunEndedLine(run=name, folder=str((folder / name).absolute()), failure=said))

    before, only = _measured_in(folder), arguments.only
    failures = run_study(study, folder, only, not arguments.no_rehearsal, note)
    damaged = _print_comparison(folder, before)
    _say_next(folder, [observer for run in study.runs for observer in run.experiment.observers])
    if failures:
        listed = "\n".join(f"  {failure}" for failure in failures)
        warn(f"{len(failures)} of {len(study.chosen(only))} runs failed; the same command tries them again:\n{listed}")
    failed = {failure.name: failure.said() for failure in failures}
    status = "failed" if failures or damaged else "finished"
    arguments.answer(EndedLine(folder=str(folder.absolute()), status=status, metrics=[], failures=failed))
    return 1 if failures or damaged else 0


def _measured_in(folder: Path) -> list[str]:
    """The metrics of the runs in a folder; none if there is no run yet."""
    from gankit.results.finder import gather_readable
    from gankit.results.protocols import metric_names

    try:
        return list(metric_names(gather_readable([folder]).runs))
    except UserError:
        return []


def _print_comparison(folder: Path, before: Sequence[str]) -> bool:
    """Print what `gankit compare` prints, or why it cannot, and by metrics beyond those of before, if there were any.

    Returns:
        True if a run could not be read.
    """
    from rich.console import Console

    from gankit.core.failures import warn
    from gankit.results.comparison import compare_runs
    from gankit.results.finder import gather_readable
    from gankit.results.protocols import metric_names, usual_metric
    from gankit.results.report import build_report
    from gankit.results.tables import print_report

    try:
        runs, damaged = gather_readable([folder])
        added, usual = [name for name in metric_names(runs) if name not in before], usual_metric(runs)
        metrics = [usual, *added] if before and added and usual else []
        print_report(build_report(compare_runs(runs, metrics, damaged=damaged)), Console())
    except UserError as reason:
        warn(f"not compared: {reason}")
        return False
    return warn_of_damaged(damaged, runs) > 0


def add_resume_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_no_run_plugins_option(parser)
    add_no_rehearsal_option(parser)
    add_profile_option(parser)
    parser.add_argument("folder", type=Path, metavar="RUN", help="the run's folder")
    add_set_option(
        parser,
        f"change an option that need not stay as a run began: {listed_options()}, the last two as long as the images "
        "come out the same; may be repeated",
    )
    parser.add_argument(
        "--extend",
        default="0",
        metavar="IMAGES",
        help="train a finished run further in its last stage, as in 200k",
    )
    parser.add_argument(
        "--strict", action="store_true", help="refuse to go on with other code, or on a machine that computes otherwise"
    )


def resume_command(arguments: argparse.Namespace) -> int:
    """Go on with a run that was left, exactly as if it had not been."""
    extend = _images(arguments.extend)

    from gankit.runs.launched import launched

    if (place := launched()) is not None and place.number:
        from gankit.runs.follower import follow_launched

        return follow_launched(place.number)
    settings = [*arguments.set, *([] if place is None else [f"training.processes={place.processes}"])]

    from gankit.api.training import carry_out, loop_of
    from gankit.runs.start import resume

    rehearsed, loop = not arguments.no_rehearsal, loop_of(arguments.profile, _told_by_lines(arguments))
    training = resume(
        arguments.folder, settings, extend=extend, strict=arguments.strict, rehearsed=rehearsed, loop=loop
    )
    carry_out(training)
    code = _shown(arguments.folder, arguments)
    if not code:
        _say_next(arguments.folder, training.experiment.observers if training is not None else ())
    return code


def _say_next(folder: Path, observers: Sequence[Observer]) -> None:
    """Say where the samples are of a run or a study that has ended, and what may be typed next."""
    from gankit.core.failures import warn
    from gankit.runs.folder import is_run

    pictures, name, alone = len(list((folder / "samples").glob("*.png"))), quote(str(folder)), is_run(folder)
    beside = quote(str(folder.parent)) if alone else name  # where observers keep what all runs there share
    commands = [f"gankit report {name} -o report.html"]
    if alone:
        commands = [f"gankit sample {name} -o grid.png", f"gankit compare {name}"]
    shown = dict.fromkeys(observer.looked_at_by for observer in observers if observer.enabled and observer.looked_at_by)
    commands += [f"{command} {beside}" for command in shown]
    where = f", {pictures} picture{'s' * (pictures > 1)} in {folder / 'samples'}" if pictures else ""
    warn("\n  ".join([f"{folder} has ended{where}; look further with:", *commands]))


def _images(text: str) -> int:
    """A number of images as experiments write them."""
    from pydantic_core import PydanticCustomError

    from gankit.core.options import parse_images

    try:
        return parse_images(int(text) if text.isdecimal() else text)
    except PydanticCustomError as problem:
        raise UserError(f"--extend: {problem.message()}, not {text!r}") from None

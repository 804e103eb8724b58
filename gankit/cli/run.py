"""gankit run: train and evaluate an experiment."""

from __future__ import annotations

import argparse
from pathlib import Path

from gankit.cli.options import add_experiment_options


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("run", help="train and evaluate an experiment", description=__doc__)
    add_experiment_options(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="the run's folder, new or empty (default: runs/NAME)")
    parser.add_argument("--resume", action="store_true", help="go on with the run if it was begun before")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read the experiment, carry it out, print its results."""
    from gankit.reading.loading import load_experiment
    from gankit.runs.record import is_run, refuse_used

    experiment = load_experiment(arguments.file, arguments.set, arguments.plugin)
    path = arguments.out or Path("runs") / experiment.name
    goes_on = arguments.resume and is_run(path)
    if not goes_on:
        refuse_used(path)

    from gankit.runs.results import print_results
    from gankit.runs.starting import begin, resume

    training = resume(path, experiment=experiment) if goes_on else begin(experiment, path, arguments.file)
    if training is not None:
        training.train()
    print_results([path])
    return 0

"""gankit estimate."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from gankit.cli.options import add_experiment_options, add_only_option
from gankit.core.errors import UserError

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment
    from gankit.config.study import Study


def add_estimate_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_experiment_options(parser)
    add_only_option(parser)
    text = (
        "seconds of iterations and single operations to measure by, in a study for all variants together (default: "
        "25); counting takes about as long"
    )
    parser.add_argument("--budget", metavar="SECONDS", help=text)


def estimate_command(arguments: argparse.Namespace) -> int:
    """What a run, or each variant of a study, would cost: operations, memory and time, before anything begins.

    Of an experiment that is told by stage, on this machine; of a study by variant, and if --only leaves one by stage
    too. The data need not be here.
    """
    from gankit.config.study import Study
    from gankit.config.study_loader import load_study

    budget = _seconds(arguments.budget)
    read = load_study(arguments.file, arguments.set, arguments.plugin, note=lambda lacking: None)
    if isinstance(read, Study):
        return _estimate_study(read, arguments, budget)
    if arguments.only:
        raise UserError(f"--only: {arguments.file} is no study but an experiment")
    return _estimate_experiment(read, arguments, budget)


def _estimate_experiment(read: Experiment, arguments: argparse.Namespace, budget: float | None) -> int:
    """Print what a run costs."""
    import torch
    from rich.console import Console

    from gankit.core.failures import warn
    from gankit.costs.estimator import BUDGET, Estimator
    from gankit.costs.machine import Machine
    from gankit.costs.saying import Saying
    from gankit.costs.table import estimate_as_json, estimate_table, warnings_of
    from gankit.results.tables import print_section
    from gankit.runs.components import choose_device

    if read.training.threads is not None:
        torch.set_num_threads(read.training.threads)
    machine = Machine(choose_device(read.training.device))
    _say_what_is_slow([(read, machine.device.type)])
    with Saying(read.name) as saying:
        estimate = Estimator(read, machine, BUDGET if budget is None else budget, saying.say).estimate()
    if arguments.json:
        from gankit.cli.answers.experiments import EstimateAnswer

        arguments.answer(EstimateAnswer(**estimate_as_json(estimate)))
    else:
        print_section(estimate_table(estimate), Console())
    for warning in warnings_of(estimate):
        warn(warning)
    return 0


def _estimate_study(study: Study, arguments: argparse.Namespace, budget: float | None) -> int:
    """Print what the runs of a study cost."""
    runs = study.chosen(arguments.only)

    from rich.console import Console

    from gankit.core.failures import warn
    from gankit.costs.estimator import BUDGET
    from gankit.costs.saying import Saying
    from gankit.costs.study import estimate_study
    from gankit.costs.study_table import study_as_json, study_table, warnings_of_study
    from gankit.results.tables import print_section
    from gankit.runs.components import choose_device

    experiments = [run.experiment for run in runs]
    _say_what_is_slow([(each, choose_device(each.training.device).type) for each in experiments])
    with Saying(study.name) as saying:
        variants = estimate_study(runs, BUDGET if budget is None else budget, saying.say)
    if arguments.json:
        from gankit.cli.answers.experiments import EstimateAnswer

        arguments.answer(EstimateAnswer(**study_as_json(study.name, variants)))
    else:
        print_section(study_table(study.name, variants), Console())
    for warning in warnings_of_study(variants):
        warn(warning)
    return 0


def _say_what_is_slow(placed: Iterable[tuple[Experiment, str]]) -> None:
    """Say of experiments and their devices, each thing once, that a precision is slow there."""
    from gankit.config.precision import description_of_precision
    from gankit.core.failures import warn

    for said in dict.fromkeys(description_of_precision(*each) for each in placed):
        if said is not None:
            warn(said)


def _seconds(said: str | None) -> float | None:
    """What --budget says."""
    if said is None:
        return None
    try:
        seconds = float(said)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UserError(f"--budget: expected a number of seconds above zero, not {said!r:.40}")
    return seconds

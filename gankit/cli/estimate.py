"""gankit estimate."""

from __future__ import annotations

import argparse
import math

from gankit.cli.options import add_experiment_options
from gankit.core.errors import UserError


def add_estimate_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_experiment_options(parser)
    text = "seconds of iterations and single operations to measure by (default: 25); counting takes about as long"
    parser.add_argument("--budget", metavar="SECONDS", help=text)


def estimate_command(arguments: argparse.Namespace) -> int:
    """What a run would cost: parameters, operations, memory and time by stage, on this machine and before it begins.

    The data need not be here.
    """
    from gankit.config.precision import description_of_precision
    from gankit.config.study import Study
    from gankit.config.study_loader import load_study

    budget = _seconds(arguments.budget)
    read = load_study(arguments.file, arguments.set, arguments.plugin, note=lambda lacking: None)
    if isinstance(read, Study):
        raise UserError(f"{arguments.file} is a study; name the experiment that it varies")

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
    if (said := description_of_precision(read, machine.device.type)) is not None:
        warn(said)
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

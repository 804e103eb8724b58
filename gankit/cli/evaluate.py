"""gankit evaluate."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gankit.cli.completers import completed_by, component_names
from gankit.cli.options import add_no_run_plugins_option, add_plugin_option, add_which_option, load_plugins
from gankit.core.errors import UserError
from gankit.core.text import printable
from gankit.evaluation.names import USUAL_METRIC

if TYPE_CHECKING:
    from gankit.kinds.callbacks import Row
    from gankit.results.run_results import RunResults

ARGUMENTS = {
    "data": ("DATA", "the real images: a folder, or a data set as in an experiment (default: the run's)"),
    "metrics": ("METRICS", f"such as fid or '[fid, kid]' (default: the run's; {USUAL_METRIC} for folders)"),
    "extractor": ("EXTRACTOR", "such as digits or '{use: inception, weights: FILE}' (default: the run's; inception)"),
    "images": ("N", "images of each, such as 10k (default: as many as all of them have)"),
    "resolution": ("PX", "height at which folders are measured, or one scale of runs that have several"),
    "reals": ("training|test", "compare with the reals that are trained on or with the data set's test part"),
    "seed": ("S", "decides latents and which reals are compared with"),
    "seeds": ("K", "measure with K seeds and give means and spreads"),
    "classes": ("data|even", "ask generators for classes as the data have them or for each as often (default: data)"),
    "bootstrap": ("B", "estimate standard errors by B resamples"),
}
COMPONENTS = {"metrics": "metric", "extractor": "extractor"}
"""The kinds of what arguments name, for shells to complete; those of data may also be folders."""


def add_evaluate_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "paths",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="a run, study, checkpoint, export or folder of images",
    )
    for name, (metavar, text) in ARGUMENTS.items():
        argument = parser.add_argument(f"--{name}", metavar=metavar, help=text)
        if name in COMPONENTS:
            completed_by(argument, lambda kind=COMPONENTS[name], **_: component_names(kind))
    add_which_option(parser)
    parser.add_argument("--best", action="store_true", help="take each run's best checkpoint, not its newest")
    add_plugin_option(parser)
    add_no_run_plugins_option(parser)


def evaluate_command(arguments: argparse.Namespace) -> int:
    """Measure runs, checkpoints and folders of images made by anyone, all by the same ruler.

    Finished runs keep the numbers of metrics that they had none of.
    """
    import sys

    load_plugins(arguments.plugin)

    from gankit.api.measurement import read_protocol
    from gankit.api.measuring import measure
    from gankit.cli.answers.results import EvaluateAnswer, MeasuredAnswer
    from gankit.results.run_tables import print_metrics

    given = {name: getattr(arguments, name) for name in ARGUMENTS}
    protocol = read_protocol({**given, "which": arguments.which})
    paths = [path for place in arguments.paths for path in _runs_or_itself(place)]
    results = measure(paths, protocol, arguments.best, lambda text: print(printable(text), file=sys.stderr, flush=True))
    if not arguments.json:
        print_metrics(results)
    for one in results:
        _record(one, other_reals=protocol.data is not None)
    arguments.answer(EvaluateAnswer(measurements=[*map(MeasuredAnswer.of, results)]))
    return 0


def _record(measured: RunResults, other_reals: bool) -> None:
    """Record with a finished run the numbers of those metrics that it has none of; say what is recorded, or why not."""
    from gankit.checkpoints.store import chosen, experiment_of, is_checkpoint
    from gankit.core.errors import RunError
    from gankit.core.failures import warn
    from gankit.discovery.manager import plugins
    from gankit.results.sealed import checked_rows
    from gankit.runs.folder import is_run
    from gankit.runs.start import resume
    from gankit.runs.status import RunState, state_of

    path = measured.path
    if not is_run(path) and not is_checkpoint(path):
        return
    run = experiment_of(chosen(path)).parent if is_checkpoint(path) else path
    rows = [row for stage in measured.stages for row in stage.metrics.values()]
    try:
        measured_at = {row.images for row in rows}
        there = {(row.name, row.resolution) for row in checked_rows(run).rows if row.images in measured_at}
        known = [_what(row) for row in rows if (row.name, row.resolution) in there]  # and so are its others
        if not (new := [row for row in rows if _what(row) not in known]):
            return
        if other_reals:
            raise UserError("they were compared with other reals than its own")
        if state_of(run) is not RunState.FINISHED:
            raise UserError("it is not finished")
        with plugins.trusting_loaded():
            going_on = resume(run, measured=new)
        assert going_on is not None
        going_on.train()
    except (UserError, RunError, OSError) as reason:
        warn(f"the numbers are not recorded with {run}: {reason}")
    else:
        warn(f"recorded with {run}: {', '.join(row.name for row in new)}")


def _what(row: Row) -> tuple[Any, ...]:
    """The metric and the extractor that gave a number, the generator that was asked, and at which height."""
    protocol = row.protocol or {}
    return *(protocol.get(fact) for fact in ("metric", "extractor", "generator")), row.resolution


def _runs_or_itself(place: Path) -> list[Path]:
    """The runs that a place stands for; itself if there are none, for it may be a checkpoint or a folder of images."""
    from gankit.results.finder import find_runs

    if (place / "manifest.json").exists():
        return [place]
    try:
        return find_runs([place])
    except UserError:
        return [place]

"""gankit track."""

from __future__ import annotations

import argparse
from pathlib import Path

from gankit.cli.completers import completed_by, trackers
from gankit.cli.options import add_no_run_plugins_option, add_plugin_option, load_plugins, named_component
from gankit.core.text import printable


def add_track_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "places", type=Path, nargs="+", metavar="RUN", help="runs, studies, folders above either: all runs in them"
    )
    text = "an observer as in an experiment: aim, tensorboard, trackio or '{use: trackio, project: mine}'"
    completed_by(parser.add_argument("--to", required=True, metavar="TRACKER", help=text), trackers)
    add_plugin_option(parser)
    add_no_run_plugins_option(parser)


def track_command(arguments: argparse.Namespace) -> int:
    """Show runs in a tracker after they were trained, or up to where they are: all that is recorded of them.

    Returns:
        0 if all of it is shown, 1 if a run could not be read or its tracker failed.
    """
    load_plugins(arguments.plugin)

    from gankit.core.component import as_options
    from gankit.core.failures import warn
    from gankit.results.afterwards import refuse_untracking, track, track_line
    from gankit.results.finder import find_runs

    observer = named_component("observer", arguments.to, "--to")
    refuse_untracking(observer, "--to")
    told = []
    for run in find_runs(arguments.places):
        told.append(track(run, observer))
        if told[-1].failed is not None:
            warn(track_line(told[-1]))
        elif not arguments.json:
            print(printable(track_line(told[-1])), flush=True)
    if arguments.json:
        from gankit.cli.answers.results import TrackAnswer, TrackedAnswer

        runs = [TrackedAnswer.of(one) for one in told]
        arguments.answer(TrackAnswer(to=as_options(observer), runs=runs))
    return int(any(one.failed is not None for one in told))

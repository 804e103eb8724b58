"""gankit validate: read an experiment or a study and say what is wrong with it, without torch."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gankit.cli.options import add_experiment_options

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "validate", help="check an experiment or a study without running it", description=__doc__
    )
    add_experiment_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what it is in one line, and what it needs that this machine lacks."""
    from gankit.config.study import Study, extent
    from gankit.config.study_loader import load_study

    lacking: list[str] = []
    read = load_study(arguments.file, arguments.set, arguments.plugin, note=lacking.append)
    if isinstance(read, Study):
        print(f"{read.name}: valid; a study of {extent(read.runs)}")
    else:
        print(_in_a_line(read))
    if lacking:
        print("\nTo run it, this machine still lacks:", *lacking, sep="\n\n")
    return 0


def _in_a_line(experiment: Experiment) -> str:
    """What an experiment is."""
    from gankit.config.walk import components
    from gankit.core.registry import registries

    stages = experiment.stages()
    aspect = experiment.data.aspect()
    resolutions = ", ".join(f"{stage.resolution}x{round(stage.resolution * aspect)}" for stage in stages)
    images = sum(stage.images for stage in stages)
    names = {registries[part.kind].entry_of(type(part)).plugin for _, part in components(experiment)}
    plural = "stage" if len(stages) == 1 else "stages"
    return (
        f"{experiment.name}: valid; {len(stages)} {plural} ({resolutions}) of {images:,} images in all; "
        f"plugins {', '.join(sorted(names))}"
    )

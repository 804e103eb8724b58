"""gankit validate: read an experiment and say what is wrong with it, without torch."""

from __future__ import annotations

import argparse

from gankit.cli.options import add_experiment_options


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("validate", help="check an experiment without running it", description=__doc__)
    add_experiment_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what the experiment is in one line, and what it needs that this machine lacks."""
    from gankit.reading.loading import components, load_experiment
    from gankit.registry import registries

    lacking: list[str] = []
    experiment = load_experiment(arguments.file, arguments.set, arguments.plugin, note=lacking.append)
    stages = experiment.stages()
    aspect = experiment.data.aspect()
    resolutions = ", ".join(f"{stage.resolution}x{round(stage.resolution * aspect)}" for stage in stages)
    images = sum(stage.images for stage in stages)
    names = {registries[part.kind].entry_of(type(part)).plugin for _, part in components(experiment)}
    plural = "stage" if len(stages) == 1 else "stages"
    print(
        f"{experiment.name}: valid; {len(stages)} {plural} ({resolutions}) of {images:,} images in all; "
        f"plugins {', '.join(sorted(names))}"
    )
    if lacking:
        print("\nTo run it, this machine still lacks:", *lacking, sep="\n\n")
    return 0

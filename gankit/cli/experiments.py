"""gankit validate, expand, explain and schema: what an experiment says and what it may say; none of them trains."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gankit.cli.completers import completed_by
from gankit.cli.options import (
    add_experiment_options,
    add_only_option,
    add_plugin_option,
    add_set_option,
    load_plugins,
    write_output,
)
from gankit.core.errors import UserError
from gankit.core.text import printable

if TYPE_CHECKING:
    from gankit.cli.answers.experiments import ExplainAnswer, ValidateAnswer
    from gankit.config.experiment import Experiment
    from gankit.config.study import Study
    from gankit.config.yaml.marks import Mistake

add_validate_options = add_experiment_options


def validate_command(arguments: argparse.Namespace) -> int:
    """Read an experiment or a study and say what is wrong with it, without torch.

    Else print what it is in one line, what data there are, and what it needs that this machine lacks.
    """
    from gankit.config.notes import notes_on
    from gankit.config.study import Study, extent
    from gankit.config.study_loader import load_study

    lacking: list[Mistake] = []
    read = load_study(arguments.file, arguments.set, arguments.plugin, note=lacking.append)
    if arguments.json:
        arguments.answer(_valid(read, lacking))
        return 0
    if isinstance(read, Study):
        print(f"{read.name}: valid; a study of {extent(read.runs)}")
    else:
        print(printable(_in_a_line(read)))
    experiments = [run.experiment for run in read.runs] if isinstance(read, Study) else [read]
    for line in [] if lacking else notes_on(experiments):
        print(printable(line))
    if lacking:
        print("\nTo run it, this machine still lacks:", *lacking, sep="\n\n")
    return 0


def _valid(read: Study | Experiment, lacking: Sequence[Mistake]) -> ValidateAnswer:
    """What a valid file is, for programs."""
    from gankit.cli.answers.base import Mistaken
    from gankit.cli.answers.experiments import StageAnswer, ValidateAnswer
    from gankit.config.notes import notes_on
    from gankit.config.study import Study

    is_study = isinstance(read, Study)
    runs = read.runs if is_study else []
    experiments = [variant.experiment for variant in read.variants] if is_study else [read]
    stages = [] if is_study else read.stages()
    return ValidateAnswer(
        name=read.name,
        kind="study" if is_study else "experiment",
        stages=[StageAnswer(resolution=s.resolution, images=s.images, fade=s.fade, name=s.name) for s in stages],
        runs=[run.name for run in runs],
        images=sum(run.images for run in runs) if is_study else sum(stage.images for stage in stages),
        plugins=sorted({name for experiment in experiments for name in _plugins_of(experiment)}),
        notes=[] if lacking else notes_on(experiments),
        lacking=[Mistaken.of(mistake) for mistake in lacking],
    )


def _in_a_line(experiment: Experiment) -> str:
    """What an experiment is."""
    stages = experiment.stages()
    aspect = experiment.data.aspect()
    labels = (f"{stage.resolution}x{round(stage.resolution * aspect)} {stage.name}".rstrip() for stage in stages)
    images = sum(stage.images for stage in stages)
    plural = "stage" if len(stages) == 1 else "stages"
    return (
        f"{experiment.name}: valid; {len(stages)} {plural} ({', '.join(labels)}) of {images:,} images in all; "
        f"plugins {', '.join(sorted(_plugins_of(experiment)))}"
    )


def _plugins_of(experiment: Experiment) -> set[str]:
    """The plugins whose components an experiment is made of."""
    from gankit.config.walk import components
    from gankit.core.registry import registries

    return {registries[part.kind].entry_of(type(part)).plugin for _, part in components(experiment)}


def add_expand_options(parser: argparse.ArgumentParser) -> None:
    """Add the file, changes of it and which runs of a study."""
    add_experiment_options(parser)
    add_only_option(parser)


def expand_command(arguments: argparse.Namespace) -> int:
    """Print an experiment with all that it extends and every default, or list the runs of a study.

    The data need not be here.
    """
    from gankit.config.study import Study
    from gankit.config.study_loader import load_study
    from gankit.config.yaml.writer import dump_experiment
    from gankit.studies.progress import print_runs

    read = load_study(arguments.file, arguments.set, arguments.plugin, note=lambda lacking: None)
    if arguments.only and not isinstance(read, Study):
        raise UserError(f"--only: {arguments.file} is no study but an experiment")
    folder, runs = Path("runs") / read.name, read.chosen(arguments.only) if isinstance(read, Study) else []
    if arguments.json:
        from gankit.cli.answers.experiments import ExpandAnswer, PlannedRun

        planned = [
            PlannedRun(
                name=run.name, variant=run.variant.name, seed=run.seed, images=run.images, changes=run.variant.changes
            )
            for run in runs
        ]
        whole = None if isinstance(read, Study) else read.model_dump(mode="json")
        arguments.answer(ExpandAnswer(name=read.name, experiment=whole, folder=str(folder), runs=planned))
    elif isinstance(read, Study):
        print_runs(read, runs, folder)
    else:
        print(dump_experiment(read), end="")
    return 0


def add_explain_options(parser: argparse.ArgumentParser) -> None:
    """Add the subject."""
    text = (
        "a component, such as optimizer/adam, data/folder or just adam; a kind, such as loss; or a part of an "
        "experiment, such as training or training.batch (default: the experiment as a whole)"
    )
    subject = parser.add_argument("subject", metavar="SUBJECT", nargs="?", default="experiment", help=text)
    completed_by(subject, _subjects)
    text = "in place of a subject: print the numbers of an experiment that move as it runs, such as learning rates"
    parser.add_argument("--schedule", type=Path, metavar="FILE", help=text)
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="with --schedule: draw them over images: schedule.png"
    )
    add_set_option(parser, "with --schedule: change one option, such as training.batch=16; may be repeated")
    add_plugin_option(parser)


def _subjects(**_: object) -> list[str]:
    """All that can be explained, for shells to complete."""
    from gankit.config.explain import component_subjects
    from gankit.config.option_paths import group_options, option_groups
    from gankit.core.registry import registries

    load_plugins([])
    return list(dict.fromkeys([*registries, *component_subjects(), *option_groups(), *group_options()]))


def explain_command(arguments: argparse.Namespace) -> int:
    """What a component, a kind or a part of an experiment is, and which options it has; or what moves in one."""
    from gankit.config.explain import explain

    if arguments.schedule is not None:
        return _show_schedule(arguments)
    if arguments.plot is not None or arguments.set:
        raise UserError("--plot and --set say what to do with the experiment of --schedule FILE")
    load_plugins(arguments.plugin)
    text = explain(arguments.subject)
    if arguments.json:
        arguments.answer(_explained(arguments.subject, text))
    else:
        print(text)
    return 0


def _explained(subject: str, text: str) -> ExplainAnswer:
    """What a subject is, for programs."""
    from gankit.cli.answers.experiments import ExplainAnswer
    from gankit.config.explain import option_schema
    from gankit.core.registry import registries

    of_kind = [entry.full_name for entry in registries[subject].entries()] if subject in registries else []
    options = option_schema(subject)
    return ExplainAnswer(subject=subject, text=text, options=options, components=of_kind, schedule=None, wrote=None)


def _show_schedule(arguments: argparse.Namespace) -> int:
    """Print, and draw if asked to, the numbers that move in an experiment, whose data need not be here."""
    from rich.console import Console

    from gankit.config.study import Study
    from gankit.config.study_loader import load_study
    from gankit.results.plots import refuse_unknown_format
    from gankit.results.schedules import curves, moments_shown, schedule_figure, schedule_table
    from gankit.results.tables import print_section

    if arguments.plot is not None:
        refuse_unknown_format(arguments.plot)
    read = load_study(arguments.schedule, arguments.set, arguments.plugin, note=lambda lacking: None)
    if isinstance(read, Study):
        raise UserError(f"--schedule: {arguments.schedule} is a study; name the experiment that it varies")
    if arguments.plot is not None:
        write_output("--plot", arguments.plot, schedule_figure(read, arguments.plot.suffix))
    if arguments.json:
        from gankit.cli.answers.experiments import CurveAnswer, ExplainAnswer, ScheduleAnswer

        images = moments_shown(read)
        moving = [CurveAnswer(name=curve.name, values=curve.values) for curve in curves(read, images)]
        schedule = ScheduleAnswer(images=images, curves=moving)
        wrote = None if arguments.plot is None else str(arguments.plot)
        arguments.answer(
            ExplainAnswer(subject=None, text=None, options=None, components=[], schedule=schedule, wrote=wrote)
        )
    else:
        print_section(schedule_table(read), Console())
    return 0


add_schema_options = add_plugin_option


def schema_command(arguments: argparse.Namespace) -> int:
    """The JSON Schema of experiments, for editors to complete and check them."""
    from gankit.config.schema import experiment_schema

    load_plugins(arguments.plugin)
    if arguments.json:
        from gankit.cli.answers.experiments import SchemaAnswer

        arguments.answer(SchemaAnswer(experiment_schema()))
    else:
        print(json.dumps(experiment_schema(), indent=2))
    return 0

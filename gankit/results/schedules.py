"""The numbers of an experiment that move as it runs: a table and a figure of them over images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from gankit.config.experiment import Experiment
from gankit.config.schedules import moments, moving_numbers
from gankit.config.walk import tables
from gankit.core.progress import Progress, Stage, ends, progress_at
from gankit.core.tables import at
from gankit.kinds.schedules import Schedule, number_at
from gankit.results.plots import COLORS, GREY, as_file, no_backend
from gankit.results.tables import Column, Section

ROWS = 8
"""Into how many parts the run is divided for the table, beside the ends of stages and fades."""


class MovingCurve(NamedTuple):
    """One number over a run."""

    name: str
    """The path of its option."""
    values: list[float]
    """Its values at the moments that were asked for."""


def curves(experiment: Experiment, images: list[int]) -> list[MovingCurve]:
    """All numbers that are not the same at each of `images`: those of stages, tables by resolution, and schedules.

    What is the same for both networks' optimizers is said once.
    """
    stages = experiment.stages()
    moments = [progress_at(stages, shown) for shown in images]
    found = [MovingCurve("alpha", [progress.alpha for progress in moments])]
    in_tables = dict(_numbers_by_resolution(experiment, stages[0].resolution))
    for name, table in in_tables.items():
        if name != "training.batch":
            found.append(MovingCurve(name, [_number(table, progress) for progress in moments]))
    here = [stages[progress.stage - 1] for progress in moments]
    found.append(MovingCurve("training.batch", [float(experiment.training.batch_in(stage)) for stage in here]))
    found.append(MovingCurve("growth: rate", [stage.rate for stage in here]))
    for number in moving_numbers(experiment):
        name = ".".join(map(str, number.path))
        if not any(name.startswith(f"{table}.") for table in in_tables):
            found.append(MovingCurve(name, [number.schedule.value(progress) for progress in moments]))
    of_both: dict[tuple[str, tuple[float, ...]], MovingCurve] = {}
    for curve in found:
        name = re.sub(r"\.(generator|discriminator)\b", "", curve.name)
        key = name, tuple(curve.values)
        of_both[key] = curve._replace(name=name) if key in of_both else curve
    return [curve for curve in of_both.values() if len(set(curve.values)) > 1]


def _numbers_by_resolution(experiment: Experiment, first: int) -> Iterator[tuple[str, Any]]:
    """The tables by resolution of numbers that training uses one after the other."""
    for path, table, _ in tables(experiment, first):
        is_of_training = path[0] not in ("growth", "generator", "discriminator", "data")
        if is_of_training and all(isinstance(value, int | float | Schedule) for value in table.values()):
            yield ".".join(map(str, path)), table


def _number(table: Any, progress: Progress) -> float:
    """What a table gives where the run stands."""
    return float(number_at(at(table, progress.resolution), progress))


def moments_shown(experiment: Experiment) -> list[int]:
    """Images at the ends of stages, within fades and at equal distances."""
    stages = experiment.stages()
    total = ends(stages)[-1]
    return sorted({*_borders(stages), *(total * part // ROWS for part in range(ROWS + 1))})


def schedule_table(experiment: Experiment) -> Section:
    """Where the run stands at the ends of stages, within fades and at equal distances, and the numbers that move."""
    stages, images = experiment.stages(), moments_shown(experiment)
    found = curves(experiment, images)
    rows = [
        [f"{shown:,}", progress_at(stages, shown).label, *(f"{curve.values[row]:.5g}" for curve in found)]
        for row, shown in enumerate(images)
    ]
    columns = [Column("images"), Column("stage", is_number=False), *(Column(curve.name) for curve in found)]
    notes = [] if found else ["no number of this experiment moves"]
    return Section(experiment.name, columns, rows, notes)


def _borders(stages: list[Stage]) -> Iterator[int]:
    """Images at which a stage or a fade begins, is half over or ends."""
    for stage, end in zip(stages, ends(stages), strict=True):
        begin = end - stage.images
        yield from (begin, begin + stage.fade // 2, begin + stage.fade, end)


def schedule_figure(experiment: Experiment, extension: str) -> bytes:
    """A figure of all numbers that move, a panel each, as a file's content; stages begin at grey lines."""
    stages = experiment.stages()
    images = sorted({*moments(stages), *(ends(stages)[-1] * part // 200 for part in range(201))})
    found = curves(experiment, images) or [MovingCurve("alpha", [1.0] * len(images))]
    with no_backend():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    figure = Figure(figsize=(8, 0.6 + 1.5 * len(found)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(found), sharex=True, squeeze=False)[:, 0]
    for position, (panel, curve) in enumerate(zip(panels, found, strict=True)):
        panel.plot(images, curve.values, color=COLORS[position % len(COLORS)])
        panel.set_title(curve.name, loc="left", fontsize="small")
        for end in ends(stages)[:-1]:
            panel.axvline(end, color=GREY, linewidth=0.6)
    panels[-1].set_xlabel("real images shown")
    figure.suptitle(experiment.name)
    return as_file(figure, extension)

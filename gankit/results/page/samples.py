"""Samples of all variants under each other, and how those of each variant came about stage by stage."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gankit.core.errors import UserError
from gankit.core.failures import in_short
from gankit.core.progress import ends
from gankit.core.text import printable, shortened
from gankit.discovery.manager import plugins
from gankit.results.comparison import Comparison
from gankit.results.groups import RunGroup
from gankit.results.page.drawn import Drawn, draw, draw_reals
from gankit.results.page.markup import Figure, PagePart
from gankit.results.page.pictures import COLUMNS, saved_grid, strip
from gankit.results.run_results import RunResults
from gankit.results.tables import Section, significant
from gankit.runs.folder import is_run

COUNT = 2 * COLUMNS
"""Images of each variant."""
LONGEST_REASON = 300
"""Characters of a reason why something is not shown."""
GRID = re.compile(r"(\d{8,})-(\d+)x(\d+)(?:-(.+))?\.png")
"""Names of the grids that are painted in training: real images shown, height and width, the stage's name if any."""


class Choice(NamedTuple):
    """The run that stands for a variant where only one can be shown."""

    variant: RunGroup
    run: RunResults
    reason: str
    """In words: the seed, its number, and which place that takes among the variant's seeds."""


class Grid(NamedTuple):
    """A picture that was saved in training."""

    images: int
    """Real images shown by then."""
    height: int
    width: int
    name: str
    """Of the stage; empty if it has none."""
    path: Path

    @property
    def label(self) -> str:
        """The size of the samples, and what the stage is called."""
        return f"{self.height}x{self.width} {self.name}".rstrip()


def choices(comparison: Comparison) -> list[Choice]:
    """For each variant the run whose number is the median of its seeds, by the first metric at the last stage reached.

    Of two in the middle it is the worse; seeds without a finite number do not count. Without any number it is the first
    seed.
    """
    return [_choice(variant, comparison) for variant in comparison.variants]


def _choice(variant: RunGroup, comparison: Comparison) -> Choice:
    for stage in reversed([stage for stage in comparison.stages if stage.metric == comparison.metrics[0]]):
        seeds = [one for result in stage.results if result.variant is variant for one in result.seeds]
        finite = [one for one in seeds if math.isfinite(one.value)]
        if not finite:
            continue
        sign = -1 if stage.better == "higher" else 1
        middle = sorted(finite, key=lambda one: sign * one.value)[len(finite) // 2]
        run = next(run for run in variant.runs if run.path == middle.path)
        among = f", the median of {len(finite)} seeds" if len(finite) > 2 else ""
        among = ", the worse of 2 seeds" if len(finite) == 2 else among
        number = f"{stage.shown_metric} {significant(middle.value)} at {stage.label}"
        return Choice(variant, run, f"seed {run.seed}, {number}{among}")
    run = variant.runs[0]
    return Choice(variant, run, f"seed {run.seed}, no number yet")


def samples_part(choices: Sequence[Choice]) -> PagePart:
    """A row of images for each variant, above them one of reals."""
    drawn = [_drawn(choice) for choice in choices]
    good = [(choice, one) for choice, one in zip(choices, drawn, strict=True) if isinstance(one, Drawn)]
    notes = ["of several seeds the one in the middle by its number is shown, of two in the middle the worse"]
    figures = []
    if good:
        same = "images in the same place are of the same latent"
        notes.insert(0, f"drawn anew from the averaged generators in the newest checkpoints; {same}")
        choice, highest = max(good, key=lambda pair: pair[1].images.shape[1])
        try:
            reals = draw_reals(choice.run, highest.images.shape[1], COUNT)
        except UserError as reason:
            notes.append(f"real images are not shown: {_on_a_line(str(reason))}")
        else:
            figures.append(strip(f"real images, as {choice.variant.label} was trained on", reals, "real images"))
    first = good[0][1].latents if good else None
    figures += [_figure(choice, one, first) for choice, one in zip(choices, drawn, strict=True)]
    return PagePart(Section("Samples", notes=notes), figures=figures)


def stages_part(choices: Sequence[Choice]) -> PagePart | None:
    """The last grid of each stage that was painted in training; None if there are none."""
    parts = []
    for choice in choices:
        plan = choice.run.plan
        limits = {(stage.resolution, stage.name): end for stage, end in zip(plan, ends(plan), strict=True)}
        grids = [((grid.height, grid.name), grid) for grid in _grids(choice.run)]
        last = {key: grid for key, grid in grids if grid.images <= limits.get(key, grid.images)}
        label = choice.variant.called(choice.run)
        found = [
            saved_grid(f"{grid.label} after {grid.images:,} images", grid.path, f"samples of {label} at {grid.label}")
            for grid in last.values()
        ]
        figures = [figure for figure in found if figure is not None]
        parts += [PagePart(Section(label), figures=figures)] if figures else []
    return PagePart(Section("Samples by stage"), parts=parts, is_folded=True) if parts else None


def _drawn(choice: Choice) -> Drawn | str:
    """Images of a run, or why there are none."""
    if not is_run(choice.run.path):
        return f"there is no folder {choice.run.path} here"
    plugins.load_installed()
    try:
        with plugins.restored():  # of a plugin that is one file each run has a copy, perhaps of other code
            return draw(choice.run.path, COUNT)
    except ModuleNotFoundError as lacking:
        return f"sampling needs {lacking.name}, which is not installed"
    except Exception as failure:  # whatever plugins and checkpoints of other days may raise
        return _on_a_line(in_short(failure))


def _on_a_line(message: str) -> str:
    return shortened(" ".join(message.split()), LONGEST_REASON)


def _figure(choice: Choice, drawn: Drawn | str, first: tuple[int, int, str] | None) -> Figure:
    """One variant's images, or the last picture of its training, or the reason why there is neither."""
    label = choice.variant.label
    caption = f"{label}: {choice.reason}"
    if isinstance(drawn, Drawn):
        height, width = drawn.images.shape[1:3]
        others = "" if drawn.latents == first else f"; other latents than above, of {drawn.latents[0]} numbers"
        caption += f"; checkpoint after {drawn.shown:,} images, {height}x{width}{others}"
        if drawn.names:
            caption += f"; a row for each class: {printable(', '.join(drawn.names))}"
        return strip(caption, drawn.images, f"{len(drawn.images)} samples of {label}", drawn.names)
    painted = None
    for grid in _grids(choice.run)[-1:]:
        when = f"as painted in training after {grid.images:,} images, {grid.label}, perhaps of other latents"
        why = f"{caption}; {when}, for none could be drawn: {drawn}"
        painted = saved_grid(why, grid.path, f"samples of {label} in training")
    return painted or Figure(f"{caption}; no samples: {drawn}")


def _grids(run: RunResults) -> list[Grid]:
    """The grids that were painted in training, oldest first; none if the folder is not here."""
    if not is_run(run.path):
        return []
    named = [(GRID.fullmatch(path.name), path) for path in (run.path / "samples").glob("*.png")]
    names = {"", *run.names.values()}
    return sorted(
        Grid(int(found[1]), int(found[2]), int(found[3]), found[4] or "", path)
        for found, path in named
        if found is not None and (found[4] or "") in names
    )

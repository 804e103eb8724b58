"""Samples of all variants under each other, and how those of each variant came about stage by stage."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gankit.config.yaml.marks import shortened
from gankit.core.errors import UserError
from gankit.core.failures import in_short
from gankit.core.progress import ends
from gankit.discovery.manager import plugins
from gankit.results.markup import PageSection, notes
from gankit.results.page.choice import Choice
from gankit.results.page.drawn import Drawn, draw, draw_reals
from gankit.results.page.pictures import COLUMNS, Picture, figure, reduced_grid, strip
from gankit.runs.folder import is_run

if TYPE_CHECKING:
    import numpy as np

COUNT = 2 * COLUMNS
"""Images of each variant."""
LONGEST_REASON = 300
"""Characters of a reason why something is not shown."""
GRID = re.compile(r"(\d{8,})-(\d+)x(\d+)\.png")
"""Names of the grids that are painted in training: real images shown, height and width of the samples."""


class Grid(NamedTuple):
    """A picture that was saved in training."""

    images: int
    """Real images shown by then."""
    height: int
    size: str
    path: Path


def samples(choices: Sequence[Choice]) -> PageSection:
    """A row of images for each variant, above them one of reals."""
    drawn = [_drawn(choice) for choice in choices]
    good = [(choice, one) for choice, one in zip(choices, drawn, strict=True) if isinstance(one, Drawn)]
    said = [
        "drawn anew from the averaged generators in the newest checkpoints; images in the same place are of the same "
        "latent",
        "of several seeds the one in the middle by its number is shown, of two in the middle the worse",
    ]
    rows = []
    if good:
        choice, highest = max(good, key=lambda pair: pair[1].images.shape[1])
        reals = _reals(choice, highest.images.shape[1])
        if isinstance(reals, str):
            said.append(f"real images are not shown: {reals}")
        else:
            rows.append(figure(f"real images, as {choice.variant.label} was trained on", strip(reals), "real images"))
    first = good[0][1].latents if good else None
    rows += [_row(choice, one, first) for choice, one in zip(choices, drawn, strict=True)]
    return PageSection("Samples", "\n".join([*rows, notes(said if good else said[1:])]))


def by_stage(choices: Sequence[Choice]) -> PageSection | None:
    """The last grid of each stage that was painted in training; None if there are none."""
    rows = []
    for choice in choices:
        plan = choice.run.plan
        limits = {stage.resolution: end for stage, end in zip(plan, ends(plan), strict=True)}
        grids = _grids(choice.run.path)
        last = {grid.height: grid for grid in grids if grid.images <= limits.get(grid.height, grid.images)}
        label = choice.variant.called(choice.run)
        shown = [
            figure(f"{grid.size} after {grid.images:,} images", picture, f"samples of {label} at {grid.size}")
            for grid in last.values()
            if (picture := _opened(grid)) is not None
        ]
        beside = "\n".join(shown)
        rows += [f'<h3>{html.escape(label)}</h3>\n<div class="beside">\n{beside}\n</div>'] if shown else []
    return PageSection("Samples by stage", "\n".join(rows), is_folded=True) if rows else None


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


def _reals(choice: Choice, resolution: int) -> np.ndarray | str:
    try:
        return draw_reals(choice.run, resolution, COUNT)
    except UserError as reason:
        return _on_a_line(str(reason))


def _on_a_line(message: str) -> str:
    return shortened(" ".join(message.split()), LONGEST_REASON)


def _row(choice: Choice, drawn: Drawn | str, first: tuple[int, int, str] | None) -> str:
    """One variant's images, or the last picture of its training, or the reason why there is neither."""
    label = choice.variant.label
    caption = f"{label}: {choice.reason}"
    if isinstance(drawn, Drawn):
        height, width = drawn.images.shape[1:3]
        others = "" if drawn.latents == first else f"; other latents than above, of {drawn.latents[0]} numbers"
        caption += f"; checkpoint after {drawn.shown:,} images, {height}x{width}{others}"
        return figure(caption, strip(drawn.images), f"{len(drawn.images)} samples of {label}")
    *_, grid = [None, *_grids(choice.run.path)]
    picture = None if grid is None else _opened(grid)
    if grid is None or picture is None:
        return figure(f"{caption}; no samples: {drawn}", None)
    painted = f"as painted in training after {grid.images:,} images, {grid.size}, perhaps of other latents"
    return figure(f"{caption}; {painted}, for none could be drawn: {drawn}", picture, f"samples of {label} in training")


def _grids(run: Path) -> list[Grid]:
    """The grids that were painted in training, oldest first; none if the folder is not here."""
    if not is_run(run):
        return []
    named = [(GRID.fullmatch(path.name), path) for path in (run / "samples").glob("*.png")]
    return sorted(
        Grid(int(found[1]), int(found[2]), f"{found[2]}x{found[3]}", path) for found, path in named if found is not None
    )


def _opened(grid: Grid) -> Picture | None:
    """The picture; None if it is damaged or gone."""
    try:
        return reduced_grid(grid.path)
    except OSError:
        return None

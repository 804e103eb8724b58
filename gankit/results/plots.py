"""A figure of a comparison: values over images, and means with their intervals, at the end of every stage."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gankit.core.errors import UserError
from gankit.core.options import did_you_mean
from gankit.evaluation.names import QUICK
from gankit.results.comparison import Comparison, StageComparison, VariantResult
from gankit.results.groups import RunGroup
from gankit.results.protocols import other_count

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure


COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C00")
"""Told apart by the colour-blind (Okabe and Ito 2008), but their yellow darker to be seen on white."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""One for each round of COLORS."""
GREY = "0.4"
FLOOR_STYLE: dict[str, Any] = {"color": GREY, "linestyle": ":", "linewidth": 1.2}
UNWRITABLE = ("pgf",)
"""Formats that matplotlib names but cannot write without LaTeX."""
DENSE = 300
"""From end to end of a logarithmic axis: up to here three numbers a decade do not overlap."""
REACH = 1.5
"""How far a panel may go beyond the values of seeds to show intervals, as a multiple of the range of values."""


class Curve(NamedTuple):
    """A metric of one variant over images."""

    images: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]
    """Lowest and highest of the seeds that were measured there."""


def refuse_unknown_format(path: Path) -> None:
    """Say early that a figure cannot be written to `path`.

    Raises:
        UserError: if its extension is of no format that matplotlib writes.
    """
    with no_backend():
        from matplotlib.backends.backend_agg import FigureCanvasAgg

    known = [name for name in FigureCanvasAgg.get_supported_filetypes() if name not in UNWRITABLE]
    extension = path.suffix.lower().removeprefix(".")
    if extension not in known:
        hint = did_you_mean(extension, known)
        raise UserError(f"--plot: {path} must end in one of .{', .'.join(sorted(known))}.{hint}", hint)


def plot(comparison: Comparison, extension: str) -> bytes:
    """The figure as a file's content; as PNG, SVG and PDF the same bytes for the same comparison.

    The file's extension is one that `refuse_unknown_format` lets pass.

    Raises:
        UserError: if no run has come to the end of a stage.
    """
    if not comparison.stages:
        raise UserError("--plot: there is nothing to draw: no run has been measured at the end of a stage")
    return as_file(_figure(comparison), extension)


def as_file(figure: Figure, extension: str) -> bytes:
    """A figure as a file's content, which says no date."""
    with no_backend():
        from matplotlib import rc_context

    form, content = extension.lower().removeprefix("."), BytesIO()
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form)
    with rc_context({"svg.hashsalt": "gankit"}):
        figure.savefig(content, format=form, dpi=150, metadata=undated)
    return content.getvalue()


def _figure(comparison: Comparison) -> Figure:
    """For every metric a row of curves, if there are any, and a row of means, one panel a stage."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows: list[tuple[list[StageComparison], bool]] = []
    for metric in comparison.metrics:
        stages = [stage for stage in comparison.stages if stage.metric == metric]
        names = (metric, metric + QUICK)
        curves = [_curve(variant, stage, name) for variant in comparison.variants for stage in stages for name in names]
        rows += [(stages, True)] if any(len(curve.images) > 1 for curve in curves) else []
        rows += [(stages, False)] if stages else []
    count = len(comparison.variants)
    heights = [3.0 if curves else 1.1 + 0.28 * count for _, curves in rows]
    columns = max(len(stages) for stages, _ in rows)
    width = 1.5 + 3.4 * columns + 0.07 * max(len(variant.label) for variant in comparison.variants)
    figure = Figure(figsize=(width, sum(heights) + 0.6 + 0.22 * math.ceil((count + 4) / 4)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(rows), columns, squeeze=False, height_ratios=heights)
    for row, (stages, curves) in zip(panels, rows, strict=True):
        for axes in row[len(stages) :]:
            axes.set_visible(False)
        for axes, stage in zip(row, stages, strict=False):
            (_draw_curves if curves else _draw_means)(axes, stage, comparison.variants)
            axes.set_title(_as_text(stage.label))
        if curves:
            row[0].set_ylabel(_as_text(stages[0].shown_metric))
            _limit_to_stages(row, stages)
        else:
            row[0].set_yticks(range(count), [_as_text(variant.label) for variant in comparison.variants])
    _legend(figure, comparison, any(curves for _, curves in rows))
    return figure


def _curve(variant: RunGroup, stage: StageComparison, name: str) -> Curve:
    """A metric over the images of a stage, at each point of those seeds that have come so far with a finite number."""
    points: dict[int, list[float]] = {}
    for run in variant.runs:
        at = {row.images: row.value for row in run.rows if row.name == name and run.label_at(row) == stage.label}
        for images, value in at.items():
            if math.isfinite(value):
                points.setdefault(images, []).append(value)
    images = sorted(points)
    each = [points[at] for at in images]
    return Curve(images, [sum(some) / len(some) for some in each], [min(some) for some in each], [*map(max, each)])


def _draw_curves(axes: Axes, stage: StageComparison, variants: Sequence[RunGroup]) -> None:
    """Means over images with a band from the lowest to the highest seed."""
    drawn: list[float] = []
    for position, variant in enumerate(variants):
        style = _style(position)
        for name, dashes in ((stage.metric, "-"), (stage.metric + QUICK, "--")):
            curve = _curve(variant, stage, name)
            axes.plot(curve.images, curve.mean, dashes, **style, markersize=4, linewidth=1.5)
            if len(variant.runs) > 1:
                axes.fill_between(curve.images, curve.low, curve.high, color=style["color"], alpha=0.15, linewidth=0)
            drawn += [*curve.low, *curve.high]
    if stage.floor is not None:
        axes.axhline(stage.floor, **FLOOR_STYLE)
        drawn.append(stage.floor)
    if _spans_a_decade(drawn):
        axes.set_yscale("log")
        _write_plainly(axes.yaxis)
    axes.set_xlabel("real images shown")
    axes.xaxis.set_major_formatter(_images)
    axes.locator_params(axis="x", nbins=5)
    _add_grid(axes)


def _draw_means(axes: Axes, stage: StageComparison, variants: Sequence[RunGroup]) -> None:
    """One line a variant: every seed, their mean and its 95% interval."""
    results = {result.variant.label: result for result in stage.results}
    shown: list[float] = [] if stage.floor is None else [stage.floor]
    for position, variant in enumerate(variants):
        if variant.label in results:
            shown += _draw_result(axes, results[variant.label], position)
    if stage.floor is not None:
        axes.axvline(stage.floor, **FLOOR_STYLE)
    if is_log := _spans_a_decade(shown):
        axes.set_xscale("log")
    _limit(axes, shown)
    if is_log:
        _write_plainly(axes.xaxis)
    axes.set_xlabel(f"{_as_text(stage.shown_metric)} at the end, {stage.better} is better")
    axes.set_ylim(len(variants) - 0.5, -0.5)
    axes.set_yticks(range(len(variants)), [])
    axes.tick_params(axis="y", length=0)
    _add_grid(axes)


def _draw_result(axes: Axes, result: VariantResult, position: int) -> list[float]:
    """One variant's line; gives the values of its seeds."""
    style, summary = _style(position), result.summary
    values = [one.value for one in result.seeds if math.isfinite(one.value)]
    if len(values) > 1:
        below = [position + 0.25] * len(values)
        axes.plot(values, below, style["marker"], color=style["color"], alpha=0.5, markersize=4)
    if summary.mean is not None:
        axes.plot([summary.mean], [position], style["marker"], color=style["color"], markersize=7)
    if summary.interval is not None:
        axes.plot(summary.interval, [position] * 2, "|-", color=style["color"], linewidth=1.5, markersize=8)
    return values


def _limit_to_stages(row: Iterable[Axes], stages: Sequence[StageComparison]) -> None:
    """Let each panel begin where the stage before ended; with names or scales, where the first of its runs began it."""
    runs = [run for stage in stages for result in stage.results for run in result.variant.runs]
    have_scales = any(len(run.stages) > len({stage.number for stage in run.stages}) for run in runs)
    begun, overlap = 0, have_scales or any(stage.name for stage in stages)
    for axes, stage in zip(row, stages, strict=False):
        begun = min(_begun(stage)) if overlap else begun
        ended = max(one.images for result in stage.results for one in result.seeds)
        margin = 0.04 * (ended - begun)
        axes.set_xlim(begun, max(ended + margin, axes.get_xlim()[1]))
        begun = ended


def _begun(stage: StageComparison) -> Iterator[int]:
    """Images at which the runs that have a stage began it: at the end of the one before."""
    for run in (run for result in stage.results for run in result.variant.runs):
        for after in run.stages:
            if after.label == stage.label:
                yield max((before.images for before in run.stages if before.number < after.number), default=0)


def _limit(axes: Axes, values: Iterable[float]) -> None:
    """Let intervals of very few seeds not push the seeds themselves together; an end without a bar lies further out."""
    values = list(values)
    if not values:
        return
    is_log = axes.get_xscale() == "log"
    scaled = [math.log10(value) for value in values] if is_log else values
    reach = REACH * ((max(scaled) - min(scaled)) or abs(max(scaled)) or 1.0)
    low, high = min(scaled) - reach, max(scaled) + reach
    if is_log:
        low, high = 10**low, 10**high
    left, right = axes.get_xlim()
    axes.set_xlim(max(left, low), min(right, high))


def _legend(figure: Figure, comparison: Comparison, has_curves: bool) -> None:
    """What is drawn how, above all panels; rows of means name their variants themselves."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    named = comparison.variants if has_curves else []
    entries: dict[str, Artist] = {
        _as_text(variant.label): Line2D([], [], **_style(position)) for position, variant in enumerate(named)
    }
    measured = {row.name for variant in comparison.variants for run in variant.runs for row in run.rows}
    for name in (f"{metric}{QUICK}" for metric in comparison.metrics):
        if has_curves and name in measured:
            entries[_as_text(f"{name}: cheaper protocol")] = Line2D([], [], color=GREY, linestyle="--")
    if has_curves and any(len(variant.runs) > 1 for variant in comparison.variants):
        entries["lowest to highest seed"] = Patch(color=GREY, alpha=0.2, linewidth=0)
    if any(stage.repeated for stage in comparison.stages):
        entries["seeds"] = Line2D([], [], color=GREY, marker="o", linestyle="", alpha=0.5, markersize=4)
        entries["95% interval of their mean"] = Line2D([], [], color=GREY, marker="|", markersize=8)
    floors = [stage for stage in comparison.stages if stage.floor is not None]
    for of in dict.fromkeys(other_count(stage.floor_protocol, stage.protocol) for stage in floors):
        entries[f"noise floor{of}"] = Line2D([], [], **FLOOR_STYLE)
    if entries:
        room = int(figure.get_figwidth() / (0.55 + 0.085 * max(map(len, entries))))
        columns = max(1, min(room, len(entries)))
        figure.legend([*entries.values()], [*entries], loc="outside upper center", ncols=columns, frameon=False)


def _as_text(label: str) -> str:
    """A label that matplotlib does not take for a formula."""
    return label.replace("$", r"\$")


def _style(position: int) -> dict[str, Any]:
    """How a variant is drawn, by its place among them; unlike any other of the first 64."""
    marker = MARKERS[position // len(COLORS) % len(MARKERS)]
    return {"color": COLORS[position % len(COLORS)], "marker": marker}


def _add_grid(axes: Axes) -> None:
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _write_plainly(axis: Axis) -> None:
    """Numbers of a logarithmic axis, within its limits, as one writes them: 0.5, 1, 2, 5, or powers of 10 alone."""
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high <= DENSE * low else (1,)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def _spans_a_decade(values: Sequence[float]) -> bool:
    return bool(values) and min(values) > 0 and max(values) > 10 * min(values)


def _images(count: float, _: object = None) -> str:
    """A number of images as experiments write them."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(count) >= size:
            return f"{count / size:g}{unit}"
    return f"{count:g}"


@contextmanager
def no_backend() -> Iterator[None]:
    """Import matplotlib within: the backend that MPLBACKEND names need not be installed here.

    A notebook names its own to every command that is called from it; files are drawn by Agg in any case.
    """
    chosen = os.environ.pop("MPLBACKEND", None)
    try:
        yield
    finally:
        if chosen is not None:
            os.environ["MPLBACKEND"] = chosen

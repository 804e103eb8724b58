"""All metrics of runs, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gankit.evaluation.names import FLOOR, USUAL_METRIC, is_spread
from gankit.results.protocols import measured, of_reals, refuse_unlike_protocols, surroundings
from gankit.results.run_results import RunResults, StageMetrics, read_run
from gankit.results.sections import ABSENT

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


def print_results(paths: Sequence[Path], console: Console | None = None) -> None:
    """Print what runs have measured so far; see `print_table`.

    Args:
        paths: Folders of runs.
        console: Where to; default: standard output.

    Raises:
        UserError: if a folder is not a run, or numbers that belong side by side were measured differently.
    """
    print_metrics([read_run(path) for path in paths], console)


def print_metrics(runs: Sequence[RunResults], console: Console | None = None) -> None:
    """Print metrics by resolution, each with its noise floor, the best run first and marked.

    Args:
        runs: What they have to show.
        console: Where to; default: standard output.

    Raises:
        UserError: if numbers that belong side by side were measured differently.
    """
    from rich.console import Console
    from rich.measure import Measurement
    from rich.text import Text

    refuse_unlike_protocols(runs)
    console = console or Console()
    if any(stage.metrics for run in runs for stage in run.stages):
        table = results_table(runs)
        table.width = Measurement.get(console, console.options.update(width=1000), table).maximum
        console.print(table, crop=False, no_wrap=True)  # rather too wide for the terminal than digits cut off
        if len(runs) > 1:
            console.print(Text("* the best at this resolution", style="dim"))
        around = surroundings(row for _, _, row in measured(runs))
        console.print(Text(f"measured with {around}", style="dim"))
    for run in runs:
        if not any(stage.metrics for stage in run.stages):
            console.print(Text(f"{run.path}: no evaluation yet"), soft_wrap=True)


def results_table(runs: Sequence[RunResults]) -> Table:
    """A block for each resolution, in it a line for each run, the best first."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    names = column_names(row.name for _, _, row in measured(runs))
    of_images = [(stage, row.name) for _, stage, row in measured(runs) if not of_reals(row)]
    ranked = {name for stage, name in of_images if not is_spread(name, stage.metrics)}
    decisive = USUAL_METRIC if USUAL_METRIC in names else names[0]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False)
    table.add_column("stage", justify="right", no_wrap=True)
    if len(runs) > 1:
        table.add_column("run", no_wrap=True)
    for name in ["images", *names]:
        table.add_column(Text(_header(name)), justify="right", no_wrap=True, vertical="bottom")
    labels = _labels(runs)
    for resolution in sorted({stage.resolution for run in runs for stage in run.stages}):
        block = [(labels[run.path], stage) for run in runs for stage in run.stages if stage.resolution == resolution]
        block.sort(key=lambda line: _rank(line[1], decisive))
        best = {name: _best([_rank(stage, name) for _, stage in block]) for name in ranked}
        for label, stage in block:
            cells = [_cell(stage, name, best.get(name)) for name in names]
            table.add_row(
                stage.size,
                *([Text(label)] if len(runs) > 1 else []),
                f"{stage.images:,}" if stage.images else ABSENT,
                *cells,
            )
        if len(runs) > 1:
            table.add_section()
    return table


def column_names(names: Iterable[str]) -> list[str]:
    """Names of metrics, each once and in the order given, but a noise floor right after what it is the floor of."""
    unique = dict.fromkeys(names)
    ordered = []
    for name in unique:
        owner = name.removesuffix(FLOOR)
        if owner != name and owner in unique:
            continue
        ordered += [name, name + FLOOR] if name + FLOOR in unique else [name]
    return ordered


def significant(number: float) -> str:
    """A number to four significant digits, but never with fewer digits than its whole part has."""
    return f"{number:#.4g}".rstrip(".") if abs(number) < 10_000 else f"{number:.0f}"


def _rank(stage: StageMetrics, name: str) -> float:
    """Lower is better; infinite without a number."""
    row = stage.metrics.get(name)
    if row is None or row.value != row.value:
        return float("inf")
    return -row.value if (row.protocol or {}).get("better") == "higher" else row.value


def _best(ranks: Sequence[float]) -> float | None:
    """The best rank where there is a choice."""
    return min(ranks) if len(set(ranks)) > 1 else None


def _cell(stage: StageMetrics, name: str, best: float | None) -> Text:
    from rich.text import Text

    if name not in stage.metrics:
        return Text(ABSENT)
    number = significant(stage.metrics[name].value)
    return Text(f"*{number}", style="bold") if _rank(stage, name) == best else Text(number)


def _header(name: str) -> str:
    """The name of a metric, one word a line; of a floor just that."""
    return "floor" if name.endswith(FLOOR) else name.replace("_", "\n")


def _labels(runs: Sequence[RunResults]) -> dict[Path, str]:
    """Each run's folder by its name, or by its whole path if another has the same name."""
    names = [run.path.resolve().name for run in runs]
    return {run.path: name if names.count(name) == 1 else str(run.path) for run, name in zip(runs, names, strict=True)}

"""The metrics of runs, side by side; reads their folders and imports no torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gankit.errors import UserError
from gankit.observing import Row
from gankit.runs.record import EXPERIMENT, METRICS

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

FLOOR = "_floor"
"""Ends the name of a metric's noise floor: the same number between two sets of reals."""
SPREADS = ("_std", "_error")
"""End the names of standard deviations and errors, of which neither high nor low values are better."""
GENERATED = "generated"
"""What a protocol's `of` says of numbers that measure generated images."""
DESCRIBES_THE_STAGE = frozenset({"resolution"})
"""Keys of a protocol that follow from where in a run it was measured."""
DESCRIBES_THE_METRIC = frozenset({"metric", "version", "better"})
"""Keys of a protocol that say what was computed, not with what."""


@dataclass(frozen=True)
class Evaluation:
    """The last metrics of one stage."""

    images: int
    """Real images shown when they were measured."""
    resolution: int
    """Height of the images in pixels."""
    metrics: dict[str, Row]
    """Each with its protocol, by name."""


@dataclass(frozen=True)
class RunResults:
    """What a run has to show so far."""

    path: Path
    """The run's folder, as it was asked for."""
    stages: list[Evaluation]
    """The last evaluation of each stage, lowest resolution first."""


def read_run(path: Path) -> RunResults:
    """The metrics of a run that is complete, under way or was killed.

    Raises:
        UserError: if `path` is not a run's folder or a line of its metrics.jsonl cannot be read.
    """
    if not (path / EXPERIMENT).is_file():
        raise UserError(f"{path} is not a run: expected a folder with {EXPERIMENT} and {METRICS}, as gankit run makes")
    evaluations: dict[int, Evaluation] = {}
    for row in read_rows(path / METRICS):
        if row.protocol is None:
            continue
        last = evaluations.get(row.stage)
        if last is None or last.images != row.images:
            last = evaluations[row.stage] = Evaluation(row.images, row.resolution, {})
        last.metrics[row.name] = row
    return RunResults(path, sorted(evaluations.values(), key=lambda evaluation: evaluation.resolution))


def read_rows(path: Path) -> list[Row]:
    """All rows of a metrics.jsonl; none if there is no such file. A last line that is half written is left out.

    Raises:
        UserError: if any other line is not a row.
    """
    lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
    whole = lines[:-1]  # after the last newline: nothing, or what a live or killed run had written of a line
    rows = []
    for number, line in enumerate(whole, start=1):
        try:
            fields = json.loads(line)
            rows.append(Row(**{**fields, "value": float(fields["value"])}))
        except (ValueError, TypeError, KeyError) as failure:
            raise UserError(f"{path}:{number}: not a row of metrics ({failure})") from failure
    return rows


def print_results(paths: Sequence[Path], console: Console | None = None) -> None:
    """Print what runs have measured so far; see `print_table`.

    Args:
        paths: Folders of runs.
        console: Where to; default: standard output.

    Raises:
        UserError: if a folder is not a run, or numbers that belong side by side were measured differently.
    """
    print_table([read_run(path) for path in paths], console)


def print_table(runs: Sequence[RunResults], console: Console | None = None) -> None:
    """Print metrics by resolution, each with its noise floor, the best run first and marked.

    Args:
        runs: What they have to show.
        console: Where to; default: standard output.

    Raises:
        UserError: if numbers that belong side by side were measured differently.
    """
    from rich.console import Console
    from rich.measure import Measurement

    refuse_unlike_protocols(runs)
    console = console or Console()
    if any(stage.metrics for run in runs for stage in run.stages):
        table = results_table(runs)
        table.width = Measurement.get(console, console.options.update(width=1000), table).maximum
        console.print(table, crop=False, no_wrap=True)  # rather too wide for the terminal than digits cut off
        if len(runs) > 1:
            console.print("* the best at this resolution", style="dim", highlight=False)
        shared = common_protocol(row for _, _, row in _metrics(runs))
        around = {key: value for key, value in shared.items() if key.partition(".")[0] not in DESCRIBES_THE_METRIC}
        measured = ", ".join(f"{key} {value}" for key, value in around.items())
        console.print(f"measured with {measured}", style="dim", highlight=False)
    for run in runs:
        if not any(stage.metrics for stage in run.stages):
            console.print(f"{run.path}: no evaluation yet", highlight=False, soft_wrap=True)


def refuse_unlike_protocols(runs: Sequence[RunResults]) -> None:
    """Numbers are comparable only if they were measured alike.

    Raises:
        UserError: naming every difference between protocols of one metric at one resolution.
    """
    differences: dict[str, list[str]] = {}
    first: dict[tuple[int, str], tuple[RunResults, dict[str, Any]]] = {}
    for run, stage, row in _metrics(runs):
        other, expected = first.setdefault((stage.resolution, row.name), (run, _protocol(row)))
        found = _protocol(row)
        for key in expected | found:
            if expected.get(key) != found.get(key):
                values = f"{expected.get(key, 'none')} in {other.path}, {found.get(key, 'none')} in {run.path}"
                differences.setdefault(f"{key}: {values}", []).append(f"{row.name} at {_size(stage)}")
    if differences:
        lines = [
            f"  {difference} ({where[0]}{f' and {len(where) - 1} more' if where[1:] else ''})"
            for difference, where in differences.items()
        ]
        raise UserError("these runs were measured differently and cannot be compared:\n" + "\n".join(lines))


def results_table(runs: Sequence[RunResults]) -> Table:
    """A block for each resolution, in it a line for each run, the best first."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    names = column_names(row.name for _, _, row in _metrics(runs))
    ranked = {row.name for _, _, row in _metrics(runs) if not of_reals(row) and not row.name.endswith(SPREADS)}
    decisive = "fid" if "fid" in names else names[0]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False)
    table.add_column("stage", justify="right", no_wrap=True)
    if len(runs) > 1:
        table.add_column("run", no_wrap=True)
    for name in ["images", *names]:
        table.add_column(_header(name), justify="right", no_wrap=True, vertical="bottom")
    labels = _labels(runs)
    for resolution in sorted({stage.resolution for run in runs for stage in run.stages}):
        block = [(labels[run.path], stage) for run in runs for stage in run.stages if stage.resolution == resolution]
        block.sort(key=lambda line: _rank(line[1], decisive))
        best = {name: _best([_rank(stage, name) for _, stage in block]) for name in ranked}
        for label, stage in block:
            cells = [_cell(stage, name, best.get(name)) for name in names]
            table.add_row(
                _size(stage),
                *([Text(label)] if len(runs) > 1 else []),
                f"{stage.images:,}" if stage.images else "-",
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


def of_reals(row: Row) -> bool:
    """Whether a metric measures nothing but reals, as noise floors and yardsticks do."""
    return (row.protocol or {}).get("of", GENERATED) != GENERATED


def common_protocol(rows: Iterable[Row]) -> dict[str, Any]:
    """What the metrics among `rows` share of how they were measured, by dotted keys."""
    first, *others = [_protocol(row) for row in rows if row.protocol is not None] or [{}]
    return {key: value for key, value in first.items() if all(key in other and other[key] == value for other in others)}


def significant(number: float) -> str:
    """A number to four significant digits, but never with fewer digits than its whole part has."""
    return f"{number:#.4g}".rstrip(".") if abs(number) < 10_000 else f"{number:.0f}"


def _metrics(runs: Sequence[RunResults]) -> Iterable[tuple[RunResults, Evaluation, Row]]:
    return ((run, stage, row) for run in runs for stage in run.stages for row in stage.metrics.values())


def _protocol(row: Row) -> dict[str, Any]:
    """What must be equal for two numbers to be comparable, by dotted keys."""
    return {key: value for key, value in _flat(row.protocol or {}) if key not in DESCRIBES_THE_STAGE}


def _flat(nested: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in nested.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _rank(stage: Evaluation, name: str) -> float:
    """Lower is better; infinite without a number."""
    row = stage.metrics.get(name)
    if row is None or row.value != row.value:
        return float("inf")
    return -row.value if (row.protocol or {}).get("better") == "higher" else row.value


def _best(ranks: Sequence[float]) -> float | None:
    """The best rank where there is a choice."""
    return min(ranks) if len(set(ranks)) > 1 else None


def _cell(stage: Evaluation, name: str, best: float | None) -> str:
    if name not in stage.metrics:
        return "-"
    text = significant(stage.metrics[name].value)
    return f"[bold]*{text}[/]" if _rank(stage, name) == best else text


def _header(name: str) -> str:
    """The name of a metric, one word a line; of a floor just that."""
    return "floor" if name.endswith(FLOOR) else name.replace("_", "\n")


def _size(stage: Evaluation) -> str:
    return f"{stage.resolution}x{stage.resolution}"


def _labels(runs: Sequence[RunResults]) -> dict[Path, str]:
    """Each run's folder by its name, or by its whole path if another has the same name."""
    names = [run.path.resolve().name for run in runs]
    return {run.path: name if names.count(name) == 1 else str(run.path) for run, name in zip(runs, names, strict=True)}

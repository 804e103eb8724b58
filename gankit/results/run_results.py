"""Reads what a run's folder has to show, be the run complete, under way or killed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gankit.config.old_records import run_in_new_words
from gankit.config.yaml.nodes import plain_value
from gankit.config.yaml.parser import mapping, read_text
from gankit.core.errors import UserError
from gankit.core.networks import NETWORKS
from gankit.core.progress import Stage, ends, stage_label
from gankit.evaluation.names import QUICK
from gankit.kinds.callbacks import Row
from gankit.results.plugin_code import Code, code_of
from gankit.results.sealed import CheckedRows, checked_rows
from gankit.runs.folder import EXPERIMENT, is_run
from gankit.runs.provenance import recorded_provenance
from gankit.runs.recorded import changed_options
from gankit.runs.rows import METRICS, TIMES, read_events, read_rows

UNLIKE = (LookupError, TypeError, ValueError, AttributeError, OverflowError)
"""What is raised where JSON is of another form than ours."""
ENERGY = {"cpu_joules": "CPU kJ", "gpu_joules": "GPU kJ"}
"""What times.jsonl calls the energy that the machine counted, and how tables do."""


@dataclass(frozen=True)
class StageMetrics:
    """The last metrics of one stage."""

    images: int
    """Real images shown when they were measured."""
    resolution: int
    """Height of the images in pixels."""
    metrics: dict[str, Row]
    """Each with its protocol, by name."""
    complete: bool = True
    """Whether the stage had come to its end."""
    number: int = 1
    """Of the stage, the first is 1."""
    name: str = ""
    """Tells the stage from others of its run at one resolution; empty if there are none."""

    @property
    def label(self) -> str:
        """What the stage is called."""
        return stage_label(self.resolution, self.name)


@dataclass(frozen=True)
class Cost:
    """What a run has taken so far."""

    images: int = 0
    """Real images shown."""
    seconds: float | None = None
    """Training of the stages that are complete, evaluations within them included; None if it is not known."""
    cpu_seconds: float | None = None
    """CPU time of the run's process in these stages, all its threads together; None if it is not known."""
    joules: Mapping[str, float] = field(default_factory=dict)
    """Energy of the same, of the machine's CPUs and of the run's GPUs by the names in `ENERGY`; what was not counted
    from beginning to end is missing."""
    parameters: dict[str, int] = field(default_factory=dict)
    """Of the generator and the discriminator; empty if they are not known."""


@dataclass(frozen=True)
class RunResults:
    """What a run has to show so far."""

    path: Path
    """The run's folder, as it was asked for."""
    stages: list[StageMetrics]
    """The last evaluation of each stage, in order; where one has several scales, of each, the smallest first."""
    options: dict[str, Any] = field(default_factory=dict)
    """The experiment with every default, as plain values."""
    rows: list[Row] = field(default_factory=list)
    """All that it has recorded: losses, metrics and events."""
    cost: Cost = Cost()
    total: int | None = None
    """Real images that the whole run shows; None if it is not known."""
    plan: list[Stage] = field(default_factory=list)
    """The stages that it is to go through; empty if they are not known."""
    names: Mapping[int, str] = field(default_factory=dict)
    """Of stages, by number; of those of which it is not known, numbers where several are at one resolution."""
    code: list[Code] = field(default_factory=list)
    """The source of each plugin that it used, of one that changed on the way each; empty if it is not known."""
    restored: str | None = None
    """Why its rows are those of its newest checkpoint and not of metrics.jsonl; None if they are these."""
    changed: str | None = None
    """In what its experiment.yaml is not what it was trained by; None if it is, as far as is known."""
    unknown_origin: str | None = None
    """Why it is not known where its numbers come from; None if it is, or the run is not read from its folder."""

    @property
    def name(self) -> str:
        """The name of the experiment, or of the study that the run belongs to."""
        return str(self.options.get("name", self.path.name))

    @property
    def variant(self) -> str | None:
        """The variant of its study; None if it belongs to none."""
        return self.options.get("variant")

    @property
    def seed(self) -> int:
        """The experiment's seed."""
        return int(self.options.get("seed", 0))

    def label_at(self, row: Row) -> str:
        """What the stage is called that a row was recorded in."""
        return stage_label(row.resolution, self.names.get(row.stage, ""))

    @property
    def damage(self) -> list[str]:
        """What is wrong with its folder though it can be read, in words."""
        return [why for why in (self.restored, self.changed, self.unknown_origin) if why is not None]

    @property
    def is_complete(self) -> bool:
        """Whether it has shown all its images, as far as is known."""
        return self.total is None or self.cost.images >= self.total

    def last_value(self, metric: str) -> Row | None:
        """The last value of a metric that was recorded, be it by the cheaper protocol."""
        names = (metric, metric + QUICK)
        found = [row for row in self.rows if row.name in names and row.protocol is not None]
        return max(reversed(found), key=lambda row: row.images, default=None)


def read_run(path: Path, check: bool = False) -> RunResults:
    """What the run in `path` has to show.

    Args:
        path: The run's folder.
        check: Hold metrics.jsonl and experiment.yaml against what the newest checkpoint says of them; see
            `RunResults.restored` and `RunResults.changed`.

    Raises:
        UserError: if `path` is not a run's folder or a file in it cannot be read.
    """
    if not is_run(path):
        raise UserError(f"{path} is not a run: expected a folder with {EXPERIMENT} and {METRICS}, as gankit run makes")
    try:
        return _read(path, check)
    except OSError as failure:
        raise UserError(f"{failure.filename or path}: cannot be read: {failure.strerror}") from failure
    except UNLIKE as failure:
        name = type(failure).__name__
        raise UserError(f"{path}: a file in it is not as gankit writes it ({name}: {failure})") from failure


def _read(path: Path, check: bool) -> RunResults:
    """What `read_run` gives."""
    root = mapping(read_text(path / EXPERIMENT, str(path / EXPERIMENT)), str(path / EXPERIMENT))
    options = plain_value(run_in_new_words(root))
    recorded = checked_rows(path) if check else CheckedRows(read_rows(path / METRICS))
    rows = [_named_as_today(row) for row in recorded.rows]
    entries, unknown = [], None
    try:
        entries = recorded_provenance(path)
    except UserError as damage:
        unknown = f"{damage}; where the numbers of this run come from is not known, nor how far it was to go"
    stages = [Stage(*stage) for entry in entries[-1:] for stage in entry.get("stages", [])]
    cost = Cost(max((row.images for row in rows), default=0), *_times(path / TIMES, stages))
    total = sum(stage.images for stage in stages) if stages else None
    return RunResults(
        path,
        last_evaluations(rows, stages),
        options,
        rows,
        cost,
        total,
        stages,
        _names(rows, stages),
        code=code_of(entries),
        restored=recorded.restored,
        changed=changed_options(path, options) if check else None,
        unknown_origin=unknown,
    )


def _named_as_today(row: Row) -> Row:
    """The row, by today's name if it is of the cheaper protocol: older runs call that `_track`."""
    other = row.name.removesuffix("_track")
    return row if row.protocol is None or other == row.name else row._replace(name=other + QUICK)


def _names(rows: Sequence[Row], stages: Sequence[Stage]) -> dict[int, str]:
    """The names of the stages that a run is to go through, by number; without these, of those that it went through.

    Then those that come after another at their resolution are called by number, so that two are never taken for one.
    """
    if stages:
        return {number: stage.name for number, stage in enumerate(stages, start=1)}
    resolutions = {row.stage: row.resolution for row in rows if row.note is None}
    first = {resolution: number for number, resolution in sorted(resolutions.items(), reverse=True)}
    return {n: "" if first[resolution] == n else f"stage {n}" for n, resolution in resolutions.items()}


def last_evaluations(rows: Sequence[Row], stages: Sequence[Stage] = ()) -> list[StageMetrics]:
    """The last evaluation of each stage among all that a run has recorded, in order; of each scale if it has several.

    Without the stages that it is to go through, all that have begun count as complete.
    """
    limits, names = dict(enumerate(ends(stages), start=1)), _names(rows, stages)
    found: dict[tuple[int, int], StageMetrics] = {}
    for row in rows:
        if row.protocol is None:
            continue
        last = found.get(place := (row.stage, row.resolution))
        if last is not None and row.images < last.images:  # measured late, on a checkpoint within the stage
            continue
        if last is None or last.images != row.images:
            complete = row.images >= limits.get(row.stage, 0)
            name = names.get(row.stage, "")
            last = found[place] = StageMetrics(row.images, row.resolution, {}, complete, row.stage, name)
        last.metrics[row.name] = row
    return [found[place] for place in sorted(found)]


def in_order(runs: Iterable[Sequence[StageMetrics]]) -> list[tuple[int, str]]:
    """Resolution and name of each stage of several runs, each once: by resolution, then as the runs went through."""
    last: dict[tuple[int, str], int] = {}
    for stages in runs:
        for stage in stages:
            key = stage.resolution, stage.name
            last[key] = max(stage.number, last.get(key, 0))
    return sorted(last, key=lambda key: (key[0], last[key]))


def _times(path: Path, stages: Sequence[Stage]) -> tuple[float | None, float | None, dict[str, float], dict[str, int]]:
    """Seconds that the complete stages took, those of the CPUs, joules by `ENERGY`, and the numbers of parameters.

    A stage that was interrupted is counted by the speed that was last measured in it; its energy is not known.
    """
    seconds: dict[int, float] = {}
    cpu_seconds: dict[int, float] = {}
    joules: dict[str, dict[int, float]] = {name: {} for name in ENERGY}
    parameters: dict[str, int] = {}
    planned = {number: stage.images for number, stage in enumerate(stages, start=1)}
    numbers = {stage.resolution: number for number, stage in enumerate(stages, start=1)}
    for event in read_events(path):
        if event["event"] == "stage":
            resolution, speed, took = (event.get(fact) for fact in ("resolution", "images_per_second", "seconds"))
            if isinstance(resolution, int) and isinstance(speed, int | float) and isinstance(took, int | float):
                if type(stage := event.get("stage")) is not int:  # runs of before went by the resolution
                    stage = numbers.get(resolution, resolution)
                images = planned.get(stage)
                seconds[stage] = images / speed if images and speed else took
                if isinstance(worked := event.get("cpu_seconds"), int | float) and took:
                    cpu_seconds[stage] = worked * seconds[stage] / took
                for name, counted in joules.items():
                    counted.pop(stage, None)
                    if isinstance(used := event.get(name), int | float) and event.get("images") == images:
                        counted[stage] = float(used)
        counts = {network: event.get(f"{network}_parameters") for network in NETWORKS}
        parameters = {network: count for network, count in counts.items() if isinstance(count, int)} or parameters
    total, worked = (float(sum(each.values())) if each else None for each in (seconds, cpu_seconds))
    whole = {name: sum(each.values()) for name, each in joules.items() if each and each.keys() == seconds.keys()}
    return total, (worked if cpu_seconds.keys() == seconds.keys() else None), whole, parameters


def read_provenance(path: Path) -> list[dict[str, Any]]:
    """What is known of a run's beginning and of each time that it went on; empty without a file that can be read."""
    try:
        return recorded_provenance(path)
    except UserError:
        return []

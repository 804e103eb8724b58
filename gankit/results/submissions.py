"""Results that others have sent: found, read without running anything of theirs, checked against their own records."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

from gankit.checkpoints.integrity import MANIFEST, found, newest_manifest
from gankit.core.errors import UserError
from gankit.core.text import LONGEST_MESSAGE, first_of, printable, shortened
from gankit.discovery.manager import GROUP
from gankit.discovery.sources import PluginSource, of_gankit, sha256_of
from gankit.results.protocols import of_reals
from gankit.results.run_results import RunResults, StageMetrics, read_provenance, read_run
from gankit.runs.folder import EXPERIMENT, PLUGINS, PROVENANCE
from gankit.runs.rows import METRICS, TIMES

MOST_BYTES = 64 << 20
"""Of a file that is read: a run of millions of images records a few."""
MOST_NAMED = 5
"""Plugins that a remark names."""


class Refused(NamedTuple):
    """What was sent and is not ranked."""

    path: Path
    reason: str
    """On one line, as it can be printed."""


@dataclass(frozen=True)
class SentRun:
    """A run that was sent and is ranked."""

    sender: str
    """The folder in which it was sent, which is all that is known of who did."""
    entry: str
    """What it is called with the other seeds of its variant."""
    run: RunResults
    stage: StageMetrics
    """The end of its last stage."""
    remarks: list[str] = field(default_factory=list)
    """What is not known of it, or does not fit but may be so."""


def runs_sent(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every folder at or below `folder` that holds a part of a run, in order, with its sender; links are not followed.

    Raises:
        UserError: if there is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: expected a folder that holds what others have sent, a folder each")
    is_empty = True
    for place, inside, files in os.walk(folder):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        if EXPERIMENT in files or METRICS in files:
            inside.clear()  # checkpoints hold rows as well
            is_empty, path = False, Path(place)
            yield path.relative_to(folder).parts[0] if path != folder else folder.resolve().name, path
    if is_empty:
        raise UserError(f"{folder}: there is no run in it, that is no folder with {EXPERIMENT} and {METRICS}")


def read_sent(path: Path, root: Path) -> RunResults:
    """What a run that lies below `root` has to show; neither its code nor that of plugins is executed.

    Raises:
        UserError: if it cannot be read, or is not what its checkpoints or its own records say.
    """
    _refuse_foreign_files(path, root.resolve())
    for name, why in ((EXPERIMENT, "what was trained"), (METRICS, "what was measured")):
        if not (path / name).is_file():
            raise UserError(f"there is no {name}, so {why} is not known")
    run = read_run(path, check=True)
    _refuse_odd_options(run)
    if why := run.restored or run.changed:
        raise UserError(why)
    if run.plan and (row := next((row for row in run.rows if row.stage > len(run.plan)), None)) is not None:
        raise UserError(f"{METRICS} speaks of stage {row.stage}, and by {PROVENANCE} there are {len(run.plan)}")
    if run.total is not None and run.cost.images > run.total:
        raise UserError(f"{METRICS} speaks of {run.cost.images:,} images, and by {PROVENANCE} there are {run.total:,}")
    _refuse_other_copies(run)
    return run


def last_stage(run: RunResults, metric: str) -> StageMetrics:
    """The end of a run's last stage, where it was measured by `metric`.

    Raises:
        UserError: if it has not come to it, or has no such number there.
    """
    if not run.is_complete:
        raise UserError(f"it is not complete: {run.cost.images:,} of {run.total:,} images")
    ended = [stage for stage in run.stages if stage.complete]
    last = [stage for stage in ended if stage.number == max(each.number for each in ended)]
    if not last or metric not in last[-1].metrics or of_reals(last[-1].metrics[metric]):
        raise UserError(f"it has no {metric} at the end of its last stage")
    return last[-1]


def remarks_on(run: RunResults, stage: StageMetrics, metric: str) -> Iterator[str]:
    """What is not known of a run, or does not fit but may be so."""
    if run.unknown_origin is not None:
        yield run.unknown_origin
    if not newest_manifest(run.path):
        yield "no checkpoint was sent that its numbers could be held against"
    asked, protocol = run.options.get("evaluation"), stage.metrics[metric].protocol or {}
    for name in ("images", "seed", "seeds"):
        said, done = asked.get(name) if isinstance(asked, Mapping) else None, protocol.get(name)
        if said is not None and done is not None and said != done:
            yield f"{EXPERIMENT} says evaluation.{name} {said}, and it was measured with {done}"
    here, used = sources_here(), {code.plugin: code.sha256 for code in run.code}
    for entry in read_provenance(run.path):
        used |= {"gankit": entry["gankit"]["sha256"]} if entry.get("gankit") else {}
    other = [name for name, source in used.items() if name in here and here[name] != source]
    if other:
        yield f"other source than here: {first_of(other, MOST_NAMED)}"
    if absent := [name for name in used if name not in here]:
        yield f"plugins that are not installed here: {first_of(absent, MOST_NAMED)}"


def refuse_repeated(runs: Sequence[RunResults]) -> dict[Path, str]:
    """Why runs are refused that have to the last bit the numbers of one before: one run, sent twice or as two seeds."""
    first: dict[str, Path] = {}
    why: dict[Path, str] = {}
    for run in runs:
        if not run.rows:
            continue
        numbers = json.dumps([[row.images, row.name, row.value] for row in run.rows if row.note is None])
        if (other := first.setdefault(numbers, run.path)) != run.path:
            why[run.path] = f"all its numbers are those of {other}, so it is the same run"
    return why


def on_a_line(reason: UserError | str) -> str:
    """A reason as it can be printed."""
    return printable(shortened(" ".join(str(reason).split()), LONGEST_MESSAGE))


@cache
def sources_here() -> dict[str, str]:
    """The hash of the source of gankit and of each plugin that is installed here; none is imported."""
    sources = {"gankit": of_gankit().sha256}
    for point in entry_points(group=GROUP):
        try:
            sources[point.name] = PluginSource.of(point).origin().sha256
        except (UserError, OSError, ValueError, ImportError):  # it is broken, so it was not used here either
            continue
    return sources


def _refuse_foreign_files(path: Path, root: Path) -> None:
    """Refuse links that lead out of what was sent, and files too large to be read.

    Raises:
        UserError: then.
    """
    read = [path / name for name in (EXPERIMENT, METRICS, TIMES, PROVENANCE)]
    read += [each / name for each in found(path / "checkpoints") for name in (MANIFEST, METRICS)]
    for file in (*read, *(path / PLUGINS).glob("*.py")):
        if not file.resolve().is_relative_to(root):
            raise UserError(f"{file} is a link that leads out of what was sent")
        if file.is_file() and file.stat().st_size > MOST_BYTES:
            raise UserError(f"{file} is larger than {MOST_BYTES >> 20} MiB")


def _refuse_odd_options(run: RunResults) -> None:
    """Refuse options by which runs are told apart if they have not the form that gankit writes.

    Raises:
        UserError: then.
    """
    texts = [run.options.get(option) for option in ("name", "variant")]
    if not all(isinstance(text, str | None) for text in texts) or type(run.options.get("seed", 0)) is not int:
        raise UserError(f"{run.path / EXPERIMENT}: name, variant and seed are not two texts and a whole number")
    try:
        json.dumps(run.options, sort_keys=True)
    except (TypeError, ValueError):
        raise UserError(f"{run.path / EXPERIMENT}: its options are not of the form that gankit writes") from None


def _refuse_other_copies(run: RunResults) -> None:
    """Refuse copies of plugins that are not the source that the run says it used; they are read, and never executed.

    Raises:
        UserError: then.
    """
    for file in sorted((run.path / PLUGINS).glob("*.py")):
        sources = {code.sha256 for code in run.code if code.plugin == file.stem}
        if sources and file.is_file() and sha256_of(file) not in sources:
            raise UserError(f"{file} is not the source that {PROVENANCE} names")

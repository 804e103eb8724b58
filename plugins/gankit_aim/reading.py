"""Reads runs back from Aim repositories.

Straight from the databases of the runs, not by queries: these rest on an index that `aim up` brings up to date, and
know nothing of runs that are live or were killed. Nothing is written and no lock is taken.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from aim.storage.rockscontainer import RocksContainer  # noqa: TID253
from aimrocks.errors import RocksIOError

from gankit.core.failures import in_short, warn
from gankit.core.progress import ends
from gankit.kinds.callbacks import Row
from gankit.results.run_results import Cost, RunResults, last_evaluations
from gankit_aim.facts import PARAM, Facts

ATTEMPTS = 5
"""How often a run is tried to be read, for files come and go under one that is live."""


class Tracked(NamedTuple):
    """One Aim run that shows a run."""

    folder: str
    """The run's folder, as it was called then."""
    facts: Facts
    rows: list[Row]


def read_repositories(repositories: Iterable[Path]) -> list[RunResults]:
    """The runs that are shown in some repositories, in the order in which they were begun; each once.

    Where several Aim runs show one folder, as when it was removed and made again or while a run is resumed, the one
    that was begun last counts, among those that show all that there was when they were begun.

    What Aim does not hold is lacking: the first of two losses or metrics of one name that were recorded after as many
    images, and the order of what was recorded after as many.

    Args:
        repositories: Folders called .aim.
    """
    shown: dict[str, Tracked] = {}
    for tracked in (tracked for repository in repositories for tracked in _runs(repository)):
        before = shown.setdefault(tracked.folder, tracked)
        if (tracked.facts.whole, tracked.facts.begun) > (before.facts.whole, before.facts.begun):
            shown[tracked.folder] = tracked
    return [_results(tracked) for tracked in sorted(shown.values(), key=lambda tracked: tracked.facts.begun)]


def _runs(repository: Path) -> Iterator[Tracked]:
    """Every run of gankit's in a repository; one that cannot be read is reported and left out."""
    for chunk in sorted((repository / "meta" / "chunks").glob("*")):
        try:
            tracked = _patiently(repository, chunk.name)
        except Exception as failure:
            warn(f"aim: cannot read the run {chunk.name} in {repository}, and leave it out: {in_short(failure)}")
        else:
            if tracked is not None:
                yield tracked


def _patiently(repository: Path, run: str) -> Tracked | None:
    """A run, tried again for a moment while its files are changing."""
    for _ in range(ATTEMPTS - 1):
        try:
            return _read(repository, run)
        except RocksIOError:
            time.sleep(0.1)
    return _read(repository, run)


def _read(repository: Path, run: str) -> Tracked | None:
    """A run as it stands; None if it is none of gankit's."""
    # numbers before facts, so that of a live run those facts are known that explain the numbers
    numbers = _tree(repository / "seqs" / "chunks" / run, "seqs", "v2", "chunks", run)
    about = _tree(repository / "meta" / "chunks" / run, "meta", "chunks", run)
    params = about.get("attrs", {})
    if PARAM not in params:
        return None
    facts = Facts.from_text(params[PARAM])
    rows = list(facts.events)
    if numbers is not None:
        for key, context in sorted(about.get("contexts", {}).items(), key=lambda item: item[1].get("resolution", 0)):
            rows += _rows(numbers.subtree(key), context, facts)
    return Tracked(params["folder"], facts, sorted(rows, key=lambda row: row.images))


def _tree(folder: Path, *path: str) -> Any:
    """What Aim keeps under `path` in a run's database; None if there is no database."""
    if not folder.exists():
        return None
    # to optimize it for reading would be to write to it
    return RocksContainer(str(folder), read_only=True, skip_read_optimization=True).tree().subtree(path)


def _rows(series: Any, context: dict[str, Any], facts: Facts) -> Iterator[Row]:
    """What was tracked in one context: metrics in that of a resolution, all else in an empty one."""
    if "resolution" in context:
        known = [how for how in facts.measured if how.resolution == context["resolution"]]
        for name in dict.fromkeys(how.series for how in known):  # in the order in which they were recorded first
            history = [how for how in known if how.series == name]
            for images, value in _points(series.subtree(name)):
                how = next((how for how in reversed(history) if how.since <= images), history[0])
                yield Row(images, how.stage, how.resolution, how.name, value, how.protocol)
    else:
        events = {(event.name, event.images) for event in facts.events}
        for name in list(series.keys()):
            for images, value in _points(series.subtree(name)):
                if (name, images) not in events:
                    yield Row(images, *facts.at(images), name, value)


def _points(series: Any) -> list[tuple[int, float]]:
    """The steps of a series with their values; a step that is just being tracked is left out."""
    values = dict(series.subtree("val").items())
    steps = series.subtree("step").items()
    return [(int(step), float(values[key])) for key, step in steps if key in values]


def _results(tracked: Tracked) -> RunResults:
    """What a run has to show so far."""
    facts, rows = tracked.facts, tracked.rows
    cost = Cost(max((row.images for row in rows), default=0), facts.seconds, facts.parameters)
    stages = last_evaluations(rows, facts.stages)
    options = _with_numbers(facts.options)
    return RunResults(
        Path(tracked.folder), stages, options, rows, cost, ends(facts.stages)[-1], facts.stages, facts.code
    )


def _with_numbers(options: Any) -> Any:
    """Options with resolutions as numbers, which are texts where they are keys of JSON."""
    if isinstance(options, list):
        return [_with_numbers(option) for option in options]
    if not isinstance(options, dict):
        return options
    return {
        int(key) if isinstance(key, str) and key.isdecimal() else key: _with_numbers(option)
        for key, option in options.items()
    }

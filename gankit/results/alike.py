"""Which of several runs were measured alike, so that they can be compared."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from gankit.config.study import STUDY
from gankit.core.errors import UserError
from gankit.results.finder import find_runs
from gankit.results.protocols import compared_protocol, measured
from gankit.results.run_results import RunResults

MOST_SHOWN = 3
"""Groups of runs that are named."""


def commands_for_those_alike(runs: Sequence[RunResults], metrics: Collection[str], asked: Sequence[str]) -> str:
    """What to type to compare those of `runs` that go together, on lines of its own.

    Args:
        runs: Of which some were measured differently.
        metrics: The names of what has to agree; none: all that they were measured by.
        asked: The metrics that were asked for.
    """
    groups = sorted((group for group in _alike(runs, metrics) if len(group) > 1), key=len, reverse=True)
    command = " ".join(["gankit compare", *(f"--metric {quote(name)}" for name in asked)])
    if not groups:
        return f"no two of them go together; each can be looked at alone: {command} {quote(str(runs[0].path))}"
    typed = [" ".join([command, *map(quote, _places(group))]) for group in groups[:MOST_SHOWN]]
    more = [f"and {len(groups) - MOST_SHOWN} more groups"] if groups[MOST_SHOWN:] else []
    return "\n  ".join(["these go together:", *typed, *more])


def _alike(runs: Sequence[RunResults], metrics: Collection[str]) -> list[list[RunResults]]:
    """Runs by what they were measured with, each in the first group in which it differs from none."""
    groups: list[tuple[list[RunResults], dict[tuple[int, str], dict[str, Any]]]] = []
    for run in runs:
        mine = {
            (stage.resolution, row.name): compared_protocol(row)
            for _, stage, row in measured([run])
            if not metrics or row.name in metrics
        }
        if not mine:
            continue
        for group, known in groups:
            if all(known.get(key, protocol) == protocol for key, protocol in mine.items()):
                group.append(run)
                known |= mine
                break
        else:
            groups.append(([run], mine))
    return [group for group, _ in groups]


def _places(group: Sequence[RunResults]) -> list[str]:
    """The folders of a group; that of a study in place of its runs, where it holds no others."""
    inside = {run.path.resolve() for run in group}
    found: dict[str, None] = {}
    for run in group:
        study = next((folder for folder in run.path.parents[:2] if (folder / STUDY).exists()), None)
        whole = study is not None and _holds_only(study, inside)
        found[str(study if whole else run.path)] = None
    return [*found]


def _holds_only(folder: Path, paths: Collection[Path]) -> bool:
    try:
        return all(path.resolve() in paths for path in find_runs([folder]))
    except UserError:
        return False

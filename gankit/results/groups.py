"""Which runs are seeds of one variant, and what each variant is called."""

from __future__ import annotations

import json
import os.path
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gankit.core.errors import UserError
from gankit.core.text import printable
from gankit.results.run_results import RunResults

IDENTITY = ("name", "variant", "seed", "plugins")
"""Options that say which run it is; a plugin that lies elsewhere is the same plugin."""
NOT_TRAINED = (
    *("observers", "evaluation", "checkpoints", "training.device", "training.threads"),
    *("training.micro_batch", "training.processes"),
)
"""Options that change nothing of what is trained, as far as rounding and statistics of a batch allow: those that may
change when a run goes on (`gankit.runs.may_change.MAY_CHANGE`), and threads."""


@dataclass(frozen=True)
class RunGroup:
    """Runs that differ in nothing but their seeds."""

    label: str
    """What it is called, unlike every other variant."""
    runs: list[RunResults]
    """One a seed, lowest seed first."""

    @property
    def study(self) -> str | None:
        """The study that it belongs to; None if it belongs to none."""
        return self.runs[0].name if self.runs[0].variant is not None else None

    def called(self, run: RunResults) -> str:
        """What one of its runs is called."""
        return f"{self.label}/seed-{run.seed}"


def group_runs(runs: Sequence[RunResults]) -> list[RunGroup]:
    """The variants that `runs` are seeds of, in the order of their first runs.

    Raises:
        UserError: if two runs are one seed of one variant, for a seed that counts twice would feign certainty.
    """
    groups: dict[str, list[RunResults]] = {}
    places: dict[str, dict[str, Any]] = {}
    for run in runs:
        belongs = {"study": run.name, "variant": run.variant} if run.variant is not None else {}
        groups.setdefault(json.dumps([belongs, _in_one_place(run, places)], sort_keys=True), []).append(run)
    single = [part for group in groups.values() for part in _by_seed(group)]
    return [
        RunGroup(label, sorted(group, key=lambda run: run.seed))
        for label, group in zip(_labels(single), single, strict=True)
    ]


def told_apart_by(groups: Sequence[RunGroup]) -> dict[str, dict[str, Any]]:
    """The options by which groups may differ, by their labels: what each is trained with.

    If all are variants of studies, also what changes nothing of that, for a study may vary it on purpose; not what
    seeds of one variant differ in, which may have gone on elsewhere.
    """
    options = {group.label: trained(group.runs[0].options) for group in groups}
    if any(group.study is None for group in groups):
        return options
    for path in NOT_TRAINED:
        values = {group.label: [_value_at(path, run.options) for run in group.runs] for group in groups}
        if any(value != found[0] for found in values.values() for value in found):
            continue
        outer, _, name = path.rpartition(".")
        for label, (value, *_) in values.items():
            if value is not None:
                (options[label].setdefault(outer, {}) if outer else options[label])[name or path] = value
    return options


def _value_at(path: str, options: Any) -> Any:
    """The plain value of an option; None if it is not written."""
    for key in path.split("."):
        options = options.get(key) if isinstance(options, dict) else None
    return options


def trained(options: dict[str, Any]) -> dict[str, Any]:
    """The options that decide what is trained, the seed apart."""
    kept = {key: value for key, value in options.items() if key not in (*IDENTITY, *NOT_TRAINED)}
    if isinstance(training := kept.get("training"), dict):
        kept["training"] = {key: value for key, value in training.items() if f"training.{key}" not in NOT_TRAINED}
    return kept


def _in_one_place(run: RunResults, places: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What a run is trained with; images of one fingerprint, which may be moved meanwhile, lie where they lay first.

    Args:
        run: The run.
        places: Where images lay that have been met already, to which new ones are added.
    """
    options = trained(run.options)
    seen = next((row.protocol["data"] for row in run.rows if row.protocol and "data" in row.protocol), None)
    if seen is None or not isinstance(data := options.get("data"), dict):
        return options
    here = {name: value for name, value in data.items() if isinstance(value, str) and os.path.isabs(value)}
    rest = {**options, "data": {name: value for name, value in data.items() if name not in here}}
    return {**options, "data": {**data, **places.setdefault(json.dumps([seen, rest], sort_keys=True), here)}}


def _by_seed(group: list[RunResults]) -> list[list[RunResults]]:
    """Runs with equal options as one variant; if seeds are repeated, one for each name of an experiment."""
    if not _repeated(group):
        return [group]
    named: dict[str, list[RunResults]] = {}
    for run in group:
        named.setdefault(run.name, []).append(run)
    for name, part in named.items():
        if twins := _repeated(part):
            one, other = twins
            variant = f"{name}/{one.variant}" if one.variant is not None else name
            raise UserError(
                f"{one.path} and {other.path} are both seed {one.seed} of {variant}: leave one of them out, "
                f"for a seed that counts twice would make means look surer than they are{_untold(one, other)}"
            )
    return list(named.values())


def _untold(one: RunResults, other: RunResults) -> str:
    """In what two runs differ that makes no variant of them, and how they are compared all the same."""
    unlike = [path for path in NOT_TRAINED if _value_at(path, one.options) != _value_at(path, other.options)]
    if not unlike:
        return ""
    makes = "makes" if len(unlike) == 1 else "make"
    return f"; {', '.join(unlike)} {makes} no variant of them: to compare by that, run a study that varies it"


def _repeated(group: Sequence[RunResults]) -> tuple[RunResults, RunResults] | None:
    """The first two runs with one seed."""
    seen: dict[int, RunResults] = {}
    for run in group:
        if run.seed in seen:
            return seen[run.seed], run
        seen[run.seed] = run
    return None


def _labels(groups: Sequence[list[RunResults]]) -> list[str]:
    """For each group the shortest of its names that no other group has."""
    names = [_names(group) for group in groups]
    levels = [0] * len(groups)
    while True:
        labels = [name[min(level, len(name) - 1)] for name, level in zip(names, levels, strict=True)]
        times = Counter(labels)
        unclear = [i for i, label in enumerate(labels) if times[label] > 1 and levels[i] < len(names[i]) - 1]
        if not unclear:
            return labels
        for i in unclear:
            levels[i] += 1


def _names(group: list[RunResults]) -> list[str]:
    """What a group may be called, the shortest first; the last is no other group's."""
    first = group[0]
    paths = [os.path.abspath(run.path) for run in group]
    folder = os.path.commonpath(paths)
    above = os.path.basename(os.path.dirname(folder))
    if first.variant is not None:
        names = [first.variant, f"{first.name}/{first.variant}"]
    else:
        shared = os.path.commonprefix([run.name for run in group])  # noqa: RUF071 (character by character)
        names = [shared.rstrip("-_.=") or os.path.basename(folder), os.path.basename(folder)]
    names += [f"{above}/{os.path.basename(folder)}", os.path.relpath(folder)]
    return [printable(name) for name in [*names, ", ".join(str(run.path) for run in group)]]

"""The source code of plugins that runs used, and where it was not the same under one name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gankit.results.tables import ABSENT, Section, text_columns

if TYPE_CHECKING:
    from gankit.results.groups import RunGroup


class Code(NamedTuple):
    """One state of a plugin's source."""

    plugin: str
    distribution: str | None
    """None for a single file."""
    version: str | None
    editable: bool
    """Whether the distribution was installed in place."""
    sha256: str

    @property
    def installed(self) -> str:
        """What brought it, in words."""
        if self.distribution is None:
            return "a single file"
        return f"{self.distribution} {self.version or ABSENT}{', editable' if self.editable else ''}"

    def __str__(self) -> str:
        return f"{self.plugin}: {self.installed}, source {self.sha256[:12]}"


def code_of(entries: Sequence[Mapping[str, Any]]) -> list[Code]:
    """Each state of each plugin that a run used, first to last.

    The entries are those of provenance.json: of the run's beginning, and of each time that it went on.
    """
    found = [
        Code(name, about.get("distribution"), about.get("version"), bool(about.get("editable")), about["sha256"])
        for entry in entries
        for name, about in entry.get("plugins", {}).items()
    ]
    return list(dict.fromkeys(found))


def users_of(variants: Sequence[RunGroup]) -> dict[Code, list[str]]:
    """What was used, sorted, each with the names of the runs that used it."""
    users: dict[Code, list[str]] = {}
    for variant in variants:
        for run in variant.runs:
            for code in run.code:
                users.setdefault(code, []).append(variant.called(run))
    return dict(sorted(users.items(), key=lambda item: [str(part) for part in item[0]]))


def ambiguous(users: Mapping[Code, Sequence[str]]) -> list[str]:
    """The plugins under whose name there was more than one source."""
    sources: dict[str, set[str]] = {}
    for code in users:
        sources.setdefault(code.plugin, set()).add(code.sha256)
    return [plugin for plugin, hashes in sources.items() if len(hashes) > 1]


def other_code(variants: Sequence[RunGroup]) -> Section | None:
    """The plugins whose source was not the same in all runs, so that one name means two things; None if there is none.

    What no run says of its code is not known to differ.
    """
    users = users_of(variants)
    names = ambiguous(users)
    if not names:
        return None
    rows = [
        [code.plugin, code.sha256[:12], code.installed, run_names(labels, variants)]
        for code, labels in users.items()
        if code.plugin in names
    ]
    columns = text_columns("plugin", "source", "installed from", "used by")
    note = "numbers may differ for that alone; of plugins that are single files the runs' folders hold copies"
    return Section("Not the same code under one name", columns, rows, [note])


def run_names(labels: Sequence[str], variants: Sequence[RunGroup]) -> str:
    """Runs by name, those of whole variants by that of the variant."""
    groups = {variant.label: [variant.called(run) for run in variant.runs] for variant in variants}
    if len(labels) == sum(map(len, groups.values())):
        return "all"
    names = []
    for variant, runs in groups.items():
        inside = [label for label in runs if label in labels]
        names += [variant] if len(inside) == len(runs) else inside
    return ", ".join(names)

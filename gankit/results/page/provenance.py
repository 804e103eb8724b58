"""Where runs come from, and what happened in them: failures, and what callbacks reported."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gankit.config.yaml.writer import inline
from gankit.results.groups import RunGroup
from gankit.results.plugin_code import ambiguous, run_names, users_of
from gankit.results.protocols import flattened
from gankit.results.run_results import RunResults, read_provenance
from gankit.results.tables import ABSENT, Column, Section, text_columns
from gankit.runs.folder import PROVENANCE, is_run
from gankit.runs.rows import TIMES, read_events
from gankit.runs.status import RunState, state_of


def event_table(variants: Sequence[RunGroup]) -> Section | None:
    """A line for each event; None if nothing has happened."""
    rows = [[variant.called(run), *event] for variant in variants for run in variant.runs for event in _events(run)]
    columns = [*text_columns("run"), Column("images"), *text_columns("what", "in words")]
    return Section("What happened in training", columns, rows) if rows else None


def _events(run: RunResults) -> Iterator[list[str]]:
    """What was reported in a run; at last why it failed, if it did."""
    for row in run.rows:
        if row.note is not None:
            yield [f"{row.images:,}", row.name, row.note]
    if is_run(run.path) and state_of(run.path) is RunState.FAILED:
        *_, last = read_events(run.path / TIMES)
        yield [f"{run.cost.images:,}", "failed", str(last.get("reason", "for a reason that is not recorded"))]


SHOWN_ELSEWHERE = frozenset({"started", "command", "plugins", "stages", "resumed", "images", "changed"})
"""Keys of provenance.json that tables of their own show, or that follow from the options."""

ProvenanceByRun = Mapping[str, list[dict[str, Any]]]
"""By the run's label what provenance.json says: of its beginning, and of each time that it went on."""


def provenance_tables(variants: Sequence[RunGroup]) -> list[Section]:
    """Tables of all that is known of where runs come from."""
    labelled = [(variant, run, variant.called(run)) for variant in variants for run in variant.runs]
    known = {label: entries for _, run, label in labelled if (entries := read_provenance(run.path))}
    lacking = [label for _, _, label in labelled if label not in known]
    dates = _dates([(run, label) for _, run, label in labelled], known)
    sections = [dates, *_facts(known, variants), _plugins(variants)]
    if lacking:
        dates.notes.append(f"not known, for there is no {PROVENANCE}: {run_names(lacking, variants)}")
    return [section for section in sections if section.rows or section.notes]


def _dates(runs: Sequence[tuple[RunResults, str]], known: ProvenanceByRun) -> Section:
    """When each run began, when it last noted anything, and by which command."""
    times = [Column("began (UTC)"), Column("last seen (UTC)")]
    columns = [*text_columns("run", "state"), *times, *text_columns("command")]
    rows = []
    for run, label in runs:
        origin, *resumed = known.get(label) or [{}]
        events = read_events(run.path / TIMES) if is_run(run.path) else []
        last = _moment(events[-1].get("time")) if events else ABSENT
        state = str(state_of(run.path)) if is_run(run.path) else ABSENT
        times = f", resumed {len(resumed)} times" if len(resumed) > 1 else ", resumed once" if resumed else ""
        command = shlex.join(map(str, origin.get("command", []))) or ABSENT
        rows.append([label, state, _moment(origin.get("started")) + times, last, command])
    return Section("Runs", columns, rows)


def _moment(time: object) -> str:
    """A date and time to the second."""
    return str(time)[:19].replace("T", " ") if time else ABSENT


def _facts(known: ProvenanceByRun, variants: Sequence[RunGroup]) -> Iterator[Section]:
    """What is the same in all runs, and what is not."""
    found = {label: _joined(entries) for label, entries in known.items()}
    by_value: dict[str, dict[str, list[str]]] = {}
    for name in dict.fromkeys(name for facts in found.values() for name in facts):
        for label, facts in found.items():
            by_value.setdefault(name, {}).setdefault(facts.get(name, ABSENT), []).append(label)
    columns = text_columns("what", "value", "runs")
    unlike = [
        [name, value, run_names(labels, variants)]
        for name, values in by_value.items()
        if len(values) > 1
        for value, labels in values.items()
    ]
    yield Section("Not the same in all runs", columns, unlike)
    alike = [[name, *values] for name, values in by_value.items() if len(values) == 1]
    yield Section("The same in all runs", columns[:2], alike)


def _joined(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The facts of a run, each as it was at the beginning and, if it changed, later."""
    joined: dict[str, list[str]] = {}
    for entry in entries:
        for name, value in _in_words(entry):
            if (values := joined.setdefault(name, []))[-1:] != [value]:
                values.append(value)
    return {name: ", then ".join(values) for name, values in joined.items()}


def _in_words(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every fact by its dotted name."""
    for name, value in flattened({key: about for key, about in entry.items() if key not in SHOWN_ELSEWHERE}):
        if name == "hardware.memory" and isinstance(value, int):
            yield name, f"{value / 2**30:.1f} GiB"
        else:
            yield name, "none" if value is None or value == [] else value if isinstance(value, str) else inline(value)


def _plugins(variants: Sequence[RunGroup]) -> Section:
    """Each plugin in each state that its source was in, with the runs that used it."""
    users = users_of(variants)
    rows = [[code.plugin, code.installed, code.sha256, run_names(labels, variants)] for code, labels in users.items()]
    notes = [f"{name}: its source is not the same in all runs" for name in ambiguous(users)]
    columns = text_columns("plugin", "installed from", "sha256 of its source", "used by")
    return Section("Plugins", columns, rows, notes)

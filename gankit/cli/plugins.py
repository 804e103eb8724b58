"""gankit plugins."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gankit.cli.options import add_plugin_option, load_plugins

if TYPE_CHECKING:
    from gankit.cli.answers.experiments import PluginsAnswer
    from gankit.discovery.manager import Call


def add_plugins_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    text = "show what plugins are asked to do, and how long it takes"
    parser.add_argument("--trace", action="store_true", help=text)
    add_plugin_option(parser)


def plugins_command(arguments: argparse.Namespace) -> int:
    """Every component that an experiment can name, and where it comes from.

    Print the components by kind, then the plugins that failed to load or were left out.
    """
    from gankit.core.registry import all_entries
    from gankit.discovery.manager import plugins

    if arguments.trace:
        return _trace(arguments)
    load_plugins(arguments.plugin)
    entries = all_entries()
    if arguments.json:
        arguments.answer(_listed([]))
        return 0
    rows = [("KIND", "NAME", "FROM")]
    for entry in entries:
        source = plugins.source(entry.plugin)
        rows.append((entry.component.kind, entry.full_name, str(source.package or source.path)))
    kind, name = (max(len(row[place]) for row in rows) for place in (0, 1))
    for row in rows:  # not by results.tables: a library that lays out tables takes longer than all else here
        print(f"{row[0]:<{kind}}  {row[1]:<{name}}  {row[2]}")
    for complaint in plugins.complaints():
        print(complaint)
    return 0


def _listed(calls: Sequence[Call]) -> PluginsAnswer:
    """Every component and what plugins were asked to do, for programs."""
    from gankit.cli.answers.experiments import CallAnswer, ComponentAnswer, PluginsAnswer
    from gankit.core.registry import all_entries
    from gankit.discovery.manager import plugins

    entries = all_entries()
    origins = {name: plugins.origin(name).as_json() for name in {entry.plugin for entry in entries}}
    components = [
        ComponentAnswer(kind=entry.component.kind, name=entry.full_name, plugin=entry.plugin, **origins[entry.plugin])
        for entry in entries
    ]
    made = [CallAnswer(**call._asdict()) for call in calls]
    return PluginsAnswer(components=components, broken=plugins.broken, left_out=plugins.left_out, calls=made)


def _trace(arguments: argparse.Namespace) -> int:
    """Load all plugins and ask them for their commands; print each call."""
    from gankit.cli import COMMANDS
    from gankit.cli.contributed import contributed
    from gankit.core.registry import provided_by
    from gankit.discovery.manager import plugins

    calls: list[Call] = []
    plugins.watched = calls.append
    load_plugins(arguments.plugin)
    contributed(reserved=COMMANDS)
    if arguments.json:
        arguments.answer(_listed(calls))
        return 0
    for call in calls:
        named = [f"{entry.component.kind}/{entry.name}" for entry in provided_by(call.plugin)]
        gave = f"  {', '.join(named)}" if call.what == "gankit_register" else ""
        print(f"{call.seconds * 1000:8.1f} ms  {call.plugin:<20}  {call.what}{gave}")
    for complaint in plugins.complaints():
        print(complaint, file=sys.stderr)
    return 0

"""gankit plugins: every component that an experiment can name, and where it comes from."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from gankit.cli.options import add_plugin_option, load_plugins

if TYPE_CHECKING:
    from gankit.plugins import Origin
    from gankit.registry import Entry


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("plugins", help="list components and where they come from", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_plugin_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the components by kind, then the plugins that failed to load."""
    from gankit.plugins import plugins
    from gankit.registry import registries

    load_plugins(arguments.plugin)
    entries = [entry for registry in registries.values() for entry in registry.entries()]
    origins = {name: plugins.origin(name) for name in {entry.plugin for entry in entries}}
    components = [_row(entry, origins[entry.plugin]) for entry in entries]
    if arguments.json:
        print(json.dumps({"components": components, "broken": plugins.broken}, indent=2))
        return 0
    _print_table(components)
    for name, reason in plugins.broken.items():
        print(f"plugin {name!r} failed to load: {reason}")
    return 0


def _row(entry: Entry, origin: Origin) -> dict[str, str | None]:
    """What is told of one component."""
    return {
        "kind": entry.component.kind,
        "name": entry.full_name,
        "plugin": entry.plugin,
        "distribution": origin.distribution,
        "version": origin.version,
        "path": str(origin.path),
    }


def _print_table(components: list[dict[str, str | None]]) -> None:
    """Print one line a component; where it is not read on a terminal, lines are as long as they have to be."""
    from rich.console import Console
    from rich.table import Table

    table = Table("Kind", "Name", "Plugin", "Distribution", "Version", box=None, header_style="bold", pad_edge=False)
    for row in components:
        table.add_row(row["kind"], row["name"], row["plugin"], row["distribution"] or row["path"], row["version"])
    Console(width=None if sys.stdout.isatty() else 1000, markup=False).print(table)

"""gankit explain: what a component does and which options it has."""

from __future__ import annotations

import argparse

from gankit.cli.options import add_plugin_option, load_plugins


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("explain", help="tell what a component does and its options", description=__doc__)
    text = "a component, such as optimizer/adam or just adam; or a kind, such as loss"
    subject = parser.add_argument("subject", metavar="KIND/NAME", help=text)
    setattr(subject, "completer", _subjects)  # noqa: B010 (where argcomplete looks for it)
    add_plugin_option(parser)
    parser.set_defaults(run=run)


def _subjects(**_: object) -> list[str]:
    """All that can be explained, for shells to complete."""
    from gankit.registry import registries

    load_plugins([])
    entries = [entry for registry in registries.values() for entry in registry.entries()]
    return [*registries, *(f"{entry.component.kind}/{entry.name}" for entry in entries)]


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation."""
    from gankit.explaining import explain

    load_plugins(arguments.plugin)
    print(explain(arguments.subject))
    return 0

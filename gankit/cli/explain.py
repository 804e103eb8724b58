"""gankit explain: what a component does and which options it has."""

from __future__ import annotations

import argparse

from gankit.cli.options import add_plugin_option, load_plugins


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("explain", help="tell what a component does and its options", description=__doc__)
    parser.add_argument(
        "subject", metavar="KIND/NAME", help="a component, such as optimizer/adam or just adam; or a kind, such as loss"
    )
    add_plugin_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation."""
    from gankit.explaining import explain

    load_plugins(arguments.plugin)
    print(explain(arguments.subject))
    return 0

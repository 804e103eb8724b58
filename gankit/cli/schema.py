"""gankit schema: the JSON Schema of experiments, for editors to complete and check them."""

from __future__ import annotations

import argparse
import json

from gankit.cli.options import add_plugin_option, load_plugins


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("schema", help="print the JSON Schema of experiments", description=__doc__)
    add_plugin_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the schema with every component that is installed or given."""
    from gankit.config.schema import experiment_schema

    load_plugins(arguments.plugin)
    print(json.dumps(experiment_schema(), indent=2))
    return 0

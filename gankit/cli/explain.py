"""gankit explain: what a component, a kind or a part of an experiment is, and which options it has."""

from __future__ import annotations

import argparse

from gankit.cli.options import add_plugin_option, load_plugins


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("explain", help="tell what a component or an option does", description=__doc__)
    text = (
        "a component, such as optimizer/adam or just adam; a kind, such as loss; or a part of an experiment, such as "
        "training or training.batch (default: the experiment as a whole)"
    )
    subject = parser.add_argument("subject", metavar="SUBJECT", nargs="?", default="experiment", help=text)
    setattr(subject, "completer", _subjects)  # noqa: B010 (where argcomplete looks for it)
    add_plugin_option(parser)
    parser.set_defaults(run=run)


def _subjects(**_: object) -> list[str]:
    """All that can be explained, for shells to complete."""
    from gankit.config.explain import group_options, option_groups
    from gankit.core.registry import registries

    load_plugins([])
    entries = [entry for registry in registries.values() for entry in registry.entries()]
    named = (f"{entry.component.kind}/{entry.name}" for entry in entries)
    return list(dict.fromkeys([*registries, *named, *option_groups(), *group_options()]))


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation."""
    from gankit.config.explain import explain

    load_plugins(arguments.plugin)
    print(explain(arguments.subject))
    return 0

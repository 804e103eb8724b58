"""gankit new-plugin: write a small package with a component of each kind asked for, its tests and an experiment."""

from __future__ import annotations

import argparse
from pathlib import Path


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("new-plugin", help="write a package to begin a plugin with", description=__doc__)
    parser.add_argument("name", metavar="NAME", help="what the plugin is called, such as my-loss; also its folder here")
    parser.add_argument(
        "--kind",
        action="append",
        metavar="KIND[=NAME]",
        help="a kind of component that it shall have, such as block, and what that is called (default: as the plugin); "
        "may be repeated (default: loss)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the package; never over anything."""
    from gankit.scaffold.naming import checked_components, checked_name, module_of, package_of
    from gankit.scaffold.plugin import files_of, write

    name = checked_name(arguments.name)
    components = checked_components(arguments.kind or ["loss"], name)
    write(Path(name), files_of(name, components))
    print(f"wrote {name}/, a plugin with")
    for kind, component in components.items():
        print(f"  {kind} {name}/{component} in {package_of(name)}/{module_of(kind)}.py")
    print(f"try it:\n  cd {name}\n  pip install -e '.[test]'\n  pytest\n  gankit run experiment.yaml")
    return 0

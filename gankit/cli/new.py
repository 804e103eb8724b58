"""gankit init and gankit new-plugin: files to begin with."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from gankit.core.errors import UserError

NAME, FOLDER = "quickstart.yaml", "experiments"


def add_init_options(parser: argparse.ArgumentParser) -> None:
    """Add what else than the quick start there is."""
    text = f"write {FOLDER}/ in its place: every experiment and study that comes with gankit"
    parser.add_argument("--all", action="store_true", help=text)


def init_command(arguments: argparse.Namespace) -> int:
    """Write the quick start's experiment into the current folder, or all that come with gankit.

    Never over another file.
    """
    from gankit.config.loader import bundled_experiment

    quickstart = bundled_experiment("quickstart")
    (_write_all if arguments.all else _write_one)(quickstart)
    if arguments.json:
        from gankit.cli.answers.base import Wrote

        arguments.answer(Wrote(wrote=FOLDER if arguments.all else NAME))
    return 0


def _write_one(file: Path) -> None:
    """Write a copy of the quick start."""
    content = file.read_bytes()
    try:
        with Path(NAME).open("xb") as written:
            written.write(content)
    except FileExistsError:
        raise UserError(f"{NAME}: exists already, and is left as it is") from None
    except OSError as failure:
        raise UserError(f"{NAME}: cannot be written: {failure.strerror}") from None
    print(f"wrote {NAME}; train it with: gankit run {NAME}")


def _write_all(quickstart: Path) -> None:
    """Write all experiments that lie where the quick start does."""
    try:
        shutil.copytree(quickstart.parent, FOLDER)
    except FileExistsError:
        raise UserError(f"{FOLDER}: exists already, and is left as it is") from None
    except (OSError, shutil.Error) as failure:
        raise UserError(f"{FOLDER}: cannot be written: {failure}") from None
    print(f"wrote {FOLDER}/; train one of them with: gankit run {FOLDER}/{NAME}")


def add_new_plugin_options(parser: argparse.ArgumentParser) -> None:
    """Add the name and the kinds."""
    parser.add_argument("name", metavar="NAME", help="what the plugin is called, such as my-loss; also its folder here")
    parser.add_argument(
        "--kind",
        action="append",
        metavar="KIND[=NAME]",
        help="a kind of component that it shall have, such as block, and what that is called (default: as the plugin); "
        "may be repeated (default: loss)",
    )


def new_plugin_command(arguments: argparse.Namespace) -> int:
    """Write a small package with a component of each kind asked for, its tests and an experiment.

    Never over anything.
    """
    from gankit.scaffold.names import checked_components, checked_name, module_of, package_name
    from gankit.scaffold.plugin import files_of, write_plugin

    name = checked_name(arguments.name)
    components = checked_components(arguments.kind or ["loss"], name)
    write_plugin(Path(name), files_of(name, components))
    print(f"wrote {name}/, a plugin with")
    for kind, component in components.items():
        print(f"  {kind} {name}/{component} in {package_name(name)}/{module_of(kind)}.py")
    if arguments.json:
        from gankit.cli.answers.experiments import NewPluginAnswer, ScaffoldedAnswer

        made = [
            ScaffoldedAnswer(kind=kind, name=component, module=f"{package_name(name)}/{module_of(kind)}.py")
            for kind, component in components.items()
        ]
        arguments.answer(NewPluginAnswer(wrote=name, components=made))
    print(f"try it:\n  cd {name}\n  pip install -e '.[test]'\n  pytest\n  gankit run experiment.yaml")
    return 0

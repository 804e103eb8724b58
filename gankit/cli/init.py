"""gankit init: write the quick start's experiment into the current folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from gankit.core.errors import UserError

NAME = "quickstart.yaml"


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("init", help=f"write {NAME} into this folder", description=__doc__)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Copy the bundled experiment; never over another file."""
    from gankit.config.loader import bundled_experiment

    content = bundled_experiment("quickstart").read_bytes()
    try:
        with Path(NAME).open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise UserError(f"{NAME}: exists already, and is left as it is") from None
    except OSError as failure:
        raise UserError(f"{NAME}: cannot be written: {failure.strerror}") from None
    print(f"wrote {NAME}; train it with: gankit run {NAME}")
    return 0

"""Runs in Aim (https://aimstack.io): losses, metrics by resolution, pictures and every option of the experiment."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gankit import UserError, hookimpl, registering
from gankit_aim.observers import Aim
from gankit_aim.repository import find, refuse_address
from gankit_aim.ui import gankit_add_commands as gankit_add_commands

if TYPE_CHECKING:
    from gankit.results.run_results import RunResults

gankit_register = registering(("aim", Aim))


@hookimpl
def gankit_read_runs(place: Path) -> list[RunResults] | None:
    """Read the runs of an Aim repository, or of all in and below a folder."""
    refuse_address(place)
    found = find(place)
    if not found:
        return None
    if find_spec("aim") is None:
        raise UserError(
            f"{found[0]} is an Aim repository, and aim is not installed (it has no release for Python 3.13 and later); "
            "name run folders instead: they are read without it"
        )
    from gankit_aim.reader import read_repositories

    runs = read_repositories(found)
    if not runs:
        raise UserError(f"{', '.join(map(str, found))}: no run of gankit's is tracked there")
    return runs

"""gankit ui: look at runs in Aim.

Starts Aim's user interface for the repository that runs are tracked in, on this machine alone, and opens it with the
FID of every variant at each resolution. Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gankit.core.errors import Interrupted, UserError
from gankit.core.failures import in_short, warn
from gankit.runs.signals import raising_signals
from gankit_aim.places import nearest

if TYPE_CHECKING:
    from gankit_aim.bookmarks import Api


def add_ui(add: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = add("ui", "look at runs in Aim")
    parser.description = __doc__
    parser.add_argument(
        "place",
        type=Path,
        nargs="?",
        default=Path("runs"),
        metavar="RUNS",
        help="a folder with an Aim repository in it, below it or above it (default: runs)",
    )
    parser.add_argument("--port", type=int, metavar="N", help="where on 127.0.0.1 (default: a port that is free)")
    parser.add_argument("--no-browser", action="store_true", help="print the address, and open no browser")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to end."""
    if find_spec("aim") is None:
        raise UserError("aim is not installed (it has no release for Python 3.13 and later); gankit compare needs none")
    from gankit_aim.server import HOST, Server

    repository = nearest(arguments.place)
    with raising_signals(), Server(repository, arguments.port) as server:
        views = _views(server.wait_until_ready(), repository)
        addresses = [f"http://{HOST}:{server.port}{path}" for path in views.values()]
        try:
            for name, address in zip(views, addresses, strict=True):
                print(f"{address}  {name}")
            print(f"Aim shows {repository}; Ctrl-C ends it.", flush=True)
            if not arguments.no_browser and has_display():
                import webbrowser

                webbrowser.open(addresses[0])
            server.wait()
        except Interrupted:  # that is how it is meant to end
            return 0
    return 0


def _views(api: Api, repository: Path) -> dict[str, str]:
    """The paths of gankit's views by their names, the one to open first; of Aim's own if it cannot take them."""
    from gankit_aim.board import BOOKMARKS
    from gankit_aim.bookmarks import placed
    from gankit_aim.repository import exclusive

    try:
        with exclusive(str(repository.parent)):
            return {bookmark.name: f"/{bookmark.page}/{placed(api, bookmark)}" for bookmark in BOOKMARKS}
    except (OSError, ValueError) as failure:
        warn(f"Aim does not take gankit's views: {in_short(failure)}")
        return {"Aim": "/"}


def has_display() -> bool:
    """Whether somebody sees what is printed, and a browser can be opened for them."""
    anywhere = sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    return anywhere and sys.stdout.isatty()

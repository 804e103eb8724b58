"""gankit ui: look at runs in Aim.

Starts Aim's user interface for the repository that runs are tracked in, on this machine alone, and opens it with the
FID, or what else was measured, of every variant at each stage: of the runs in a folder that is named, alone.
Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from gankit import hookimpl
from gankit.cli.json_output import add_json_options
from gankit.core.errors import Interrupted, RunError, UserError
from gankit.core.failures import in_short, warn
from gankit.core.options import absolute
from gankit.runs.signals import raising_signals
from gankit_aim.own_pages import OwnPagesOnly
from gankit_aim.repository import exclusive, nearest

if TYPE_CHECKING:
    from gankit.cli.answers.base import Answer
    from gankit.results.run_results import RunResults

HOST = "127.0.0.1"


@hookimpl
def gankit_add_commands(add: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = add("ui", "look at runs in Aim")
    parser.description = __doc__
    parser.add_argument(
        "place",
        type=Path,
        nargs="?",
        default=Path("runs"),
        metavar="RUNS",
        help="a folder with an Aim repository in or below it, or above it: then its own runs are shown (default: runs)",
    )
    parser.add_argument("--port", type=int, metavar="N", help="where on 127.0.0.1 (default: a port that is free)")
    allowed = "a name by which a proxy asks for it, beside localhost; may be repeated"
    parser.add_argument("--allow-host", action="append", default=[], metavar="HOST", help=allowed)
    parser.add_argument("--no-browser", action="store_true", help="print the address, and open no browser")
    add_json_options(parser, _answers)
    parser.set_defaults(run=run)


def _answers() -> type[Answer]:
    """What is said with --json."""
    from gankit_aim.answers import UiAnswer

    return UiAnswer


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to end."""
    if find_spec("aim") is None:
        raise UserError("aim is not installed (it has no release for Python 3.13 and later); gankit compare needs none")
    repository = nearest(arguments.place)
    if not (repository / "aim_db").exists():
        print(f"Aim makes its database in {repository}, which takes some seconds this once ...", flush=True)
    with listening(arguments.port) as listener, raising_signals():
        server = start(repository, listener, arguments.allow_host)
        views = bookmarked(repository, arguments.place)
        addresses = [f"http://{HOST}:{listener.getsockname()[1]}{path}" for path in views.values()]
        try:
            for name, address in zip(views, addresses, strict=True):
                print(f"{address}  {name}")
            print(f"Aim shows {repository}; Ctrl-C ends it.", flush=True)
            if arguments.json:
                from gankit_aim.answers import UiAnswer

                shown = dict(zip(views, addresses, strict=True))
                arguments.answer(UiAnswer(views=shown, repository=str(repository)))
            if not arguments.no_browser and has_display():
                import webbrowser

                webbrowser.open(addresses[0])
            server.join()
        except Interrupted:  # that is how it is meant to end
            return 0
    raise RunError("the server of Aim's user interface has ended")


def listening(port: int | None) -> socket.socket:
    """A socket on loopback, where there is room if no port is named; whoever connects waits until Aim serves it.

    Raises:
        UserError: if the port cannot be had.
    """
    try:
        return socket.create_server((HOST, port or 0))
    except (OSError, OverflowError) as problem:
        why = os.strerror(problem.errno) if isinstance(problem, OSError) and problem.errno else problem
        raise UserError(f"--port {port}: {why} on {HOST}; without --port one that is free is chosen") from None


def start(repository: Path, listener: socket.socket, hosts: Sequence[str] = ()) -> Thread:
    """What `aim up` does, in a thread of this process, so that nothing is left whatever ends it.

    It answers its own pages alone, under the names of loopback and `hosts`.

    Raises:
        RunError: if Aim cannot serve the repository; says what Aim said.
    """
    logging.disable()  # what Aim says of its own affairs
    warnings.simplefilter("ignore")
    from aim.cli.utils import build_db_upgrade_command
    from aim.sdk.index_manager import RepoIndexManager
    from aim.sdk.repo import Repo, RepoStatus
    from aim.sdk.run_status_manager import RunStatusManager
    from aim.web.configs import AIM_ENV_MODE_KEY, AIM_UI_MOUNTED_REPO_PATH

    root = str(repository.absolute().parent)
    if Repo.check_repo_status(root) != RepoStatus.UPDATED:
        raise RunError(f"{repository} is not in the form of this version of Aim")
    os.environ |= {AIM_ENV_MODE_KEY: "prod", AIM_UI_MOUNTED_REPO_PATH: root}  # where Aim's server looks for them
    with exclusive(root):
        alone = {**os.environ, "PYTHONSAFEPATH": "1"}  # nothing in the current folder is imported
        made = subprocess.run(build_db_upgrade_command(), capture_output=True, text=True, check=False, env=alone)
    if made.returncode:
        raise RunError(f"Aim cannot serve {repository}; it said:\n{made.stderr.strip()}")
    from uvicorn import Config, Server

    for manager in (RepoIndexManager, RunStatusManager):  # each with a repository of its own: they run in threads
        manager(Repo(root)).start()
    from aim.web.run import app

    server = Server(Config(OwnPagesOnly(app, hosts), log_config=None))
    thread = Thread(target=server.run, args=[[listener]], daemon=True)
    thread.start()
    return thread


def bookmarked(repository: Path, place: Path) -> dict[str, str]:
    """The paths of gankit's views by their names, the one to open first; of Aim's own if it cannot take them."""
    from gankit_aim.bookmarks import paths_in, views

    try:
        return paths_in(repository, views(*runs_to_see(repository, place)))
    except sqlite3.Error as failure:
        warn(f"Aim does not take gankit's views: {in_short(failure)}")
        return {"Aim": "/"}


def runs_to_see(repository: Path, place: Path) -> tuple[list[RunResults], Path | None]:
    """The tracked runs that are in `place`, and the folder; all there are, and None, if the repository is in it too."""
    from gankit_aim.reader import read_repositories

    runs, here = read_repositories([repository]), absolute(place)
    if absolute(repository).is_relative_to(here):
        return runs, None
    if not (inside := [run for run in runs if run.path.is_relative_to(here)]):
        warn(f"no run in {place} is tracked in {repository}, so all that are tracked there are shown")
        return runs, None
    return inside, here


def has_display() -> bool:
    """Whether somebody sees what is printed, and a browser can be opened for them."""
    anywhere = sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    return anywhere and sys.stdout.isatty()

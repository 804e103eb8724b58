"""Aim repositories on disk: found, made, locked, and cleared of runs.

Aim itself is imported only where it is needed.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from gankit import UserError

if TYPE_CHECKING:
    import aim

T = TypeVar("T")

NAME = ".aim"
"""What the folder of a repository is called."""
HOW = "runs get into one by the observer 'aim', as those of gankit run experiments/quickstart.yaml do"
"""Said where none is found."""
LEVELS = 3
"""How far above a run's folder its repository is at most, by default: RUNS/STUDY/VARIANT/seed-N."""
PATIENCE = 5.0
"""Seconds to wait for the index or database of a repository, which other processes take for moments."""


class HeldError(Exception):
    """A process still writes to a run."""


def find(place: Path) -> list[Path]:
    """The folders called .aim that are meant by `place`: itself, or all in it and below it; in order of their paths."""
    return [place] if place.name == NAME and _is_one(place) else sorted(_below(place))


def nearest(place: Path) -> Path:
    """The one folder called .aim that is meant by `place`: itself, or that in it, below it or, if none is, right above.

    Raises:
        UserError: if there is none, or several below.
    """
    refuse_address(place)
    if not place.exists():
        raise UserError(f"there is no {place}; {HOW}")
    found = [place / NAME] if _is_one(place / NAME) else find(place)
    if len(found) > 1:
        raise UserError(f"there are several Aim repositories in {place}, name one: {', '.join(map(str, found))}")
    above = (folder / NAME for folder in place.absolute().parents[:LEVELS])
    for repository in [*found, *filter(_is_one, above)]:
        return repository
    raise UserError(f"there is no Aim repository in {place}, nor right above; {HOW}")


def refuse_address(place: Path) -> None:
    """Only repositories on disk are read: the address of a server raises a UserError."""
    if place.parts[:1] == ("aim:",):
        raise UserError(
            f"aim://{'/'.join(place.parts[1:])} is a server of Aim: name the folder .aim that it serves, on the "
            "machine that holds it"
        )


def make(repo: str) -> None:
    """Make a folder a repository, if it is none, and remove the lock of a process that was killed in it."""
    import aim

    if is_remote(repo):
        return
    if not exists(repo):
        aim.Repo.from_path(repo, init=True)
    lock = Path(repo) / NAME / "locks" / "structured_db_lock"  # held for moments, while a run is entered
    deadline = time.monotonic() + PATIENCE
    while lock.exists():
        if time.monotonic() > deadline:
            lock.unlink(missing_ok=True)
        time.sleep(0.1)


def index(home: aim.Repo, run_hash: str) -> None:
    """Let queries find a run as it is now; Aim itself leaves that to the server of its user interface."""
    from aim.sdk.index_manager import RepoIndexManager  # no public name; a test watches over it

    if not home.is_remote_repo:
        with exclusive(home.root_path):
            manager = RepoIndexManager.get_index_manager(home)
            _patiently(lambda: manager.index(run_hash))


def remove(repo: str, run_hash: str) -> None:
    """Remove a run, if it is there, with all that a killed process left of it: locks, marks, half of a removal.

    Raises:
        HeldError: if a process has it still, and would write what is left of it anew.
        FileNotFoundError: if there is no repository.
    """
    import aim

    if not exists(repo):
        raise FileNotFoundError(f"there is no Aim repository in {repo} any more")
    if _is_held(Path(repo), run_hash):
        raise HeldError("a process still writes to it")
    with exclusive(repo):
        home = aim.Repo.from_path(repo)
        # the public delete_run logs what went wrong instead of raising it
        answer = _patiently(lambda: home._delete_run(run_hash))
        remains = home.structured_db.find_run(run_hash) if home.structured_db else answer is False
    if remains:
        raise RuntimeError("Aim did not remove it")


def holds(repo: str, run_hash: str) -> bool:
    """Whether there is anything of a run in a folder's repository, indexed or not."""
    return (Path(repo) / NAME / "meta" / "chunks" / run_hash).exists()


def exists(repo: str) -> bool:
    """Whether a folder is a complete repository; of an address that is not known."""
    return is_remote(repo) or (Path(repo) / NAME / "VERSION").exists()  # what Aim writes last


def is_remote(repo: str) -> bool:
    """Whether `repo` is an address."""
    return "://" in repo


@contextmanager
def exclusive(repo: str) -> Iterator[None]:
    """One process at a time makes a folder a repository or writes its index; Aim itself does not see to that."""
    from filelock import FileLock

    if is_remote(repo):
        yield
    else:
        Path(repo).mkdir(parents=True, exist_ok=True)
        with FileLock(Path(repo) / ".aim.lock", timeout=60):
            yield


def _patiently(attempt: Callable[[], T]) -> T:
    """What `attempt` gives, tried again for some seconds while another process has the index."""
    from aimrocks.errors import RocksIOError

    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return attempt()
        except RocksIOError as problem:
            if "lock" not in str(problem).lower() or time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def _is_held(repo: Path, run_hash: str) -> bool:
    """Whether another process has a database of a run open for writing, as RocksDB's locks on them tell."""
    for kind in ("meta", "seqs"):
        with suppress(OSError), (repo / NAME / kind / "chunks" / run_hash / "LOCK").open("r+b") as lock:
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):  # which of them depends on the system
                return True
    return False


def _below(place: Path) -> Iterator[Path]:
    """Those in `place` and in the folders below it, hidden ones left out."""
    for folder, inside, _ in os.walk(place):
        if NAME in inside and _is_one(found := Path(folder, NAME)):
            yield found
        inside[:] = [name for name in inside if not name.startswith(".")]


def _is_one(folder: Path) -> bool:
    """Whether a folder holds what Aim keeps of runs."""
    return (folder / "meta").is_dir()

"""Aim repositories: runs are begun in them, entered in their index, and removed."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import aim  # noqa: TID253
from aim.storage.rockscontainer import RocksAutoClean  # noqa: TID253
from aimrocks.errors import RocksIOError
from filelock import FileLock

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds to wait for the index or database of a repository, which other processes take for moments."""


def _close(self: RocksAutoClean) -> None:
    """What Aim does when it closes a database, but for writing it anew in the form that is fastest to read.

    In that RocksDB waits for room when the disk is full. Nothing is lost without: all that was tracked is in the
    database's log, and whoever reads it next writes it anew.
    """
    self._db = None
    if self._lock is not None:
        self._lock.release()
    if self._progress_path is not None:
        self._progress_path.unlink(missing_ok=True)
    self._lock = self._progress_path = None


RocksAutoClean._close = _close


class HeldError(Exception):
    """A process still writes to a run."""


class RunToBe(aim.Run):
    """An Aim run that tells its hash before anything of it is written, so that no trace of it can be lost."""

    def __init__(self, announce: Callable[[str], None], **options: Any) -> None:
        self._announce = announce
        super().__init__(**options)

    @property
    def hash(self) -> str:
        """What Aim knows it by."""
        return self._own_hash

    @hash.setter
    def hash(self, chosen: str) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._announce(chosen)
        self._own_hash = chosen


def begin(repo: str, experiment: str, announce: Callable[[str], None]) -> aim.Run:
    """A new run in `repo`, a folder or aim://HOST:PORT; a folder that is no repository is made one.

    Args:
        repo: Where.
        experiment: The experiment under which Aim files it.
        announce: Is told the run's hash before there is anything of it.

    Raises:
        Exception: whatever Aim raises if it cannot write there.
    """
    if not is_remote(repo):
        Path(repo).mkdir(parents=True, exist_ok=True)
    with exclusive(repo):
        if not exists(repo):
            aim.Repo.from_path(repo, init=True)
        _break_stale_lock(repo)
        return RunToBe(
            announce,
            repo=repo,
            experiment=experiment,
            log_system_params=False,  # would store environment variables, passwords in addresses included
            system_tracking_interval=None,
            capture_terminal_logs=False,
        )


def refuse_broken(tracked: aim.Run) -> None:
    """Notice that what a run is told goes nowhere, since the thread that passes it on to a server has died of an error.

    Raises:
        ConnectionError: then; Aim itself does not say it.
    """
    if tracked.repo.is_remote_repo and not tracked.repo._client.get_queue()._thread.is_alive():
        raise ConnectionError(f"the connection to {tracked.repo.root_path} broke, and nothing more is shown there")


def flush(tracked: aim.Run) -> None:
    """Wait until all that a run was told has reached its server.

    Raises:
        ConnectionError: if it never will.
    """
    refuse_broken(tracked)
    if tracked.repo.is_remote_repo:
        tracked.repo._client.get_queue().wait_for_finish()


def index(home: aim.Repo, run_hash: str) -> None:
    """Let queries find a run as it is now; Aim itself leaves that to the server of its user interface.

    Raises:
        Exception: whatever Aim raises if it cannot write the index.
    """
    from aim.sdk.index_manager import RepoIndexManager  # no public name; a test watches over it

    if home.is_remote_repo:
        return
    with exclusive(home.root_path):
        manager = RepoIndexManager.get_index_manager(home)
        _patiently(lambda: manager.index(run_hash))


def remove(repo: str, run_hash: str) -> None:
    """Remove a run that nothing writes to any more, if it is there.

    Whatever a killed process left of it goes too: locks, marks of progress, half of a removal.

    Raises:
        HeldError: if a process has it still, and would write what is left of it anew.
        FileNotFoundError: if there is no repository.
        Exception: whatever Aim raises if it cannot.
    """
    if not exists(repo):
        raise FileNotFoundError(f"there is no Aim repository in {repo} any more")
    if not is_remote(repo) and _is_held(Path(repo), run_hash):
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
    return (Path(repo) / ".aim" / "meta" / "chunks" / run_hash).exists()


def exists(repo: str) -> bool:
    """Whether a folder is a complete repository; of an address that is not known."""
    return is_remote(repo) or (Path(repo) / ".aim" / "VERSION").exists()  # what Aim writes last


def same(one: str, other: str) -> bool:
    """Whether two names mean one repository."""
    if is_remote(one) or is_remote(other):
        return one == other
    return Path(one).resolve() == Path(other).resolve()


def is_remote(repo: str) -> bool:
    """Whether `repo` is an address."""
    return "://" in repo


def _break_stale_lock(repo: str) -> None:
    """Remove the lock of a process that was killed while it entered a run in Aim's database, a matter of moments."""
    lock = Path(repo) / ".aim" / "locks" / "structured_db_lock"
    deadline = time.monotonic() + PATIENCE
    while lock.exists():
        if time.monotonic() > deadline:
            lock.unlink(missing_ok=True)
        time.sleep(0.1)


def _is_held(repo: Path, run_hash: str) -> bool:
    """Whether another process has a database of a run open for writing, as RocksDB's locks on them tell."""
    for kind in ("meta", "seqs"):
        with suppress(OSError), (repo / ".aim" / kind / "chunks" / run_hash / "LOCK").open("r+b") as lock:
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):  # which of them depends on the system
                return True
    return False


@contextmanager
def exclusive(repo: str) -> Iterator[None]:
    """One process at a time makes a folder a repository or writes its index; Aim itself does not see to that."""
    if is_remote(repo):
        yield
    else:
        with FileLock(Path(repo) / ".aim.lock", timeout=60):
            yield


def _patiently(attempt: Callable[[], T]) -> T:
    """What `attempt` gives, tried again for some seconds while another process has the index."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return attempt()
        except RocksIOError as problem:
            if "lock" not in str(problem).lower() or time.monotonic() > deadline:
                raise
        time.sleep(0.2)

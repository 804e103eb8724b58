"""One process a run folder."""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from gankit.errors import UserError

LOCK = ".lock"
HOLDER = ".holder.json"


class RunLock:
    """Holds a run's folder for this process; the system frees it when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Take the folder.

        Raises:
            UserError: naming the process that has it.
            OSError: if the folder cannot be written to.
        """
        self._lock = FileLock(folder / LOCK, timeout=0)
        self._holder = folder / HOLDER
        try:
            self._lock.acquire()
        except Timeout:
            raise UserError(f"{folder} is in use by {self._held_by()}; wait for it, or end it") from None
        since = datetime.now(UTC).isoformat(timespec="seconds")
        holder = {"process": os.getpid(), "host": socket.gethostname(), "since": since}
        self._holder.write_text(json.dumps(holder) + "\n", encoding="utf-8")

    def release(self) -> None:
        """Let others have the folder."""
        self._holder.unlink(missing_ok=True)
        self._lock.release()

    def _held_by(self) -> str:
        """Who has the folder, in words."""
        try:
            holder = json.loads(self._holder.read_text(encoding="utf-8"))
            return f"process {holder['process']} on {holder['host']} since {holder['since']}"
        except (OSError, ValueError, KeyError):  # it may be about to write it
            return "another process"

"""What Slurm says of its jobs. It is asked by squeue and scontrol, for sacct needs a database that not all have."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection


def queued() -> set[str] | None:
    """The ids of this user's jobs that wait, run or end; None if Slurm does not answer, which it may again later."""
    command = ["squeue", "--noheader", "--format=%A", f"--user={os.getuid()}"]
    answer = subprocess.run(command, capture_output=True, text=True)
    return set(answer.stdout.split()) if answer.returncode == 0 else None


def state(job_id: str) -> str:
    """What became of a job, such as CANCELLED or NODE_FAIL; UNKNOWN if Slurm has forgotten it."""
    answer = subprocess.run(["scontrol", "--oneliner", "show", "job", job_id], capture_output=True, text=True)
    found = re.search(r"\bJobState=(\w+)", answer.stdout)
    return found[1] if found else "UNKNOWN"


def cancel(job_ids: Collection[str]) -> None:
    """Have Slurm ask jobs to leave; it kills those that have not after the KillWait of its configuration."""
    if job_ids:
        subprocess.run(["scancel", *job_ids], capture_output=True)

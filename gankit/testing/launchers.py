"""Rules for launchers."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from gankit.config.loader import bundled_experiment, load_experiment
from gankit.core.errors import Interrupted, UserError
from gankit.kinds import Job, Launcher
from gankit.runs.signals import raising_signals
from gankit.testing.rules import Broken, Trial, rule

STATUSES = {"one/seed-0": 0, "two/seed-0": 3, "three/seed-0": -signal.SIGUSR1}
"""Three jobs by their names, and how each ends."""
PROGRAM = """
import os, sys
print('to standard output', flush=True)
print('to standard error', file=sys.stderr, flush=True)
{end}
"""
STUBBORN = """
import os, signal, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # until it has said that it began
def leave(number, frame):
    time.sleep(0.5)
    print('saved', flush=True)
    os._exit(143)
signal.signal(signal.SIGTERM, leave)
print('began', os.getpid(), flush=True)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
time.sleep(60)
os._exit(1)
"""
PATIENCE = 30.0
"""Seconds after which a launcher counts as hanging."""


@dataclass
class Carried:
    """How a launcher carried out the three jobs."""

    ended: list[tuple[str, int]] = field(default_factory=list)
    """Names and statuses, in the order in which they were yielded."""
    logs: dict[str, str] = field(default_factory=dict)
    """What the log of each job held; the first had a line before."""
    refused: str = ""
    """Why it could not be tried here."""


@rule(Launcher, examples=2, implied=("keeps-logs",))
def carries_out_every_job(trial: Trial[Launcher]) -> None:
    """Every job is yielded once, with its exit status: 0, another number, or below zero the signal that killed it."""
    ended = _carried(trial).ended
    if sorted(ended) != sorted(STATUSES.items()):
        raise Broken(f"jobs that end with {STATUSES} were yielded as {ended}")


@rule(Launcher, examples=2)
def keeps_logs(trial: Trial[Launcher]) -> None:
    """Both outputs of a job are appended to its log, whose folder the launcher makes if need be."""
    for name, log in _carried(trial).logs.items():
        expected = ["before"] * (name == next(iter(STATUSES))) + ["to standard output", "to standard error"]
        if lost := [line for line in expected if line not in log]:
            raise Broken(f"the log of job {name!r} lacks {lost}; it holds {log!r:.300}")


@rule(Launcher, examples=2)
def leaves_when_interrupted(trial: Trial[Launcher]) -> None:
    """When it is closed early, jobs under way get SIGTERM and time to save, and no other begins."""
    _carried(trial)  # skips one that lacks something here, such as a cluster
    if threading.current_thread() is not threading.main_thread():
        trial.skip_if("signals come to the main thread alone")
    with TemporaryDirectory() as folder:
        jobs = [_job(Path(folder), f"job-{number}", STUBBORN) for number in range(3)]
        with (
            raising_signals(),
            _interrupted_once_begun(jobs),
            closing(trial.component.launch(jobs)) as ended,
            suppress(Interrupted),
        ):
            for job, status in ended:
                raise Broken(f"{job.name} is said to have ended with {status}, but runs")
        begun = [log for job in jobs if (log := _read(job.log))]
        left = [number for log in begun if is_running(number := int(log.split()[1]))]
        for number in left:
            os.kill(number, signal.SIGKILL)
        if left:
            raise Broken(f"{len(left)} of {len(begun)} jobs run on when it is closed; send SIGTERM, wait for their end")
        if not all("saved" in log for log in begun):
            raise Broken("a job was killed before it could save; send SIGTERM and wait for its end")
        if len([log for job in jobs if (log := _read(job.log))]) > len(begun):
            raise Broken("a job began after it was closed")


def _carried(trial: Trial[Launcher]) -> Carried:
    """What the launcher did with the jobs; skips one that lacks something here."""
    carried = trial.once(_carried_out)
    trial.skip_if(carried.refused)
    return carried


def _carried_out(launcher: Launcher) -> Carried:
    experiment = load_experiment(bundled_experiment("quickstart"), check=False)
    carried = Carried(refused=launcher.missing(experiment) or "")
    if carried.refused:
        return carried
    with TemporaryDirectory() as folder:
        ends = {0: "", 3: "sys.exit(3)", -signal.SIGUSR1: f"os.kill(os.getpid(), {int(signal.SIGUSR1)})"}
        jobs = [_job(Path(folder), name, PROGRAM.format(end=ends[status])) for name, status in STATUSES.items()]
        jobs[0].log.parent.mkdir()
        jobs[0].log.write_text("before\n")
        try:
            with closing(launcher.launch(jobs)) as ended:
                carried.ended = [(job.name, status) for job, status in ended]
        except UserError as refused:
            carried.refused = str(refused)
        carried.logs = {job.name: _read(job.log) for job in jobs}
    return carried


def _job(folder: Path, name: str, program: str) -> Job:
    return Job(name, [sys.executable, "-P", "-S", "-c", program], folder / f"{name}.log")


def _read(log: Path) -> str:
    return log.read_text() if log.exists() else ""


@contextmanager
def _interrupted_once_begun(jobs: list[Job]) -> Iterator[None]:
    """Within this context the process gets SIGTERM as soon as a job has begun, or when patience is at its end."""
    over = threading.Event()

    def interrupt() -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and not any("began" in _read(job.log) for job in jobs):
            if over.wait(0.02):
                return
        if not over.wait(0.1):  # so that those that begin together have begun
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def is_running(number: int) -> bool:
    """Whether there is a process of that id that is more than an exit status nobody has asked for."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return not Path("/proc/self").exists()

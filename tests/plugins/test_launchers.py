"""Launchers on one machine: how many at once, in what environment, and how they end."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gankit import Job
from gankit_launchers.launchers import Processes, Sequential

TELL = "import os, time; print(os.environ.get('OMP_NUM_THREADS'), os.environ.get('CUDA_VISIBLE_DEVICES'), flush=True);"


def jobs(folder: Path, *programs: str) -> list[Job]:
    return [
        Job(f"job-{number}", [sys.executable, "-c", TELL + program], folder / "logs" / f"{number}.log")
        for number, program in enumerate(programs)
    ]


def said(job: Job) -> list[str]:
    return job.log.read_text().split()


def meeting(folder: Path, count: int) -> str:
    """A program that goes on when so many like it have begun."""
    return f"""
import pathlib
begun, until = pathlib.Path({str(folder / "begun")!r}), time.monotonic() + 100
begun.mkdir(exist_ok=True)
(begun / str(os.getpid())).touch()
while len([*begun.iterdir()]) < {count} and time.monotonic() < until:
    time.sleep(0.02)
"""


@pytest.fixture(autouse=True)
def no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.mark.parametrize("launcher", [Sequential(), Processes(count=2)])
def test_every_job_ends_with_its_status(launcher: Sequential | Processes, tmp_path: Path) -> None:
    given = jobs(tmp_path, "", "raise SystemExit(3)", "os.kill(os.getpid(), 9)", "")
    ended = {job.name: status for job, status in launcher.launch(given)}
    assert ended == {"job-0": 0, "job-1": 3, "job-2": -9, "job-3": 0}


def test_sequential_jobs_each_begins_when_the_one_before_has_ended(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    alone = f"import pathlib; m = pathlib.Path({str(mark)!r}); m.touch(exist_ok=False); time.sleep(0.1); m.unlink()"
    assert [job.name for job, status in Sequential().launch(jobs(tmp_path, alone, alone, alone)) if status == 0] == [
        "job-0",
        "job-1",
        "job-2",
    ]


def test_processes_run_side_by_side_and_no_more_than_asked_for(tmp_path: Path) -> None:
    at_once = f"""
here = pathlib.Path({str(tmp_path)!r}) / str(os.getpid())
here.touch()
{meeting(tmp_path, 3)}
most = 0
for _ in range(15):
    most = max(most, len([p for p in here.parent.iterdir() if p.name.isdecimal()]))
    time.sleep(0.02)
here.unlink()
print(most)
"""
    given = jobs(tmp_path, *["import pathlib" + at_once] * 6)
    assert all(status == 0 for _, status in Processes(count=3).launch(given))
    assert max(int(said(job)[-1]) for job in given) == 3


def test_each_process_has_its_share_of_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(8), raising=False)
    for count, threads in ((None, "2"), (2, "4"), (3, "2")):
        given = jobs(tmp_path / str(count), *[""] * (4 if count is None else 2 * count))
        list(Processes(count=count).launch(given))
        assert {said(job)[0] for job in given} == {threads}


def test_the_share_does_not_grow_when_few_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was killed before it had begun, and is begun when the others are finished, comes to the same bits."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(8), raising=False)
    (left,) = [job._replace(among=4) for job in jobs(tmp_path, "")]
    list(Processes().launch([left]))
    assert said(left)[0] == "2"


def test_each_process_has_a_gpu_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    given = jobs(tmp_path, *[meeting(tmp_path, 2)] * 2)
    list(Processes().launch(given))
    assert [said(job)[1] for job in given] == ["3", "5"]


@pytest.mark.parametrize("hidden", ["-1", "-1,0", " -1", ""])
def test_without_a_gpu_each_core_has_a_process(hidden: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(4), raising=False)
    given = jobs(tmp_path, *[""] * 8)
    list(Processes().launch(given))
    assert {job.log.read_text() for job in given} == {f"1 {hidden}\n"}


def test_parts_of_a_gpu_are_no_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = (
        "GPU 0: NVIDIA A100 (UUID: GPU-1)\n  MIG 3g.20gb Device 0: (UUID: MIG-1)\nGPU 1: NVIDIA A100 (UUID: GPU-2)\n"
    )
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\ncat <<END\n{listed}END\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    given = jobs(tmp_path, *[meeting(tmp_path, 2)] * 2, *[meeting(tmp_path, 4)] * 2)
    list(Processes().launch(given))
    assert sorted(said(job)[1] for job in given) == ["0", "0", "1", "1"]


def test_sequential_leaves_the_environment_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    given = jobs(tmp_path, "")
    list(Sequential().launch(given))
    assert said(given[0])[0] == "7"


STUBBORN = """
import signal, sys
def leave(number, frame):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    print("leaving", flush=True)
    time.sleep({seconds})
    print("saved", flush=True)
    sys.exit(143)
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
time.sleep(60)
"""


def ready(given: Sequence[Job], word: str = "ready") -> None:
    until = time.monotonic() + 300
    while not all(job.log.exists() and word in said(job) for job in given):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_when_it_is_closed_those_under_way_save_and_leave_and_no_other_begins(tmp_path: Path) -> None:
    given = jobs(tmp_path, "", STUBBORN.format(seconds=0.2), STUBBORN.format(seconds=0.2), "")
    launched = Processes(count=2).launch(given)
    next(launched)
    ready(given[1:2])
    launched.close()
    assert said(given[1])[-1] == "saved"
    assert not given[3].log.exists()


@pytest.fixture
def heeds_interrupts() -> Iterator[None]:
    """SIGINT is raised as KeyboardInterrupt, though a shell starts what runs in the background with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_interrupts")
def test_who_is_interrupted_again_does_not_wait(tmp_path: Path) -> None:
    given = jobs(tmp_path, STUBBORN.format(seconds=600))
    launched = Sequential().launch(given)

    def twice() -> None:
        ready(given)
        os.kill(os.getpid(), signal.SIGINT)
        ready(given, "leaving")
        os.kill(os.getpid(), signal.SIGINT)

    interrupt = threading.Thread(target=twice)
    interrupt.start()
    since = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        next(launched)
    interrupt.join()
    assert time.monotonic() - since < 300
    assert "saved" not in said(given[0])

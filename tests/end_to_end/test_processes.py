"""Runs of several processes that are interrupted, killed and left, and what they compute beside one process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from support.command import QUICKSTART, gankit, rows

pytestmark = pytest.mark.slow

SUPPORT = Path(__file__).parents[1] / "support"
EXPERIMENTS = Path(__file__).parents[2] / "experiments" / "small"
TIME = 60
"""Seconds within which all processes of a run are gone once one is."""
SETTINGS = [
    *("--set", "growth={use: fixed, resolution: 4, images: 1200}", "--set", "checkpoints={every: 200, keep: 20}"),
    *("--set", "generator.channels=8", "--set", "discriminator.channels=8"),
    *("--set", "training.batch=8", "--set", "training.device=cpu", "--set", "training.threads=1"),
    *("--set", "evaluation.metrics=[]", "--set", "training.processes=2", "--no-rehearsal"),
]
PLUGIN = """
import os, time
import gankit

class Restless(gankit.Observer):
    '''Has the run go back once.'''

    def callback(self, run):
        return Restlessness(run)

class Restlessness(gankit.Callback):
    def __init__(self, run):
        self.run = run

    def on_update(self, progress, scalars):
        if progress.images == 504 and not self.run.attempt:
            self.run.roll_back("it may be better", 0.5)

class Slow(gankit.Regularizer):
    '''Takes its time, and fails in one process if it is told to.'''

    def discriminator(self, step):
        import torch.distributed as dist

        time.sleep(0.02)
        fails_at = int(os.environ.get("FAILS_AT", "-1"))
        if fails_at == step.progress.images and dist.is_initialized() and dist.get_rank() == 1:
            raise ValueError("something is amiss here")
        return None

gankit_register = gankit.registering(("slow", Slow), ("restless", Restless))
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    file = tmp_path / "slow.py"
    file.write_text(PLUGIN)
    return file


def command(plugin: Path, *more: object) -> list[str]:
    observers = "observers=[{use: progress, enabled: false}]"
    settings = [*SETTINGS, "--set", "regularizers=[slow/slow]", "--set", observers, "--plugin", plugin]
    return [str(word) for word in ("run", QUICKSTART, *settings, *more)]


class Run:
    """A command under way."""

    def __init__(
        self, arguments: Sequence[str], folder: Path, launcher: Sequence[str] = (), **environment: str
    ) -> None:
        self.said = folder / "said"
        python = [sys.executable, "-m", *launcher, *(["-m"] if launcher else []), "gankit"]
        with self.said.open("w") as said:
            self.process = subprocess.Popen(
                [*python, *arguments],
                cwd=folder,
                stdout=said,
                stderr=said,
                env={**os.environ, "GANKIT_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1", **environment},
            )

    def until(self, images: int, run: Path) -> None:
        """Wait until a checkpoint was written at or after so many images."""
        end = time.monotonic() + 180
        while not any(int(path.name) >= images for path in run.glob("checkpoints/0*")):
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < end, self.said.read_text()
            time.sleep(0.05)

    def others(self) -> list[int]:
        """Its child processes that are Python's."""
        return list(children(self.process.pid))


def children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            if "follower" in Path(f"/proc/{child}/cmdline").read_text():
                yield child


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0] != "Z"
    except OSError:
        return False


def gone_in_time(pids: Sequence[int]) -> bool:
    end = time.monotonic() + TIME
    while any(map(is_there, pids)):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def same_bits(one: Path, other: Path) -> bool:
    if (one / "metrics.jsonl").read_bytes() != (other / "metrics.jsonl").read_bytes():
        return False
    last = sorted(one.glob("checkpoints/0*"))[-1]
    files = [*last.glob("*.safetensors"), last / "training.pt"]
    return all(file.read_bytes() == (other / file.relative_to(one)).read_bytes() for file in files)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    (folder / "slow.py").write_text(PLUGIN)
    done = gankit(command(folder / "slow.py", "--out", "run"), folder)
    assert done.returncode == 0, done.stderr
    return folder / "run"


def resumed(folder: Path) -> Path:
    done = gankit(["resume", "run", "--no-rehearsal"], folder)
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
def test_a_process_that_is_killed_ends_the_run_which_goes_on_to_the_same_bits(
    number: signal.Signals, plugin: Path, tmp_path: Path, uninterrupted: Path
) -> None:
    run = Run(command(plugin, "--out", "run"), tmp_path)
    run.until(200, tmp_path / "run")
    (other,) = run.others()
    os.kill(other, number)
    assert run.process.wait(TIME) == 1
    assert f"process 1 of the run was ended by {number.name}" in run.said.read_text()
    assert "Traceback" not in run.said.read_text()
    assert same_bits(uninterrupted, resumed(tmp_path))


UNAWARE = """
import sys, time
from functools import partial
from pathlib import Path

import gankit
from gankit.config.loader import load_experiment
from gankit.runs import others
from gankit.runs.loop import TrainingLoop
from gankit.runs.start import begin

others.GRACE = 0.5

class Blocked(gankit.Callback):
    '''Loses the other process and waits for ever, as for a GPU that waits for that one's.'''

    def __init__(self, run):
        self.run = run

    def on_update(self, progress, scalars):
        if progress.images == 408:
            self.run._others._started[0][0].kill()
            time.sleep(60)

file, folder, *settings = sys.argv[1:]
begin(load_experiment(Path(file), settings), Path(folder), loop=partial(TrainingLoop, callback=Blocked)).train()
"""


def test_a_process_that_cannot_notice_the_loss_of_another_is_ended_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "unaware.py").write_text(UNAWARE)
    settings = [word for word in SETTINGS if not word.startswith("--")]
    words = [tmp_path / "unaware.py", QUICKSTART, tmp_path / "run", *settings, "observers=[]"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=TIME)
    reason = "process 1 of the run was ended by SIGKILL; the run goes on from its last checkpoint by gankit resume"
    assert done.returncode == 1, done.stderr
    assert f"gankit: {reason}" in done.stderr
    last = json.loads((tmp_path / "run" / "times.jsonl").read_text().splitlines()[-1])
    assert (last["event"], last["reason"]) == ("failed", reason)


def test_when_the_first_process_is_killed_the_others_are_gone(
    plugin: Path, tmp_path: Path, uninterrupted: Path
) -> None:
    run = Run(command(plugin, "--out", "run"), tmp_path)
    run.until(200, tmp_path / "run")
    others = run.others()
    run.process.kill()
    run.process.wait()
    assert gone_in_time(others)
    assert same_bits(uninterrupted, resumed(tmp_path))


def test_a_process_that_fails_ends_the_run_with_its_reason(plugin: Path, tmp_path: Path) -> None:
    run = Run(command(plugin, "--out", "run"), tmp_path, FAILS_AT="400")
    assert run.process.wait(180) == 1
    said = run.said.read_text()
    assert "gankit: process 1 of the run" in said
    assert "something is amiss here" in said
    assert "process 1 of the run ended with exit status 1" in said
    assert any(json.loads(line)["event"] == "failed" for line in (tmp_path / "run" / "times.jsonl").open())


@pytest.mark.parametrize("to_other", [False, True])
def test_a_signal_to_any_saves_and_leaves(to_other: bool, plugin: Path, tmp_path: Path, uninterrupted: Path) -> None:
    run = Run(command(plugin, "--out", "run"), tmp_path)
    run.until(200, tmp_path / "run")
    others = run.others()
    os.kill(others[0] if to_other else run.process.pid, signal.SIGTERM)
    assert run.process.wait(TIME) == 128 + signal.SIGTERM, run.said.read_text()
    assert "go on with: gankit resume" in run.said.read_text()
    assert gone_in_time(others)
    assert same_bits(uninterrupted, resumed(tmp_path))


def test_torchrun_makes_the_same_run_and_goes_on_with_it(plugin: Path, tmp_path: Path, uninterrupted: Path) -> None:
    launcher = ["torch.distributed.run", "--nproc-per-node", "2"]
    run = Run(command(plugin, "--out", "run"), tmp_path, launcher)
    run.until(200, tmp_path / "run")
    run.process.send_signal(signal.SIGINT)
    run.process.wait(TIME)
    assert "go on with: gankit resume" in run.said.read_text()
    run = Run(["resume", "run", "--no-rehearsal"], tmp_path, launcher)
    assert run.process.wait(180) == 0, run.said.read_text()
    assert same_bits(uninterrupted, tmp_path / "run")
    run = Run(["resume", "run"], tmp_path, launcher)  # nothing is left to do, which all notice
    assert run.process.wait(TIME) == 0, run.said.read_text()


def test_a_run_goes_on_with_another_number_of_processes(plugin: Path, tmp_path: Path, uninterrupted: Path) -> None:
    run = Run(command(plugin, "--out", "run"), tmp_path)
    run.until(200, tmp_path / "run")
    run.process.send_signal(signal.SIGTERM)
    run.process.wait(TIME)
    done = gankit(["resume", "run", "--no-rehearsal", "--set", "training.processes=1"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "the number of processes is 1 now and was 2" in done.stderr
    for row, other in zip(rows(uninterrupted), rows(tmp_path / "run"), strict=True):
        assert float(row["value"]) == pytest.approx(float(other["value"]), rel=0.05, abs=1e-2)


def test_all_go_back_when_an_observer_asks(plugin: Path, tmp_path: Path) -> None:
    """Every checkpoint from there on is written only if their weights are the same."""
    done = gankit(command(plugin, "--set", "observers=[slow/restless]", "--out", "run"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert [row["name"] for row in rows(tmp_path / "run") if "note" in row] == ["rolled-back"]
    assert sorted(path.name for path in (tmp_path / "run" / "checkpoints").glob("0*"))[-1] == "000000001200"


@pytest.mark.parametrize("system", ["pggan", "sngan", "r3gan"])
def test_two_processes_compute_what_one_does(system: str) -> None:
    """Weights after 50 iterations in double precision, and the first gradients in single, beside the largest."""
    assert apart(system, "float64", 50)["weights"] < 1e-9
    assert apart(system, "float32", 0)["gradients"] < 1e-4


def apart(system: str, precision: str, steps: int) -> dict[str, float]:
    file = EXPERIMENTS / f"{system}-digits.yaml"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, str(SUPPORT / "ranked.py"), str(file), precision, str(steps)],
        env={**os.environ, "PYTHONPATH": str(SUPPORT.parent), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])

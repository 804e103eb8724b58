"""A study as a user runs it: every run in a process of its own, skipped, resumed, and gone on past when it fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import QUICKSTART, gankit

from gankit.cli import main
from gankit.runs.status import RunState, state_of

SMALL = f"""\
extends: {QUICKSTART}
growth: {{images: 64}}
generator: {{channels: 8}}
discriminator: {{channels: 8}}
training: {{batch: 16}}
evaluation: {{images: 32}}
observers: [progress]
"""

FAULTY = '''
from gankit import Loss, hookimpl


class Faulty(Loss):
    """Works for a while."""

    def discriminator(self, real, fake):
        raise RuntimeError("out of order")

    def generator(self, fake, real):
        return -fake.mean()


@hookimpl
def gankit_register(register):
    register("faulty", Faulty)
'''


def study(folder: Path, text: str) -> Path:
    file = folder / "losses.yaml"
    file.write_text(SMALL + text)
    return file


def mtimes(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.glob("*/*/metrics.jsonl")}


@pytest.mark.slow
def test_one_failure_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "faulty.py").write_text(FAULTY)
    file = study(
        tmp_path, "plugins: [./faulty.py]\nmatrix: {loss: [faulty, hinge], seed: [0, 1]}\nlauncher: processes\n"
    )
    ended = gankit(["run", file, "--only", "*/seed-0"], tmp_path)
    assert ended.returncode == 1, ended.stderr
    losses = tmp_path / "runs" / "losses"
    assert state_of(losses / "loss=hinge" / "seed-0") is RunState.FINISHED
    assert state_of(losses / "loss=faulty" / "seed-0") is RunState.FAILED
    assert "1 of 2 runs failed" in ended.stderr
    assert "loss=faulty/seed-0 failed: gankit: loss faulty/faulty (option 'loss', plugin 'faulty' of " in ended.stderr
    assert "seed-0.log" in ended.stderr
    assert "loss=hinge/seed-0 finished: fid" in ended.stderr
    assert not (losses / "loss=hinge" / "seed-1").exists()
    before, said = mtimes(losses), (losses / "loss=hinge" / "seed-0.log").read_bytes()
    (tmp_path / "faulty.py").write_text(FAULTY.replace('raise RuntimeError("out of order")', "return fake.mean()"))
    again = gankit(["run", file, "--only", "*/seed-0"], tmp_path)
    assert again.returncode == 0, again.stderr
    assert "2 runs of 2 variants, 384 images in all, 1 of them finished already" in again.stderr
    assert (losses / "loss=hinge" / "seed-0.log").read_bytes() == said  # nothing was begun
    changed = {path for path, mtime in mtimes(losses).items() if before[path] != mtime}
    assert changed == {losses / "loss=faulty" / "seed-0" / "metrics.jsonl"}


def begun(file: Path, folder: Path, *more: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "GANKIT_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "gankit", "run", str(file), *more],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def until(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    limit = time.monotonic() + 300
    while not happened():
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < limit
        time.sleep(0.02)


def files(folder: Path) -> dict[str, bytes]:
    kept = [path for path in folder.rglob("*") if path.is_file() and path.suffix in (".jsonl", ".safetensors", ".pt")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept if path.name != "times.jsonl"}


@pytest.mark.slow
def test_what_an_interruption_left_is_gone_on_with_to_the_same_bits(tmp_path: Path) -> None:
    file = study(tmp_path, "matrix: {loss: [hinge]}\n")
    file.write_text(file.read_text().replace("images: 64", "images: {4: 64, 8: 300, 16: 300}"))
    run = tmp_path / "runs" / "losses" / "loss=hinge" / "seed-0"
    process = begun(file, tmp_path)
    until(lambda: (run / "metrics.jsonl").exists() and b'"stage": 2' in (run / "metrics.jsonl").read_bytes(), process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    assert process.stderr is not None
    said = process.stderr.read()
    assert "watch them with: gankit runs runs/losses\n" in said
    assert said.endswith("leaving as soon as the runs under way are saved; the same command goes on with them\n")
    assert state_of(run) is RunState.CUT_SHORT
    assert "left at" in (run.parent / "seed-0.log").read_text()
    assert gankit(["run", file], tmp_path).returncode == 0
    assert state_of(run) is RunState.FINISHED
    events = [json.loads(line)["event"] for line in (run / "times.jsonl").read_text().splitlines()]
    assert "resumed" in events
    assert main(["run", str(file), "--run", "loss=hinge/seed-0", "--out", str(tmp_path / "straight")]) == 0
    assert files(tmp_path / "straight") == files(tmp_path / "runs" / "losses")


@pytest.mark.slow
def test_a_run_that_another_process_has_is_waited_for(tmp_path: Path) -> None:
    file = study(tmp_path, "matrix: {loss: [hinge]}\n")
    file.write_text(file.read_text().replace("images: 64", "images: {4: 64, 8: 300, 16: 300}"))
    run = tmp_path / "runs" / "losses" / "loss=hinge" / "seed-0"
    orphan = begun(file, tmp_path, "--run", "loss=hinge/seed-0")
    until(lambda: (run / "experiment.yaml").exists(), orphan)
    orphan.send_signal(signal.SIGSTOP)
    log = run.parent / "seed-0.log"
    study_again = begun(file, tmp_path)
    try:
        until(lambda: log.exists() and "waiting for process" in log.read_text(), study_again)
    finally:
        orphan.send_signal(signal.SIGCONT)
    assert orphan.wait(60) == 0
    assert study_again.wait(60) == 0
    assert (run / "times.jsonl").read_text().count('"finished"') == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "loss=hing"], "no run matches loss=hing. Did you mean 'loss=hinge'?"),
        (["--run", "loss=hinge/seed-4"], "the study has no run 'loss=hinge/seed-4'. Did you mean 'loss=hinge/seed-0'?"),
        (["--set", "matrix.loss=[hing]"], "no loss is called 'hing'"),
        (["--set", "launcher=procesess"], "no launcher is called 'procesess'. Did you mean 'processes'?"),
    ],
)
def test_mistakes_end_before_anything_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    file = study(tmp_path, "matrix: {loss: [hinge]}\n")
    monkeypatch.chdir(tmp_path)
    assert main(["run", str(file), *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not Path("runs").exists()


def test_runs_of_another_experiment_are_not_taken_for_those_of_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = study(tmp_path, "matrix: {loss: [hinge], seed: [0, 1]}\n")
    file.write_text(file.read_text().replace("growth: {images: 64}", "growth: {use: fixed, resolution: 4, images: 32}"))
    monkeypatch.chdir(tmp_path)
    assert main(["run", str(file), "--run", "loss=hinge/seed-0"]) == 0
    assert main(["run", str(file), "--set", "training.batch=8"]) == 2
    said = capsys.readouterr().err
    assert "runs/losses/loss=hinge/seed-0 was begun as another experiment" in said
    assert "training.batch: 16 in the run, 8 now" in said
    assert not Path("runs/losses/loss=hinge/seed-1").exists()
    assert main(["run", str(file), "--only", "*/seed-0", "--set", "checkpoints.keep=3"]) == 0


def test_an_experiment_has_no_runs_to_choose_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", str(QUICKSTART), "--only", "x"]) == 2
    assert "--only" in capsys.readouterr().err

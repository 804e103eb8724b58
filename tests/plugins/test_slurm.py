"""Studies through Slurm: what goes well, and what is preempted, requeued and cancelled."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from support.alone import Alone, until
from support.command import gankit
from support.slurm import slurm
from support.studying import FATAL, RUNS, STUDY, begin, checkpoints, files, is_finished, log, straight

from gankit import Job
from gankit.cli import main
from gankit_slurm.launchers import Slurm

needs_submitit = pytest.mark.skipif(find_spec("submitit") is None, reason="needs gankit[slurm]")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alone]:
    with slurm(tmp_path_factory.mktemp("slurm")) as processes:
        yield processes


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return straight(tmp_path_factory.mktemp("straight"))


def job_of(cluster: Alone, run: str) -> str:
    """The id of the job that carries out a run."""
    listed = cluster.ask(["squeue", "--noheader", "--format=%A %j"]).splitlines()
    return next(line.split()[0] for line in listed if line.split()[1] == run)


def hurry(cluster: Alone, job: str) -> None:
    """Let a job that was requeued begin now; Slurm would wait two minutes, until what it began with has expired."""
    until(lambda: cluster.ask(["squeue", "--noheader", "--format=%T", f"--jobs={job}"]).strip() == "PENDING")
    cluster.ask(["scontrol", "update", f"JobId={job}", "StartTime=now"])


def queued(cluster: Alone) -> str:
    return cluster.ask(["squeue", "--noheader"])


def finished(study: subprocess.Popen[str], folder: Path) -> None:
    assert study.wait(240) == 0, (folder / "said").read_text() + "".join(log(folder, run) for run in RUNS)
    assert all(is_finished(folder, run) for run in RUNS)


@needs_submitit
def test_what_slurm_starts_imports_nothing_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gankit_slurm.cluster import SlurmCluster

    for name in ("sbatch", "srun"):  # submitit only looks whether they are there
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    command = SlurmCluster(tmp_path / "files", {})._executor._submitit_command_str
    (tmp_path / "argparse.py").write_text("raise SystemExit('a file of the current folder was run')")
    said = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False).stderr
    assert "submitit" in said
    assert "current folder" not in said


@needs_submitit
@pytest.mark.slow
def test_runs_are_jobs_of_slurm_with_what_was_asked_for(
    cluster: Alone, expected: dict[str, bytes], tmp_path: Path
) -> None:
    asked = "{use: slurm, partition: first, minutes: 7, memory: 0.5, sbatch: {comment: of gankit, hold: false}}"
    study = begin(cluster, tmp_path, f"launcher={asked}")
    until(lambda: RUNS[0] in cluster.ask(["squeue", "--noheader", "--format=%j"]))
    shown = cluster.ask(["scontrol", "show", "job", job_of(cluster, RUNS[0])])
    for fact in ("TimeLimit=00:07:00", "NumCPUs=1", "Comment=of gankit", "Partition=first", "Requeue=1"):
        assert fact in shown
    assert "MinMemoryNode=512M" in shown
    finished(study, tmp_path)
    assert files(tmp_path / "study") == expected
    assert {path.parent.name for path in (tmp_path / "study").rglob("*_submitted.pkl")} == {".slurm"}


@needs_submitit
@pytest.mark.slow
def test_a_job_whose_time_is_nearly_up_is_requeued_and_goes_on(
    cluster: Alone, expected: dict[str, bytes], tmp_path: Path
) -> None:
    study = begin(cluster, tmp_path, "launcher=slurm")
    until(lambda: checkpoints(tmp_path, RUNS[0]) > 1)
    job = job_of(cluster, RUNS[0])
    cluster.ask(["scancel", "--signal=USR2", job])  # what Slurm does 90 seconds before the limit
    hurry(cluster, job)
    finished(study, tmp_path)
    assert "SIGTERM: saving a checkpoint, then leaving" in log(tmp_path, RUNS[0])
    assert "goes on at" in log(tmp_path, RUNS[0])
    assert (
        "Requeued job"
        in (tmp_path / "study" / ".slurm" / f"{job}_0_log.err").read_text()
        + (tmp_path / "study" / ".slurm" / f"{job}_0_log.out").read_text()
    )
    assert files(tmp_path / "study") == expected


@needs_submitit
@pytest.mark.slow
def test_a_job_that_slurm_requeues_by_itself_goes_on(
    cluster: Alone, expected: dict[str, bytes], tmp_path: Path
) -> None:
    study = begin(cluster, tmp_path, "launcher=slurm")
    until(lambda: checkpoints(tmp_path, RUNS[1]) > 1)
    job = job_of(cluster, RUNS[1])
    cluster.ask(["scontrol", "requeue", job])
    hurry(cluster, job)
    finished(study, tmp_path)
    assert "SIGTERM: saving a checkpoint, then leaving" in log(tmp_path, RUNS[1])
    assert "goes on at" in log(tmp_path, RUNS[1])
    assert len(list((tmp_path / "study" / ".slurm").glob("*_submitted.pkl"))) == 2
    assert files(tmp_path / "study") == expected


@needs_submitit
@pytest.mark.slow
def test_a_cancelled_job_has_failed_and_the_same_command_goes_on_with_it(
    cluster: Alone, expected: dict[str, bytes], tmp_path: Path
) -> None:
    study = begin(cluster, tmp_path, "launcher=slurm")
    until(lambda: checkpoints(tmp_path, RUNS[0]) > 1)
    job = job_of(cluster, RUNS[0])
    cluster.ask(["scancel", job])
    assert study.wait(120) == 1
    assert f"{RUNS[0]} (killed by SIGTERM): gankit: Slurm job {job} was cancelled" in (tmp_path / "said").read_text()
    assert "left at" in log(tmp_path, RUNS[0])
    assert is_finished(tmp_path, RUNS[1])
    finished(begin(cluster, tmp_path, "launcher=slurm"), tmp_path)
    assert files(tmp_path / "study") == expected


@needs_submitit
@pytest.mark.slow
def test_sigterm_cancels_what_was_submitted_and_loses_nothing(
    cluster: Alone, expected: dict[str, bytes], tmp_path: Path
) -> None:
    study = begin(cluster, tmp_path, "launcher={use: slurm, cpus: 2}")
    until(lambda: checkpoints(tmp_path, RUNS[0]) > 1)
    study.terminate()
    assert study.wait(60) == 143
    assert queued(cluster) == ""
    assert "left at" in log(tmp_path, RUNS[0])
    assert log(tmp_path, RUNS[1]) == ""
    finished(begin(cluster, tmp_path, "launcher=slurm"), tmp_path)
    assert files(tmp_path / "study").keys() == expected.keys()


@needs_submitit
@pytest.mark.slow
def test_a_run_whose_job_dies_every_time_has_failed(cluster: Alone, tmp_path: Path) -> None:
    (tmp_path / "fatal.py").write_text(FATAL)
    text = STUDY.replace("loss: [hinge], seed: [0, 1]", "loss: [fatal], seed: [0]") + "plugins: [./fatal.py]\n"
    study = begin(cluster, tmp_path, "launcher={use: slurm, retries: 1}", text=text)
    assert study.wait(180) == 1
    said = log(tmp_path, "loss=fatal/seed-0")
    assert said.count("left Slurm without a result, its state FAILED") == 2
    assert "goes on as another one from its last checkpoint" in said
    assert "1 of 1 runs failed" in (tmp_path / "said").read_text()


@needs_submitit
@pytest.mark.slow
def test_what_slurm_refuses_is_said(cluster: Alone, tmp_path: Path) -> None:
    study = begin(cluster, tmp_path, "launcher={use: slurm, partition: second}")
    assert study.wait(60) == 2
    said = (tmp_path / "said").read_text()
    assert f"launcher: Slurm refused {RUNS[0]}: " in said
    assert "invalid partition specified: second" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("cpus: 0", "launcher.cpus"),
        ("minutes: 0", "launcher.minutes"),
        ("memory: 0", "launcher.memory"),
        ("sbatch: {account: [1]}", "launcher.sbatch.account"),
        ("partion: a", "launcher.partion: unknown option. Did you mean 'partition'?"),
    ],
)
def test_options_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str, said: str
) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    assert main(["run", "study.yaml", "--set", f"launcher={{use: slurm, {option}}}"]) == 2
    assert said in capsys.readouterr().err


@needs_submitit
@pytest.mark.parametrize(("memory", "asked"), [(0.0001, "1M"), (0.5, "512M"), (2, "2048M")])
def test_little_memory_is_not_all(memory: float, asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slurm takes no memory at all, 0M, for all memory of a host."""
    found: list[str] = []

    class Unsubmitted:
        def __init__(self, folder: Path, parameters: Mapping[str, Any]) -> None:
            found.append(parameters["mem"])

        def carry_out(self, *_: object) -> Sequence[tuple[Job, int]]:
            return []

    monkeypatch.setattr("gankit_slurm.cluster.SlurmCluster", Unsubmitted)
    list(Slurm(memory=memory).launch([Job("a/seed-0", [], Path("study/a/seed-0.log"))]))
    assert found == [asked]


def test_a_missing_extra_is_named_before_anything_begins(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY + "launcher: slurm\n")
    without = "import sys; sys.modules['submitit'] = None; from gankit.cli import main; sys.exit(main())"
    for command, code in (("run", 2), ("validate", 0)):
        ended = subprocess.run(
            [sys.executable, "-c", without, command, "study.yaml"], cwd=tmp_path, capture_output=True, text=True
        )
        assert ended.returncode == code
        assert "the launcher needs submitit: pip install 'gankit[slurm]'" in ended.stdout + ended.stderr
    assert not (tmp_path / "runs").exists()


@needs_submitit
def test_where_there_is_no_slurm_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY + "launcher: slurm\n")
    ended = gankit(["run", "study.yaml"], tmp_path, {**os.environ, "PATH": str(tmp_path)})
    assert ended.returncode == 2
    assert "study.yaml:" in ended.stderr
    assert "the launcher needs Slurm's sbatch and srun, which are not here" in ended.stderr
    assert not (tmp_path / "runs").exists()

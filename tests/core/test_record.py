"""A run folder holds one run, whole, and nothing that was there before is touched."""

from __future__ import annotations

import json
import math
import os
import resource
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gankit import UserError
from gankit.config.experiment import Experiment
from gankit.config.loader import load_experiment
from gankit.kinds.callbacks import Row
from gankit.results.run_results import read_run
from gankit.runs.folder import RunFolder, refuse_used
from gankit.runs.provenance import git_state

QUICKSTART = Path(__file__).parents[2] / "experiments" / "quickstart.yaml"


@cache
def experiment() -> Experiment:
    return load_experiment(QUICKSTART)


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_a_new_folder_holds_the_whole_record(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "new" / "run", experiment())
    folder.close()
    assert sorted(set(contents(folder.path)) - {".lock"}) == [
        "checkpoints",
        "experiment.yaml",
        "metrics.jsonl",
        "provenance.json",
        "samples",
    ]
    assert load_experiment(folder.path / "experiment.yaml") == experiment()
    assert (folder.samples.is_dir(), folder.checkpoints.is_dir()) == (True, True)
    assert read_run(folder.path).stages == []


def test_the_folder_stays_the_same_when_the_process_goes_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.create(Path("run"), experiment())
    monkeypatch.chdir("/")
    folder.record([Row(1, 1, 4, "fid", 2.0)])
    assert (tmp_path / "run" / "metrics.jsonl").read_text()


def test_provenance_tells_where_the_numbers_come_from(tmp_path: Path) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    path = RunFolder.create(tmp_path / "run", experiment(), QUICKSTART).path
    origin = json.loads((path / "provenance.json").read_text())
    assert before <= datetime.fromisoformat(origin["started"]) <= datetime.now(UTC)
    assert origin["versions"]["torch"] == torch.__version__
    assert origin["versions"]["numpy"] == np.__version__
    assert origin["threads"] == torch.get_num_threads()
    assert origin["hardware"]["cores"] >= 1
    assert origin["hardware"]["memory"] > 2**28
    assert origin["hardware"]["cpu"]
    assert origin["command"]
    plugins = origin["plugins"]
    assert {"pggan", "images", "fidelity"} <= set(plugins)
    assert {plugin["distribution"] for plugin in plugins.values()} == {"gankit"}
    assert all(len(plugin["sha256"]) == 64 for plugin in plugins.values())
    assert len({plugin["sha256"] for plugin in plugins.values()}) == len(plugins)
    assert "sngan" not in plugins, "a plugin that the experiment does not use"


@pytest.mark.parametrize("held", ["experiment.yaml", "notes.txt", "samples/.keep"])
def test_a_used_folder_is_refused_and_left_alone(tmp_path: Path, held: str) -> None:
    (tmp_path / held).parent.mkdir(exist_ok=True)
    (tmp_path / held).write_text("mine")
    before = contents(tmp_path)
    for refused in (refuse_used, lambda path: RunFolder.create(path, experiment())):
        with pytest.raises(UserError, match=r"choose (a new or empty|another) folder with --out"):
            refused(tmp_path)
    assert contents(tmp_path) == before


def test_what_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(UserError, match="--out"):
            RunFolder.create(path, experiment())
    assert (tmp_path / "file").read_text() == "mine"


def test_an_empty_folder_may_be_used(tmp_path: Path) -> None:
    refuse_used(tmp_path)
    refuse_used(tmp_path / "new")
    RunFolder.create(tmp_path, experiment())
    with pytest.raises(UserError, match="already holds a run"):
        refuse_used(tmp_path)


@pytest.mark.costly
def test_of_several_that_want_a_folder_one_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gankit.runs.provenance.provenance", lambda *_: {})  # which takes longer than all the rest
    tries, rounds, wanted = 4, 20, experiment()
    together = threading.Barrier(tries)
    taken: list[Path] = []

    def take_each() -> None:
        for number in range(rounds):
            together.wait()
            with suppress(UserError):
                taken.append(RunFolder.create(tmp_path / str(number), wanted).path)

    threads = [threading.Thread(target=take_each) for _ in range(tries)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(tmp_path / str(number) for number in range(rounds))


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """What a full disk does to whoever writes a file, for this process alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 1000, 20_000])
def test_a_folder_half_made_is_no_run(tmp_path: Path, size: int) -> None:
    long = load_experiment(QUICKSTART, [f"observers={{use: aim, experiment: {'x' * 20_000}}}"])
    with files_of_at_most(size), pytest.raises(UserError, match="cannot write the run to"):
        RunFolder.create(tmp_path / "run", long)
    with pytest.raises(UserError, match="is not a run"):
        read_run(tmp_path / "run")


def test_rows_are_lines_of_json_in_a_fixed_order(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.record([Row(10, 1, 4, "loss.generator", 0.1 + 0.2), Row(10, 1, 4, "score.real", float(np.float32(0.1)))])
    folder.record([Row(20, 2, 8, "fid", 3.0, {"images": 100, "data": "3f"})])
    folder.record([Row(30, 2, 8, "is", value) for value in (math.nan, math.inf, -math.inf)])
    assert (tmp_path / "metrics.jsonl").read_text().splitlines() == [
        '{"images": 10, "stage": 1, "resolution": 4, "name": "loss.generator", "value": 0.30000000000000004}',
        '{"images": 10, "stage": 1, "resolution": 4, "name": "score.real", "value": 0.10000000149011612}',
        '{"images": 20, "stage": 2, "resolution": 8, "name": "fid", "value": 3.0, '
        '"protocol": {"images": 100, "data": "3f"}}',
        *(
            f'{{"images": 30, "stage": 2, "resolution": 8, "name": "is", "value": "{value}"}}'
            for value in ("nan", "inf", "-inf")
        ),
    ]


def test_scalars_of_numpy_and_torch_are_numbers(tmp_path: Path) -> None:
    scalars: list[Any] = [np.float32(0.5), torch.tensor(0.5)]
    RunFolder(tmp_path).record([Row(1, 1, 4, "loss", scalar) for scalar in scalars])
    values = [json.loads(line)["value"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert values == [0.5, 0.5]


def test_times_tell_when_how_fast_and_in_how_much_memory(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.time("stage", resolution=4, seconds=2.5, images_per_second=math.inf)
    folder.time("finished")
    stage, finished = (json.loads(line) for line in (tmp_path / "times.jsonl").read_text().splitlines())
    assert list(stage) == ["time", "event", "resolution", "seconds", "images_per_second", "peak_memory"]
    assert (stage["event"], stage["resolution"], stage["seconds"]) == ("stage", 4, 2.5)
    assert stage["images_per_second"] == "inf"
    assert finished["event"] == "finished"
    assert datetime.now(UTC) - datetime.fromisoformat(finished["time"]) < timedelta(seconds=10)
    assert 10**7 < stage["peak_memory"] < 10**11


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_git_state_is_that_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) is None
    git(tmp_path, "init")
    (tmp_path / "a.yaml").write_text("name: a")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "a")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert git_state(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "a.yaml").write_text("name: b")
    assert git_state(tmp_path) == {"commit": commit, "dirty": True}
    assert git_state(tmp_path / "not there") is None


def test_a_repository_of_others_has_none_of_its_programs_run(tmp_path: Path) -> None:
    ran, repository = tmp_path / "ran", tmp_path / "received"
    git(tmp_path, "init", str(repository))
    for name, text in {"a.yaml": "name: a", ".gitattributes": "*.yaml filter=evil=one"}.items():
        (repository / name).write_text(text)
    git(repository, "add", ".")
    git(repository, "commit", "-m", "a")
    (repository / os.fsdecode(b"b\xff.yaml")).touch()
    (repository / "a.yaml").write_text("name: b")
    options = {"core.fsmonitor": f"touch {ran}; false", "core.quotePath": "false", "filter.evil=one.required": "true"}
    for filtering in ("clean", "process"):
        for name, value in {**options, f"filter.evil=one.{filtering}": f"touch {ran}; cat"}.items():
            git(repository, "config", name, value)
        assert git_state(repository) == {"commit": git(repository, "rev-parse", "HEAD"), "dirty": True}
        assert not ran.exists()
    (repository / os.fsdecode(b"b\xff.yaml")).unlink()
    (repository / "a.yaml").write_text("name: a")
    assert (git_state(repository) or {})["dirty"] is False
    assert not ran.exists()

"""Where a file of others is expected there may be a pipe, a socket or a device; none keeps a command waiting."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import NoReturn

import pytest
from support.recorded import measured, recorded
from support.slow import slow_but
from support.toys import EXPERIMENT

from gankit.checkpoints.integrity import CorruptCheckpointError, manifest_text, read_file, read_manifest
from gankit.cli import main
from gankit.core.errors import UserError
from gankit.results.page.pictures import saved_grid
from gankit.results.run_results import read_run
from gankit.runs.folder import RunFolder
from gankit.runs.status import held_by

pytestmark = pytest.mark.costly


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)  # its whole path would be too long


KINDS: dict[str, Callable[[Path], None]] = {
    "a pipe": os.mkfifo,
    "a socket": _socket,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}
FILES = ["metrics.jsonl", "times.jsonl", "provenance.json", "experiment.yaml"]


@pytest.fixture(autouse=True)
def _soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The current folder is a fresh one, and what takes a minute is given up."""

    def give_up(*_: object) -> NoReturn:
        raise TimeoutError

    monkeypatch.chdir(tmp_path)
    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def put(kind: str, path: Path) -> None:
    """Let one of `KINDS` stand at `path` in place of what is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    here = os.getcwd()
    os.chdir(path.parent)
    KINDS[kind](Path(path.name))
    os.chdir(here)


@pytest.fixture
def run() -> Path:
    """The folder of a run."""
    return recorded(Path("run"), measured(1000, 1, 4, fid=1.0), [(4, 1000)], times=[("begun", {})])


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_experiment_extends_is_a_file(kind: str, toys: None, capsys: pytest.CaptureFixture[str]) -> None:
    put(kind, Path("base.yaml"))
    Path("experiment.yaml").write_text(f"extends: base.yaml\n{EXPERIMENT}")
    for file in ("experiment.yaml", "base.yaml"):
        assert main(["validate", file]) == 2
        assert f"base.yaml: cannot be read: it is {kind}, not a file" in capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_so_is_what_the_record_of_a_study_extends(kind: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(kind, Path("study/base.yaml"))
    Path("study/study.yaml").write_text("extends: base.yaml\nvariants: {a: {}}\n")
    run.rename("study/run")
    for command in ("runs", "compare"):
        assert main([command, "study"]) == 0
        assert "1.000" in capsys.readouterr().out
    put(kind, Path("study/study.yaml"))
    assert main(["runs", "study"]) == 0


def test_an_experiment_may_come_from_a_pipe_that_was_handed_over(
    toys: None, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as shell:
        shell.write(EXPERIMENT)
    assert main(["validate", f"/dev/fd/{reader}"]) == 0
    os.close(reader)


@pytest.mark.parametrize(
    ("kind", "name"),
    slow_but([*product(KINDS, FILES[:1]), *product(["a pipe"], FILES)], product(KINDS, FILES), together=True),
)
def test_each_file_of_a_run_is_one(name: str, kind: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(kind, run / name)
    for command in (["runs"], ["compare"], ["report", "-o", "page.html"], ["sample", "-o", "x.png"], ["resume"]):
        code = main([*command, str(run)])
        assert code in (0, 1, 2)
        assert "Traceback" not in capsys.readouterr().err
    with pytest.raises((UserError, OSError), match=f"it is {kind}, not a file|is not a run"):
        RunFolder.open(run)


@pytest.mark.parametrize("kind", KINDS)
def test_so_are_those_beside_them(kind: str, run: Path) -> None:
    put(kind, run / ".holder.json")
    assert held_by(run) == "another process"
    put(kind, run / "samples/000.png")
    assert saved_grid("", run / "samples/000.png", "") is None
    (checkpoint := run / "checkpoints/000").mkdir(parents=True)
    for name in ("manifest.json", "training.pt"):
        put(kind, checkpoint / name)
    with pytest.raises(CorruptCheckpointError, match=f"it is {kind}"):
        read_manifest(checkpoint)
    with pytest.raises(CorruptCheckpointError, match=f"it is {kind}"):
        read_file(checkpoint, {}, "training.pt")


@pytest.mark.parametrize("depth", [100_000, 500])
def test_deep_json_is_damage(depth: int, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deep = "[" * depth + "]" * depth
    (run / ".holder.json").write_text(deep)
    (run / "times.jsonl").write_text(f'{{"event": {deep}}}\n')
    (run / "provenance.json").write_text(deep)
    assert held_by(run) == "another process"
    assert read_run(run).code == []
    row = {"images": 1, "stage": 1, "resolution": 4, "name": "fid", "value": 1.0, "protocol": {"x": 0}}
    (run / "metrics.jsonl").write_text(json.dumps(row).replace("0}", f"{deep}}}") + "\n")
    for command in ("compare", "runs"):
        main([command, str(run)])
        shown = capsys.readouterr()
        assert "metrics.jsonl:1: not a row of metrics (nested more than 64 deep)" in shown.err + shown.out
    (checkpoint := run / "checkpoints/000").mkdir(parents=True)
    (checkpoint / "manifest.json").write_text(deep)
    with pytest.raises(CorruptCheckpointError, match="nested more than 64 deep"):
        read_manifest(checkpoint)


def test_what_is_as_deep_as_it_may_be_is_read(run: Path) -> None:
    (checkpoint := run / "checkpoints/000").mkdir(parents=True)
    nested: object = 0
    for _ in range(60):
        nested = [nested]
    (checkpoint / "manifest.json").write_bytes(manifest_text({"format": 1, "best": nested}))
    assert read_manifest(checkpoint)["best"] == nested

"""Modules that are spoken to as W&B is and that record what they are told, or fail."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

RECORDER = '''
"""A tracker: every run is a file of JSON lines, in the folder that init is told."""
import json
import pathlib
import uuid

run = None

class Image:
    def __init__(self, path, caption=None):
        self.shown = {"picture": caption, "bytes": len(pathlib.Path(path).read_bytes())}

class Run:
    def __init__(self, path):
        self.path, self.id, self.config = path, path.stem, {}
    def delete(self):
        self.path.unlink()

class Api:
    def runs(self, project):
        return [Run(path) for path in FOLDER.glob(project + "/*.jsonl")]

def init(project, name=None, config=None, folder=None, group=None, RESUMES):
    global run, FOLDER
    FOLDER = pathlib.Path(folder)
    path = FOLDER / project / f"{id or uuid.uuid4().hex}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    run = Run(path)
    say({"name": name, "group": group, "config": config})
    return run

def say(what):
    with run.path.open("a") as file:
        file.write(json.dumps(what) + "\\n")

def log(values, step=None):
    say({"step": step, **{name: getattr(value, "shown", value) for name, value in values.items()}})

def finish():
    say({"finished": True})
'''
"""A module of a third party, of which gankit knows nothing."""
FAULTY = """
import time

class Image:
    def __init__(self, path, caption=None):
        FAULT

def init(project, name=None, config=None):
    BEGINNING

def log(values, step=None):
    FAULT

def finish():
    FAULT
"""


@contextmanager
def recorders_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules of the test's folder can be imported, here and in processes begun from here."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    yield
    for name in {"recorder", "faulty"} & (set(sys.modules) - before):
        del sys.modules[name]


def recorder(folder: Path, resumes: bool = True) -> dict[str, Any]:
    """An observer by a module that records."""
    code = RECORDER.replace("RESUMES", "id=None, resume=None" if resumes else "id=None, **others")
    (folder / "recorder.py").write_text(code)
    return {"use": "wandb-like", "module": "recorder", "init": {"folder": str(folder / "tracked")}}


def files(folder: Path) -> list[Path]:
    """What a recorder has written, a file each run."""
    return sorted((folder / "tracked").glob("*/*.jsonl"))


def told(folder: Path) -> list[dict[str, Any]]:
    """All that the one run of a recorder was told."""
    (file,) = files(folder)
    return [json.loads(line) for line in file.read_text().splitlines()]


def points_of(folder: Path) -> dict[str, list[tuple[int, Any]]]:
    """(step, value) by chart, in the order of steps, doubles and all."""
    found: dict[str, list[tuple[int, Any]]] = {}
    for said in told(folder):
        for chart in said.keys() - {"step"} if "step" in said else ():
            found.setdefault(chart, []).append((said["step"], said[chart]))
    return {chart: sorted(values, key=lambda point: point[0]) for chart, values in found.items()}

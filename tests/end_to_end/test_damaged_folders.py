"""Whatever becomes of a file in the folder of a run or a study, every command ends soon and with a word.

What is only read stays as it is, and a run goes on to the bits that it would have come to, or is refused.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import pytest
from support.command import gankit, gankit_here
from support.damaging import DAMAGES, OWN, copied, damage, met, snapshot, soon
from support.killing import Moment, carried_out
from support.lift import PLUGIN
from support.tiny import tiny

from gankit.config.yaml.writer import dump_experiment
from gankit.core.errors import UserError
from gankit.results import load_numbers

pytestmark = pytest.mark.slow

Command: TypeAlias = Callable[[Path], Sequence[object]]
RESULTS: dict[str, Command] = {
    "runs": lambda folder: ["runs", folder],
    "compare": lambda folder: ["compare", folder],
    "compare as JSON": lambda folder: ["compare", folder, "--format", "json"],
    "report": lambda folder: ["report", folder, "-o", "page.html"],
}
"""Commands on whatever holds runs."""
WEIGHTS: dict[str, Command] = {
    "sample": lambda run: ["sample", run, "-n", "4", "-o", "grid.png"],
    "sample the best": lambda run: ["sample", run, "--best", "-n", "4", "-o", "grid.png"],
    "evaluate": lambda run: ["evaluate", run],
    "start from": lambda run: [
        *(
            "run",
            "tiny.yaml",
            "--set",
            "growth={use: fixed, resolution: 8, images: 8}",
            "--set",
            "evaluation.metrics=[]",
        ),
        *("--set", f"training.start_from={run}", "--out", "started"),
    ],
}
"""Commands on what a run has trained."""
EXPERIMENT: dict[str, Command] = {
    "validate": lambda run: ["validate", run / "experiment.yaml"],
    "expand": lambda run: ["expand", run / "experiment.yaml"],
}
"""Commands on its experiment."""
GOING_ON: dict[str, Command] = {
    "resume": lambda run: ["resume", run],
    "run again": lambda run: ["run", "tiny.yaml", "--out", run, "--resume"],
}
"""Commands that go on with it."""
STUDY: dict[str, Command] = {
    "validate": lambda study: ["validate", study / "study.yaml"],
    "expand": lambda study: ["expand", study / "study.yaml"],
}
"""Commands on the record of a study."""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Runs and studies: each whole and of another seed, and a run that was killed after more than it had saved."""
    folder = tmp_path_factory.mktemp("here")
    options = {
        "evaluation": {"metrics": ["fid"], "extractor": "digits", "images": 32, "every": 16},
        "checkpoints": {"every": 32, "keep": 2, "best": "fid"},
        "observers": [{"use": "sample-grid", "every": 32, "count": 4}],
    }
    (folder / "lift.py").write_text(PLUGIN)
    (folder / "base.yaml").write_text(dump_experiment(tiny(**options)))
    (folder / "tiny.yaml").write_text("extends: base.yaml\nplugins: [lift.py]\nloss: lift\n")
    (folder / "study.yaml").write_text("extends: tiny.yaml\nmatrix: {seed: [0, 1]}\n")
    (folder / "other.yaml").write_text("extends: tiny.yaml\nseed: 1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANKIT_CACHE", str(folder / "cache"))
        for file, name in (("tiny", "whole"), ("other", "other")):
            assert gankit_here(["run", f"{file}.yaml", "--out", name], folder).returncode == 0
        for run in ("base/seed-0", "base/seed-1"):
            command = ["run", "study.yaml", "--out", "study", "--run", run]
            assert gankit_here(command, folder).returncode == 0
            (folder / "study" / f"{run}.log").write_text("gankit: begun\n")
        assert gankit_here(["run", "study.yaml", "--out", "study"], folder).returncode == 0
        killed = Moment("gankit.training.trainer:Trainer.iteration", 11, is_over=True)
        assert carried_out(["run", "tiny.yaml", "--out", "killed"], folder, killed).code == -killed.signal
        yield folder


def files_of(folder: Path) -> list[str]:
    return [
        str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in OWN
    ]


def final(run: Path) -> dict[str, bytes]:
    """The numbers of a run and its last weights."""
    last = max((run / "checkpoints").glob("[0-9]*"))
    return {path.name: path.read_bytes() for path in (run / "metrics.jsonl", *last.glob("*.safetensors"))}


def commands_on(file: str) -> Mapping[str, Command]:
    """Those that read a file of a run, or would if there were no other."""
    if "checkpoints" in file:
        return {name: command for name, command in (RESULTS | WEIGHTS).items() if name != "report" or "average" in file}
    if file.endswith(".png"):
        return {"report": RESULTS["report"]}
    return RESULTS | WEIGHTS | EXPERIMENT


def read(folder: Path, commands: Mapping[str, Command], here: Path) -> int:
    """Try commands that read a damaged folder; returns how many."""
    before = snapshot(folder)
    for name, command in commands.items():
        shutil.rmtree(here / "started", ignore_errors=True)
        met(command(folder), here)
        assert snapshot(folder) == before, name
    with soon(), suppress(UserError):
        load_numbers(folder)
    assert snapshot(folder) == before
    return len(commands) + 1


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", ["whole", "killed"])
def test_a_damaged_run(here: Path, tmp_path: Path, name: str, how: str) -> None:
    tried, whole = 0, final(here / "whole")
    newest = max((here / name / "checkpoints").glob("[0-9]*")).name
    for file in files_of(here / name):
        if name == "whole" and "checkpoints" in file and newest not in file:
            continue  # as in the other one, which may have to go on from it
        other = here / "other" / file
        other = other if other.exists() else max((here / "other").rglob(other.name), default=here / "other.yaml")
        run = copied(here / name, tmp_path / "run")
        if not damage(run / file, how, other):
            continue
        damaged = snapshot(run)
        tried += read(run, commands_on(file), here)
        for way, command in GOING_ON.items():
            if run.exists() and snapshot(run) != damaged:
                damage(copied(here / name, run) / file, how, other)
            code, tried = met(command(run), here), tried + 1
            if code == 0:
                assert final(run) == whole, (file, way)
            else:
                assert snapshot(run) == damaged, (file, way)
    print(f"{name} run, {how}: {tried} commands")


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_study(here: Path, tmp_path: Path, how: str) -> None:
    tried = 0
    for file in (
        "study.yaml",
        "base/seed-0.log",
        "base/seed-0/experiment.yaml",
        "base/seed-0/metrics.jsonl",
        "base/seed-0/provenance.json",
    ):
        study = copied(here / "study", tmp_path / "study")
        if damage(study / file, how, here / "other.yaml"):
            tried += read(study, RESULTS if "/" in file else RESULTS | STUDY, here)
            if "/" not in file:
                met(["run", "study.yaml", "--out", study], here)
                tried += 1
    print(f"study, {how}: {tried} commands")


@pytest.mark.parametrize("how", DAMAGES)
def test_damaged_images(here: Path, tmp_path: Path, how: str) -> None:
    """Of a folder that was sampled, and what is kept of the reals that it is compared with."""
    images = tmp_path / "images"
    assert gankit_here(["sample", "whole", "-n", "16", "-o", images], here).returncode == 0
    measure = ["evaluate", images, "--data", "{use: digits}", "--extractor", "digits", "--metrics", "fid", "--json"]
    expected = gankit_here(measure, here).stdout
    damage(images / "000007.png", how, images / "000003.png")
    met(measure, here)
    shutil.rmtree(images)
    gankit_here(["sample", "whole", "-n", "16", "-o", images], here)
    for kept in files_of(here / "cache"):
        damage(here / "cache" / kept, how, here / "other.yaml")
        assert met(measure, here) == 0
        assert gankit_here(measure, here).stdout == expected


@pytest.mark.parametrize("how", ["a pipe", "cut off", "deep mappings"])
def test_so_it_is_by_the_installed_command(here: Path, tmp_path: Path, how: str) -> None:
    for file in ("experiment.yaml", "metrics.jsonl", "provenance.json"):
        run = copied(here / "killed", tmp_path / "run")
        damage(run / file, how, here / "other.yaml")
        for command in (RESULTS["compare"], GOING_ON["resume"]):
            ended = gankit(command(run), here)
            assert ended.returncode in (0, 1, 2)
            assert "Traceback" not in ended.stderr

"""A run says where it is and what to type next; one that failed before it had trained anything gives its name back."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import TWO_UPDATES, gankit_here, rows

from gankit import Loss
from gankit.core.registry import register, restored
from gankit.runs.provenance import recorded_provenance
from gankit.runs.status import RunState, failed_untrained, state_of

pytestmark = pytest.mark.costly


class Failing(Loss):
    """Cannot be computed."""

    def discriminator(self, real, fake):
        raise ValueError("no such loss")

    def generator(self, fake, real):
        return -fake.mean()


@pytest.fixture(autouse=True)
def _failing() -> Iterator[None]:
    with restored():
        register("gan", "failing", Failing)
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(TWO_UPDATES + "observers: [{use: sample-grid, count: 4}]\nname: small\n")
    return tmp_path


def test_it_is_said_where_a_run_is_and_what_to_type_next(folder: Path) -> None:
    ran = gankit_here(["run", "small.yaml"], folder)
    assert ran.returncode == 0, ran.stderr
    assert "gankit: runs/small begins\n" in ran.stderr
    assert "runs/small has ended, 1 picture in runs/small/samples" in ran.stderr
    commands = re.findall("^  gankit (.*)$", ran.stderr, re.MULTILINE)
    assert commands == ["sample runs/small -o grid.png", "compare runs/small"]
    for command in commands:
        done = gankit_here(shlex.split(command), folder)
        assert done.returncode == 0, done.stderr
    again = gankit_here(["run", "small.yaml"], folder)
    assert again.returncode == 2
    assert again.stderr.endswith("or remove it to begin anew: rm -r runs/small\n")
    more = gankit_here(["resume", "runs/small", "--extend", "16"], folder)
    assert "runs/small has ended" in more.stderr, more.stderr


def test_a_study_says_what_to_type_next(folder: Path) -> None:
    (folder / "study.yaml").write_text(TWO_UPDATES + "observers: [aim]\nmatrix: {seed: [0]}\nname: some\n")
    said = gankit_here(["run", "study.yaml", "--set", "loss=failing"], folder).stderr
    assert re.findall("^  gankit (.*)$", said, re.MULTILINE) == ["report runs/some -o report.html", "ui runs/some"]


def test_a_run_that_failed_before_it_trained_gives_its_name_back(folder: Path) -> None:
    failed = gankit_here(["run", "small.yaml", "--set", "loss=failing", "--no-rehearsal"], folder)
    assert failed.returncode == 1
    run = folder / "runs" / "small"
    assert failed_untrained(run)
    mended = gankit_here(["run", "small.yaml", "--set", "loss=hinge"], folder)
    assert mended.returncode == 0, mended.stderr
    assert "runs/small failed before anything was trained, and begins anew" in mended.stderr
    assert state_of(run) is RunState.FINISHED
    assert not failed_untrained(run)
    fresh = gankit_here(["run", "small.yaml", "--set", "loss=hinge", "--out", "runs/fresh"], folder)
    assert fresh.returncode == 0, fresh.stderr
    assert rows(run) == rows(folder / "runs" / "fresh")
    assert [*recorded_provenance(run)[0]["plugins"]] == [*recorded_provenance(folder / "runs/fresh")[0]["plugins"]]


def test_so_does_one_of_a_study_that_was_mended(folder: Path) -> None:
    (folder / "study.yaml").write_text(TWO_UPDATES + "observers: []\nmatrix: {seed: [0]}\nname: some\n")
    one = ["run", "study.yaml", "--run", "base/seed-0"]
    failed = gankit_here([*one, "--set", "loss=failing", "--no-rehearsal"], folder)
    assert failed.returncode == 1, failed.stderr
    mended = gankit_here([*one, "--set", "loss=hinge"], folder)
    assert mended.returncode == 0, mended.stderr
    assert "failed before anything was trained" in mended.stderr


def test_a_run_that_failed_later_is_kept(folder: Path) -> None:
    assert gankit_here(["run", "small.yaml"], folder).returncode == 0
    with (folder / "runs/small/times.jsonl").open("a") as times:
        times.write('{"event": "failed"}\n')
    assert not failed_untrained(folder / "runs/small")

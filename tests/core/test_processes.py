"""Several processes that compute each update together."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.alone import until
from support.command import QUICKSTART, gankit_here, rows
from support.tiny import tiny

from gankit.config.checks import problems
from gankit.runs.launched import launched
from gankit.runs.others import GRACE, Followers
from gankit.training import process_group
from gankit.training.process_group import meeting_place

PLAIN: dict[str, Any] = {"regularizers": ["gradient-penalty", "drift"]}
FEW = [
    *("--set", "growth.images=32", "--set", "growth.final=8"),
    *("--set", "generator.channels=8", "--set", "discriminator.channels=8", "--set", "regularizers.1=drift"),
    *("--set", "training.batch=8", "--set", "training.device=cpu", "--set", "training.threads=1"),
    *("--set", "evaluation.metrics=[fid]", "--set", "evaluation.images=200", "--set", "observers=[]"),
    "--no-rehearsal",
]
"""Settings under which the quick start takes a moment, and no sample depends on others of its batch."""


def test_a_batch_has_as_many_images_for_each_process() -> None:
    found = problems(tiny(**PLAIN, training={"batch": {4: 8, 8: 10}, "processes": 4}))
    said = "a batch of 10 (at 8x8) does not split into 4 equal parts; 2 would do"
    assert found == [(("training", "processes"), said)]


@pytest.mark.parametrize(("asked", "advised"), [(3, 2)])
def test_the_number_of_processes_that_is_advised_is_taken(asked: int, advised: int) -> None:
    (found,) = problems(tiny(regularizers="minibatch-stddev", training={"batch": 32, "processes": asked}))
    said = f"a batch of 32 does not split into {asked} equal parts; {advised} would do"
    assert found == (("training", "processes"), said)
    assert not problems(tiny(regularizers="minibatch-stddev", training={"batch": 32, "processes": advised}))


def test_a_micro_batch_divides_what_a_process_has() -> None:
    found = problems(tiny(**PLAIN, training={"batch": 12, "processes": 2, "micro_batch": 4}))
    assert found[0][0] == ("training", "micro_batch")
    assert "a batch of 6 for each of 2 processes" in found[0][1]
    assert not problems(tiny(**PLAIN, training={"batch": 12, "processes": 2, "micro_batch": 3}))


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"RANK": "1", "WORLD_SIZE": "2"}, "but not MASTER_ADDR and MASTER_PORT"),
        ({"RANK": "2", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"}, "RANK=2 is none of WORLD_SIZE=2"),
        ({"RANK": "x", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"}, "RANK=x is none of WORLD_SIZE=2"),
    ],
)
def test_an_environment_that_cannot_be_is_refused(
    environment: dict[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = gankit_here(["run", QUICKSTART], tmp_path)
    assert done.returncode == 2
    assert said in done.stderr


def test_one_process_of_one_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert launched() is None


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="Linux tells which addresses a port listens on")
def test_processes_meet_where_this_machine_alone_can_come() -> None:
    store = meeting_place(2)

    met = meeting_place(2, store.port)
    store.set("word", "said")

    assert met.get("word") == b"said"
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if " 0A " in line]
    here = [address for address in listening if int(address.split(":")[1], 16) == store.port]
    assert here == [f"0100007F:{store.port:04X}"]
    if Path("/proc/net/tcp6").exists():
        assert f":{store.port:04X} 000000" not in Path("/proc/net/tcp6").read_text()


def test_who_leaves_does_not_wait_for_what_watched_one_that_died(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def __init__(self, *_: Any) -> None:
            pass

        def say(self, word: Any) -> None:
            raise process_group.LostProcessError

    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")  # so that what is set is gone afterwards
    monkeypatch.setattr(process_group, "meeting_place", lambda _: SimpleNamespace(port=1))
    monkeypatch.setattr(process_group, "ProcessGroup", Gone)
    before = {*threading.enumerate()}
    others = Followers(2, lambda _: None)
    others._started[0][0].kill()
    until(lambda: others._gone)
    began = time.monotonic()
    others.leave()
    assert time.monotonic() - began < GRACE / 2
    assert not {*threading.enumerate()} - before


def test_a_study_is_not_started_by_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    study = tmp_path / "study.yaml"
    study.write_text(f"extends: {QUICKSTART}\nmatrix: {{seed: [0, 1]}}\n")
    done = gankit_here(["run", study], tmp_path)
    assert (done.returncode, "give them training.processes" in done.stderr) == (2, True), done.stderr


@pytest.mark.costly
def test_two_processes_make_the_run_of_one(tmp_path: Path) -> None:
    """Its folder, losses and numbers, but for rounding; evaluations are shared out and give the same."""
    for name, settings in {"one": [], "two": ["--set", "training.processes=2"]}.items():
        done = gankit_here(["run", QUICKSTART, *FEW, *settings, "--out", name], tmp_path)
        assert done.returncode == 0, done.stderr
    one, two = tmp_path / "one", tmp_path / "two"
    assert files(one) == files(two)
    assert [{**row, "value": 0} for row in rows(one)] == [{**row, "value": 0} for row in rows(two)]
    for row, other in zip(rows(one), rows(two), strict=True):
        assert float(other["value"]) == pytest.approx(float(row["value"]), rel=0.02, abs=1e-3), row
    noted = json.loads((two / "provenance.json").read_text())
    assert noted["processes"] == 2


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}

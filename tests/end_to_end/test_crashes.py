"""A run that is killed again and again ends as if it had never been."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from support.crashing import PHASES, SYSTEMS, Process, files, killed_often, written

from gankit import UserError
from gankit.runs.folder import RunFolder


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_run_killed_25_times_ends_like_one_that_was_not(tmp_path: Path, system: str) -> None:
    file = written(tmp_path, system, images=2400)
    status, said = Process("run", file, "--out", tmp_path / "whole", cache=tmp_path).ended()
    assert status == 0, said
    hits = killed_often(file, tmp_path / "killed", kills=25, each=4, seed=0)
    print(f"{system}: killed {sum(hits.values())} times:", *(f"{hits[phase]} {phase}," for phase in PHASES))
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


@pytest.mark.slow
def test_a_run_killed_and_interrupted_ends_like_one_that_was_not(tmp_path: Path) -> None:
    file, run = written(tmp_path, "sngan", images=320), tmp_path / "run"
    status, said = Process("run", file, "--out", tmp_path / "whole", cache=tmp_path).ended()
    assert status == 0, said
    moments = [
        ("saving", signal.SIGKILL, -9),
        ("fading", signal.SIGTERM, 143),
    ]
    for phase, number, expected in moments:
        process = Process("run", file, "--out", run, "--resume", cache=tmp_path)
        assert process.wait_for(phase)
        process.process.send_signal(number)
        status, said = process.ended()
        assert status == expected, said
        assert "Traceback" not in said
        if number != signal.SIGKILL:
            assert f"go on with: gankit resume {run}" in said
    status, said = Process("resume", run, cache=tmp_path).ended()
    assert status == 0, said
    assert files(run) == files(tmp_path / "whole")


@pytest.mark.slow
def test_one_process_a_run_and_two_signals_end_it_at_once(tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = Process("run", written(tmp_path, "pggan", images=64000), "--out", run, cache=tmp_path)
    assert process.wait_for("stable")
    with pytest.raises(UserError, match=f"is in use by process {process.process.pid} on "):
        RunFolder.open(run)
    process.process.send_signal(signal.SIGSTOP)  # so that both signals are there when it looks
    process.process.send_signal(signal.SIGTERM)
    process.process.send_signal(signal.SIGINT)
    process.process.send_signal(signal.SIGCONT)
    assert process.ended()[0] in (-signal.SIGTERM, -signal.SIGINT)
    RunFolder.open(run).close()

"""Folders of runs and repositories may be moved, copied, gone or in use: Aim shows what it can, and no run is lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support import driven
from support.slow import slow_but
from support.tracked import driven_run, expected, hashes, is_shown_once, left, noted, resumed, series_of
from support.workers import Here

from gankit.core import worker
from gankit_aim import observers, repository


@pytest.fixture(autouse=True)
def _aim_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observers, "Worker", Here)


@pytest.mark.parametrize("with_its_repository", slow_but([False], [False, True]))
def test_a_run_that_was_moved_is_shown_once(tmp_path: Path, with_its_repository: bool) -> None:
    before = left(tmp_path / "old" / "run")
    if with_its_repository:
        (tmp_path / "old").rename(tmp_path / "new")
    else:
        (tmp_path / "new").mkdir()
        (tmp_path / "old" / "run").rename(tmp_path / "new" / "run")
    is_shown_once(resumed(before, tmp_path / "new" / "run"))
    if not with_its_repository:
        assert hashes(tmp_path / "old") == []


@pytest.mark.parametrize("with_its_repository", [False, True])
def test_the_run_that_another_was_copied_from_stays(tmp_path: Path, with_its_repository: bool) -> None:
    before = left(tmp_path / "old" / "run")
    (shown,) = hashes(tmp_path / "old")
    if with_its_repository:
        shutil.copytree(tmp_path / "old", tmp_path / "new")
        is_shown_once(resumed(before, tmp_path / "new" / "run"))
        assert hashes(tmp_path / "old") == [shown]
    else:
        shutil.copytree(before.folder, tmp_path / "old" / "copy")
        copy = resumed(before, tmp_path / "old" / "copy")
        assert hashes(tmp_path / "old") == sorted([shown, *noted(copy.folder)])
    assert max(step for step, _ in series_of(tmp_path / "old", shown)["loss.generator", "{}"]) == 900


def test_a_run_that_goes_on_in_another_repository_leaves_the_first(tmp_path: Path) -> None:
    before = left(tmp_path / "run")
    is_shown_once(resumed(before, repo=str(tmp_path / "other")), repo=tmp_path / "other")
    assert hashes(tmp_path) == []


def test_a_repository_that_is_gone_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = left(tmp_path / "run", repo=str(tmp_path / "first"))
    shutil.rmtree(tmp_path / "first")
    run = resumed(before, repo=str(tmp_path / "second"))
    assert "aim: cannot remove the outdated run" in (said := capsys.readouterr().err)
    assert f"no Aim repository in {tmp_path / 'first'}" in said
    (run_hash,) = hashes(tmp_path / "second")
    assert series_of(tmp_path / "second", run_hash) == expected(run.rows)


@pytest.mark.slow
def test_a_repository_that_another_process_has_is_reported_and_put_in_order_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "PATIENCE", 0.5)
    before = left(tmp_path / "run")
    holds_index = f"import aim, sys; held = aim.Repo({str(tmp_path)!r})._get_index_container('meta', 0); "
    command = [sys.executable, "-c", holds_index + "print('held', flush=True); sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        run = resumed(before)
        said = capsys.readouterr().err
        assert "aim: cannot remove the outdated run" in said
        assert "aim: cannot enter this run in the index" in said
        holder.communicate()
    assert len(noted(run.folder)) == 2
    is_shown_once(resumed(run))
    assert capsys.readouterr().err == ""


def test_the_lock_of_a_process_that_was_killed_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "PATIENCE", 0.5)
    before = left(tmp_path / "run")
    lock = tmp_path / ".aim" / "locks" / "structured_db_lock"
    killed = f"import aim, os; home = aim.Repo({str(tmp_path)!r}); home._sdb_lock.acquire(); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", killed], check=False)
    assert lock.exists()
    is_shown_once(resumed(before))


@pytest.mark.slow
@pytest.mark.parametrize("until_the_end", [False, True])
def test_a_run_that_a_killed_process_still_has_is_removed_when_it_lets_go(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], until_the_end: bool
) -> None:
    process = subprocess.Popen([sys.executable, driven.__file__, str(tmp_path / "run"), "0.05"])
    deadline = time.monotonic() + 300
    while not list((tmp_path / ".aim" / "seqs" / "chunks").glob("*/LOCK")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1)  # it is past its entry in the index, which nobody else could make any more
    (orphan,) = [child for child in psutil.Process(process.pid).children() if worker.START in child.cmdline()]
    orphan.suspend()
    process.kill()
    process.wait()
    (held,) = noted(tmp_path / "run")
    try:
        run = driven_run(tmp_path / "run")
        assert noted(run.folder)[0] == held
        run.train()
        if until_the_end:
            run.callbacks.on_close()
            assert f"aim: cannot remove the outdated run {held} from {tmp_path}: HeldError" in capsys.readouterr().err
            run = resumed(run)
            capsys.readouterr()
    finally:
        orphan.resume()
    orphan.wait(30)
    if until_the_end:
        run = resumed(run)
    run.callbacks.on_close()
    is_shown_once(run)
    assert capsys.readouterr().err == ""

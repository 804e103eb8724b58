"""What a person sees of a run: lines or a bar on the console, grids of samples."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from support.driven import DrivenRun

from gankit.core.progress import Progress
from gankit.data.pictures import grid
from gankit.kinds.callbacks import Row
from gankit_aim.observers import Aim
from gankit_observers.console import Bar, Lines, duration
from gankit_observers.observers import SampleGrid


def pictures(run: DrivenRun) -> list[str]:
    return sorted(path.name for path in (run.folder / "samples").iterdir())


class TestSampleGrid:
    def test_paints_the_end_of_each_stage(self, tmp_path: Path) -> None:
        run = DrivenRun(tmp_path / "run", [SampleGrid(count=6, seed=7)])
        run.train()
        assert pictures(run) == ["00000400-4x4.png", "00001200-8x8.png", "00002000-16x16.png"]
        assert run.drawn == [(6, 7)] * 3

    def test_a_picture_shows_the_samples_in_order(self, tmp_path: Path) -> None:
        run = DrivenRun(tmp_path / "run", [SampleGrid(count=6)])
        run.train()
        painted = np.asarray(Image.open(run.folder / "samples" / "00002000-16x16.png"))
        assert np.array_equal(painted, grid(run.sample(6, 0))[:, :, 0])

    def test_with_classes_each_row_is_of_one(self, tmp_path: Path) -> None:
        run = DrivenRun(tmp_path / "run", [SampleGrid(count=7)])
        run.class_names = ["cat", "dog"]
        run.train()
        assert run.labels == [0, 0, 0, 1, 1, 1]
        with Image.open(run.folder / "samples" / "00002000-16x16.png") as painted:
            assert painted.info["Description"] == "3 images of each class: 0=cat, 1=dog"
            expected = grid(run.sample(6, 0), 3, names=["cat", "dog"])
            assert np.array_equal(np.asarray(painted), expected[:, :, 0])

    def test_every_counts_images_and_not_updates(self, tmp_path: Path) -> None:
        for batch, passed in ((20, (300, 600, 900, 1500, 1800)), (80, (320, 640, 960, 1520, 1840))):
            run = DrivenRun(tmp_path / str(batch), [SampleGrid(every=300, count=1)], batch=batch)
            run.train()
            ends = (400, 1200, 2000)  # one picture of 1200, where a stage ends on a multiple
            assert [int(name[:8]) for name in pictures(run)] == sorted((*passed, *ends))
            assert len(run.drawn) == len(pictures(run))

    def test_one_picture_for_several_multiples_at_once(self, tmp_path: Path) -> None:
        run = DrivenRun(tmp_path / "run", [SampleGrid(every=10, count=1)], batch=40)
        run.train(until=200)
        assert [int(name[:8]) for name in pictures(run)] == [40, 80, 120, 160, 200]

    def test_a_run_that_goes_on_paints_the_next_multiple(self, tmp_path: Path) -> None:
        run = DrivenRun(tmp_path / "run", [])
        run.images = 460
        painter = SampleGrid(every=300, count=1).callback(run)
        for images in (480, 580, 600, 620):
            run.images = images
            painter.on_update(run.progress, {})
        assert pictures(run) == ["00000600-8x8.png"]

    def test_refuses_intervals_and_counts_below_one(self) -> None:
        for wrong in ({"every": 0}, {"count": 0}):
            with pytest.raises(ValidationError):
                SampleGrid.model_validate(wrong)


class FakeClock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def at(images: int, alpha: float = 1.0) -> Progress:
    return Progress(images, 100_000, 2, 3, 8, alpha, images)


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


@pytest.fixture
def lines(tmp_path: Path) -> tuple[Lines, FakeClock]:
    clock = FakeClock()
    return Lines(DrivenRun(tmp_path / "run", []), clock), clock


class TestLines:
    def test_tells_where_the_run_stands_every_ten_seconds(
        self, lines: tuple[Lines, FakeClock], capsys: pytest.CaptureFixture[str]
    ) -> None:
        callback, clock = lines
        callback.on_stage_start(at(0))
        callback.on_rows([Row(0, 2, 8, "loss.generator", -0.51234), Row(0, 2, 8, "score.real", 9.0)])
        for second in range(31):
            callback.on_update(at(100 * second, alpha=second / 100), {})
            clock.now += 1
        assert told(capsys) == [
            f"{images:,} of 100,000 images, 8x8 (stage 2 of 3), alpha {alpha}, 100.0 images/s, {left} left, "
            "loss generator -0.512"
            for images, alpha, left in ((1000, "0.10", "16:30"), (2000, "0.20", "16:20"), (3000, "0.30", "16:10"))
        ]

    def test_a_last_batch_that_goes_beyond_the_end_leaves_no_time(
        self, lines: tuple[Lines, FakeClock], capsys: pytest.CaptureFixture[str]
    ) -> None:
        callback, clock = lines
        callback.on_stage_start(at(99_000))
        callback.on_update(at(99_000), {})
        clock.now += 11
        callback.on_update(at(100_500), {})
        (line,) = told(capsys)
        assert line.startswith("100,500 of 100,000 images, ")
        assert ", 0 s left" in line

    def test_the_pace_is_that_of_training_now(
        self, lines: tuple[Lines, FakeClock], capsys: pytest.CaptureFixture[str]
    ) -> None:
        callback, clock = lines
        shown = 0
        for images_per_second in (1000, 10):
            callback.on_stage_start(at(shown))
            for _ in range(11):
                callback.on_update(at(shown), {})
                clock.now += 1
                shown += images_per_second
            callback.on_evaluation_start(at(shown))
            clock.now += 500
        assert [re.findall(r"([\d.]+) images/s", line) for line in told(capsys)] == [["1000"], ["10.00"]]

    def test_tells_what_came_of_a_stage(
        self, lines: tuple[Lines, FakeClock], capsys: pytest.CaptureFixture[str]
    ) -> None:
        callback, clock = lines
        for images, fid in ((0, 9.0), (600, 2.3456)):
            callback.on_stage_start(at(images))
            clock.now += 75
            metrics = {"fid": fid, "is": 7.5, "fid_floor": 0.23}
            callback.on_rows([Row(images + 600, 2, 8, name, value, {"n": 1}) for name, value in metrics.items()])
            callback.on_stage_end(at(images + 600))
        assert told(capsys)[1] == "8x8: 600 images in 1:15, fid 2.346 (floor 0.2300), is 7.500"

    def test_says_of_how_many_images_a_floor_is_if_not_of_as_many(
        self, lines: tuple[Lines, FakeClock], capsys: pytest.CaptureFixture[str]
    ) -> None:
        callback, _ = lines
        callback.on_stage_start(at(0))
        callback.on_rows([Row(8, 1, 8, "fid", 0.91, {"images": 60}), Row(8, 1, 8, "fid_floor", 1.08, {"images": 30})])
        callback.on_stage_end(at(8))
        assert told(capsys)[0].endswith("fid 0.9100 (floor 1.080 of 30 images, not 60)")

    @pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (60, "1:00"), (3725, "1:02:05")])
    def test_durations(self, seconds: float, text: str) -> None:
        assert duration(seconds) == text


def carried_out(command: str, stderr: int, **environment: str) -> subprocess.CompletedProcess[bytes]:
    code = f"""
import sys, tempfile, time
from pathlib import Path
from support.driven import DrivenRun
from gankit.discovery.manager import plugins
from gankit_observers.observers import ConsoleProgress
plugins.load_installed()
with tempfile.TemporaryDirectory() as folder:
    run = DrivenRun(Path(folder) / "run", [ConsoleProgress()])
    try:
        {command}
    finally:
        run.callbacks.on_close()
"""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", **environment},
        stdout=subprocess.PIPE,
        stderr=stderr,
        check=False,
        timeout=300,
    )


def on_a_terminal(command: str) -> str:
    leader, follower = pty.openpty()
    with os.fdopen(leader, "rb", buffering=0) as screen:
        assert carried_out(command, follower).stdout == b""
        os.set_blocking(leader, False)
        shown = b"".join(iter(lambda: screen.read(4096), None))
        os.close(follower)
    return shown.decode()


class TestConsole:
    @pytest.mark.slow
    def test_a_file_gets_plain_lines_even_if_colours_are_forced(self) -> None:
        done = carried_out("run.train()", subprocess.PIPE, FORCE_COLOR="1")
        assert done.returncode == 0
        assert done.stdout == b""
        assert b"\x1b" not in done.stderr
        assert b"\r" not in done.stderr
        assert [line.split(":")[0] for line in done.stderr.decode().splitlines()] == ["4x4", "8x8", "16x16"]

    def test_a_terminal_gets_a_bar_and_stays_usable(self) -> None:
        redrawn = "[time.sleep(0.2) for _ in range(6)]"  # in steps, as one would be over if the machine stood still
        shown = on_a_terminal(f"run.train(1300); run.train(1900, pause=0.01); {redrawn}; run.train()")
        assert "stage 3 of 3" in shown
        assert "images/s" in shown
        assert "loss discriminator" in shown
        assert "100%" in shown
        assert re.search(r"8x8: 800 images in \d+ s, fid 0.001667 \(floor 0.001667\)", shown)
        assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "the cursor stays hidden"

    @pytest.mark.slow
    def test_an_interrupted_bar_gives_the_terminal_back(self) -> None:
        shown = on_a_terminal("run.train(until=100); raise KeyboardInterrupt")
        assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "the cursor stays hidden"

    def test_nothing_of_a_bar_runs_on_after_it(self, tmp_path: Path) -> None:
        run, before = DrivenRun(tmp_path / "run", []), {*threading.enumerate()}
        for _ in range(20):
            Bar(run).on_close()
            assert not {*threading.enumerate()} - before

    @pytest.mark.parametrize("reporter", [Lines, Bar])
    def test_an_update_costs_next_to_nothing(self, tmp_path: Path, reporter: type[Lines] | type[Bar]) -> None:
        callback = reporter(DrivenRun(tmp_path / "run", []))
        callback.on_stage_start(at(0))
        since = time.thread_time()
        for images in range(20_000):
            callback.on_update(at(images), {})
        assert (time.thread_time() - since) / 20_000 < 1e-4
        callback.on_close()


def test_a_run_goes_on_without_aim_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("gankit_aim.observers.find_spec", lambda name: None)
    run = DrivenRun(tmp_path / "run", [Aim()])
    run.train()
    run.callbacks.on_close()
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("gankit: observer aim/aim failed to begin, and is left out: aim is not installed (it has")
    assert said.endswith("gankit compare shows them; the run goes on (observers.0)")
    assert not (tmp_path / ".aim").exists()

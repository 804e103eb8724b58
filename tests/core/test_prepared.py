"""Images are decoded once, whatever becomes of the process that decodes them, and read alike by all."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from support.sources import Numbered

from gankit.core.cache import clear
from gankit.core.errors import RunError, UserError
from gankit.data import prepared as module
from gankit.data.prepared import PreparedImages, lack_of_room, prepared, reduced
from gankit.data.prepared_files import images_folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def in_small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few images at a time, each of which is journalled."""
    monkeypatch.setattr(module, "AT_A_TIME", 1)
    monkeypatch.setattr("gankit.data.progress.SAVED", 0.0)


def images_of(source: Numbered) -> np.ndarray:
    return np.stack([source.read(position, 8, 4) for position in range(len(source))])


def prepare(source: Numbered, skip: bool = False) -> PreparedImages:
    return prepared(source, 3, 8, 4, skip)


def test_they_are_what_the_source_gives_and_their_means() -> None:
    source = Numbered(50)
    kept = prepare(source)
    expected = images_of(source)
    np.testing.assert_array_equal(kept.at(8), expected)
    np.testing.assert_array_equal(kept.at(4), reduced(expected, 4))
    assert (kept.darkest, kept.lightest) == (expected.min(), expected.max())
    assert isinstance(kept.at(4), np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        kept.at(8)[0] = 0


def test_a_second_start_reads_no_image() -> None:
    prepare(Numbered(50))
    again = Numbered(50)
    kept = prepare(again)
    assert again.reads == 0
    np.testing.assert_array_equal(kept.at(8), images_of(Numbered(50)))


def test_another_size_source_or_number_is_prepared_by_itself() -> None:
    source = Numbered(20)
    first = prepare(source)
    others = [prepared(source, 3, 4, 4), prepare(Numbered(20, key="other")), prepare(Numbered(21))]
    assert len({each.folder for each in [first, *others]}) == 4


def test_what_is_made_of_them_is_kept_beside_them() -> None:
    kept, calls = prepare(Numbered(20)), []

    def order() -> np.ndarray:
        calls.append(1)
        return np.arange(20)[::-1]

    for _ in range(2):
        np.testing.assert_array_equal(kept.remembered("order", "int64", 20, order), np.arange(20)[::-1])
    assert len(calls) == 1
    whole = (kept.folder / "order").read_bytes()
    for damaged in (b"junk", b"", whole[:-1], whole[:5] + b"\1" + whole[6:]):
        (kept.folder / "order").write_bytes(damaged)
        calls.clear()
        for _ in range(2):
            np.testing.assert_array_equal(kept.remembered("order", "int64", 20, order), np.arange(20)[::-1])
        assert len(calls) == 1, damaged


@pytest.mark.usefixtures("in_small_steps")
@pytest.mark.parametrize("at", [0, 1, 7, 30, 49])
def test_one_that_was_cut_short_is_gone_on_with(at: int) -> None:
    class CutError(Exception):
        pass

    class Fragile(Numbered):
        def read(self, position: int, height: int, width: int) -> np.ndarray:
            if position == at:
                raise CutError
            return super().read(position, height, width)

    with pytest.raises(CutError):
        prepare(Fragile(50))
    for unfinished in images_folder().glob("*/unfinished"):
        with unfinished.open("ab") as file:  # what was written after the last word on it
            file.write(b"half an image")
    source = Numbered(50)
    kept = prepare(source)
    np.testing.assert_array_equal(kept.at(8), images_of(Numbered(50)))
    assert source.reads <= 50 - at + 2 * (os.cpu_count() or 1)


@pytest.mark.parametrize("harm", ["cut", "gone", "junk", "empty", "changed"])
def test_what_was_damaged_is_made_again(harm: str) -> None:
    kept = prepare(Numbered(50))
    kept.at(4)
    pixels, small, manifest = (kept.folder / name for name in ("height-8.uint8", "height-4.uint8", "manifest.json"))
    if harm == "cut":
        os.truncate(pixels, 100)
        os.truncate(small, 10)
    elif harm == "gone":
        pixels.unlink()
    elif harm == "changed":  # it would be taken for a set that lacks an image of its source
        manifest.write_text(manifest.read_text().replace('"skipped": []', '"skipped": [[3, "image 3"]]'))
        os.truncate(pixels, 49 * 3 * 8 * 4)
    else:
        manifest.write_text("junk" if harm == "junk" else "")
    again = prepare(Numbered(50))
    np.testing.assert_array_equal(again.at(8), images_of(Numbered(50)))
    np.testing.assert_array_equal(again.at(4), reduced(images_of(Numbered(50)), 4))


def test_broken_images_are_refused_by_name_or_left_out() -> None:
    source = Numbered(20, broken=(3, 17))
    with pytest.raises(UserError, match="image 3 is broken"):
        prepare(source)
    kept = prepare(source, skip=True)
    assert [each.position for each in kept.skipped] == [3, 17]
    np.testing.assert_array_equal(kept.positions, np.delete(np.arange(20), [3, 17]))
    np.testing.assert_array_equal(kept.at(8), np.delete(images_of(Numbered(20)), [3, 17], axis=0))
    with pytest.raises(UserError, match="image 3 is broken"):
        prepare(source)
    with pytest.raises(UserError, match="none of 2 images can be read; the first: image 0 is broken"):
        prepare(Numbered(2, broken=(0, 1)), skip=True)


@pytest.mark.costly
def test_several_that_want_the_same_decode_it_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = "\n".join(
        [
            "from support.sources import Numbered",
            "from gankit.data.prepared import prepared",
            f"prepared(Numbered(40, log={str(log)!r}), 3, 8, 4)",
        ]
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def run(_: int) -> int:
        return subprocess.run([sys.executable, "-c", program], env=environment, check=True).returncode

    with ThreadPoolExecutor(3) as pool:
        assert [*pool.map(run, range(3))] == [0] * 3
    assert len(log.read_text().split()) == 40


def test_a_full_disk_leaves_nothing_that_is_taken_for_whole() -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(RunError, match=r"cannot keep images in .*: File too large; make room"):
            prepare(Numbered(50))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [*images_folder().glob("*/manifest.json")]
    np.testing.assert_array_equal(prepare(Numbered(50)).at(8), images_of(Numbered(50)))


def no_room(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_without_room_for_its_last_words_nothing_is_decoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(module, "write_sealed", no_room)
        with pytest.raises(RunError, match="No space left on device; make room, or name another folder"):
            prepare(Numbered(50))
    source = Numbered(50)
    np.testing.assert_array_equal(prepare(source).at(8), images_of(Numbered(50)))
    assert source.reads == 0


def test_without_room_for_lower_ones_these_are_made_when_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = prepare(Numbered(50))
    with monkeypatch.context() as patched:
        patched.setattr(module, "_write_reduced", no_room)
        with pytest.raises(RunError, match="No space left on device"):
            kept.at(4)
    np.testing.assert_array_equal(kept.at(4), reduced(images_of(Numbered(50)), 4))


@pytest.mark.usefixtures("in_small_steps")
def test_what_is_decoded_already_needs_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    size = 50 * 3 * 8 * 4
    monkeypatch.setattr("gankit.core.memory.disk_room", lambda _: size // 2)
    lack = lack_of_room(Numbered(50), 3, 8, 4)
    assert lack is not None
    assert "50 images of 4x8 pixels take 4.8 kB" in lack
    with monkeypatch.context() as patched:
        patched.setattr("gankit.core.memory.disk_room", lambda _: size)
        with pytest.raises(UserError):
            prepare(Numbered(50, broken=[48]))
    assert lack_of_room(Numbered(50), 3, 8, 4) is None
    assert prepare(Numbered(50)).count == 50
    assert lack_of_room(Numbered(50), 3, 8, 4) is None


@pytest.mark.parametrize("what", ["a file", "a dangling link", "no home", "read-only"])
def test_where_nothing_can_be_kept_they_are_prepared_for_one_process(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr("gankit.data.prepared_files._stand_ins", [])
    match what:
        case "a file":
            cache.write_text("a file")
        case "a dangling link":
            cache.symlink_to("nowhere")
        case "no home":
            monkeypatch.setenv("GANKIT_CACHE", "~nobody-is-called-so/cache")
        case _:
            monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: no_room())
    source = Numbered(20)
    np.testing.assert_array_equal(prepare(source).at(4), reduced(images_of(Numbered(20)), 4))
    np.testing.assert_array_equal(prepare(source).at(8), images_of(Numbered(20)))
    assert source.reads == 20
    (said,) = capsys.readouterr().err.splitlines()
    assert "for this process alone" in said


def test_what_is_kept_is_read_where_nothing_can_be_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(Numbered(20)).at(4)
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: no_room())
    source = Numbered(20)
    np.testing.assert_array_equal(prepare(source).at(4), reduced(images_of(Numbered(20)), 4))
    assert (source.reads, capsys.readouterr().err) == (0, "")


def test_a_source_that_changes_meanwhile_is_refused() -> None:
    class Changing(Numbered):
        def key(self) -> str:
            return f"changing {self.reads > 10}"

    with pytest.raises(UserError, match="numbers was changed while its images were prepared"):
        prepare(Changing(20))
    assert not [*images_folder().glob("*/*")], "what of it is old, nobody can tell"


def test_who_waits_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gankit.data.prepared_files.PATIENCE", 0.01)
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Numbered):
        def read(self, position: int, height: int, width: int) -> np.ndarray:
            begun.set()
            go_on.wait(100)
            return super().read(position, height, width)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(prepare, Slow(20))
        begun.wait(100)
        second = pool.submit(prepare, Numbered(20))
        said, until = "", time.monotonic() + 100
        while "gankit: waits for another process that is filling" not in said and time.monotonic() < until:
            said += capsys.readouterr().err
            time.sleep(0.01)
        go_on.set()
        assert first.result().folder == second.result().folder
    assert "gankit: waits for another process that is filling" in said


def test_clearing_at_any_moment_upsets_nobody() -> None:
    expected = {count: images_of(Numbered(count)) for count in (20, 30)}
    until = time.monotonic() + 0.5

    def goes_on(done: int) -> bool:
        """For half a second, and on a machine that is busy until it was done once."""
        return time.monotonic() < until + (0 if done else 30)

    def use(count: int) -> int:
        times = 0
        while goes_on(times):
            kept = prepare(Numbered(count))
            np.testing.assert_array_equal(kept.at(8), expected[count])
            np.testing.assert_array_equal(kept.at(4), reduced(expected[count], 4))
            np.testing.assert_array_equal(kept.remembered("order", "int64", 3, lambda: np.arange(3)), np.arange(3))
            times += 1
        return times

    def remove() -> int:
        removed = 0
        while goes_on(removed):
            cleared = clear()
            assert cleared.refused == {}
            removed += cleared.removed
        return removed

    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(use, count) for count in (20, 20, 30)] + [pool.submit(remove)]
        assert all(each.result() > 0 for each in work)


def test_a_source_that_gives_other_shapes_is_refused() -> None:
    class Wrong(Numbered):
        def read(self, position: int, height: int, width: int) -> np.ndarray:
            return super().read(position, height, width)[:1]

    with pytest.raises(UserError, match=r"Wrong read uint8 \[1, 8, 4\] instead of uint8 \[3, 8, 4\]"):
        prepare(Wrong(3))

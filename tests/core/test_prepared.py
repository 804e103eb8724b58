"""Images are decoded once, whatever becomes of the process that decodes them, and read alike by all."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from support.sources import Numbered

from gankit.core.errors import UserError
from gankit.data import prepared as module
from gankit.data.prepared import PreparedImages, cache_folder_of_images, prepared, reduced


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
        np.testing.assert_array_equal(kept.remembered("order", 20, order), np.arange(20)[::-1])
    assert len(calls) == 1
    (kept.folder / "order.npy").write_bytes(b"junk")
    np.testing.assert_array_equal(kept.remembered("order", 20, order), np.arange(20)[::-1])
    assert len(calls) == 2


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
    for unfinished in cache_folder_of_images().glob("*/unfinished"):
        with unfinished.open("ab") as file:  # what was written after the last word on it
            file.write(b"half an image")
    source = Numbered(50)
    kept = prepare(source)
    np.testing.assert_array_equal(kept.at(8), images_of(Numbered(50)))
    assert source.reads <= 50 - at + 2 * (os.cpu_count() or 1)


@pytest.mark.parametrize("harm", ["cut", "gone", "junk", "empty", "other"])
def test_what_was_damaged_is_made_again(harm: str) -> None:
    kept = prepare(Numbered(50))
    kept.at(4)
    pixels, small, manifest = (kept.folder / name for name in ("height-8.uint8", "height-4.uint8", "manifest.json"))
    if harm == "cut":
        os.truncate(pixels, 100)
        os.truncate(small, 10)
    elif harm == "gone":
        pixels.unlink()
    elif harm == "other":
        said = json.loads(manifest.read_text())
        manifest.write_text(json.dumps(said | {"content": {"count": 50, "shape": [3, 8, 4]}}))
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
        with pytest.raises(OSError, match="File too large"):
            prepare(Numbered(50))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [*cache_folder_of_images().glob("*/manifest.json")]
    np.testing.assert_array_equal(prepare(Numbered(50)).at(8), images_of(Numbered(50)))


def test_where_nothing_can_be_kept_they_are_prepared_for_one_process(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.write_text("a file")
    source = Numbered(20)
    np.testing.assert_array_equal(prepare(source).at(4), reduced(images_of(Numbered(20)), 4))
    assert "for this process alone" in capsys.readouterr().err


def test_a_source_that_gives_other_shapes_is_refused() -> None:
    class Wrong(Numbered):
        def read(self, position: int, height: int, width: int) -> np.ndarray:
            return super().read(position, height, width)[:1]

    with pytest.raises(UserError, match=r"Wrong read uint8 \[1, 8, 4\] instead of uint8 \[3, 8, 4\]"):
        prepare(Wrong(3))

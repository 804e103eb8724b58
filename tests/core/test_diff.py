"""gankit diff finds where two runs part, by which number, and what may be why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import nan, nextafter
from pathlib import Path
from typing import Any

import pytest
from support.recorded import recorded

from gankit.cli import main
from gankit.kinds.callbacks import Row

NOTED: dict[str, Any] = {
    "stages": [[8, 8000, 0]],
    "versions": {"python": "3.11.7", "torch": "2.14.1"},
    "plugins": {"gan": {"distribution": "gankit", "version": "0.2.0", "path": "/a", "sha256": "a" * 64}},
    "threads": 1,
}


def losses(*changes: tuple[int, str, float]) -> list[Row]:
    rows = [Row(n, 1, 8, f"loss.{of}", n / 7) for n in range(1000, 6000, 1000) for of in ("generator", "discriminator")]
    changed = {(images, name): value for images, name, value in changes}
    return [row._replace(value=changed.get((row.images, row.name), row.value)) for row in rows]


def run(path: Path, rows: Sequence[Row], noted: dict[str, Any] | None = None, **options: Any) -> Path:
    folder = recorded(path, rows, [(8, 8000)], seed=0, **options)
    (folder / "provenance.json").write_text(json.dumps(NOTED | (noted or {})))
    return folder


@pytest.fixture
def one(tmp_path: Path) -> Path:
    return run(tmp_path / "one", losses())


def found(capsys: pytest.CaptureFixture[str], *paths: Path) -> dict[str, Any]:
    code = main(["diff", *map(str, paths), "--json"])
    content = json.loads(capsys.readouterr().out)
    assert code == (content["at"] is not None)
    return content


def test_a_single_bit_at_3000_images_is_found(one: Path, capsys: pytest.CaptureFixture[str]) -> None:
    value = nextafter(3000 / 7, 1000)
    other = run(one.parent / "other", losses((3000, "loss.discriminator", value), (4000, "loss.generator", 0.0)))

    said = found(capsys, one, other)
    assert (said["at"], said["same"], said["until"]) == (3000, 4, 2000)
    assert said["numbers"] == [{"name": "loss.discriminator", "here": 3000 / 7, "there": value}]
    assert said["options"] == said["origin"] == {}
    assert main(["diff", str(one), str(other)]) == 1
    words = capsys.readouterr().out
    assert "They part at 3,000 images; 4 numbers are the same, up to 2,000 images" in words
    assert repr(value) in words


def test_runs_that_are_the_same_do_not_part_however_long_one_is(one: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shorter = run(one.parent / "shorter", [row for row in losses() if row.images <= 4000])

    assert (found(capsys, one, shorter)["same"], found(capsys, shorter, one)["at"]) == (8, None)
    assert main(["diff", str(one), str(one)]) == 0
    assert "They do not part: 10 numbers are the same, up to 5,000 images" in capsys.readouterr().out


def test_numbers_that_one_alone_has_and_those_that_are_none(one: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = losses((1000, "loss.generator", nan))
    blind, seeing = run(one.parent / "blind", rows), run(one.parent / "seeing", [*rows, Row(2000, 1, 8, "fid", 3.0)])

    assert found(capsys, blind, blind)["at"] is None
    assert found(capsys, blind, seeing)["numbers"] == [{"name": "fid", "here": None, "there": 3.0}]


def test_what_may_be_why_is_named(one: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin = {"gan": NOTED["plugins"]["gan"] | {"sha256": "b" * 64}}
    later = {**NOTED, "versions": {"python": "3.11.7", "torch": "2.15.0"}}
    noted = {"plugins": plugin, "threads": 2, "resumed": [later | {"plugins": plugin, "threads": 2}]}
    other = run(one.parent / "other", losses(), noted, loss={"use": "gan/hinge"})

    said = found(capsys, one, other)
    assert said["options"] == {"loss": {"here": "-", "there": "hinge"}}
    assert said["origin"] == {
        "torch": {"here": "2.14.1", "there": "2.14.1, then 2.15.0"},
        "plugin gan": {"here": "gankit 0.2.0 (source aaaaaaaaaaaa)", "there": "gankit 0.2.0 (source bbbbbbbbbbbb)"},
        "the number of threads": {"here": "1", "there": "2"},
    }


def test_what_is_no_run_is_refused(one: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (one.parent / "empty").mkdir()

    assert main(["diff", str(one), str(one.parent / "empty")]) == 2
    assert "empty is not a run" in capsys.readouterr().err

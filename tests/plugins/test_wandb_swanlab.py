"""W&B and SwanLab themselves, offline, know what a run has recorded. `pip install wandb swanlab` to try it."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from support.command import QUIET
from support.tiny import tiny

from gankit.runs.rows import read_rows
from gankit.runs.start import begin, resume

BLOCK, HEADER = 32_768, 7
FULL, FIRST, LAST = 1, 2, 4
Told = list[tuple[str, int, float | None]]
"""Chart, images shown, and the number unless it is a picture."""


def records(content: bytes) -> Iterator[bytes]:
    """The records of a file of either: a LevelDB log after a header, parts of records with checksum, length, kind."""
    place, whole = HEADER, b""
    while place + HEADER <= len(content):
        if (left := BLOCK - place % BLOCK) < HEADER:
            place += left
            continue
        length, kind = struct.unpack_from("<HB", content, place + 4)
        part = content[place + HEADER : place + HEADER + length]
        whole = part if kind in (FULL, FIRST) else whole + part
        if kind in (FULL, LAST):
            yield whole
        place += HEADER + length


def in_wandb(folder: Path) -> Told:
    record: Any = import_module("wandb.proto.wandb_internal_pb2").Record
    told: Told = []
    for content in (one for file in sorted(folder.rglob("*.wandb")) for one in records(file.read_bytes())):
        items = record.FromString(content).history.item
        values = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in items}
        for chart, value in values.items():
            if "/" in chart:  # none of its own, nor the images
                told.append((chart, values["images"], value if isinstance(value, float) else None))
    return told


def in_swanlab(folder: Path) -> Told:
    record: Any = import_module("swanlab.proto.swanlab.record.v1.record_pb2").Record
    told: Told = []
    for content in (one for file in sorted(folder.rglob("*.swanlab")) for one in records(file.read_bytes())):
        one = record.FromString(content)
        if "/" in one.scalar.key and not one.scalar.key.startswith("__"):  # none of its own
            told.append((one.scalar.key, one.scalar.step, one.scalar.value.number))
        if one.media.key:
            told.append((one.media.key, one.media.step, None))
    return told


OFFLINE = {"wandb": ("dir", "offline", in_wandb), "swanlab": ("logdir", "local", in_swanlab)}
"""What `init` calls the folder, the mode in which nothing is sent, and what reads the folder."""


@pytest.mark.slow
@pytest.mark.parametrize("module", OFFLINE)
def test_it_knows_what_is_recorded_before_and_after_a_run_goes_on(
    module: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip(module)
    place, mode, read = OFFLINE[module]
    (there := tmp_path / module).mkdir()
    observer = {"use": module, "init": {"mode": mode, place: str(there)}}
    evaluation = {"metrics": ["fid"], "extractor": "digits", "images": 16, "every": 24}
    grid = {"use": "sample-grid", "count": 4}
    folder = tmp_path / "run"
    begin(tiny(observers=[observer, grid, *QUIET], evaluation=evaluation, checkpoints={"every": 40}), folder).train()
    for extended in (False, True):
        if extended:
            run = resume(folder, extend=32)
            assert run is not None
            run.train()
        told = read(there)
        rows = list(read_rows(folder / "metrics.jsonl"))
        fids = [(f"fid/{row.resolution}", row.images, row.value) for row in rows if row.name == "fid"]
        assert sorted(one for one in told if one[0].startswith("fid/")) == sorted(fids)
        losses = [("loss/generator", row.images, row.value) for row in rows if row.name == "loss.generator"]
        assert sorted(one for one in told if one[0] == "loss/generator") == sorted(losses)
        pictures = sorted((folder / "samples").iterdir())
        assert len([one for one in told if one[0].startswith("samples/")]) == len(pictures)
    assert "failed" not in capsys.readouterr().err

"""A run from beginning to end, seen from its folder and by an observer."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from support.command import rows
from support.tiny import tiny

from gankit import Callback, Observer, UserError
from gankit.checkpoints import store
from gankit.core.progress import Progress
from gankit.core.registry import register, restored
from gankit.kinds.callbacks import Picture, Row, RunContext
from gankit.runs.components import choose_device
from gankit.runs.start import begin

pytestmark = pytest.mark.costly

METRICS = {"metrics": ["fid", "is"], "extractor": "digits", "images": 16}


class Diary(Observer):
    """Writes down all that it is told."""

    entries: ClassVar[list[tuple[str, Any]]] = []

    def callback(self, run: RunContext) -> Callback:
        self.entries.clear()
        return Diarist(run)


class Diarist(Callback):
    def __init__(self, run: RunContext) -> None:
        self.run = run

    def on_stage_start(self, progress: Progress) -> None:
        Diary.entries.append(("started", progress))

    def on_update(self, progress: Progress, scalars: Any) -> None:
        Diary.entries.append(("updated", progress))

    def on_evaluation_start(self, progress: Progress) -> None:
        Diary.entries.append(("evaluating", progress))
        assert self.run.sample(3, seed=0).shape == (3, progress.resolution, progress.resolution, 1)

    def on_rows(self, rows: list[Row]) -> None:
        Diary.entries.append(("recorded", [row.name for row in rows]))

    def on_picture(self, picture: Picture) -> None:
        Diary.entries.append(("shown", picture.path))

    def on_stage_end(self, progress: Progress) -> None:
        self.run.show(f"end-of-{progress.stage}", np.zeros((4, 4, 1), np.uint8))
        Diary.entries.append(("ended", progress))

    def on_finish(self) -> None:
        Diary.entries.append(("finished", None))

    def on_close(self) -> None:
        Diary.entries.append(("closed", None))


@pytest.fixture
def diary(tmp_path: Path):
    with restored():
        register("observers", "diary", Diary)
        yield Diary.entries


def run(folder: Path, **changes: Any) -> Path:
    begin(tiny(**changes), folder).train()
    return folder


def test_every_stage_is_trained_evaluated_fully_grown_and_saved(tmp_path: Path, diary: list[tuple[str, Any]]) -> None:
    # half of the second stage's fade is missing when its images are over: it is evaluated fully grown all the same
    growth = {"use": "progressive", "final": 8, "images": {4: 32, 8: 64}, "fade": 1.0}
    folder = run(tmp_path / "run", growth=growth, observers=["diary"], evaluation=METRICS)
    told = [(what, (p.images, p.stage, p.resolution, p.alpha)) for what, p in diary if isinstance(p, Progress)]
    assert [entry for entry in told if entry[0] != "updated"] == [
        ("started", (0, 1, 4, 1.0)),
        ("evaluating", (32, 1, 4, 1.0)),
        ("ended", (32, 1, 4, 1.0)),
        ("started", (32, 1, 4, 1.0)),
        ("evaluating", (96, 2, 8, 1.0)),
        ("ended", (96, 2, 8, 1.0)),
    ]
    assert [p.images for what, p in diary if what == "updated"] == list(range(8, 97, 8))
    assert [what for what, _ in diary[-2:]] == ["finished", "closed"]
    assert [path.name for what, path in diary if what == "shown"] == ["end-of-1.png", "end-of-2.png"]
    measured = [(row["images"], row["stage"], row["name"]) for row in rows(folder) if "protocol" in row]
    assert measured == [(i, s, n) for i, s in ((32, 1), (96, 2)) for n in ("fid", "fid_floor", "is", "is_std")]
    ways = {row["name"]: row["protocol"]["better"] for row in rows(folder) if "protocol" in row}
    assert (ways["fid"], ways["is"]) == ("lower", "higher")
    assert [path.name for path in store.found(folder / "checkpoints")] == ["000000000032", "000000000096"]
    events = [json.loads(line)["event"] for line in (folder / "times.jsonl").read_text().splitlines()]
    assert events == ["begun", "stage", "evaluation", "stage", "evaluation", "finished"]


def test_a_stage_begins_when_the_batches_before_went_past_their_end(
    tmp_path: Path, diary: list[tuple[str, Any]]
) -> None:
    growth = {"use": "progressive", "final": 8, "images": {4: 20, 8: 60}, "fade": 0.5}  # in batches of 8
    run(tmp_path / "run", growth=growth, observers=["diary"])
    assert [p.images for what, p in diary if what == "started"] == [0, 24]


def test_evaluation_and_checkpoints_come_every_so_many_images_too(tmp_path: Path) -> None:
    evaluation = METRICS | {"every": 20}
    folder = run(tmp_path / "run", evaluation=evaluation, checkpoints={"every": 30, "keep": 2})
    measured = [row["images"] for row in rows(folder) if row["name"] == "fid"]
    assert measured == [24, 32, 40, 64, 80, 96]
    assert [int(path.name) for path in store.found(folder / "checkpoints")] == [64, 96]


def test_evaluating_changes_nothing_that_is_trained(tmp_path: Path) -> None:
    often = run(tmp_path / "often", evaluation=METRICS | {"every": 8})
    never = run(tmp_path / "never")
    for name in ("generator", "discriminator", "average"):
        file = Path("checkpoints") / "000000000096" / f"{name}.safetensors"
        assert (often / file).read_bytes() == (never / file).read_bytes()


def test_a_saved_generator_makes_the_images_that_it_made_in_its_run(
    tmp_path: Path, diary: list[tuple[str, Any]]
) -> None:
    training = begin(tiny(), tmp_path / "run")
    training.train()
    loaded = store.load_generator(tmp_path / "run", training.experiment, torch.device("cpu"))
    z = torch.randn(4, 8)
    assert torch.equal(loaded(z), training._trainer.average(z))
    assert (loaded.resolution, loaded.joins) == (8, set())
    shutil.rmtree(store.found(tmp_path / "run" / "checkpoints")[-1])
    before = store.load_generator(tmp_path / "run", training.experiment, torch.device("cpu"))
    assert before(z).shape == (4, 1, 4, 4)


def test_damaged_checkpoints_are_refused(tmp_path: Path) -> None:
    experiment = tiny()
    with pytest.raises(UserError, match="neither a run's folder nor a checkpoint"):
        store.load_generator(tmp_path, experiment, torch.device("cpu"))
    folder = run(tmp_path / "run")
    (store.found(folder / "checkpoints")[-1] / "average.safetensors").write_bytes(b"\x80\x04 not weights")
    with pytest.raises(UserError, match="cannot be read as a checkpoint"):
        store.load_generator(folder, experiment, torch.device("cpu"))


def test_a_device_that_is_not_there_is_refused() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    missing = "cuda" if not torch.cuda.is_available() else "mps"
    with pytest.raises(UserError, match=f"no {missing} on this machine; usable here: auto, "):
        choose_device(missing)


def test_the_losses_of_a_stage_are_recorded_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gankit.runs.loop.ROWS_PER_STAGE", 20)
    growth = {"use": "fixed", "resolution": 4, "images": 205}  # losses are averaged over 10 images, batches are of 8
    folder = run(tmp_path / "run", growth=growth, regularizers=[], loss="non-saturating")
    recorded = [row["images"] for row in rows(folder) if row["name"] == "loss.generator"]
    assert recorded[:4] == [16, 24, 32, 40]
    assert recorded[-2:] == [200, 208]

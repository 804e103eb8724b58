"""What Aim shows of runs, and what it should show."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aim
import numpy as np
from aim.sdk.types import QueryReportMode
from PIL import Image
from support import driven
from support.driven import DrivenRun

from gankit.kinds.callbacks import Row
from gankit.results.protocols import of_reals
from gankit_aim import repository
from gankit_aim.mirror import LEDGER

SILENT = QueryReportMode.DISABLED

Series = dict[tuple[str, str], list[tuple[int, float]]]
"""(step, value) by name and context."""


def entered(repo: Path) -> None:
    """Enter all runs in the index as they are now, which Aim's server does for live and killed ones."""
    home = aim.Repo(str(repo))
    for run_hash in home.list_all_runs():
        repository.index(home, run_hash)


def hashes(repo: Path) -> list[str]:
    """The runs of a repository, which it must name alike however it is asked: files, index, tables, queries."""
    home = aim.Repo(str(repo))
    aim.Repo._all_run_hashes.cache_clear()  # pyright: ignore[reportAttributeAccessIssue]; it is half a second old
    ways = (
        home.list_all_runs(),
        [run.hash for run in home.iter_runs()],
        [run.hash for run in home.structured_db.runs()] if home.structured_db else [],
        [found.run.hash for found in home.query_runs("", report_mode=SILENT).iter_runs()],  # pyright: ignore
    )
    first, *others = [sorted(way) for way in ways]
    assert others == [first] * len(others), ways
    return first


def only_run(repo: Path) -> aim.Run:
    """The one run that a repository holds."""
    (run_hash,) = hashes(repo)
    return aim.Run(run_hash, repo=str(repo), read_only=True)


def series_of(repo: Path, run_hash: str) -> Series:
    """Every series of numbers of a run, as a query finds them."""
    found = aim.Repo(str(repo)).query_metrics(f'run.hash == "{run_hash}"', report_mode=SILENT)
    shown: Series = {}
    for runs in found.iter_runs():
        for metric in runs:
            steps, (values, *_) = metric.data.numpy()
            shown[metric.name, str(metric.context.to_dict())] = list(zip(steps.tolist(), values.tolist(), strict=True))
    return shown


def expected(rows: Iterable[Row]) -> Series:
    """The series that rows belong in, in the order of steps; of one step the row recorded last."""
    series: dict[tuple[str, str], dict[int, float]] = {}
    for row in rows:
        name = f"reals.{row.name}" if of_reals(row) else row.name
        context = "{}" if row.protocol is None else f"{{'resolution': {row.resolution}}}"
        series.setdefault((name, context), {})[row.images] = row.value
    return {key: sorted(points.items()) for key, points in series.items()}


def pictures_of(repo: Path, run_hash: str) -> dict[tuple[int, str], np.ndarray]:
    """The pixels of every picture of a run, by step and caption."""
    found = aim.Repo(str(repo)).query_images(f'run.hash == "{run_hash}"', report_mode=SILENT)
    return {
        (step, picture.caption): np.asarray(picture.to_pil_image())
        for runs in found.iter_runs()
        for sequence in runs
        for step, (pictures, *_) in sequence.data.items()
        for picture in (pictures if isinstance(pictures, list) else [pictures])
    }


def pictures_in(folder: Path) -> dict[tuple[int, str], np.ndarray]:
    """The pixels of every picture in a run's folder, by what its name says."""
    files = sorted((folder / "samples").glob("*.png"))
    return {(int(file.name[:8]), file.stem): np.asarray(Image.open(file)) for file in files}


def events_of(repo: Path, run_hash: str) -> dict[int, list[str]]:
    """What happened in a run, in words, by step."""
    found = aim.Repo(str(repo)).query_texts(f'run.hash == "{run_hash}" and texts.name == "events"', report_mode=SILENT)
    return {
        step: [text.data for text in texts]
        for runs in found.iter_runs()
        for sequence in runs
        for step, (texts, *_) in sequence.data.items()
    }


def noted(run: Path) -> list[str]:
    """Hashes of the Aim runs that the folder's ledger lists."""
    return [entry["hash"] for entry in json.loads((run / LEDGER).read_text())]


@cache
def empty_repository() -> TemporaryDirectory[str]:
    """A repository to copy, for making one takes Aim seconds."""
    folder = TemporaryDirectory()
    aim.Repo(folder.name, init=True)
    return folder


def driven_run(folder: Path, before: DrivenRun | None = None, **options: Any) -> DrivenRun:
    """A run that begins, or goes on where `before` stands, with Aim as its observer."""
    repo = options.get("repo") or str(folder.parent)
    if not repository.exists(repo) and not Path(repo).is_file():
        shutil.copytree(empty_repository().name, repo, dirs_exist_ok=True)
    experiment = driven.experiment(use="aim", **options)
    driven.write_experiment(folder, experiment)
    return DrivenRun(folder, experiment.observers, experiment, before=before)


def left(folder: Path, until: int = 900, **options: Any) -> DrivenRun:
    """A run with pictures that was left."""
    run = driven_run(folder, **options)
    for images in (300, 600):
        run.train(until=images)
        run.show(f"{images:08d}-samples", run.sample(1, 0)[0])
    run.train(until=until)
    run.callbacks.on_close()
    return run


def resumed(before: DrivenRun, folder: Path | None = None, images: int = 500, **options: Any) -> DrivenRun:
    """The run as it goes on to its end from a checkpoint."""
    before.go_back(images)
    run = driven_run(folder or before.folder, before, **options)
    run.train()
    run.callbacks.on_close()
    return run


def is_shown_once(run: DrivenRun, repo: Path | None = None) -> None:
    """Assert that Aim shows what a driven run has recorded, nothing else, and once."""
    repo = repo or run.folder.parent
    (run_hash,) = hashes(repo)
    assert series_of(repo, run_hash) == expected(run.rows)
    shown = pictures_of(repo, run_hash)
    assert sorted(caption for _, caption in shown) == [picture.name for picture in run.pictures]
    assert noted(run.folder) == [run_hash]

"""Reads runs back from Aim repositories: the files that each was tracked with, as from the run's own folder.

Straight from the databases of the runs, not by queries: these rest on an index that `aim up` brings up to date, and
know nothing of runs that are live or were killed. Nothing is written and no lock is taken.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aim.storage.rockscontainer import RocksContainer  # noqa: TID253
from aimrocks.errors import RocksIOError

from gankit.core.failures import in_short, warn
from gankit.results.run_results import RunResults, read_run
from gankit.runs.folder import METRICS
from gankit_aim.tracked_run import BEGUN, FILES

ATTEMPTS = 5
"""How often a run is tried to be read, for files come and go under one that is live."""


def read_repositories(repositories: Iterable[Path]) -> list[RunResults]:
    """The runs that are shown in some folders called .aim, in the order in which they were begun; each once.

    Where several Aim runs show one folder, as when it was removed and made again or while a run is resumed, the one
    that was begun last counts. A run that cannot be read is reported and left out.
    """
    shown: dict[Path, tuple[str, RunResults]] = {}
    for repository in repositories:
        for chunk in sorted((repository / "meta" / "chunks").glob("*")):
            try:
                found = _patiently(repository, chunk.name)
            except Exception as failure:
                warn(f"aim: cannot read the run {chunk.name} in {repository}, and leave it out: {in_short(failure)}")
                continue
            for begun, results in found:
                before = shown.setdefault(results.path, (begun, results))
                shown[results.path] = max(before, (begun, results), key=lambda run: run[0])
    return [results for _, results in sorted(shown.values(), key=lambda run: run[0])]


def _patiently(repository: Path, run: str) -> list[tuple[str, RunResults]]:
    """A run, tried again for a moment while its files are changing."""
    for _ in range(ATTEMPTS - 1):
        with suppress(RocksIOError):
            return _read(repository, run)
        time.sleep(0.1)
    return _read(repository, run)


def _read(repository: Path, run: str) -> list[tuple[str, RunResults]]:
    """When a run was begun in Aim, and how it stands; nothing if it is not gankit's, or its replay was cut short."""
    about = _tree(repository / "meta" / "chunks" / run, "meta", "chunks", run)
    params = about.get("attrs", {})
    if BEGUN not in params or "folder" not in params:
        return []
    (context,) = [key for key, context in about["contexts"].items() if not context]
    files = _tree(repository / "seqs" / "chunks" / run, "seqs", "chunks", run).subtree(context)
    with TemporaryDirectory() as copy:
        for name in (*FILES, METRICS):
            texts = dict(files.subtree(name).subtree("val").items())  # by step
            Path(copy, name).write_text("".join(texts[step].data for step in sorted(texts)), encoding="utf-8")
        return [(params[BEGUN], replace(read_run(Path(copy)), path=Path(params["folder"])))]


def _tree(folder: Path, *path: str) -> Any:
    """What Aim keeps under `path` in a run's database."""
    # to optimize it for reading would be to write to it
    return RocksContainer(str(folder), read_only=True, skip_read_optimization=True).tree().subtree(path)

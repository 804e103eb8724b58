"""What an observer leaves in a run's folder when the run is killed and goes on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from torch import Tensor

from gankit.core.errors import RunError
from gankit.core.progress import Progress
from gankit.core.registry import RegistryEntry
from gankit.kinds import Observer
from gankit.kinds.callbacks import Callback, RunContext
from gankit.runs.folder import EXPERIMENT, PLUGINS, PROVENANCE
from gankit.runs.rows import METRICS, TIMES
from gankit.runs.start import begin, resume
from gankit.runs.status import HOLDER, LOCK
from gankit.testing.experiments import experiment_with, loading_once

OWN = {EXPERIMENT, METRICS, PROVENANCE, TIMES, PLUGINS, LOCK, HOLDER, "checkpoints"}
"""What gankit itself writes into a run's folder, pictures apart."""
KILLED = 48
"""Images after which the run is killed: its checkpoint is from 32, where the second of its stages began, and its end
at 64."""


def written(folder: Path) -> dict[str, bytes]:
    """The files that are in a run's folder because of observers, and what is in them."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    named = {path.relative_to(folder): path for path in files}
    return {str(name): path.read_bytes() for name, path in named.items() if name.parts[0] not in OWN}


@cache
def astray(entry: RegistryEntry, options: str) -> str:
    """The first file that is otherwise in a run that was killed and went on than in one that was not; "" if none is.

    Files that two runs leave unlike without being killed, as by the clock, do not count, nor do those that are only
    there once the run has gone on.

    Args:
        entry: The observer's class.
        options: Its options as JSON.
    """
    experiment = experiment_with(entry.component.model_validate_json(options))
    with (
        TemporaryDirectory() as temporary,
        loading_once(experiment.data),
        suppress(RunError),  # of an observer that stops the run
    ):
        folder, kept = Path(temporary) / "shelf" / "run", Path(temporary) / "kept"
        with patch.object(entry.component, "watch", _keeping(entry.component, folder, kept)):
            begin(experiment, folder).train()
        whole = written(folder)
        shutil.rmtree(folder)
        kept.rename(folder)
        if (run := resume(folder)) is not None:
            run.train()
        gone_on = written(folder)
        unlike = [name for name, content in whole.items() if gone_on.get(name) != content]
        if unlike:
            shutil.rmtree(folder)
            begin(experiment, folder).train()
            again = written(folder)
            return next((name for name in unlike if again.get(name) == whole[name]), "")
    return ""


def _keeping(observer: Any, folder: Path, kept: Path) -> Any:
    """The method `watch` of an observer, which copies the folder as it is at the moment of the kill."""
    watch = observer.watch

    def watched(self: Observer, run: RunContext) -> Callback:
        watcher = watch(self, run)
        updated = watcher.updated

        def noticed(progress: Progress, scalars: Mapping[str, Tensor]) -> None:
            updated(progress, scalars)
            if progress.images == KILLED:
                shutil.copytree(folder, kept, ignore=shutil.ignore_patterns(LOCK, HOLDER))

        watcher.updated = noticed
        return watcher

    return watched

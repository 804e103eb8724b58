"""The experiment that a run's folder holds, which may be anyone's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gankit.config import Experiment
from gankit.plugins import plugins
from gankit.reading.loading import load_experiment
from gankit.tallying import report


def load_recorded(file: Path, settings: Sequence[str] = (), check: bool = False) -> Experiment:
    """Read the experiment of a run, and name on standard error each plugin file that is executed for it.

    A run's folder holds copies of plugins that are single files: to read its experiment is to execute their code.

    Args:
        file: The experiment.yaml in the run's folder.
        settings: Changes of the form a.b=value, applied in order.
        check: Whether it must be possible to run it here.

    Raises:
        UserError: with every mistake found.
    """
    plugins.load_installed()
    before = plugins.names()
    try:
        return load_experiment(file, settings, check=check, begun=True)
    finally:
        for name in plugins.names():
            if name not in before:
                report(f"executed {plugins.source(name).path}, a plugin that the run's folder names")

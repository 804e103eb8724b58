"""Where the numbers of a run come from: versions, sources, machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gankit.config.walk import components
from gankit.core.memory import memory_size
from gankit.core.registry import registries
from gankit.discovery.manager import plugins
from gankit.discovery.sources import of_gankit

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment


def provenance(experiment: Experiment, source: Path) -> dict[str, Any]:
    """What provenance.json holds, in plain JSON types.

    Args:
        experiment: The experiment that is run.
        source: The folder whose git commit belongs to the run: the one that the experiment's file stands in.
    """
    import numpy as np
    import torch

    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "git": git_state(source),
        "versions": {
            "gankit": version("gankit"),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
        },
        "gankit": of_gankit().as_json(),
        "plugins": plugins_of(experiment),
        "stages": [list(stage) for stage in experiment.stages()],
        "platform": platform.platform(),
        "hardware": hardware(),
        "threads": torch.get_num_threads(),
    }


def plugins_of(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """The origin of each plugin that the experiment names a component of, in plain JSON types."""
    names = {registries[part.kind].entry_of(type(part)).plugin for _, part in components(experiment)}
    return {name: plugins.origin(name).as_json() for name in sorted(names)}


def source_of_plugins(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """The same, but for where they lie, which says nothing of what they do."""
    return {
        name: {fact: value for fact, value in origin.items() if fact != "path"}
        for name, origin in plugins_of(experiment).items()
    }


def git_state(folder: Path) -> dict[str, Any] | None:
    """The commit checked out around `folder` and whether anything differs from it; None outside a repository."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "dirty": _git(folder, "status", "--porcelain") != ""}


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints about `folder`; None where there is no git or no repository."""
    try:
        command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def hardware() -> dict[str, Any]:
    """The machine: CPU model, cores that this process may use, memory in bytes, names of the GPUs."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    gpus = [torch.cuda.get_device_name(device) for device in range(torch.cuda.device_count())]
    return {"cpu": _cpu_model(), "cores": cores, "memory": memory_size(), "gpus": gpus}


def _cpu_model() -> str:
    """The CPU's name as the system gives it; Linux keeps it in a file, other systems tell Python."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def peak_memory() -> int | None:
    """The most memory that this process has held so far, in bytes; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

"""Where the numbers of a run come from: versions, sources, machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, ValidationError

from gankit.config.walk import components
from gankit.core.errors import UserError
from gankit.core.files import parse_json, read_regular
from gankit.core.memory import memory_size
from gankit.core.registry import registries
from gankit.core.renamed import one_line
from gankit.discovery.manager import plugins
from gankit.discovery.sources import of_gankit
from gankit.runs.folder import PROVENANCE

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

    from gankit.runs.components import choose_device

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
        "stages": [list(stage[: 4 if stage.name else 3]) for stage in experiment.stages()],
        "platform": platform.platform(),
        "hardware": hardware(),
        "threads": torch.get_num_threads(),
        "processes": experiment.training.processes,
        "micro_batch": experiment.training.model_dump(mode="json").get("micro_batch"),
        "computing": {
            "device": choose_device(experiment.training.device).type,
            "instructions": torch.backends.cpu.get_cpu_capability(),
            "precision": f"{torch.get_default_dtype()}, {torch.get_float32_matmul_precision()} in products",
            "tf32": experiment.training.precision == "tf32",
        },
    }


class _Source(BaseModel):
    """The origin of a plugin or of gankit, as far as it is read again."""

    sha256: str
    distribution: str | None = None
    version: str | None = None
    path: str = ""


class _Hardware(BaseModel):
    """The machine, as far as it is read again."""

    cpu: str | None = None
    gpus: list[str] | None = None


class _Computing(BaseModel):
    """How the machine is made to compute."""

    device: str | None = None
    instructions: str | None = None
    precision: str | None = None
    tf32: bool | None = None


class _Origin(BaseModel):
    """The form of what is noted when a run begins and whenever it goes on, as far as it is read again."""

    command: list[str] = []
    versions: dict[str, str] = {}
    gankit: _Source | None = None
    plugins: dict[str, _Source] = {}
    stages: list[tuple[int, int, int] | tuple[int, int, int, str]] = []
    hardware: _Hardware = _Hardware()
    threads: int | None = Field(default=None, ge=1, le=1024)
    processes: int = 1
    micro_batch: int | dict[str, int] | None = None
    computing: _Computing = _Computing()


class _Record(_Origin):
    """The form of provenance.json."""

    resumed: list[_Origin] = []


def recorded_provenance(run: Path) -> list[dict[str, Any]]:
    """What provenance.json holds of a run's beginning and of each time that it went on, first to last.

    Raises:
        UserError: if there is no such file, or it is not as gankit writes it.
    """
    file, content = run / PROVENANCE, b""
    try:
        content = read_regular(file)
        parsed = parse_json(content)
        _Record.model_validate_json(content, strict=True)
    except FileNotFoundError:
        raise UserError(f"{file} is lost") from None
    except OSError as failure:
        raise UserError(f"{file} cannot be read: {failure.strerror}") from None
    except ValidationError as failure:
        first = failure.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"{file} is damaged: {f'{where}: ' if where else ''}{first['msg']}") from None
    except ValueError as failure:
        raise UserError(f"{file} is damaged: {one_line(failure) if content else 'it is empty'}") from None
    return [parsed, *parsed.get("resumed", [])]


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is other than it was of all that decides the last bits of a run, in words; what either lacks is not known.

    Args:
        before: What was noted when the run began or went on.
        now: What would be noted of it.
    """
    then, today = decisive(before), decisive(now)
    return [
        f"{name} is {today[name]} now and was {then[name]}"
        for name in then
        if name in today and today[name] != then[name]
    ]


def decisive(noted: Mapping[str, Any]) -> dict[str, str]:
    """What decides the last bits of a run: code by its version or a hash of its source, and what computes how."""
    origin = _Origin.model_validate(noted)
    sources = {f"plugin {name}": source for name, source in origin.plugins.items()}
    if origin.gankit is not None:
        sources = {"gankit": origin.gankit, **sources}
    code = {
        name: f"{source.distribution or 'a single file'} {source.version or ''}".rstrip()
        + f" (source {source.sha256[:12]})"
        for name, source in sources.items()
    }
    computing, hardware = origin.computing, origin.hardware
    on_cpu = computing.device == "cpu"
    machine = {
        "the device": computing.device,
        "the CPU": hardware.cpu,
        "the GPU": None if on_cpu or hardware.gpus is None else ", ".join(sorted(set(hardware.gpus))) or "none",
        "the set of instructions": computing.instructions,
        "the precision": computing.precision,
        "TF32 of convolutions": None if on_cpu or computing.tf32 is None else "on" if computing.tf32 else "off",
        "the number of threads": None if origin.threads is None else str(origin.threads),
        "the number of processes": str(origin.processes),
        "the micro-batch": "all" if origin.micro_batch is None else str(origin.micro_batch),
    }
    return origin.versions | code | {name: value for name, value in machine.items() if value is not None}


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
    """The commit checked out around `folder` and whether anything differs from it; None outside a repository.

    A folder of others may have brought its `.git`, whose configuration names programs for git to run: none of them is.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    off = dict.fromkeys(_own_filters(folder), "")  # by which git would look at the files
    status = ("status", "--porcelain", "--ignore-submodules=dirty")  # which have configurations of their own
    return {"commit": commit, "dirty": _git(folder, *status, off=off) != ""}


def _own_filters(folder: Path) -> list[str]:
    """The options of the filters that the repository around `folder` itself configures, and not its user or system."""
    said = _git(folder, "config", "--show-scope", "--name-only", "-z", "--get-regexp", r"^filter\.") or ""
    words = said.split("\0")
    return [name for scope, name in zip(words[::2], words[1::2], strict=False) if scope in ("local", "worktree")]


HARMLESS = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "--no-optional-locks")
"""What is told to git so that it runs no program that a repository names."""


def _git(folder: Path, *arguments: str, off: Mapping[str, str] | None = None) -> str | None:
    """What git prints about `folder`, with the options `off` as they are given; None where there is none or no git."""
    counted, environment = os.environ.get("GIT_CONFIG_COUNT", ""), {"GIT_ALLOW_PROTOCOL": "none"}  # it fetches nothing
    first = int(counted) if counted.isdecimal() else 0
    for number, (name, value) in enumerate((off or {}).items(), first):  # -c would end a name at its first "="
        environment |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    environment["GIT_CONFIG_COUNT"] = str(first + len(off or {}))
    try:
        return subprocess.run(
            ["git", *HARMLESS, "-C", str(folder), *arguments],
            env={**os.environ, **environment},
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=30,
            check=True,
        ).stdout.strip()
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

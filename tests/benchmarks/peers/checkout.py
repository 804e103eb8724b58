"""How drivers import from a checkout."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn


def imported(path: str, name: str) -> Any:
    """A module of a checkout."""
    if path not in sys.path:
        sys.path.insert(0, path)
    return importlib.import_module(name)


def bare_package(path: str, name: str) -> None:
    """Let modules of a package be imported without its `__init__`, which asks for more than is installed."""
    package = ModuleType(name)
    package.__path__ = [str(Path(path, *name.split(".")))]
    sys.modules[name] = package


def stand_in(name: str, **contents: object) -> None:
    """Let a module that is not installed be imported, with contents of our own."""
    module = ModuleType(name)
    vars(module).update(contents)
    sys.modules.setdefault(name, module)


def parameters(**networks: nn.Module) -> dict[str, int]:
    """How many parameters networks have, by their names."""
    return {name: sum(map(torch.numel, network.parameters())) for name, network in networks.items()}


def reals(count: int, resolution: int) -> Tensor:
    """Pictures of noise in colour, in network range."""
    return torch.rand(count, 3, resolution, resolution) * 2 - 1

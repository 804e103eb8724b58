"""Runs a plugin that is one Python file."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


def name_of(file: Path) -> str:
    """The name under which the module in `file` is run, which no import can mean."""
    return f"gankit plugin {file.stem}"


def module_of_file(file: Path) -> ModuleType:
    """The module in `file`, run without leaving a cache beside the file."""
    name = name_of(file)
    spec = spec_from_file_location(name, file)
    assert spec is not None  # the file's name ends in .py
    module = module_from_spec(spec)
    sys.modules[name] = module  # where pydantic looks up the names in annotations
    try:
        exec(compile(file.read_bytes(), file, "exec", dont_inherit=True), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module

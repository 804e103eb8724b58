"""Plugins made by `gankit new-plugin`: one with a component of every kind, and one of each kind."""

from __future__ import annotations

import tomllib
from pathlib import Path

from support.command import gankit

from gankit.core.registry import kinds

ALL = [kind.kind for kind in kinds() if kind.__module__.startswith("gankit.")]
NEW: dict[str, list[str]] = {"all-kinds": ALL, **{f"new-{kind}": [kind] for kind in ALL}}
"""The kinds of each plugin."""


def make(name: str, folder: Path) -> Path:
    """The folder of one of them, made by the command in `folder`."""
    options = [word for kind in NEW[name] for word in ("--kind", kind)]
    made = gankit(["new-plugin", name, *options], folder)
    assert made.returncode == 0, made.stderr
    return folder / name


def announce(plugin: Path) -> None:
    """Do what an editable installation does for those who have `plugin` on their path: say its entry point."""
    project = tomllib.loads((plugin / "pyproject.toml").read_text())["project"]
    ((name, module),) = project["entry-points"]["gankit.plugins"].items()
    info = plugin / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    (info / "entry_points.txt").write_text(f"[gankit.plugins]\n{name} = {module}\n")

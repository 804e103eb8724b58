"""Checkpoints are there to the last byte or known to be damaged; what they say of themselves is read without torch."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gankit.core.files import parse_json, read_regular

MANIFEST = "manifest.json"
"""What is known about a checkpoint: plain values, among them `files` with the sha256 of each, and its own."""
SNAPSHOTS = "snapshots"
"""The folder of a run that holds the weights of averages as they were at some moments, sealed as checkpoints are."""
FORMAT = 1
"""Raised when what a checkpoint holds changes its meaning."""


class CorruptCheckpointError(Exception):
    """Why a checkpoint cannot be relied on."""


def found(folder: Path) -> list[Path]:
    """The checkpoints in `folder`, oldest first, whole or damaged."""
    return sorted(path for path in folder.glob("[0-9]*") if path.is_dir() and path.name.isdecimal())


def write(path: Path, content: bytes) -> str:
    """Write a file through to the disk; returns its sha256."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(content).hexdigest()


def sync_folder(folder: Path) -> None:
    """Write the names in a folder through to the disk, where folders can be opened for that."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(path: Path) -> None:
    """Remove a folder so that no half of it is ever found by its name."""
    shutil.rmtree(put_aside(path), ignore_errors=True)


def put_aside(path: Path) -> Path:
    """Give a folder the name of one that is being removed; returns where it is now."""
    aside = path.with_name(f".{path.name}.removed")
    shutil.rmtree(aside, ignore_errors=True)
    path.rename(aside)
    return aside


def put_in_place(aside: Path, target: Path) -> None:
    """Give a folder its name, and remove what had that name until then.

    Raises:
        OSError: if that cannot be done; then what had the name still has it.
    """
    before = put_aside(target) if target.exists() else None
    try:
        aside.rename(target)
    except BaseException:
        if before is not None:
            before.rename(target)
        raise
    if before is not None:
        shutil.rmtree(before, ignore_errors=True)


@contextmanager
def written_folder(folder: Path, name: str) -> Iterator[Path]:
    """Within it the folder that will be `folder`/`name`, in place of one that is there; removed if anything raises.

    Raises:
        OSError: if it cannot be written; what had the name still has it.
    """
    aside = folder / f".{name}.partial"
    remove_leftovers(folder)
    aside.mkdir()
    try:
        yield aside
        sync_folder(aside)
        put_in_place(aside, folder / name)
        sync_folder(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def leftovers(folder: Path) -> list[Path]:
    """What processes left in `folder` that were killed while they wrote checkpoints there, or removed them."""
    return [*folder.glob(".*.partial"), *folder.glob(".*.removed")]


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left, but for a checkpoint that one was about to put in another's place."""
    for old in folder.glob(".*.removed"):
        target, new = old.with_name(old.name[1:].removesuffix(".removed")), old.with_suffix(".partial")
        if not target.exists() and manifest_if_whole(new):
            new.rename(target)
    for path in leftovers(folder):
        shutil.rmtree(path, ignore_errors=True)


def manifest_text(content: Mapping[str, Any]) -> bytes:
    """A manifest with its own sum, in the one form that is accepted."""
    text = json.dumps(content, indent=2, sort_keys=True)
    seal = hashlib.sha256(text.encode()).hexdigest()
    return (json.dumps({**content, "sha256": seal}, indent=2, sort_keys=True) + "\n").encode()


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a checkpoint.

    Raises:
        CorruptCheckpointError: if it is not to the byte what was written, or not of a format that is known.
    """
    content = parsed(MANIFEST, lambda: read_regular(path / MANIFEST))
    manifest = parsed(MANIFEST, lambda: parse_json(content))
    unsealed = {key: value for key, value in manifest.items() if key != "sha256"} if isinstance(manifest, dict) else {}
    if manifest_text(unsealed) != content:
        raise CorruptCheckpointError(f"{MANIFEST} is not what was written")
    if (version := unsealed.get("format")) != FORMAT:
        raise CorruptCheckpointError(f"it is of format {version}, and this gankit reads format {FORMAT}")
    return unsealed


def manifest_if_whole(path: Path) -> dict[str, Any]:
    """The manifest of a checkpoint; empty if it is damaged."""
    try:
        return read_manifest(path)
    except CorruptCheckpointError:
        return {}


def newest_manifest(run: Path) -> dict[str, Any]:
    """The newest manifest of a run's checkpoints that is not damaged; empty if there is none."""
    return next(filter(None, map(manifest_if_whole, reversed(found(run / "checkpoints")))), {})


def read_file(path: Path, manifest: Mapping[str, Any], name: str) -> bytes:
    """The content of one file.

    Raises:
        CorruptCheckpointError: if it is not what was written.
    """
    content = parsed(name, lambda: read_regular(path / name))
    if hashlib.sha256(content).hexdigest() != manifest["files"].get(name):
        raise CorruptCheckpointError(f"{name} is not what was written")
    return content


def parsed(name: str, parse: Callable[[], Any]) -> Any:
    """What `parse` gives; whatever it raises means that the file is damaged, and libraries raise many kinds."""
    try:
        return parse()
    except CorruptCheckpointError:
        raise
    except Exception as problem:
        raise CorruptCheckpointError(f"{name}: {' '.join(str(problem).split()) or type(problem).__name__}") from None

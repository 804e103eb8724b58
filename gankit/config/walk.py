"""Walks through the parts of an experiment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, get_args

from pydantic.fields import FieldInfo

from gankit.config.experiment import Experiment, NetworkOptions
from gankit.core.component import Component, failed, kinds_named
from gankit.core.errors import UserError
from gankit.core.options import Options
from gankit.core.registry import registries
from gankit.core.tables import ByResolution

Path: TypeAlias = tuple[str | int, ...]
"""How to get to a part: names of options, positions in lists, resolutions in tables."""

KEY = "[key]"
"""The last step of a path that means a key itself and not what stands under it."""

Problem: TypeAlias = tuple[Path, str]
"""Where in the experiment, and what is wrong."""


def problem_of_failure(path: Path, component: Component, failure: Exception) -> Problem:
    """The problem that the component at `path` failed when it was asked about the experiment."""
    if isinstance(failure, UserError):
        return path, str(failure)
    return path, failed(registries[component.kind].entry_of(type(component)), failure)


def components(experiment: Experiment) -> Iterator[tuple[Path, Component]]:
    """Every component of an experiment with its path, also those that stand inside others."""
    for path, value in _models(experiment, ()):
        if isinstance(value, Component):
            yield path, value


def networks(experiment: Experiment) -> Iterator[tuple[Path, NetworkOptions]]:
    """Every network of parts by resolution with its path, those in the options of components too."""
    return ((path, value) for path, value in _models(experiment, ()) if isinstance(value, NetworkOptions))


def options_naming(kind: type[Component]) -> list[str]:
    """The options of an experiment, or of a study, that name components of a kind, as dotted paths."""
    from gankit.config.study import StudyOptions

    return [path for model in (Experiment, StudyOptions) for path, named in kinds_named(model) if named is kind]


def components_naming(kind: type[Component]) -> list[str]:
    """The registered components with options that name components of a kind, such as "loss mine/soft (margin)".

    What all of a kind have is said once, as in "every block (init)".
    """
    found = []
    for registry in registries.values():
        shared = [path for path, named in kinds_named(registry.base) if named is kind]
        found += [f"every {registry.kind} ({', '.join(shared)})"] if shared else []
        for entry in registry.entries():
            paths = [path for path, named in kinds_named(entry.component) if named is kind and path not in shared]
            found += [f"{registry.kind} {entry.full_name} ({', '.join(paths)})"] if paths else []
    return found


def _models(value: Any, path: Path) -> Iterator[tuple[Path, Options]]:
    """Every model in `value`, outermost first."""
    if isinstance(value, Options):
        yield path, value
    for key, part in _below(value):
        yield from _models(part, (*path, key))


def _below(value: Any) -> list[tuple[str | int, Any]]:
    """What stands directly in `value`, by name, key or position."""
    if isinstance(value, Options):
        return [(name, getattr(value, name)) for name in type(value).model_fields]
    if isinstance(value, Mapping):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list | tuple) else []


def tables(experiment: Experiment, first: int) -> Iterator[tuple[Path, Mapping[int, Any], int]]:
    """Every table by resolution: its path, the table and the first resolution at which a value will be asked for.

    That is `first`, where the growth starts, or in a network its `base`; a table marked `above_first` is asked for
    twice as much. A part that itself stands in a table is only asked from its own resolution up.
    """
    return _tables(experiment, (), first, first)


def _tables(value: Any, path: Path, lowest: int, first: int) -> Iterator[tuple[Path, Mapping[int, Any], int]]:
    if isinstance(value, NetworkOptions) and first % value.base == 0:  # no other base can work
        lowest = value.base
    for key, part in _below(value):
        marker = _marker(type(value).model_fields[str(key)]) if isinstance(value, Options) else None
        at = first if isinstance(value, NetworkOptions) and key == "rgb" else lowest
        if marker is None or not isinstance(part, Mapping):
            yield from _tables(part, (*path, key), at, first)
            continue
        at *= 2 if marker.above_first else 1
        yield (*path, key), part, at
        for start, item in part.items():
            yield from _tables(item, (*path, key, start), max(at, start), first)


def _marker(field: FieldInfo) -> ByResolution | None:
    """The mark of a field that is a table by resolution, or may be one."""
    inner = [metadata for choice in get_args(field.annotation) for metadata in getattr(choice, "__metadata__", ())]
    return next((mark for mark in [*field.metadata, *inner] if isinstance(mark, ByResolution)), None)

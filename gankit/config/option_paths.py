"""All options of an experiment by their dotted paths, with those of the components that it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from gankit.config.experiment import Experiment
from gankit.core.component import Component, is_kind
from gankit.core.options import Options, classes_in
from gankit.core.registry import all_entries, registries

MOST_HINTED = 3
"""Places that are named where an option may be meant that stands elsewhere."""


@cache
def option_groups() -> dict[str, type[Options]]:
    """The mappings of options that an experiment or a study is made of, by dotted paths."""
    from gankit.config.study import StudyOptions

    return {"experiment": Experiment, "study": StudyOptions, **dict(_sections(Experiment, ""))}


def _sections(model: type[Options], prefix: str) -> Iterator[tuple[str, type[Options]]]:
    """Those below `model`."""
    for name, field in model.model_fields.items():
        for named in classes_in(field.annotation):
            if issubclass(named, Options) and not issubclass(named, Component):
                yield f"{prefix}{name}", named
                yield from _sections(named, f"{prefix}{name}.")


@cache
def group_options() -> dict[str, tuple[type[Options], str]]:
    """The options in them by dotted paths, each with the model that it belongs to and its name there."""
    return {
        name if section in ("experiment", "study") else f"{section}.{name}": (model, name)
        for section, model in option_groups().items()
        for name in model.model_fields
    }


def kinds_named_by(field: FieldInfo) -> list[type[Component]]:
    """The kinds whose components an option may name; one that may stand for a group of them is named by the group."""
    kinds = list[type[Component]]()
    for named in classes_in(field.annotation):
        if issubclass(named, Component):
            kinds += [named] if is_kind(named) else []
        elif issubclass(named, Options):
            below = [tuple(kinds_named_by(option)) for option in named.model_fields.values()]
            kinds += below[0] if len(set(below)) == 1 else ()
    return list(dict.fromkeys(kinds))


def kinds_by_option() -> dict[str, list[type[Component]]]:
    """The kinds whose components options name, by the paths of these and by their names alone."""
    fields = [(path, model.model_fields[name]) for path, (model, name) in group_options().items()]
    fields += [named for entry in all_entries() for named in entry.component.model_fields.items()]
    found: dict[str, dict[type[Component], None]] = {}
    for path, field in fields:
        for kind in kinds_named_by(field):
            for name in (path, path.rpartition(".")[2]):
                found.setdefault(name, {})[kind] = None
    return {name: list(kinds) for name, kinds in found.items()}


def option_paths(said: Mapping[Any, Any]) -> list[str]:
    """The options of an experiment or a study by their dotted paths, those that are least deep first.

    Args:
        said: What its file says, right or wrong. Options of components are those of the components that it names; where
            it names none, of those by default, or where one has to be named, of all that could be.
    """
    found = [*group_options()]
    for path, (model, name) in group_options().items():
        found += _of_components(path, model.model_fields[name], _value_at(said, path), any_of_kind=True)
    return sorted(dict.fromkeys(found), key=lambda path: path.count("."))


def elsewhere(here: str, known: Sequence[str]) -> list[str]:
    """The first few of the least deep paths, of all that are known, of an option that is unknown at the path `here`."""
    option = here.rpartition(".")[2]
    places = [path for path in known if path.rpartition(".")[2] == option and path != here]
    return [path for path in places if path.count(".") == places[0].count(".")][:MOST_HINTED]


def _of_components(path: str, field: FieldInfo, value: Any, any_of_kind: bool = False) -> Iterator[str]:
    """The options of the components that an option names by its value, else by default."""
    for kind in kinds_named_by(field):
        named = [*_named(kind, path, value)] or [*_named(kind, path, field.default)]
        if not named and any_of_kind and field.is_required():
            named = [(path, entry.component, {}) for entry in registries[kind.kind].entries()]
        for place, component, options in named:
            for name, option in component.model_fields.items():
                yield f"{place}.{name}"
                yield from _of_components(f"{place}.{name}", option, options.get(name))


def _named(kind: type[Component], path: str, value: Any) -> Iterator[tuple[str, type[Component], Mapping[Any, Any]]]:
    """The components that the value at a path names, each with its own path and with what is said of its options."""
    if isinstance(value, str):
        value = {"use": value}
    if isinstance(value, Mapping) and "use" in value:
        with suppress(PydanticCustomError):
            yield path, registries[kind.kind].find(value["use"]).component, value
    elif isinstance(value, Mapping | list):
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            if isinstance(key, int):  # a resolution in a table, or a position in a list
                yield from _named(kind, f"{path}.{key}", item)


def _value_at(said: Any, path: str) -> Any:
    """What stands at a dotted path; None if nothing does."""
    for name in path.split("."):
        said = said.get(name) if isinstance(said, Mapping) else None
    return said

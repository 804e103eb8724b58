"""Where the options of variants differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from gankit.config.experiment import TrainingOptions
from gankit.config.yaml.writer import inline
from gankit.results.tables import ABSENT

_NONE = object()


def differing(options: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """The options that are not the same everywhere, given those of each variant as plain values.

    Where variants use different components, or lists of different lengths, these are shown whole; otherwise as little
    as differs. Components are called by their bare names unless two plugins have one of that name.

    Returns:
        By the option's dotted path the value of each variant, as YAML on one line.
    """
    found = list(_differences("", list(options.values())))
    unclear = _ambiguous(value for _, values in found for value in values)
    return {
        path: {
            variant: _default(path) if value is _NONE else inline(_shortened(value, unclear))
            for variant, value in zip(options, values, strict=True)
        }
        for path, values in found
    }


def _default(path: str) -> str:
    """What an option of training is where it is not written; of others' options that is their components' to know."""
    outer, _, name = path.rpartition(".")
    field = TrainingOptions.model_fields.get(name) if outer == "training" else None
    if field is None or field.is_required() or field.default is None or field.default_factory is not None:
        return ABSENT
    return f"{inline(field.default)} (the default)"


def _differences(path: str, values: Sequence[Any]) -> Iterator[tuple[str, Sequence[Any]]]:
    """The innermost places where `values` differ."""
    if all(value == values[0] for value in values):
        return
    if all(isinstance(value, dict) for value in values) and len({value.get("use") for value in values}) == 1:
        for key in dict.fromkeys(chain.from_iterable(values)):  # of the same component, or of none
            yield from _differences(f"{path}.{key}" if path else str(key), [value.get(key, _NONE) for value in values])
    elif all(isinstance(value, list) for value in values) and len({len(value) for value in values}) == 1:
        for position, items in enumerate(zip(*values, strict=True)):
            yield from _differences(f"{path}.{position}", items)
    else:
        yield path, values


def _ambiguous(values: Any) -> set[str]:
    """Bare names that components of several plugins have."""
    plugins: dict[str, set[str]] = {}
    for full in chain.from_iterable(map(_components_in, values)):
        plugin, _, name = full.rpartition("/")
        plugins.setdefault(name, set()).add(plugin)
    return {name for name, having in plugins.items() if len(having) > 1}


def _components_in(value: Any) -> Iterator[str]:
    """The names of all components in `value`."""
    if isinstance(value, dict):
        if isinstance(value.get("use"), str):
            yield value["use"]
        yield from chain.from_iterable(map(_components_in, value.values()))
    elif isinstance(value, list):
        yield from chain.from_iterable(map(_components_in, value))


def _shortened(value: Any, unclear: set[str]) -> Any:
    """`value` as its author may have written it: bare names, and just a name where there are no options."""
    if isinstance(value, list):
        return [_shortened(item, unclear) for item in value]
    if not isinstance(value, dict):
        return value
    short = {key: _shortened(item, unclear) for key, item in value.items()}
    if isinstance(short.get("use"), str):
        bare = short["use"].rpartition("/")[2]
        short["use"] = short["use"] if bare in unclear else bare
    return short["use"] if list(short) == ["use"] else short

"""Draws the options of a component from its schema."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import zip_longest
from typing import Any, NamedTuple

from hypothesis import strategies as st

from gankit.config.schema import Schema, component_schema
from gankit.core.errors import UserError
from gankit.core.registry import RegistryEntry

MORE = {"integer": 3, "number": 3, "images": 63}
"""How far above the least of its range a number is drawn, at most."""
AFFORDABLE = 64
"""What is promised of whole numbers above this is not tried, unless the default is larger: they may be sizes."""
STEPS = 16
"""Numbers are drawn in so many steps between their bounds: none so near to one that arithmetic gives out."""


class Values(NamedTuple):
    """What a piece of JSON Schema allows."""

    drawn: st.SearchStrategy[Any] | None = None
    """None if there is nothing to draw from."""
    ends: list[Any] = []
    """The ends of its range, lowest first, or all choices."""


def options_of(entry: RegistryEntry, fixed: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Options of a component, by default or drawn, but for those that are fixed.

    A number is drawn between its bounds, in the range of its default or of a few, as `ends_of` tries what its bounds
    promise beyond that; text that is no choice, a path or another component is left as it is. An option's `examples`,
    as in `Field(examples=[...])`, are drawn from instead.

    Raises:
        UserError: if an option is required that cannot be drawn.
    """
    schema = schema_of(entry)
    drawn = {name: values.drawn for name, _, values in _options(entry, fixed) if values.drawn is not None}
    for name in schema["required"]:
        if name not in {"use", *fixed, *drawn}:
            raise UserError(
                f"{entry.component.kind} {entry.full_name} needs {name!r}, which cannot be drawn: give the field "
                f"examples, as in Field(examples=[...]), or the test a value: "
                f"conformance(..., options={{{entry.name!r}: {{{name!r}: ...}}}})"
            )
    required = {name: drawn.pop(name) for name in schema["required"] if name in drawn}
    return st.fixed_dictionaries(required, optional=drawn).map(lambda options: {**options, **fixed})


def ends_of(entry: RegistryEntry, fixed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Options of a component of which one is at an end of its range, or another choice, and the others are by default.

    An end is a bound that the option declares: an exclusive one almost, a whole number or a number of images up to 64
    or the default. Where none is declared it is 0 or 1, and there is no upper one.

    Returns:
        The last choice or upper end of each option first, then what comes before that in each.
    """
    required, options = schema_of(entry)["required"], list(_options(entry, fixed))
    needed = {name: values.ends[0] for name, _, values in options if name in required and values.ends}
    others = [
        [{name: end} for end in reversed(values.ends) if repr(end) != repr(usual)] for name, usual, values in options
    ]
    return [{**needed, **end, **fixed} for turn in zip_longest(*others) for end in turn if end is not None]


@cache
def schema_of(entry: RegistryEntry) -> Schema:
    """The schema of a component, which takes a while to make."""
    return component_schema(entry)


def _options(entry: RegistryEntry, fixed: Mapping[str, Any]) -> Iterator[tuple[str, Any, Values]]:
    """Each option that is not fixed: its name, its default and what it may be."""
    for name, option in schema_of(entry)["properties"].items():
        if name != "use" and name not in fixed:
            yield name, option.get("default"), _values(option, option.get("default"))


def _values(schema: Schema, default: Any) -> Values:
    """What a piece of JSON Schema allows."""
    if choices := schema.get("examples") or schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        return Values(st.sampled_from(choices), list(choices))
    if "anyOf" in schema:
        found = [_values(each, default) for each in schema["anyOf"]]
        drawn = [values.drawn for values in found if values.drawn is not None]
        return Values(st.one_of(drawn) if drawn else None, [end for values in found for end in values.ends])
    match "images" if schema.get("$ref") == "#/$defs/images" else schema.get("type"):
        case "boolean":
            return Values(st.booleans(), [False, True])
        case "null":
            return Values(st.none(), [None])
        case "integer" | "images" | "number" as kind:
            return _numbers(schema, kind, default)
        case "array" if "prefixItems" in schema:
            parts = [_values(part, None).drawn for part in schema["prefixItems"]]
            return Values(None if None in parts else st.tuples(*[part for part in parts if part is not None]).map(list))
        case "array" if "items" in schema:
            items, fewest = _values(schema["items"], None), schema.get("minItems", 0)
            most = min(schema.get("maxItems", fewest + 2), fewest + 2)
            ends = ([] if fewest else [[]]) + [[end] * max(1, fewest) for end in items.ends]
            return Values(None if items.drawn is None else st.lists(items.drawn, min_size=fewest, max_size=most), ends)
        case _:  # a mapping, or text without choices
            return Values()


def _numbers(schema: Schema, kind: str, default: Any) -> Values:
    """Numbers of what is allowed, but not much above the default or a few; the upper end only if it is declared."""
    whole, least = kind != "number", 0 if kind == "number" else 1
    usual = default if isinstance(default, int | float) else least
    below, above = "exclusiveMinimum" in schema, "exclusiveMaximum" in schema
    lowest = schema.get("minimum", schema.get("exclusiveMinimum", min(least, usual)))
    allowed = schema.get("maximum", schema.get("exclusiveMaximum", math.inf))
    if whole:
        lowest = math.floor(lowest) + 1 if below else math.ceil(lowest)
        allowed = math.ceil(allowed) - 1 if above else allowed
    near = min(allowed, lowest + MORE[kind] if kind == "images" else max(usual, lowest + MORE[kind]))
    lowest, declared = min(lowest, near), math.isfinite(allowed)
    if whole:
        highest = min(allowed, max(AFFORDABLE, usual, near))
        return Values(st.integers(int(lowest), int(near)), [int(lowest), int(highest)][: 1 + declared])

    def at(step: int, highest: float) -> float:
        return highest if step == STEPS else lowest + (highest - lowest) * step / STEPS

    first, last = int(below), STEPS - int(above)
    ends = [at(first, near), *([at(last, allowed)] if declared else [])]
    return Values(st.integers(first, last).map(lambda step: at(step, near)), ends)

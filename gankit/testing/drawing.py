"""Draws the options of a component from its schema."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from itertools import zip_longest
from typing import Any, NamedTuple

from hypothesis import strategies as st

from gankit.config.schema import Schema, component_schema
from gankit.core.errors import UserError
from gankit.core.registry import RegistryEntry

Values = st.SearchStrategy[Any]
MORE = {"integer": 3, "number": 3, "images": 63}
"""How far above the least of its range a number is drawn, at most."""
AFFORDABLE = 64
"""What is promised of whole numbers above this is not tried, unless the default is larger: they may be sizes."""
STEPS = 16
"""Numbers are drawn in so many steps between their bounds: none so near to one that arithmetic gives out."""


def options_of(entry: RegistryEntry, fixed: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Options of a component, by default or drawn.

    A number is drawn between its bounds, in the range of its default or of a few, as `ends_of` tries what its bounds
    promise beyond that; text that is no choice, a path or another component is left as it is. An option's `examples`,
    as in `Field(examples=[...])`, are drawn from instead.

    Args:
        entry: The component.
        fixed: Options that always have these values.

    Raises:
        UserError: if an option is required that cannot be drawn.
    """
    schema = schema_of(entry)
    drawn: dict[str, Values] = {}
    for name, option in schema["properties"].items():
        if name == "use" or name in fixed:
            continue
        values = _values(option, option.get("default"))
        if values is not None:
            drawn[name] = values
        elif name in schema["required"]:
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

    Args:
        entry: The component.
        fixed: Options that always have these values.

    Returns:
        The last choice or upper end of each option first, then what comes before that in each.
    """
    schema = schema_of(entry)
    drawn = {name: option for name, option in schema["properties"].items() if name != "use" and name not in fixed}
    ends = {name: _ends(option, option.get("default")) for name, option in drawn.items()}
    needed = {name: ends[name][0] for name in schema["required"] if ends.get(name)}
    others = [
        [{name: end} for end in reversed(found) if repr(end) != repr(drawn[name].get("default"))]
        for name, found in ends.items()
    ]
    return [{**needed, **end, **fixed} for turn in zip_longest(*others) for end in turn if end is not None]


@cache
def schema_of(entry: RegistryEntry) -> Schema:
    """The schema of a component, which takes a while to make."""
    return component_schema(entry)


class Range(NamedTuple):
    """Where a number is drawn, and what is promised beyond."""

    lowest: float
    near: float
    """The highest that is drawn."""
    highest: float | None
    """The highest that is declared and affordable; None if nothing is declared."""
    inner: tuple[int, int] = (0, STEPS)
    """The first and the last of the steps between them that are allowed."""

    def at(self, step: int, highest: float) -> float:
        """The number so many of the steps from the lowest to `highest`."""
        return highest if step == STEPS else self.lowest + (highest - self.lowest) * step / STEPS


def _values(schema: Schema, default: Any) -> Values | None:
    """Values that a piece of JSON Schema allows; None if there is nothing to draw from."""
    if "examples" in schema:
        return st.sampled_from(schema["examples"])
    if "anyOf" in schema:
        choices = [values for each in schema["anyOf"] if (values := _values(each, default)) is not None]
        return st.one_of(choices) if choices else None
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    match _type(schema):
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "integer" | "images":
            lowest, near, *_ = _range(schema, default)
            return st.integers(int(lowest), int(near))
        case "number":
            numbers = _range(schema, default)
            return st.integers(*numbers.inner).map(lambda step: numbers.at(step, numbers.near))
        case "array" if "prefixItems" in schema:
            parts = [_values(part, None) for part in schema["prefixItems"]]
            return None if None in parts else st.tuples(*[part for part in parts if part is not None]).map(list)
        case "array":
            items = _values(schema.get("items", {}), None)
            fewest = schema.get("minItems", 0)
            most = min(schema.get("maxItems", fewest + 2), fewest + 2)
            return None if items is None else st.lists(items, min_size=fewest, max_size=most)
        case _:  # a mapping, or text without choices
            return None


def _ends(schema: Schema, default: Any) -> list[Any]:
    """The ends of what a piece of JSON Schema allows, lowest first, or all choices; none of what is not drawn."""
    if "examples" in schema:
        return list(schema["examples"])
    if "anyOf" in schema:
        return [end for each in schema["anyOf"] for end in _ends(each, default)]
    if "enum" in schema or "const" in schema:
        return schema.get("enum", [schema.get("const")])
    match _type(schema):
        case "boolean":
            return [False, True]
        case "null":
            return [None]
        case "integer" | "images":
            lowest, _, highest, _ = _range(schema, default)
            return [int(lowest)] if highest is None else [int(lowest), int(highest)]
        case "number":
            numbers = _range(schema, default)
            lowest = numbers.at(numbers.inner[0], numbers.near)
            return [lowest] if numbers.highest is None else [lowest, numbers.at(numbers.inner[1], numbers.highest)]
        case "array" if "items" in schema:
            fewest = schema.get("minItems", 0)
            items = [[end] * max(1, fewest) for end in _ends(schema["items"], None)]
            return items if fewest else [[], *items]
        case _:
            return []


def _type(schema: Schema) -> str | None:
    """The type of JSON that a piece of a schema is for, or images."""
    return "images" if schema.get("$ref") == "#/$defs/images" else schema.get("type")


def _range(schema: Schema, default: Any) -> Range:
    """Where to draw a number: what is allowed, but not much above the default or a few."""
    of = _type(schema) or ""
    whole, least = of != "number", 0 if of == "number" else 1
    usual = default if isinstance(default, int | float) else least
    below, above = "exclusiveMinimum" in schema, "exclusiveMaximum" in schema
    lowest = schema.get("minimum", schema.get("exclusiveMinimum", min(least, usual)))
    allowed = schema.get("maximum", schema.get("exclusiveMaximum", math.inf))
    if whole:
        lowest = math.floor(lowest) + 1 if below else math.ceil(lowest)
        allowed = math.ceil(allowed) - 1 if above else allowed
    near = min(allowed, lowest + MORE[of] if of == "images" else max(usual, lowest + MORE[of]))
    highest = min(allowed, max(AFFORDABLE, usual, near)) if whole else allowed
    declared = highest if math.isfinite(allowed) else None
    return Range(min(lowest, near), near, declared, (int(below), STEPS - int(above)))

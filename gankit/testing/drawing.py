"""Draws the options of a component from its schema."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

from hypothesis import strategies as st

from gankit.errors import UserError
from gankit.registry import Entry
from gankit.schema import Schema, component_schema

Values = st.SearchStrategy[Any]
MOST_IMAGES = 64
STEPS = 16
"""Numbers are drawn in so many steps between their bounds: none so near to one that arithmetic gives out."""


def options_of(entry: Entry, fixed: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Options of a component, by default or drawn.

    A number is drawn between its bounds, in the range of its default or of a few; text that is no choice, a path or
    another component is left as it is. An option's `examples`, as in `Field(examples=[...])`, are drawn from instead.

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


@cache
def schema_of(entry: Entry) -> Schema:
    """The schema of a component, which takes a while to make."""
    return component_schema(entry)


def _values(schema: Schema, default: Any) -> Values | None:
    """Values that a piece of JSON Schema allows; None if there is nothing to draw from."""
    if "examples" in schema:
        return st.sampled_from(schema["examples"])
    if "anyOf" in schema:
        choices = [values for each in schema["anyOf"] if (values := _values(each, default)) is not None]
        return st.one_of(choices) if choices else None
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    if schema.get("$ref") == "#/$defs/images":
        return st.integers(1, MOST_IMAGES)
    return _of_type(schema, default)


def _of_type(schema: Schema, default: Any) -> Values | None:
    """Values of one of JSON's types; a mapping, and text without choices, is not drawn."""
    match schema.get("type"):
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "integer":
            lowest, highest = _bounds(schema, default, least=1)
            return st.integers(math.ceil(lowest), max(math.ceil(lowest), math.floor(highest)))
        case "number":
            lowest, highest = _bounds(schema, default, least=0)
            first, last = int("exclusiveMinimum" in schema), STEPS - int("exclusiveMaximum" in schema)
            return st.integers(first, last).map(lambda step: lowest + (highest - lowest) * step / STEPS)
        case "array" if "prefixItems" in schema:
            parts = [_values(part, None) for part in schema["prefixItems"]]
            return None if None in parts else st.tuples(*[part for part in parts if part is not None]).map(list)
        case "array":
            items = _values(schema.get("items", {}), None)
            fewest = schema.get("minItems", 0)
            most = min(schema.get("maxItems", fewest + 2), fewest + 2)
            return None if items is None else st.lists(items, min_size=fewest, max_size=most)
        case _:
            return None


def _bounds(schema: Schema, default: Any, least: float) -> tuple[float, float]:
    """The lowest and the highest number to draw: what is allowed, but not much above the default or a few."""
    usual = default if isinstance(default, int | float) else least
    lowest = schema.get("minimum", schema.get("exclusiveMinimum", min(least, usual)))
    step = 1 if schema.get("type") == "integer" else 0
    if "exclusiveMinimum" in schema:
        lowest += step
    highest = max(usual, lowest + 3)
    if "maximum" in schema:
        highest = min(highest, schema["maximum"])
    if "exclusiveMaximum" in schema:
        highest = min(highest, schema["exclusiveMaximum"] - step)
    return lowest, highest

"""As much of JSON Schema as gankit.config.schema writes; an unknown keyword fails the test that meets it."""

from __future__ import annotations

import re
from typing import Any

ANNOTATIONS = {"$schema", "$defs", "title", "description", "default", "examples", "format", "then"}
TYPES: dict[str, Any] = {"object": dict, "array": list, "string": str, "null": type(None), "boolean": bool}


def is_valid(value: Any, schema: Any, root: dict[str, Any]) -> bool:
    """Whether `value`, as JSON has it, is what `schema` allows; references point into `root`."""
    if isinstance(schema, bool):
        return schema
    return all(_holds(keyword, argument, value, schema, root) for keyword, argument in schema.items())


def _holds(keyword: str, argument: Any, value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    def valid(part: Any, by: Any) -> bool:
        return is_valid(part, by, root)

    match keyword:
        case _ if keyword in ANNOTATIONS:
            return True
        case "$ref":
            return valid(value, root["$defs"][argument.removeprefix("#/$defs/")])
        case "type":
            return _is_of_type(value, argument)
        case "anyOf":
            return any(valid(value, choice) for choice in argument)
        case "not":
            return not valid(value, argument)
        case "if":
            return not valid(value, argument) or valid(value, schema["then"])
        case "enum":
            return value in argument
        case "const":
            return value == argument
        case "pattern":
            return not isinstance(value, str) or re.search(argument, value) is not None
        case "minLength":
            return not isinstance(value, str) or len(value) >= argument
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return not is_number or _is_within(keyword, argument, value)
        case "properties":
            return not isinstance(value, dict) or all(
                valid(value[key], argument[key]) for key in value.keys() & argument
            )
        case "required":
            return not isinstance(value, dict) or value.keys() >= set(argument)
        case "additionalProperties":
            return not isinstance(value, dict) or all(
                valid(item, argument) for key, item in value.items() if key not in schema.get("properties", {})
            )
        case "patternProperties":
            return not isinstance(value, dict) or all(
                valid(item, by)
                for pattern, by in argument.items()
                for key, item in value.items()
                if re.search(pattern, key)
            )
        case "propertyNames":
            return not isinstance(value, dict) or all(valid(key, argument) for key in value)
        case "minProperties":
            return not isinstance(value, dict) or len(value) >= argument
        case "items":
            return not isinstance(value, list) or all(valid(item, argument) for item in value)
        case "prefixItems":
            return not isinstance(value, list) or all(map(valid, value, argument))
        case "minItems":
            return not isinstance(value, list) or len(value) >= argument
        case "maxItems":
            return not isinstance(value, list) or len(value) <= argument
        case _:
            raise NotImplementedError(keyword)


def _is_of_type(value: Any, name: str) -> bool:
    if name in ("integer", "number"):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and (name == "number" or value == int(value))
    return isinstance(value, TYPES[name])


def _is_within(keyword: str, bound: float, number: float) -> bool:
    match keyword:
        case "minimum":
            return number >= bound
        case "maximum":
            return number <= bound
        case "exclusiveMinimum":
            return number > bound
        case _:
            return number < bound

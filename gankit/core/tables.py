"""Options whose value may change with the resolution: one value, or a table of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import (
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapSerializer,
    WrapValidator,
)
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError

from gankit.core.options import raised_again, repeated

T = TypeVar("T")

OR_TABLE = "; or a table by resolution, as in {8: ...}"
"""What a message ends with that says what one value should be, where a table may stand as well."""


def _table(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Read a table by resolution; one value holds from the lowest resolution up.

    The paths of errors are those of the file, so they do not show the key that one value is given.
    """
    glued = [key for key in value if is_glued(key)] if isinstance(value, Mapping) else []
    if not glued and (not isinstance(value, Mapping) or not any(isinstance(key, int) for key in value)):
        try:
            return handler({0: value})
        except ValidationError as failure:
            raise repeated(failure, lambda error: _or_table(raised_again(error, skip=1), error)) from None
    rows = {key: row for key, row in value.items() if isinstance(key, int) and not isinstance(key, bool) and key >= 0}
    if len(rows) == len(value):
        return handler(dict(sorted(rows.items())))
    wrong = [key for key in value if key not in rows and key not in glued]
    errors = [_wrong_key(key, "expected a resolution, a whole number, as in {8: ...}") for key in wrong]
    if glued:  # one slip of the hand, which tends to be made at all of them
        apart = ": ".join(glued[0].split(":", 1))
        errors.append(_wrong_key(glued[0], f"a space is missing after the colon; a table by resolution is {{{apart}}}"))
    try:
        handler(rows)
    except ValidationError as failure:
        errors += [raised_again(error) for error in failure.errors(include_url=False)]
    raise ValidationError.from_exception_data("table", errors)


def is_glued(key: Any) -> bool:
    """Whether a key is what YAML reads of a resolution and its value without a space between them, such as 4:640."""
    return isinstance(key, str) and re.fullmatch(r"[0-9]+:[^ ].*", key) is not None


def _wrong_key(key: Any, message: str) -> InitErrorDetails:
    problem = PydanticCustomError("resolution", "{said}", {"said": message})
    return InitErrorDetails(type=problem, loc=(key, "[key]"), input=key)


def _or_table(details: InitErrorDetails, error: ErrorDetails) -> InitErrorDetails:
    """An error that says what one value should be says that a table may stand there, too."""
    is_type = error["type"].startswith(("int_", "float_")) or error["msg"].startswith("expected ")
    if details.get("loc") or not is_type:
        return details
    of = {name: error.get(name) for name in ("type", "msg", "loc", "input", "ctx") if name in error}
    said = PydanticCustomError("or_table", "{said}", {"said": f"{error['msg']}{OR_TABLE}", "of": of})
    return {**details, "type": said}


def _without_table(value: dict[int, Any], handler: SerializerFunctionWrapHandler) -> Any:
    """Write a table that holds one value from the lowest resolution up as that value."""
    table = handler(value)
    return next(iter(table.values())) if list(value) == [0] else table


class ByResolution:
    """Marks a field as a table by resolution, so that its first key can be checked against the growth."""

    def __init__(self, above_first: bool = False) -> None:
        self.above_first = above_first
        """True if no value is needed at the first resolution itself, only from the second up."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        table = handler(schema)
        one = table.get("additionalProperties", {})
        return {"anyOf": [one, {**table, "propertyNames": {"pattern": "^[0-9]+$"}, "minProperties": 1}]}


PerResolution = Annotated[dict[int, T], WrapValidator(_table), WrapSerializer(_without_table), ByResolution()]
"""One value, or {resolution: value} where each value holds from that resolution up."""

PerResolutionAboveFirst = Annotated[
    dict[int, T], WrapValidator(_table), WrapSerializer(_without_table), ByResolution(above_first=True)
]
"""A `PerResolution` of what has no part at the first resolution, such as a fade."""


def at(values: Mapping[int, T], resolution: int) -> T:
    """The value of a `PerResolution` table that holds at `resolution`.

    Raises:
        KeyError: if the table starts above `resolution`.
    """
    held = [start for start in values if start <= resolution]
    if not held:
        raise KeyError(f"no value for {resolution}x{resolution}: the table starts at {min(values)}")
    return values[max(held)]

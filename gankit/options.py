"""What every YAML option is made of: strict models, and the few value types that experiments share."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

T = TypeVar("T")


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A sentence that suggests the nearest of `choices`, or nothing when none is near."""
    close = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""


class Options(BaseModel):
    """A frozen mapping of YAML options; the docstring under a field is its help text.

    Raises:
        pydantic.ValidationError: with one entry for every unknown option and every wrong value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="wrap")
    @classmethod
    def _suggest_known_options(cls, data: Any, handler: ValidatorFunctionWrapHandler) -> Self:
        """Report unknown options together with the wrong values, each with the nearest known name."""
        if not isinstance(data, Mapping):
            return handler(data)
        unknown = [key for key in data if key not in cls.model_fields]
        errors: list[InitErrorDetails] = []
        result = None
        try:
            result = handler({key: value for key, value in data.items() if key not in unknown})
        except ValidationError as failure:
            errors = [repeated(error) for error in failure.errors(include_url=False)]
        for key in unknown:
            known = list(cls.model_fields)
            hint = did_you_mean(str(key), known) or f" Options: {', '.join(known) or 'none'}."
            problem = PydanticCustomError("unknown_option", "unknown option.{hint}", {"hint": hint})
            errors.append(InitErrorDetails(type=problem, loc=(key,), input=data[key]))
        if result is None or errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return result


def repeated(error: Any) -> InitErrorDetails:
    """One entry of a ValidationError in the form in which it can be raised again."""
    message = str(error["msg"]).replace("{", "{{").replace("}", "}}")
    return InitErrorDetails(type=PydanticCustomError(error["type"], message), loc=error["loc"], input=error["input"])


def parse_images(value: Any) -> Any:
    """Read a number of images: 600000, 600k or 1.2M."""
    if isinstance(value, str):
        match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kM])", value.strip())
        number = float(match[1]) * {"k": 1e3, "M": 1e6}[match[2]] if match else None
    else:
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if number is None or not abs(number) < 1e15 or number != round(number):
        raise PydanticCustomError("images", "expected a number of images, such as 600000, 600k or 1.2M")
    return round(number)


def _from_lowest(value: Any) -> Any:
    """Turn one value into a table that holds it from the lowest resolution up."""
    if not isinstance(value, Mapping) or not any(isinstance(key, int) for key in value):
        return {0: value}
    for key in value:
        if not isinstance(key, int) or isinstance(key, bool) or key < 0:
            raise PydanticCustomError(
                "resolution", "expected resolutions as keys, such as {{8: ...}}, not {key}", {"key": repr(key)}
            )
    return dict(sorted(value.items()))


def _as_list(value: Any) -> Any:
    """Turn one value into a list of one, and nothing into an empty list."""
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]


class ByResolution:
    """Marks a field as a table by resolution, so that its first key can be checked against the growth."""


Images = Annotated[int, BeforeValidator(parse_images, json_schema_input_type=int | str)]
"""A number of images: 600000, 600k or 1.2M."""

PerResolution = Annotated[
    dict[int, T], BeforeValidator(_from_lowest, json_schema_input_type=T | dict[int, T]), ByResolution()
]
"""One value, or {resolution: value} where each value holds from that resolution up."""

Many = Annotated[list[T], BeforeValidator(_as_list, json_schema_input_type=T | list[T] | None)]
"""One value, a list of values, or nothing."""


def at(values: Mapping[int, T], resolution: int) -> T:
    """The value of a `PerResolution` table that holds at `resolution`.

    Raises:
        KeyError: if the table starts above `resolution`.
    """
    held = [start for start in values if start <= resolution]
    if not held:
        raise KeyError(f"no value for {resolution}x{resolution}: the table starts at {min(values)}")
    return values[max(held)]

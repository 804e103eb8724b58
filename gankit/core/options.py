"""What every YAML option is made of: strict models, and the few value types that experiments share."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import (
    CoreSchema,
    ErrorDetails,
    InitErrorDetails,
    PydanticCustomError,
    PydanticKnownError,
    core_schema,
)

from gankit.core.docstrings import under_fields
from gankit.core.errors import Suggestion

T = TypeVar("T")


def did_you_mean(word: str, choices: Iterable[str]) -> Suggestion:
    """A sentence that suggests the nearest of `choices`, or nothing when none is near."""
    close = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return Suggestion.of(close[0] if close else None)


def with_article(noun: str) -> str:
    """A noun after "a" or "an"."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


COMPONENT = {"gankit": "component"}
"""The metadata of a core schema that reads the name of a component, or a mapping of `use` and its options."""
NO_MAPPINGS = ("int", "float", "bool", "str", "none", "literal", "list", "tuple")
"""Core schemas that read no mapping."""


def _make_strict(schema: Any) -> None:
    """Let numbers and booleans anywhere in a core schema be given only as such; in unions, components by themselves."""
    if isinstance(schema, dict):
        if schema.get("type") in ("int", "float", "bool"):
            schema["strict"] = True
        for part in list(schema.values()):
            _make_strict(part)
        if schema.get("type") == "union":
            _read_components_by_themselves(schema)
    elif isinstance(schema, list | tuple):
        for part in schema:
            _make_strict(part)


def _read_components_by_themselves(union: dict[str, Any]) -> None:
    """Have a mapping that can only mean a component of a union told what is wrong with it, not that it is no number.

    The paths of errors are then those of the file, too.
    """
    choices = [choice[0] if isinstance(choice, tuple) else choice for choice in union["choices"]]
    components = [choice for choice in choices if choice.get("metadata", {}).items() >= COMPONENT.items()]
    if components:
        readers = [component["function"]["function"] for component in components]
        is_plain = all(choice in components or choice["type"] in NO_MAPPINGS for choice in choices)

        def either(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
            is_component = isinstance(value, Mapping) and (is_plain or "use" in value)
            return _read_by_one_of(readers, value) if is_component else handler(value)

        inner: Any = dict(union)
        union.clear()
        union.update(core_schema.no_info_wrap_validator_function(either, inner))


UNNAMED = ("component", "unknown_component")
"""Types of error that say that no component is named."""


def _read_by_one_of(readers: Iterable[Callable[[Any], Any]], value: Mapping[Any, Any]) -> Any:
    """The component that `value` names, of the first kind by which it can be read.

    Raises:
        PydanticCustomError, pydantic.ValidationError: what the first kind says that knows the name, or else all do.
    """
    failures: list[tuple[str, str, PydanticCustomError | ValidationError]] = []
    for read in readers:
        try:
            return read(value)
        except PydanticCustomError as failure:
            failures.append((failure.type, failure.message(), failure))
        except ValidationError as failure:
            first = failure.errors(include_url=False)[0]
            failures.append((first["type"], first["msg"], failure))
    known = [failure for kind, _, failure in failures if kind not in UNNAMED]
    if known or len(failures) == 1:
        raise (known or [failure for *_, failure in failures])[0]
    said = "; or ".join(dict.fromkeys(message for _, message, _ in failures))
    raise PydanticCustomError("component", "{reason}", {"reason": said})


def _is_default(value: Any, default: Any) -> bool:
    """Whether the value of a field is its default, which may be the name of a component without options."""
    from gankit.core.registry import registries

    if not isinstance(default, str) or not isinstance(value, Options):
        return value == default
    component: Any = value
    return not component.model_fields_set and registries[component.kind].entry_of(type(component)).name == default


class Options(BaseModel):
    """A frozen mapping of YAML options; the docstring under a field is its help text.

    Nothing is guessed: text and true or false are not taken for numbers, nor numbers for true or false, and numbers
    are finite. A mapping without `use` changes options of the component that a field names by default.

    Raises:
        pydantic.ValidationError: with one entry for every unknown option and every wrong value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    renamed_options: ClassVar[Mapping[str, str]] = {}
    """What options were called before, with their new names: whoever still writes an old one is told."""
    later_options: ClassVar[tuple[str, ...]] = ()
    """Options, beside those of its bases, that runs of before have not recorded. They are written only where they are
    not as by default, so that these runs and new ones are seeds of one variant."""

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Itself, as it is frozen; a copy of a module goes on with the components that the module has."""
        return self

    @classmethod
    def help_texts(cls) -> dict[str, str]:
        """What each option is for: its `description` if it has one, or else the docstring under it."""
        found: dict[str, str] = {}
        for owner in reversed(cls.__mro__):
            if cls.model_fields.keys() & vars(owner).get("__annotations__", {}).keys():
                found |= under_fields(owner)
        given = {name: field.description for name, field in cls.model_fields.items() if field.description}
        return {name: text for name, text in (found | given).items() if name in cls.model_fields}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        _make_strict(schema)
        return schema

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        made = handler(schema)
        properties = handler.resolve_ref_schema(made).get("properties", {})
        for name, text in cls.help_texts().items():
            properties.get(name, {}).setdefault("description", text)
        return made

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Its options, without those of `later_options` that are as by default."""
        fields = type(self).model_fields
        later = {name for owner in type(self).__mro__ for name in vars(owner).get("later_options", ())}
        unused = {name for name in later if _is_default(getattr(self, name), fields[name].get_default())}
        return {name: value for name, value in handler(self).items() if name not in unused}

    @model_validator(mode="wrap")
    @classmethod
    def _suggest_known_options(cls, data: Any, handler: ValidatorFunctionWrapHandler) -> Self:
        """Say for each unknown option which known one is nearest."""
        try:
            return handler(data)
        except ValidationError as failure:
            raise repeated(failure, lambda error: cls._unknown_option(error) or raised_again(error)) from None

    @model_validator(mode="before")
    @classmethod
    def _name_default_components(cls, data: Any) -> Any:
        """Give the options that stand without the name of a component that of the default one."""
        if not isinstance(data, Mapping):
            return data
        named: dict[Any, Any] = {}
        for name, value in data.items():
            if name in cls.model_fields and isinstance(value, Mapping) and "use" not in value:
                default = named_by_default(cls.model_fields[name])
                is_table = any(isinstance(key, int) for key in value)
                named |= {name: {**default, **value}} if default and not is_table else {}
        return {**data, **named}

    @classmethod
    def _unknown_option(cls, error: ErrorDetails) -> InitErrorDetails | None:
        """The error about an unknown option of this very model, None for any other error."""
        if error["type"] not in ("extra_forbidden", "invalid_key") or len(error["loc"]) != 1:
            return None
        name, known = str(error["loc"][0]), list(cls.model_fields)
        listed = f" Options here: {', '.join(known)}." if known else " There are no options here."
        renamed = Suggestion.of(cls.renamed_options.get(name), " It is called {!r} now.")
        hint = renamed or did_you_mean(name, known) or listed
        problem = PydanticCustomError("unknown_option", "unknown option.{hint}", {"hint": hint})
        return InitErrorDetails(type=problem, loc=error["loc"], input=error["input"])


def named_by_default(field: FieldInfo) -> dict[str, Any]:
    """The component that a field names by default, as `use` and its options; empty if it names none."""
    default = {"use": field.default} if isinstance(field.default, str) else field.default
    names_one = isinstance(default, Mapping) and "use" in default
    return dict(default) if names_one and any("kind" in vars(named) for named in classes_in(field.annotation)) else {}


def classes_in(annotation: Any) -> Iterator[type]:
    """Every class that a type is made of, containers apart."""
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for argument in get_args(annotation):
        yield from classes_in(argument)


def repeated(failure: ValidationError, change: Callable[[ErrorDetails], InitErrorDetails]) -> ValidationError:
    """The same failure with every error put through `change`, which gives the details to raise."""
    errors = [change(error) for error in failure.errors(include_url=False)]
    return ValidationError.from_exception_data(failure.title, errors)


def raised_again(error: ErrorDetails, skip: int = 0) -> InitErrorDetails:
    """One entry of a ValidationError as it is raised again, without the first `skip` steps of its path."""
    kind: Any = error["type"]
    message: Any = error["msg"]
    details = InitErrorDetails(type=kind, loc=error["loc"][skip:], input=error["input"])
    try:
        PydanticKnownError(kind, error.get("ctx"))
    except KeyError:  # one of ours, its message already filled in
        kept = {name: told for name, told in error.get("ctx", {}).items() if name in ("hint", "of") and told}
        details["type"] = PydanticCustomError(kind, message, kept or None)
    else:
        details["ctx"] = error.get("ctx", {})
    return details


def absolute(path: Path) -> Path:
    """`path` from the root, a home folder at its beginning (~ or ~USER) resolved.

    Raises:
        ValueError: if nobody knows that home folder.
    """
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise ValueError(f"nobody knows the home folder {path.parts[0]}") from None


AbsolutePath = Annotated[Path, AfterValidator(absolute)]
"""A path made absolute when it is read, so that a saved experiment means the same from any folder."""


def parse_images(value: Any) -> Any:
    """Read a number of images: 600000, 600k (or 600K) or 1.2M."""
    if isinstance(value, str):
        match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kKM])", value.strip())
        number = round(float(match[1]) * {"k": 1e3, "K": 1e3, "M": 1e6}[match[2]], 6) if match else None
    else:
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if number is None or not 0 <= number < 1e15 or number != round(number):
        raise PydanticCustomError("images", "expected a number of images, such as 600000, 600k or 1.2M")
    return round(number)


def _list(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Read a list, one value as a list of one, and nothing as an empty list; error paths are those of the file."""
    if value is None:
        return handler([])
    if isinstance(value, list | tuple):
        return handler(list(value))
    try:
        return handler([value])
    except ValidationError as failure:
        if isinstance(value, str) and "," in value:
            several = ", ".join(part.strip() for part in value.split(",") if part.strip())
            raise PydanticCustomError("several", "several are a list: [{several}]", {"several": several}) from None
        raise repeated(failure, lambda error: raised_again(error, skip=1)) from None


def defined(name: str) -> dict[str, Any]:
    """A piece of JSON Schema that stands for the definition `name` of gankit.config.schema."""
    return {"gankit": name}


class OneOrMany:
    """Marks a field as a list that one value or nothing may stand for."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        several = handler(schema)
        nothing = [] if several.get("minItems") else [{"type": "null"}]
        return {"anyOf": [several.get("items", {}), several, *nothing]}


class ImagesSchema:
    """Marks a number of images, whose schema is gankit's own with the bounds that a field sets."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        bounds = {key: bound for key, bound in handler(schema).items() if key != "type"}
        return {**defined("images"), **bounds}


Images = Annotated[int, BeforeValidator(parse_images), ImagesSchema()]
"""A number of images: 600000, 600k or 1.2M."""

Many = Annotated[list[T], WrapValidator(_list), OneOrMany()]
"""One value, a list of values, or nothing."""


def _weighing(taps: tuple[float, ...]) -> tuple[float, ...]:
    if not sum(taps):
        raise ValueError("must not add up to zero: a filter is divided by its sum")
    return taps


Taps = Annotated[tuple[float, ...], Field(min_length=1, max_length=64), AfterValidator(_weighing)]
"""A filter along rows and columns, in whatever scale: [1, 3, 3, 1]."""

"""What a component is, and how an experiment names one."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError, core_schema

from gankit.core.errors import UserError
from gankit.core.options import COMPONENT, Options, classes_in, defined, with_article
from gankit.core.registry import RegistryEntry, add_kind, registries
from gankit.core.renamed import one_line, refuse_former_members

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment


def is_kind(cls: type) -> bool:
    """Whether it declares a kind, and is no component itself."""
    return bool(vars(cls).get("kind"))


class Component(Options, ABC):
    """Base of every part that an experiment can name.

    A component is one class: a frozen model whose typed fields are its YAML options and whose methods are its
    behaviour. Its *kind*, one of the abstract classes in gankit/kinds, decides which registry it is filed in and
    so where in an experiment it may be named.
    """

    kind: ClassVar[str] = ""
    """Declared by a kind alone, which gets a registry of that name; plugins may declare kinds of their own."""
    former_names: ClassVar[tuple[str, ...]] = ()
    """What it was called before: whoever still names it so is told the new name."""

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        if "kind" in cls.model_fields:
            raise TypeError(f"{cls.__name__} has an option called 'kind'; a kind is declared by kind: ClassVar[str]")
        if is_kind(cls):
            add_kind(cls)
        refuse_former_members(cls)

    @classmethod
    def _unknown_option(cls, error: ErrorDetails) -> InitErrorDetails | None:
        """Tell who names a component by another word than `use`, where one is named by default, how it is done."""
        details = super()._unknown_option(error)
        if details is not None and cls.kind in registries and registries[cls.kind].knows(name := error["input"]):
            hint = f" To name {with_article(cls.kind)}, write 'use: {name}'."
            details["type"] = PydanticCustomError("unknown_option", "unknown option.{hint}", {"hint": hint})
        return details

    @classmethod
    def kinds_in_use(cls) -> list[type[Component]]:
        """Its own kind, and those that its options name."""
        own = next(owner for owner in cls.__mro__ if issubclass(owner, Component) and is_kind(owner))
        return [own, *(kind for _, kind in kinds_named(cls))]

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Why this component cannot work in `experiment`, checked at load and without torch; nothing if it can."""
        return ()

    def missing(self, experiment: Experiment) -> str | None:
        """What it needs that this machine lacks, such as data or weights, and how to get it; None if all is there.

        An experiment that lacks something is valid, but cannot be run here.
        """
        return None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if not is_kind(cls):  # a component: an ordinary model
            return super().__get_pydantic_core_schema__(source, handler)
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else named(cls, value),
            metadata=dict(COMPONENT),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda component, info: as_options(component, info.mode), info_arg=True
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return defined(cls.kind) if is_kind(cls) else super().__get_pydantic_json_schema__(schema, handler)


def kinds_named(model: type[Options]) -> Iterator[tuple[str, type[Component]]]:
    """The options of `model` that name components, as dotted paths with the kinds; also those of options in options."""
    yield from _kinds_named(model, "", ())


def _kinds_named(
    model: type[Options], prefix: str, outer: tuple[type[Options], ...]
) -> Iterator[tuple[str, type[Component]]]:
    for name, field in model.model_fields.items():
        for named in classes_in(field.annotation):
            if issubclass(named, Component) and is_kind(named):
                yield f"{prefix}{name}", named
            elif issubclass(named, Options) and named not in outer:  # which may hold others of themselves
                yield from _kinds_named(named, f"{prefix}{name}.", (*outer, named))


def named(kind: type[Component], value: Any) -> Any:
    """The component that `value` names: a name, or a mapping of `use: <name>` and its options.

    Raises:
        PydanticCustomError: if it names none, or the component fails to read its options.
        pydantic.ValidationError: if its options are wrong.
    """
    registry = registries[kind.kind]
    if isinstance(value, str):
        return _read(registry.find(value), {})
    if not isinstance(value, Mapping) or "use" not in value:
        message = "expected the name of {kind}, or a mapping with 'use: <name>' and its options{hint}"
        raise PydanticCustomError(
            "component", message, {"kind": with_article(kind.kind), "hint": _misnamed(kind, value)}
        )
    try:
        entry = registry.find(value["use"])
    except PydanticCustomError as problem:
        details = InitErrorDetails(type=problem, loc=("use",), input=value["use"])
        raise ValidationError.from_exception_data(kind.kind, [details]) from None
    return _read(entry, {key: option for key, option in value.items() if key != "use"})


def _misnamed(kind: type[Component], value: Any) -> str:
    """How to name the component that a mapping without `use` names in another way; nothing if it names none."""
    known = registries[kind.kind].knows
    for key, said in value.items() if isinstance(value, Mapping) else ():
        if known(said):
            return f"; write 'use: {said}' in place of '{key}: {said}'"
        if known(key):
            return f"; write 'use: {key}' in place of '{key}: ...'"
    return ""


def _read(entry: RegistryEntry, options: dict[Any, Any]) -> Component:
    """The component of `entry` with `options`; whatever its own validators raise is an error of the experiment."""
    try:
        return entry.component.model_validate(options)
    except ValidationError:
        raise
    except UserError as problem:
        raise PydanticCustomError("refused", "{reason}", {"reason": str(problem)}) from None
    except Exception as failure:
        raise PydanticCustomError("component_failed", "{reason}", {"reason": failed(entry, failure)}) from failure


def failed(entry: RegistryEntry, failure: Exception) -> str:
    """Say in words that a component failed by its own fault."""
    return f"{entry.component.kind} {entry.full_name} of plugin {entry.plugin!r} failed with {one_line(failure)}"


def as_options(component: Component, mode: str = "json") -> dict[str, Any]:
    """The mapping that names a registered component in an experiment: its full name and every option.

    Mode "json" makes everything plain JSON, where even resolutions are text; "python" leaves values as they are.
    """
    name = registries[component.kind].entry_of(type(component)).full_name
    return {"use": name, **component.model_dump(mode=mode)}

"""What a component is, and how an experiment names one."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from gankit.options import Options

if TYPE_CHECKING:
    from gankit.config import Experiment


class Component(Options, ABC):
    """Base of every part that an experiment can name.

    A component is one class: a frozen model whose typed fields are its YAML options and whose methods are its
    behaviour. Its *kind*, one of the abstract classes in gankit/kinds.py, decides which registry it is filed in and
    so where in an experiment it may be named.
    """

    kind: ClassVar[str] = ""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Why this component cannot work in `experiment`, checked at load and without torch; nothing if it can."""
        return ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if "kind" not in vars(cls):  # a component, not a kind: an ordinary model
            return handler(source)
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else named(cls, value),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda component: as_options(component)),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        if "kind" not in vars(cls):
            return handler(schema)
        return {"$ref": f"#/$defs/{cls.kind}"}  # gankit.schema adds these definitions


def named(kind: type[Component], value: Any) -> Any:
    """The component that `value` names: a name, or a mapping of `use: <name>` and its options."""
    from gankit.registry import registries

    if isinstance(value, str):
        value = {"use": value}
    if not isinstance(value, Mapping) or not isinstance(value.get("use"), str):
        message = "expected the name of a {kind}, or a mapping with 'use: <name>' and its options"
        raise PydanticCustomError("component", message, {"kind": kind.kind})
    component = registries[kind.kind].find(value["use"]).component
    return component.model_validate({key: option for key, option in value.items() if key != "use"})


def as_options(component: Component) -> dict[str, Any]:
    """The mapping that names `component` in an experiment: its full name and every option."""
    from gankit.registry import registries

    name = registries[component.kind].entry_of(type(component)).full_name
    return {"use": name, **component.model_dump(mode="json")}

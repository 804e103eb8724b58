"""The JSON Schema of experiments (draft 2020-12), with every component that is registered."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from pydantic_core import PydanticCustomError

from gankit.config.experiment import Experiment
from gankit.config.study import StudyOptions
from gankit.core.registry import Registry, RegistryEntry, all_entries, kinds, registries

Schema = dict[str, Any]

IMAGES: Schema = {
    "description": "A number of images: 600000, 600k or 1.2M.",
    "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?\s*[kKM]$"}],
}
BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
"""Bounds that pydantic leaves as they are where a value is first read by code, as numbers of images are."""
OPTIONS = ".options"
"""Ends the name of the definition of a component's options without its name, none of them required."""
EXTENDS: Schema = {
    "description": "The experiment, or experiments in order, that this file changes; relative to this file.",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
}

_WITH_EXTENDS: Schema = {"type": "object", "required": ["extends"]}
VARIANT_EXTENDS: Schema = {
    "required": ["variants"],
    "properties": {"variants": {"type": "object", "not": {"additionalProperties": {"not": _WITH_EXTENDS}}}},
}
"""A study of which a variant extends an experiment."""


def experiment_schema() -> Schema:
    """The schema of an experiment's or a study's file; where it or a variant extends another, that may say the rest."""
    definitions = _definitions()
    experiment, study = definitions["Experiment"], definitions.pop("StudyOptions")
    definitions["Experiment"] = {**experiment, "properties": {**experiment["properties"], **study["properties"]}}
    partial = {f"partial.{name}": _partial(definition) for name, definition in definitions.items()}
    root = partial.pop("partial.Experiment")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An experiment of gankit",
        **root,
        "properties": {"extends": EXTENDS, **root["properties"]},
        "if": {"not": {"anyOf": [{"required": ["extends"]}, VARIANT_EXTENDS]}},
        "then": {"$ref": "#/$defs/Experiment"},
        "$defs": {**definitions, **partial},
    }


def component_schema(entry: RegistryEntry) -> Schema:
    """The schema of one component as a mapping of `use` and its options; what it refers to is left out."""
    return _of_components([entry])[_name_of(entry)]


def model_schema(model: type[BaseModel]) -> Schema:
    """The schema of any other mapping of options, such as Training; what it refers to is left out."""
    return _of_components([], model)[model.__name__]


def summary(documented: type) -> str:
    """The first paragraph of a class's docstring, in one line."""
    return " ".join(inspect.cleandoc(documented.__doc__ or "").partition("\n\n")[0].split())


def _definitions() -> dict[str, Schema]:
    """Experiment, every model in it, every kind and every component by name."""
    definitions = {"images": IMAGES}
    for kind in kinds():
        definitions[kind.kind] = _kind_schema(registries[kind.kind], summary(kind))
    definitions |= _of_components(all_entries(), Experiment, StudyOptions)
    named = set(_references(definitions))
    return {name: of for name, of in definitions.items() if not name.endswith(OPTIONS) or name in named}


def _of_components(entries: Sequence[RegistryEntry], *others: type[BaseModel]) -> dict[str, Schema]:
    """Components by name, other models, and every model in either."""
    models = dict.fromkeys([*others, *(entry.component for entry in entries)])
    references, generated = models_json_schema([(model, "validation") for model in models])
    found: dict[str, Schema] = _cleaned(generated["$defs"])
    definitions: dict[str, Schema] = {}
    for entry in entries:
        model = found[references[entry.component, "validation"]["$ref"].rpartition("/")[2]]
        definitions[_name_of(entry)] = _with_use(entry, model)
        definitions[f"{_name_of(entry)}{OPTIONS}"] = {key: of for key, of in model.items() if key != "required"}
    components = {references[entry.component, "validation"]["$ref"].rpartition("/")[2] for entry in entries}
    return definitions | {name: model for name, model in found.items() if name not in components}


def _name_of(entry: RegistryEntry) -> str:
    """The definition of a component."""
    return f"{entry.component.kind}.{entry.plugin}.{entry.name}"


def _kind_schema(registry: Registry, description: str) -> Schema:
    """Any component of one kind: its name, or a mapping of its name and options."""
    entries = registry.entries()
    if not entries:
        return {"description": description, "not": {}}
    names = [{"const": name, "description": summary(entry.component)} for entry in entries for name in _names(entry)]
    return {
        "description": description,
        "anyOf": [*names, *({"$ref": f"#/$defs/{_name_of(entry)}"} for entry in entries)],
    }


def _with_use(entry: RegistryEntry, model: Schema) -> Schema:
    """A component's options and the name that asks for it."""
    use = {"description": f"Names this {entry.component.kind}.", "enum": _names(entry)}
    return {
        **model,
        "title": entry.full_name,
        "properties": {"use": use, **model.get("properties", {})},
        "required": ["use", *model.get("required", [])],
    }


def _names(entry: RegistryEntry) -> list[str]:
    """The names that mean this component: its short one only if no other plugin uses it."""
    registry = registries[entry.component.kind]
    shared = sum(other.name == entry.name for other in registry.entries()) > 1
    return [entry.full_name] if shared else [entry.name, entry.full_name]


def _cleaned(node: Any) -> Any:
    """What pydantic generates, with gankit's definitions put in place of their stand-ins and without made-up titles."""
    if isinstance(node, list):
        return [_cleaned(item) for item in node]
    if not isinstance(node, dict):
        return node
    named = {BOUNDS.get(key, key) if isinstance(item, int | float) else key: item for key, item in node.items()}
    cleaned = {key: _cleaned(item) for key, item in named.items() if not (key == "title" and isinstance(item, str))}
    if isinstance(cleaned.get("gankit"), str):
        cleaned["$ref"] = f"#/$defs/{cleaned.pop('gankit')}"
    cleaned = _or_options_of_default(cleaned)
    if isinstance(default := cleaned.get("default"), dict) and list(default) == ["0"]:
        cleaned["default"] = default["0"]  # a table of one value is written as the value
    return cleaned


def _or_options_of_default(schema: dict[Any, Any]) -> dict[Any, Any]:
    """A schema that also allows options of the component that is its default, without that component's name."""
    default = schema.get("default")
    name = default.get("use") if isinstance(default, dict) else default
    kind = next((each for each in _references(schema) if each in registries), None)
    if kind is None or not isinstance(name, str):
        return schema
    try:
        entry = registries[kind].find(name)
    except PydanticCustomError:  # its plugin is not there
        return schema
    about = {key: schema[key] for key in ("default", "description") if key in schema}
    others = {key: part for key, part in schema.items() if key not in about}
    choices = others["anyOf"] if others.keys() == {"anyOf"} else [others]
    return {"anyOf": [*choices, {"$ref": f"#/$defs/{_name_of(entry)}{OPTIONS}"}], **about}


def _references(node: Any) -> Iterator[str]:
    """The definitions that a schema refers to."""
    for key, part in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if key == "$ref" and isinstance(part, str):
            yield part.removeprefix("#/$defs/")
        yield from _references(part)


def _partial(node: Any) -> Any:
    """A schema that asks for nothing, only for right values; it refers to definitions of the same sort."""
    if isinstance(node, list):
        return [_partial(item) for item in node]
    if not isinstance(node, dict):
        return node
    partial = {key: _partial(item) for key, item in node.items() if not (key == "required" and isinstance(item, list))}
    if isinstance(partial.get("$ref"), str):
        partial["$ref"] = partial["$ref"].replace("#/$defs/", "#/$defs/partial.")
    return partial

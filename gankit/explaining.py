"""Tells in plain words what a component is and what options it has."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

from gankit.errors import UserError
from gankit.options import did_you_mean
from gankit.plugins import plugins
from gankit.reading.dumping import inline
from gankit.reading.parts import places
from gankit.registry import Entry, Registry, registries
from gankit.schema import Schema, component_schema, kind_of, summary

WIDTH = 100
NONE = "  (none is installed)"


def explain(subject: str) -> str:
    """What is known of a component (KIND/NAME, or NAME if only one kind has it) or of a KIND.

    Raises:
        UserError: if `subject` means nothing or several things.
    """
    if subject in registries:
        return _kind(registries[subject])
    entries = _entries_called(subject)
    if len(entries) == 1:
        return _component(entries[0])
    if entries:
        names = ", ".join(f"{entry.component.kind}/{entry.full_name}" for entry in entries)
        raise UserError(f"{subject!r} is the name of several components; write one of: {names}")
    known = [name for entry in _all_entries() for name in (f"{entry.component.kind}/{entry.name}", entry.name)]
    hint = did_you_mean(subject, [*registries, *known]) or f" Kinds: {', '.join(registries)}."
    absent = "".join(f" {complaint}." for complaint in plugins.complaints())
    raise UserError(f"no component and no kind is called {subject!r}.{hint}{absent}")


def _all_entries() -> list[Entry]:
    return [entry for registry in registries.values() for entry in registry.entries()]


def _entries_called(subject: str) -> list[Entry]:
    """The components that `subject` may mean; as KIND/NAME, where that means any, else as NAME of any kind."""
    kind, _, name = subject.partition("/")
    of_kind = [entry for entry in _all_entries() if entry.component.kind == kind and name in _names(entry)]
    return of_kind or [entry for entry in _all_entries() if subject in _names(entry)]


def _names(entry: Entry) -> tuple[str, str]:
    return entry.name, entry.full_name


def _kind(registry: Registry) -> str:
    """What a kind is and its components with their first paragraphs."""
    entries = registry.entries()
    width = max((len(entry.full_name) for entry in entries), default=0)
    lines = [f"  {entry.full_name:<{width}}  {summary(entry.component)}" for entry in entries]
    kind = kind_of(registry.kind)
    named = _wrapped(f"Named in an experiment under {', '.join(places(kind))}.")
    return "\n".join([registry.kind, "", _wrapped(kind.__doc__ or ""), "", named, "", *(lines or [NONE])])


def _component(entry: Entry) -> str:
    """What a component is, where it comes from and its options."""
    origin = plugins.origin(entry.plugin)
    source = f"{origin.distribution} {origin.version}" if origin.distribution else str(origin.path)
    lines = [f"{entry.component.kind} {entry.full_name}  (plugin {entry.plugin}, {source})"]
    lines += ["", _wrapped(entry.component.__doc__ or "")]
    schema = component_schema(entry)
    options = {name: option for name, option in schema["properties"].items() if name != "use"}
    lines += ["", "Options:" if options else "It has no options."]
    for name, option in options.items():
        lines += ["", f"  {name}: {option_in_words(schema, name)}"]
        lines.append(_wrapped(option.get("description", ""), indent="      "))
    return "\n".join(lines)


def option_in_words(schema: Schema, name: str) -> str:
    """The values and the default of one option of a component, given the component's schema."""
    option = schema["properties"][name]
    default = "required" if name in schema["required"] else f"default: {inline(option.get('default'))}"
    return f"{type_in_words(option)} ({default})"


def _wrapped(text: str, indent: str = "  ") -> str:
    """The paragraphs of `text`, wrapped and indented."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    filled = (
        textwrap.fill(" ".join(p.split()), WIDTH, initial_indent=indent, subsequent_indent=indent) for p in paragraphs
    )
    return "\n\n".join(filled)


def type_in_words(schema: Schema) -> str:
    """The values that a piece of JSON Schema allows, in words."""
    if "anyOf" in schema:
        return _choice(schema["anyOf"])
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name == "images":
            return "a number of images, such as 600k"
        return _with_article(name) if name in registries else "a mapping of options"
    if "enum" in schema or "const" in schema:
        return " or ".join(inline(value) for value in schema.get("enum", [schema.get("const")]))
    return _of_type(schema)


def _choice(options: list[Schema]) -> str:
    """One of several; says shortly what gankit's own types allow."""
    one, *others = options
    if [other.get("type") for other in others] == ["array", "null"] and others[0].get("items") == one:
        return f"{type_in_words(one)}, or a list of them"
    if len(others) == 1 and "propertyNames" in others[0] and others[0].get("additionalProperties") == one:
        return f"{type_in_words(one)}, or {{resolution: ...}} of them"
    return " or ".join(dict.fromkeys(map(type_in_words, options)))


def _of_type(schema: Schema) -> str:
    """A value of one of JSON's types."""
    match schema.get("type"):
        case "array" if "prefixItems" in schema:
            return f"[{', '.join(map(type_in_words, schema['prefixItems']))}]"
        case "array":
            return f"a list, each {type_in_words(schema.get('items', {}))}"
        case "object" if "additionalProperties" in schema and "properties" not in schema:
            below = schema["additionalProperties"]
            return f"a mapping, each {type_in_words(below)}" if isinstance(below, dict) else "a mapping"
        case "object":
            return "a mapping of options"
        case "string" if schema.get("format") in ("path", "file-path", "directory-path"):
            return "a path"
        case kind:
            bounds = [words.format(schema[bound]) for bound, words in BOUNDS.items() if bound in schema]
            return f"{TYPES.get(kind, 'any value')}{' ' if bounds else ''}{' and '.join(bounds)}"


TYPES: dict[Any, str] = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "null": "null",
}
BOUNDS = {"minimum": "from {}", "exclusiveMinimum": "above {}", "maximum": "up to {}", "exclusiveMaximum": "below {}"}


def _with_article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeio' else 'a'} {kind}"

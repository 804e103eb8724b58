"""Tells in plain words what a component, or a part of an experiment, is and what options it has."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

from gankit.config.option_paths import group_options, kinds_by_option, option_groups
from gankit.config.schema import OPTIONS, Schema, component_schema, model_schema, summary
from gankit.config.walk import components_naming, options_naming
from gankit.config.yaml.writer import inline
from gankit.core.component import Component
from gankit.core.errors import UserError
from gankit.core.options import classes_in, did_you_mean, with_article
from gankit.core.registry import Registry, RegistryEntry, all_entries, registries
from gankit.discovery.manager import plugins
from gankit.kinds.evaluation import MetricPreset

WIDTH = 100
NONE = "  (none is installed)"


def explain(subject: str) -> str:
    """What is known of a component (KIND/NAME, or NAME if only one kind has it), a KIND, or a part of an experiment.

    Args:
        subject: A component, for whose kind an option that names it may stand, as in data/folder; a kind; a mapping of
            options in an experiment, such as evaluation.quick, or all of it, `experiment`; or one of these options,
            such as training.batch, or batch if only one is called so.

    Raises:
        UserError: if `subject` means nothing or several things.
    """
    subject = _in_full(subject)
    if subject in registries:
        return _kind(registries[subject])
    if subject in option_groups():
        return _section(subject)
    if subject in group_options():
        return _section_option(subject)
    entries = _entries_called(subject)
    if len(entries) == 1:
        return _component(entries[0])
    if entries:
        names = ", ".join(f"{entry.component.kind}/{entry.full_name}" for entry in entries)
        raise UserError(f"{subject!r} is the name of several components; write one of: {names}")
    known = [*component_subjects(), *(entry.name for entry in all_entries())]
    parts = [*option_groups(), *group_options()]
    hint = did_you_mean(subject, [*registries, *known, *parts]) or f" Kinds: {', '.join(registries)}."
    absent = "".join(f" {complaint}." for complaint in plugins.complaints())
    raise UserError(f"no component, kind or option is called {subject!r}.{hint}{absent}", hint)


def option_schema(subject: str) -> Schema | None:
    """The JSON Schema of the options of what `explain` explains; None of a kind or of one option."""
    subject = _in_full(subject)
    if subject in registries or (subject in group_options() and subject not in option_groups()):
        return None
    if subject in option_groups():
        return model_schema(option_groups()[subject])
    return component_schema(_entries_called(subject)[0])


def _in_full(subject: str) -> str:
    """The option that ends so, where that is none of a component's names, nor a kind, nor an option by itself.

    Raises:
        UserError: if several do.
    """
    if subject in registries or subject in option_groups() or subject in group_options() or _entries_called(subject):
        return subject
    ending = [path for path in group_options() if path.endswith(f".{subject}")]
    if len(ending) > 1:
        raise UserError(f"{subject!r} is the name of several options; write one of: {', '.join(ending)}")
    return ending[0] if ending else subject


def _entries_called(subject: str) -> list[RegistryEntry]:
    """The components that `subject` may mean; as KIND/NAME, where that means any, else as NAME of any kind."""
    named, _, name = subject.partition("/")
    kinds = [named, *(kind.kind for kind in kinds_by_option().get(named, ()))]
    of_kind = [entry for entry in all_entries() if entry.component.kind in kinds and name in _names(entry)]
    return of_kind or [entry for entry in all_entries() if subject in _names(entry)]


def component_subjects() -> list[str]:
    """Every component as KIND/NAME, and as OPTION/NAME where an option that names it is called otherwise."""
    words = {kind: [kind] for kind in registries}
    for option, kinds in kinds_by_option().items():
        for kind in kinds:
            words[kind.kind] += [option] if "." not in option and option not in words[kind.kind] else []
    return [f"{word}/{entry.name}" for entry in all_entries() for word in words[entry.component.kind]]


def _names(entry: RegistryEntry) -> tuple[str, str]:
    return entry.name, entry.full_name


def _kind(registry: Registry) -> str:
    """What a kind is and its components with their first paragraphs."""
    entries = registry.entries()
    width = max((len(entry.full_name) for entry in entries), default=0)
    lines = [f"  {entry.full_name:<{width}}  {summary(entry.component)}" for entry in entries]
    kind = registry.base
    said = [f"Named in an experiment under {', '.join(named)}." for named in [options_naming(kind)] if named]
    said += [f"Named in options of {', '.join(named)}." for named in [components_naming(kind)] if named]
    named = _wrapped(" ".join(said) or "No option names it.")
    return "\n".join([registry.kind, "", _wrapped(kind.__doc__ or ""), "", named, "", *(lines or [NONE])])


def _component(entry: RegistryEntry) -> str:
    """What a component is, where it comes from and its options."""
    origin = plugins.origin(entry.plugin)
    source = f"{origin.distribution} {origin.version}" if origin.distribution else str(origin.path)
    lines = [f"{entry.component.kind} {entry.full_name}  (plugin {entry.plugin}, {source})"]
    lines += ["", _wrapped(entry.component.__doc__ or "")]
    if issubclass(entry.component, MetricPreset):
        lines += ["", _wrapped(f"It stands for {inline(list(entry.component.metrics))}.")]
    return "\n".join([*lines, "", *_options(component_schema(entry))])


def _section(path: str) -> str:
    """What a mapping of options in an experiment is for, and its options."""
    model = option_groups()[path]
    head = _option(path) if path in group_options() else [path, "", _wrapped(model.__doc__ or "")]
    lines = [*head, "", *_options(model_schema(model))]
    below = [
        name for name, other in option_groups().items() if name.startswith(f"{path}.") or path == "experiment" != name
    ]
    return "\n".join([*lines, "", f"See also: {', '.join(below)}."] if below else lines)


def _section_option(path: str) -> str:
    """One option of an experiment and, if it names a component, those that there are."""
    model, name = group_options()[path]
    named = [named.kind for named in classes_in(model.model_fields[name].annotation) if issubclass(named, Component)]
    return "\n".join([*_option(path), "", f"See also: {', '.join(named)}."] if named else _option(path))


def _option(path: str) -> list[str]:
    """What one option of an experiment may be and what it is for."""
    model, name = group_options()[path]
    schema = model_schema(model)
    described = schema["properties"][name].get("description", "")
    return [f"{path}: {option_in_words(schema, name)}", "", _wrapped(described)]


def _options(schema: Schema) -> list[str]:
    """The options of a component or of another model, given its schema."""
    options = {name: option for name, option in schema["properties"].items() if name != "use"}
    lines = ["Options:" if options else "It has no options."]
    for name, option in options.items():
        lines += ["", f"  {name}: {option_in_words(schema, name)}"]
        lines.append(_wrapped(option.get("description", ""), indent="      "))
    return lines


def option_in_words(schema: Schema, name: str) -> str:
    """The values and the default of one option of a component, given the component's schema."""
    option = schema["properties"][name]
    default = "required" if name in schema.get("required", ()) else f"default: {inline(option.get('default'))}"
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
    if "anyOf" in schema and "type" not in schema:
        return _choice(schema["anyOf"])
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name.endswith(OPTIONS):
            return f"options of {name.removesuffix(OPTIONS).rpartition('.')[2]}"
        if name == "images":
            return "a number of images, such as 600k"
        return with_article(name) if name in registries else "a mapping of options"
    if "enum" in schema or "const" in schema:
        return " or ".join(inline(value) for value in schema.get("enum", [schema.get("const")]))
    return _of_type(schema)


def _choice(options: list[Schema]) -> str:
    """One of several; says shortly what gankit's own types allow."""
    *before, last = options
    if last.get("$ref", "").endswith(OPTIONS):
        return f"{_choice(before)} or {type_in_words(last)}"
    one, *others = options
    if [other.get("type") for other in others] in (["array"], ["array", "null"]) and others[0].get("items") == one:
        return f"{type_in_words(one)}, or a list of them"
    if last == {"type": "null"} and len(others) > 1:
        return f"{_choice(before)} or null"
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
            bounds = [words.format(_digits(schema[bound])) for bound, words in BOUNDS.items() if bound in schema]
            return f"{TYPES.get(kind, 'any value')}{' ' if bounds else ''}{' and '.join(bounds)}"


def _digits(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:,.15g}"


TYPES: dict[Any, str] = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "null": "null",
}
BOUNDS = {"minimum": "from {}", "exclusiveMinimum": "above {}", "maximum": "up to {}", "exclusiveMaximum": "below {}"}

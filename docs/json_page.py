"""The page on what commands say to programs, made from the types of their answers."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

import of_commands
from in_markdown import cell
from pydantic import TypeAdapter

from gankit.cli.answers.base import FailureLine
from gankit.cli.exit_codes import EXIT_CODES

INTRO = """
Every command takes `--json`. Then it prints one JSON object on standard output and nothing else there; `gankit run` and
`gankit resume` print [lines](#gankit-run) instead, an object each. What is said to people goes to standard error, where
libraries warn as they like, so programs need not read it. `gankit COMMAND --json-schema` prints the JSON Schema (draft
2020-12) of all that a command prints, a failure included. Later versions may add fields, and rename or remove none
without a word in the changelog. Numbers that JSON lacks are the strings `"nan"`, `"inf"` and `"-inf"`.
"""
FAILURES = """
A command that gives no result prints in its place one line, `{"error": ...}`, as a run does that fails on its way. It is
on standard output so that there is always something to read there, whatever else was printed on standard error; the
exit code is as without `--json`. Of a file with several mistakes all are listed.

```console
$ gankit init
wrote quickstart.yaml; train it with: gankit run quickstart.yaml
$ gankit validate quickstart.yaml --set los=hinge --json 2> /dev/null || echo "exit code $?"
{"error":{"message":"unknown option. Did you mean 'loss'?","exit_code":2,"mistakes":[{"message":"unknown option. Did you mean 'loss'?","file":null,"line":null,"column":null,"argument":"--set los=hinge","option":"los","hint":"loss"}]}}
exit code 2
```
"""  # noqa: E501
LINES = """
Lines, of which each tells by `event` what it is. Of a study they tell of runs that end, which train in processes of
their own; `gankit runs FOLDER --json` tells how far they are meanwhile.
"""
CODES = """
A command ends with one of these, with `--json` or without:
"""


def json_page(made: str) -> Iterator[str]:
    """The page, whose second line is `made`."""
    failure, definitions = _described(FailureLine)
    yield from ("# JSON for programs", "", made, "", *INTRO.strip().splitlines(), "")
    yield from ("## Exit codes", "", *CODES.strip().splitlines(), "", "| code | meaning |", "| --- | --- |")
    yield from (f"| {code} | {cell(meaning)} |" for code, meaning in EXIT_CODES.items())
    yield from ("", "## Failures", "", *FAILURES.strip().splitlines(), "", *_fields(failure))
    yield from ("", "## Commands")
    seen: dict[str, str] = {}
    for name, answers in answers_by_command().items():
        yield from ("", f"### {name}", "")
        schema, below = _described(answers)
        definitions |= below
        same = seen.setdefault(json.dumps(schema), name)
        if same != name:
            yield f"As [{same}](#{_anchor(same)})."
        elif "anyOf" in schema:
            yield from LINES.strip().splitlines()
            for choice in schema["anyOf"]:
                line = definitions.pop(choice["$ref"].rpartition("/")[2])
                yield from ("", f"**`{line['properties']['event']['const']}`**: {line['description']}", "")
                yield from _fields(line)
        else:
            yield from (" ".join(schema.get("description", "").split()), "", *_fields(schema))
    yield from ("", "## Types", "", "What the fields above hold.")
    for name, schema in definitions.items():
        yield from ("", f"### {name}", "", " ".join(schema.get("description", "").split()), "", *_fields(schema))


def answers_by_command() -> dict[str, Any]:
    """The types of answers by the commands that give them, those of plugins after gankit's own."""
    found = [parser for _, _, parser in of_commands.parsers()]
    return {each.prog: each.get_default("answers")() for each in _with_those_below(found)}


def _with_those_below(parsers: list[argparse.ArgumentParser]) -> Iterator[argparse.ArgumentParser]:
    """All that answer with JSON, among parsers and those of the commands below them."""
    for parser in parsers:
        if parser.get_default("answers") is not None:
            yield parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                yield from _with_those_below(list(action.choices.values()))


def _described(answers: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A schema, and what it refers to."""
    schema = TypeAdapter(answers).json_schema(mode="serialization")
    return schema, schema.pop("$defs", {})


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    """The fields of an object, as a list."""
    if "properties" not in schema:
        yield "Any object."
    for name, field in schema.get("properties", {}).items():
        said = field.get("description", "")
        yield f"- `{name}`: {_type(field)}{f'. {said}' if said else ''}"


def _type(schema: dict[str, Any]) -> str:
    """What a value may be, in words of JSON."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{_anchor(name)})"
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema.get("enum", [schema.get("const")]))
    if "prefixItems" in schema:
        return f"[{', '.join(map(_type, schema['prefixItems']))}]"
    if schema.get("type") == "array":
        return f"array of {_type(schema['items'])}"
    if schema.get("type") == "object":
        below = schema.get("additionalProperties")
        return f"object, each {_type(below)}" if isinstance(below, dict) and below else "object"
    return str(schema.get("type", "anything"))


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")

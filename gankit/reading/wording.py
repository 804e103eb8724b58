"""What pydantic finds wrong with an experiment, in plain words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from gankit.config import NAME
from gankit.options import did_you_mean

LONGEST = 60
"""Characters of a wrong value that are repeated in a message."""


def in_words(error: Mapping[str, Any]) -> str:
    """The message for one entry of `ValidationError.errors()`."""
    kind, context, value = error["type"], error.get("ctx", {}), error["input"]
    if kind == "missing" and isinstance(error["loc"][-1], int):
        return f"too few values: there are {len(value)}"
    if kind in EXPECTED:
        return f"expected {EXPECTED[kind]}, not {shown(value)}" + (
            "; put it in quotes" if kind == "string_type" and isinstance(value, int | float) else ""
        )
    if kind in BOUNDS:
        return f"must be {BOUNDS[kind].format(**context)}, not {shown(value)}"
    if kind in WORDS:
        return WORDS[kind](context, value)
    return str(error["msg"])


def shown(value: Any) -> str:
    """A value as it would stand in a file, cut short; only what it is if it holds others."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


EXPECTED = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "a list"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), "a mapping of options"),
    "finite_number": "a finite number",
    "string_type": "text",
    "path_type": "the path of a file or folder",
}
"""What each type of error expects."""

BOUNDS = {
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
}
"""What a number must be."""


def _choices(context: Mapping[str, Any], value: Any) -> str:
    """That only certain words are allowed."""
    choices = re.findall(r"'([^']*)'", context["expected"])
    meant = SYNONYMS.get(value.lower(), value) if isinstance(value, str) else ""
    hint = did_you_mean(meant, choices) if meant else ""
    return f"expected {context['expected']}, not {shown(value)}.{hint}"


def _pattern(context: Mapping[str, Any], value: Any) -> str:
    """What a text may look like."""
    return f"{shown(value)} {PATTERNS.get(context['pattern'], 'does not match {pattern}').format(**context)}"


def _length(context: Mapping[str, Any], value: Any) -> str:
    """That there are too many values or too few."""
    limit = f"at least {context['min_length']}" if "min_length" in context else f"at most {context['max_length']}"
    return f"expected {limit} values, not {len(value)}"


def _raised(context: Mapping[str, Any], value: Any) -> str:
    """What a validator said."""
    return str(context["error"])


SYNONYMS = {"gpu": "cuda"}
"""Words that are close in meaning to a choice, and not in spelling."""

PATTERNS = {
    NAME: "is no name: a name begins with one of a-z, A-Z and 0-9 and goes on with those and . _ = , + -, "
    "without spaces or accents, in 200 characters at most"
}
"""What each pattern of texts demands."""

WORDS: dict[str, Callable[[Mapping[str, Any], Any], str]] = {
    "missing": lambda context, value: "required option is missing",
    "literal_error": _choices,
    "enum": _choices,
    "too_short": _length,
    "too_long": _length,
    "value_error": _raised,
    "assertion_error": _raised,
    "string_pattern_mismatch": _pattern,
    "string_too_short": lambda context, value: "must not be empty",
}
"""Messages of other types of error."""

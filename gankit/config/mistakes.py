"""Finds the place in an experiment's sources that an error is about."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from gankit.config.evaluation import Expanded
from gankit.config.experiment import NAME, Experiment, OptimizerPair
from gankit.config.option_paths import elsewhere, option_paths
from gankit.config.walk import KEY, Path
from gankit.config.yaml.marks import Mark, Mistake
from gankit.config.yaml.nodes import Items, Node, Scalar, Table, plain_value
from gankit.core.component import Component
from gankit.core.errors import Suggestion
from gankit.core.options import Options, did_you_mean
from gankit.core.tables import OR_TABLE

ABOUT_KEYS = ("unknown_option", "extra_forbidden", "invalid_key", "resolution")
"""Types of error that are about a key and not about its value."""


def mistakes_of(failure: ValidationError, root: Table, of_experiment: bool = False) -> list[Mistake]:
    """Each error where it stands; what is missing, at the mapping that lacks it.

    A value that fits none of several types fails once for each: those errors become one mistake. Of an experiment's
    unknown options it is told where such ones stand.
    """
    found: dict[tuple[Mark, Path, bool], dict[str, str | None]] = {}
    errors = failure.errors(include_url=False)
    is_asked = of_experiment and any(error["type"] == "unknown_option" for error in errors)
    known = option_paths(plain_value(root)) if is_asked else []
    for error in errors:
        mark, path, is_choice = _locate(root, error)
        places = elsewhere(".".join(map(str, path)), known) if error["type"] == "unknown_option" else []
        said, hint = in_words(error), _hint(error)
        message = _with_places(said, places)
        hint = hint or (places[0] if message != said else None)
        found.setdefault((mark, path, is_choice), {}).setdefault(message, hint)
    mistakes: list[Mistake] = []
    for (mark, path, is_choice), messages in found.items():
        if is_choice:
            hint = next(filter(None, messages.values()), None)
            mistakes.append(Mistake(mark, path, "; or ".join(messages), hint))
        else:
            mistakes += [Mistake(mark, path, *said) for said in messages.items()]
    return mistakes


def _hint(error: Mapping[str, Any]) -> str | None:
    """The name that an error suggests."""
    context = error.get("ctx", {})
    is_choice = error["type"] in ("literal_error", "enum")
    return getattr(_choice_meant(context, error["input"]) if is_choice else context.get("hint"), "name", None)


def _with_places(message: str, found: Sequence[str]) -> str:
    """What is said of an unknown option, and where those of its name stand that are known."""
    places = [repr(place) if "." in place else f"{place!r} at the top" for place in found]
    suggests, lists = message.startswith(SUGGESTS), "ptions here" in message
    if not places or not (suggests or lists):  # it is known what is meant
        return message
    *others, last = places
    named = f"{', '.join(others)} or {last}" if others else last
    return f"{SUGGESTS} {named}?{f' Or{message.removeprefix(SUGGESTS)}' if suggests else ''}"


SUGGESTS = "unknown option. Did you mean"
"""How it is said of an unknown option that one here has a name that is near."""


def _locate(root: Table, error: Mapping[str, Any]) -> tuple[Mark, Path, bool]:
    """The mark and path of an error, and whether it only speaks of one of several types that a value may have."""
    node: Node = root
    mark = key = root.mark
    steps = [step for step in error["loc"] if step != KEY]
    for depth, step in enumerate(steps):
        if isinstance(node, Table) and step in node.entries:
            key, node = node.entries[step]
            mark = node.mark
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            mark = node.mark
        else:
            is_name = isinstance(node, Scalar) and error["type"] == "missing"  # which stands for a mapping
            is_value = not isinstance(node, Table) and not is_name
            return mark, tuple(steps[:depth] if is_value else steps), is_value and isinstance(step, str)
    is_about_key = error["type"] in ABOUT_KEYS or KEY in error["loc"]
    return key if is_about_key else mark, tuple(steps), False


def place_of(experiment: Experiment, root: Table, path: Path) -> tuple[Mark, Path]:
    """Where the part of `experiment` at `path` stands, or what it is a default of, and its path as it is written.

    One value may stand for a list or a table that holds it, one component for a group of them; then the position, key
    or name in `path` is not written. One metric may stand for several, which are then where that is.
    """
    value: Any = experiment
    node: Node | None = root
    mark, key, written = root.mark, root.mark, []
    for step in path:
        if step == KEY:
            return key, tuple(written)
        if isinstance(node, Table) and step in node.entries:
            key = node.entries[step].key
        at = value.written[int(step)] if isinstance(value, Expanded) else step
        below = _below(node, at, Items if isinstance(value, list | tuple) else Table)
        is_option = isinstance(value, Options) and not _is_one_for_all(value, node)
        if below is not None or is_option or node is None:
            node = below
            written.append(at)
        if below is not None:
            mark = below.mark
        value = _part(value, step)
    return mark, tuple(written)


DOTTED = re.compile(r"\b[a-z]\w*(?:\.[a-z]\w*)+")
"""An option as messages name it: discriminator.norm."""
OF_DATA = re.compile(r"\bthe data\b")


def naming_other_places(mistake: Mistake, root: Table) -> Mistake:
    """The mistake with the places of other options that it names, if these stand in other files than it.

    Of two options that do not go together the one that is told may be inherited, and the other what its user wrote.
    """
    told: list[str] = []
    paths = [tuple(name.split(".")) for name in DOTTED.findall(mistake.message)]
    if OF_DATA.search(mistake.message):
        paths.append(("data", "labels") if _mark_at(root, ("data", "labels")) else ("data",))
    for path in dict.fromkeys(paths):
        mark = _mark_at(root, path)
        if mark is not None and mark.source != mistake.mark.source and path != mistake.path[: len(path)]:
            told.append(f"{'.'.join(path)} is set {'by' if mark.line is None else 'at'} {mark}")
    return mistake._replace(message=f"{mistake.message} ({', '.join(told)})") if told else mistake


def _mark_at(root: Table, path: Path) -> Mark | None:
    """Where an option is written; None if it is not."""
    node: Node = root
    for step in path:
        if not isinstance(node, Table) or step not in node.entries:
            return None
        node = node.entries[step].node
    return node.mark


def _part(value: Any, step: str | int) -> Any:
    """What `value` holds under a name, key or position."""
    return getattr(value, str(step)) if isinstance(value, Options) else value[step]


def _below(node: Node | None, step: str | int, shape: type[Items | Table]) -> Node | None:
    """What `node` holds under a key or at a position if it has the right shape."""
    if not isinstance(node, shape):
        return None
    if isinstance(node, Items):
        return node.items[int(step)]
    return node.entries[step].node if isinstance(node, Table) and step in node.entries else None


def _is_one_for_all(value: Options, node: Node | None) -> bool:
    """Whether a group of options is written as one component, which stands for each of them."""
    if isinstance(value, OptimizerPair):
        return node is not None
    is_component = isinstance(node, Scalar) or (isinstance(node, Table) and "use" in node.entries)
    return is_component and not isinstance(value, Component)


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
    if kind == "or_table":
        return f"{in_words(context['of'])}{OR_TABLE}"
    if kind in WORDS:
        return WORDS[kind](context, value)
    return _with_value(str(error["msg"]), value)


def _with_value(message: str, value: Any) -> str:
    """What a type of value says that it expects, and the value that stands there instead, if that is a single one."""
    is_told = not message.startswith("expected ") or re.search(r", not |[.;] ", message)
    return message if is_told or not isinstance(value, str | int | float) else f"{message}, not {shown(value)}"


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
    """Say that only certain words are allowed."""
    return f"expected {context['expected']}, not {shown(value)}.{_choice_meant(context, value)}"


def _choice_meant(context: Mapping[str, Any], value: Any) -> Suggestion:
    """The one that is nearest."""
    choices = re.findall(r"'([^']*)'", context["expected"])
    meant = SYNONYMS.get(value.lower(), value) if isinstance(value, str) else ""
    return did_you_mean(meant, choices) if meant else Suggestion()


def _pattern(context: Mapping[str, Any], value: Any) -> str:
    """What a text may look like."""
    return f"{shown(value)} {PATTERNS.get(context['pattern'], 'does not match {pattern}').format(**context)}"


def _length(context: Mapping[str, Any], value: Any) -> str:
    """Say that there are too many values or too few."""
    limit = f"at least {context['min_length']}" if "min_length" in context else f"at most {context['max_length']}"
    return f"expected {limit} values, not {context['actual_length']}"


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
    "value_error": lambda context, value: str(context["error"]),
    "assertion_error": lambda context, value: str(context["error"]),
    "string_pattern_mismatch": _pattern,
    "string_too_short": lambda context, value: "must not be empty",
}
"""Messages of other types of error."""

"""Names of variants, made of what differs: block=a,batch=32."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

LONGEST_LABEL = 60
"""Characters of the name of one value."""
LONGEST_NAME = 150
"""Characters of the name of a variant; the names of files may have 255."""


def variant_name(changes: Mapping[str, Any]) -> str:
    """The name of the variant that changes these options, by their dotted paths; `base` if it changes none.

    It depends on nothing but the changes and on which options are changed, so other variants may come and go.
    """
    names = short_names(list(changes))
    name = ",".join(f"{names[path]}={label(value)}" for path, value in changes.items()) or "base"
    return _cut(name, LONGEST_NAME)


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """Each path by as many of its last steps as tell it from the others, a position in a list after its list."""
    steps = {path: path.split(".") for path in paths}
    found: dict[str, str] = {}
    for path, own in steps.items():
        endings = (own[-count:] for count in range(1, len(own) + 1))
        others = [other for name, other in steps.items() if name != path]
        alone = (
            ending
            for ending in endings
            if not ending[0].isdecimal() and not any(other[-len(ending) :] == ending for other in others)
        )
        found[path] = safe(".".join(next(alone, own)))
    return found


def label(value: Any) -> str:
    """A short name for any plain value, safe in the name of a file."""
    return _cut(safe(_words(value)), LONGEST_LABEL)


def safe(text: str) -> str:
    """`text` with what is not allowed in names replaced."""
    return re.sub("[^A-Za-z0-9._+-]+", "-", text).strip("-.+") or "empty"


def _words(value: Any) -> str:
    if value is None or value == [] or value == {}:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "+".join(map(_words, value))
    if isinstance(value, Mapping):
        own = [_words(value["use"])] if "use" in value else []
        return "+".join(own + [f"{key}-{_words(item)}" for key, item in value.items() if key != "use"])
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def _cut(name: str, longest: int) -> str:
    """`name`, if it is too long with a hash of it in place of its end."""
    if len(name) <= longest:
        return name
    return f"{name[: longest - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"

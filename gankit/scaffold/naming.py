"""What a new plugin is called, and what its parts are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import entry_points
from importlib.util import find_spec

from gankit.errors import UserError
from gankit.kinds import KINDS
from gankit.options import did_you_mean
from gankit.plugins import GROUP

PATTERN = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
LONGEST = 30
"""Characters of a name; lines that name its modules and classes fit a screen."""


def package_of(name: str) -> str:
    """The Python package of the plugin called `name`."""
    return f"gankit_{name.replace('-', '_')}"


def class_of(name: str, kind: str) -> str:
    """The class of a plugin's component: if it is a loss, MyLoss of my-loss and of my, and OwnLoss of loss."""
    words = "".join(word.capitalize() for word in name.split("-"))
    return (words.removesuffix(kind.capitalize()) or "Own") + kind.capitalize()


def module_of(kind: str) -> str:
    """The module of a package that holds its components of one kind, such as losses."""
    return {"loss": "losses", "growth": "growth"}.get(kind, f"{kind}s")


def checked_name(name: str) -> str:
    """`name`, if a new plugin can have it.

    Raises:
        UserError: if it is no such name, or is taken by an installed plugin or package.
    """
    if not re.fullmatch(PATTERN, name) or len(name) > LONGEST:
        near = "-".join(re.findall(r"[a-z0-9]+", name.lower())).lstrip("-0123456789")[:LONGEST].rstrip("-")
        raise UserError(
            f"{name!r}: a plugin is called by up to {LONGEST} lowercase letters and digits, a letter first, with "
            f"single dashes between them, such as {near or 'my-loss'!r}"
        )
    for point in entry_points(group=GROUP, name=name):
        provider = f"{point.dist.name} {point.dist.version}" if point.dist else "another package"
        raise UserError(f"{name!r}: a plugin of that name is installed already, by {provider}; choose another name")
    if find_spec(package_of(name)) is not None:
        raise UserError(f"{name!r}: a package {package_of(name)!r} is installed already; choose another name")
    return name


def checked_kinds(kinds: Sequence[str]) -> list[str]:
    """`kinds`, each once and in the order in which gankit lists them.

    Raises:
        UserError: if there is no such kind.
    """
    known = [kind.kind for kind in KINDS]
    for kind in kinds:
        if kind not in known:
            hint = did_you_mean(kind, known) or f" There are: {', '.join(known)}."
            raise UserError(f"--kind {kind}: there is no such kind.{hint}")
    return [kind for kind in known if kind in kinds]

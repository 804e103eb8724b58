"""What a new plugin is called, and what its parts are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from gankit.core.errors import UserError
from gankit.core.options import did_you_mean, with_article
from gankit.core.registry import kinds
from gankit.discovery.manager import GROUP

PATTERN = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
HERE = Path(__file__).parent
LONGEST = 30
"""Characters of a name; lines that name its modules and classes fit a screen."""


def minimal_example(kind: str) -> Path:
    """The smallest component of a kind that does something sensible, as a plugin that is one file.

    There is one of each kind of gankit's, and none of those that plugins declare.
    """
    return HERE / "kinds" / f"{kind}.py"


def package_name(name: str) -> str:
    """The Python package of the plugin called `name`."""
    return f"gankit_{name.replace('-', '_')}"


def class_of(name: str, kind: str) -> str:
    """The class of the component called `name`: if it is a loss, MyLoss of my-loss and of my, and OwnLoss of loss."""
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
    _check_letters(name, f"{name!r}: a plugin", "my-loss")
    for point in entry_points(group=GROUP, name=name):
        provider = f"{point.dist.name} {point.dist.version}" if point.dist else "another package"
        raise UserError(f"{name!r}: a plugin of that name is installed already, by {provider}; choose another name")
    if find_spec(package_name(name)) is not None:
        raise UserError(f"{name!r}: a package {package_name(name)!r} is installed already; choose another name")
    return name


def checked_components(asked: Sequence[str], name: str) -> dict[str, str]:
    """What the components of a new plugin are called, by their kinds and in the order in which gankit lists these.

    Args:
        asked: KIND or KIND=NAME for each.
        name: What the plugin is called, and those components that are given no name.

    Raises:
        UserError: if there is no such kind, it is asked for twice, or no component can be called so.
    """
    known, found = [kind.kind for kind in kinds() if minimal_example(kind.kind).is_file()], dict[str, str]()
    for each in asked:
        kind, named, component = each.partition("=")
        if kind not in known:
            hint = did_you_mean(kind, known) or f" There are: {', '.join(known)}."
            raise UserError(f"--kind {each}: there is no such kind.{hint}", hint)
        if kind in found:
            raise UserError(
                f"--kind {each}: {with_article(kind)} is asked for already; a new plugin has one component of a kind, "
                f"and others are written beside it into {module_of(kind)}.py"
            )
        if named:
            _check_letters(component, f"--kind {each}: a component", f"my-{kind}")
        found[kind] = component if named else name
    return {kind: found[kind] for kind in known if kind in found}


def _check_letters(name: str, what: str, example: str) -> None:
    if not re.fullmatch(PATTERN, name) or len(name) > LONGEST:
        near = "-".join(re.findall(r"[a-z0-9]+", name.lower())).lstrip("-0123456789")[:LONGEST].rstrip("-")
        raise UserError(
            f"{what} is called by up to {LONGEST} lowercase letters and digits, a letter first, with single dashes "
            f"between them, such as {near or example!r}"
        )

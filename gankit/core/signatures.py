"""Whether the methods of a component can be called as its kind promises, judged without calling them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any


def refuse_other_signatures(component: type, base: type) -> None:
    """Refuse a class whose methods do not take what those of `base`, the class of its kind, are called with.

    Raises:
        TypeError: naming the method, what it takes and what it is called with.
    """
    for name, promised in _promised(base).items():
        own, called = inspect.getattr_static(component, name), f"{component.__name__}.{name}"
        if own is promised:
            continue
        if isinstance(promised, property):
            if isinstance(own, FunctionType):
                raise TypeError(f"{called} has to be a property: write @property above it")
        elif not callable(method := getattr(component, name)):
            raise TypeError(f"{called} is no method, but {own!r:.60}")
        elif not _takes(method, promised, is_bound=isinstance(own, staticmethod | classmethod)):
            wanted = inspect.signature(promised)
            raise TypeError(f"{called}{_plain(inspect.signature(method))} is called as {name}{_plain(wanted)}")


def _promised(base: type) -> dict[str, FunctionType | property]:
    """The public methods and properties of a kind, with those that every component has."""
    owners = [owner for owner in reversed(base.__mro__) if owner.__module__.startswith("gankit.") or owner is base]
    found = {name: member for owner in owners for name, member in vars(owner).items() if not name.startswith("_")}
    return {name: member for name, member in found.items() if isinstance(member, FunctionType | property)}


def _takes(method: Callable[..., Any], promised: FunctionType, is_bound: bool) -> bool:
    """Whether a method takes, by position, all that another may be given, and does with what it must be given."""
    parameters = [*inspect.signature(promised).parameters.values()][is_bound:]
    needed = [parameter for parameter in parameters if parameter.default is parameter.empty]
    try:
        for given in (parameters, needed):
            inspect.signature(method).bind(*given)
    except TypeError:
        return False
    return True


def _plain(signature: inspect.Signature) -> str:
    """Parameters without their types."""
    plain = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    return str(inspect.Signature(plain))

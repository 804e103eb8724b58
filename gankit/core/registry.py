"""Named components of each kind, each remembering the plugin it came from."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic_core import PydanticCustomError

from gankit.core.errors import Suggestion
from gankit.core.options import did_you_mean, with_article
from gankit.core.signatures import refuse_other_signatures

if TYPE_CHECKING:
    from gankit.core.component import Component

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
"""What components are called: safe in names of files and of metrics, on a command line and after a plugin's name."""


def _nothing_absent(owners: Collection[str] | None) -> Sequence[str]:
    return ()


about_absent: Callable[[Collection[str] | None], Sequence[str]] = _nothing_absent
"""Tells why what is looked for may be missing, a sentence each; set by whoever loads plugins and knows which failed."""


@dataclass(frozen=True)
class RegistryEntry:
    """One registered component."""

    plugin: str
    name: str
    component: type[Component]

    @property
    def full_name(self) -> str:
        """The name that is never ambiguous: plugin/name."""
        return f"{self.plugin}/{self.name}"


@dataclass
class Registry:
    """The components of one kind by full name."""

    base: type[Component]
    """The abstract class that declares the kind."""
    _entries: dict[str, RegistryEntry] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The kind's name."""
        return self.base.kind

    def add(self, entry: RegistryEntry) -> None:
        """File a component.

        Raises:
            ValueError: if the plugin has registered this name before.
        """
        if entry.full_name in self._entries:
            raise ValueError(f"{self.kind} {entry.full_name!r} is registered twice")
        self._entries[entry.full_name] = entry

    def unregister(self, plugin: str) -> None:
        """Take back the components of one plugin."""
        self._entries = {name: entry for name, entry in self._entries.items() if entry.plugin != plugin}

    def entries(self) -> list[RegistryEntry]:
        """All components, by full name."""
        return sorted(self._entries.values(), key=lambda entry: entry.full_name)

    def entry_of(self, component: type[Component]) -> RegistryEntry:
        """The entry under which a component was registered.

        Raises:
            LookupError: if it was not.
        """
        for entry in self._entries.values():
            if entry.component is component:
                return entry
        raise LookupError(f"{component.__name__} is not registered as {with_article(self.kind)}")

    def knows(self, name: object) -> bool:
        """Whether a component is called `name`, in full or in short."""
        return any(name in (entry.name, entry.full_name) for entry in self._entries.values())

    def find(self, name: object) -> RegistryEntry:
        """The component called `name`, a full name or a short one that only one plugin uses.

        Raises:
            PydanticCustomError: if there is none (with the nearest name) or several (with their full names).
        """
        if not isinstance(name, str):
            raise PydanticCustomError("component", "expected the name of {kind}", {"kind": with_article(self.kind)})
        matches = [entry for entry in self._entries.values() if name in (entry.name, entry.full_name)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            owners = ", ".join(entry.full_name for entry in matches)
            message = "{kind} '{name}' is provided by several plugins; write one of: {owners}"
            raise PydanticCustomError("ambiguous", message, {"kind": self.kind, "name": name, "owners": owners})
        raise self._unknown(name)

    def renamed(self, name: object) -> RegistryEntry | None:
        """The component that was called `name` once, with or without its plugin's; None if none was."""
        return next((entry for entry in self._entries.values() if _is_former(name, entry)), None)

    def _unknown(self, name: str) -> PydanticCustomError:
        names = sorted({entry.name for entry in self._entries.values()})
        renamed = self.renamed(name)
        now = Suggestion.of(renamed.name if renamed else None, " It is called {!r} now.")
        hint = now or did_you_mean(name, [*names, *self._entries])
        hint = hint or f" Available: {', '.join(names) or 'none'}."
        owner, slash, _ = name.partition("/")
        absent = "".join(f" {complaint}." for complaint in about_absent([owner] if slash else None))
        message = "no {kind} is called '{name}'.{hint}{absent}"
        return PydanticCustomError(
            "unknown_component", message, {"kind": self.kind, "name": name, "hint": hint, "absent": absent}
        )


def _is_former(name: object, entry: RegistryEntry) -> bool:
    """Whether a component was called `name` once."""
    return any(name in (former, f"{entry.plugin}/{former}") for former in entry.component.former_names)


registries: dict[str, Registry] = {}
"""By the names of the kinds, in the order in which they were declared."""


RESERVED = ("images",)
"""What no kind is called, as the schema of experiments means something else by it."""


def add_kind(base: type[Component]) -> None:
    """Make the registry of the kind that `base` declares, if there is none yet.

    Raises:
        TypeError: if its name is no word, or another class has declared it.
    """
    name = base.kind
    if not isinstance(name, str) or not re.fullmatch("[a-z][a-z0-9-]*", name) or name in RESERVED:
        raise TypeError(
            f"{name!r} is no name for a kind: it may hold small letters, digits and dashes, a letter first, and be "
            f"other than {', '.join(RESERVED)}"
        )
    other = registries.setdefault(name, Registry(base)).base
    if other is not base:
        raise TypeError(
            f"{base.__name__} of {base.__module__} declares the kind {name!r}, which {other.__name__} of "
            f"{other.__module__} declares already; derive from that one, or call this one otherwise"
        )


def kinds() -> list[type[Component]]:
    """The abstract class of each kind, in the order in which they were declared: first those of gankit."""
    return [registry.base for registry in registries.values()]


def register(plugin: str, name: str, component: type[Component]) -> None:
    """File `component` under its kind as `plugin`/`name`.

    The name is of letters, digits, dots, dashes and underscores, a letter or digit first.

    Raises:
        TypeError: if `component` is of no kind, lacks a method of its kind, has one that cannot be called as its kind's
            is, or an option called `use`.
        NameError: if an annotation of `component` names nothing.
        ValueError: if `name` is no such name, or the plugin has registered this kind and name before.
    """
    if not isinstance(name, str) or not re.fullmatch(NAME, name):
        raise ValueError(
            f"{name!r} is no name for a component: it may hold letters, digits, dots, dashes and underscores, "
            "and begins with a letter or digit"
        )
    if not isinstance(component, type) or not getattr(component, "kind", ""):
        raise TypeError(f"{name!r} is registered as {component!r}, which is no subclass of a kind")
    if component.__abstractmethods__:
        raise TypeError(
            f"{name!r} lacks what every {component.kind} has: {', '.join(sorted(component.__abstractmethods__))}"
        )
    if not component.__pydantic_complete__:
        component.model_rebuild()
    if "use" in component.model_fields:
        raise TypeError(f"{name!r} has an option called 'use', which is the word that names a component")
    refuse_other_signatures(component, component.kinds_in_use()[0])
    for kind in component.kinds_in_use():  # they may have been taken back with a plugin that imported them and failed
        add_kind(kind)
    registries[component.kind].add(RegistryEntry(plugin, name, component))


def all_entries() -> list[RegistryEntry]:
    """All components, by kind and then by full name."""
    return [entry for registry in registries.values() for entry in registry.entries()]


def provided_by(plugin: str) -> list[RegistryEntry]:
    """All components of one plugin."""
    return [entry for entry in all_entries() if entry.plugin == plugin]


@contextmanager
def restored() -> Iterator[None]:
    """Put the registries back as they were: kinds and components that a test or a trial adds are gone afterwards."""
    before = _as_they_are()
    try:
        yield
    finally:
        _put_back(before)


@contextmanager
def all_or_nothing() -> Iterator[None]:
    """Put the registries back as they were if this fails: a plugin that does leaves no kind and no component behind."""
    before = _as_they_are()
    try:
        yield
    except BaseException:
        _put_back(before)
        raise


def _as_they_are() -> list[tuple[Registry, dict[str, RegistryEntry]]]:
    return [(registry, dict(registry._entries)) for registry in registries.values()]


def _put_back(before: Iterable[tuple[Registry, dict[str, RegistryEntry]]]) -> None:
    registries.clear()
    for registry, entries in before:
        registry._entries = entries
        registries[registry.kind] = registry

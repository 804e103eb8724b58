"""Named components of each kind, each remembering the plugin it came from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pydantic_core import PydanticCustomError

from gankit.core.component import Component
from gankit.core.options import did_you_mean, with_article
from gankit.kinds import KINDS

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
"""What components are called: safe in names of files and of metrics, on a command line and after a plugin's name."""


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

    kind: str
    _entries: dict[str, RegistryEntry] = field(default_factory=dict)

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

    def _unknown(self, name: str) -> PydanticCustomError:
        from gankit.discovery.manager import plugins

        names = sorted({entry.name for entry in self._entries.values()})
        hint = did_you_mean(name, [*names, *self._entries]) or f" Available: {', '.join(names) or 'none'}."
        owner, slash, _ = name.partition("/")
        absent = "".join(f" {complaint}." for complaint in plugins.complaints([owner] if slash else None))
        message = "no {kind} is called '{name}'.{hint}{absent}"
        return PydanticCustomError(
            "unknown_component", message, {"kind": self.kind, "name": name, "hint": hint, "absent": absent}
        )


registries: dict[str, Registry] = {kind.kind: Registry(kind.kind) for kind in KINDS}


def register(plugin: str, name: str, component: type[Component]) -> None:
    """File `component` under its kind as `plugin`/`name`.

    Args:
        plugin: The plugin's name.
        name: Letters, digits, dots, dashes and underscores, a letter or digit first.
        component: A class that is no longer abstract.

    Raises:
        TypeError: if `component` is of no kind, lacks a method of its kind or has an option called `use`.
        NameError: if an annotation of `component` names nothing.
        ValueError: if `name` is no such name, or the plugin has registered this kind and name before.
    """
    if not isinstance(name, str) or not re.fullmatch(NAME, name):
        raise ValueError(
            f"{name!r} is no name for a component: it may hold letters, digits, dots, dashes and underscores, "
            "and begins with a letter or digit"
        )
    registry = registries.get(getattr(component, "kind", ""))
    if registry is None or not isinstance(component, type):
        raise TypeError(f"{name!r} is registered as {component!r}, which is no subclass of a kind of gankit")
    if component.__abstractmethods__:
        raise TypeError(
            f"{name!r} lacks what every {registry.kind} has: {', '.join(sorted(component.__abstractmethods__))}"
        )
    if not component.__pydantic_complete__:
        component.model_rebuild()
    if "use" in component.model_fields:
        raise TypeError(f"{name!r} has an option called 'use', which is the word that names a component")
    registry.add(RegistryEntry(plugin, name, component))


def provided_by(plugin: str) -> list[RegistryEntry]:
    """All components of one plugin."""
    return [entry for registry in registries.values() for entry in registry.entries() if entry.plugin == plugin]


def unregister(plugin: str) -> None:
    """Take back whatever `plugin` has registered."""
    for registry in registries.values():
        registry.unregister(plugin)


@contextmanager
def restored() -> Iterator[None]:
    """Put the registries back as they were: what a test or a trial registers is gone afterwards."""
    before = {kind: dict(registry._entries) for kind, registry in registries.items()}
    try:
        yield
    finally:
        for kind, registry in registries.items():
            registry._entries = before[kind]

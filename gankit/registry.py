"""Named components of each kind, each remembering the plugin it came from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pydantic_core import PydanticCustomError

from gankit.component import Component
from gankit.kinds import KINDS
from gankit.options import did_you_mean


@dataclass(frozen=True)
class Entry:
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
    _entries: dict[str, Entry] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """File a component.

        Raises:
            ValueError: if the plugin has registered this name before.
        """
        if entry.full_name in self._entries:
            raise ValueError(f"{self.kind} {entry.full_name!r} is registered twice")
        self._entries[entry.full_name] = entry

    def entries(self) -> list[Entry]:
        """All components, by full name."""
        return sorted(self._entries.values(), key=lambda entry: entry.full_name)

    def entry_of(self, component: type[Component]) -> Entry:
        """The entry under which a component was registered."""
        return next(entry for entry in self._entries.values() if entry.component is component)

    def find(self, name: str) -> Entry:
        """The component called `name`, a full name or a short one that only one plugin uses.

        Raises:
            PydanticCustomError: if there is none (with the nearest name) or several (with their full names).
        """
        matches = [entry for entry in self._entries.values() if name in (entry.name, entry.full_name)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            owners = ", ".join(entry.full_name for entry in matches)
            message = "{kind} '{name}' is provided by several plugins; write one of: {owners}"
            raise PydanticCustomError("ambiguous", message, {"kind": self.kind, "name": name, "owners": owners})
        raise self._unknown(name)

    def _unknown(self, name: str) -> PydanticCustomError:
        from gankit.plugins import plugins

        names = sorted({entry.name for entry in self._entries.values()})
        hint = did_you_mean(name, [*names, *self._entries]) or f" Available: {', '.join(names) or 'none'}."
        broken = "".join(f" Plugin {plugin!r} failed to load: {reason}." for plugin, reason in plugins.broken.items())
        message = "no {kind} is called '{name}'.{hint}{broken}"
        return PydanticCustomError(
            "unknown_component", message, {"kind": self.kind, "name": name, "hint": hint, "broken": broken}
        )


registries: dict[str, Registry] = {kind.kind: Registry(kind.kind) for kind in KINDS}


def register(plugin: str, name: str, component: type[Component]) -> None:
    """File `component` under its kind as `plugin`/`name`.

    Raises:
        TypeError: if `component` is of no kind or has an option called `use`.
        ValueError: if the plugin has registered this kind and name before.
    """
    registry = registries.get(getattr(component, "kind", ""))
    if registry is None:
        raise TypeError(f"{name!r} is registered as {component!r}, which is no subclass of a kind of gankit")
    if "use" in component.model_fields:
        raise TypeError(f"{name!r} has an option called 'use', which is the word that names a component")
    registry.add(Entry(plugin, name, component))


@contextmanager
def restored() -> Iterator[None]:
    """Put the registries back as they were: what a test or a trial registers is gone afterwards."""
    before = {kind: dict(registry._entries) for kind, registry in registries.items()}
    try:
        yield
    finally:
        for kind, registry in registries.items():
            registry._entries = before[kind]

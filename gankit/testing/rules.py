"""What a rule of conformance is, and what it is given to judge."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Generic, NoReturn, TypeVar

import pytest
from hypothesis import reject
from hypothesis import strategies as st
from pydantic import ValidationError

from gankit.core.component import Component
from gankit.core.errors import ContractError, UserError
from gankit.core.registry import RegistryEntry
from gankit.testing.strategies import options_of

C = TypeVar("C", bound=Component)
T = TypeVar("T")


class Broken(ContractError, AssertionError):  # noqa: N818 (it is read with `raise`)
    """A component breaks a rule; the message says how."""


@dataclass
class Trial(Generic[C]):
    """One component with options drawn for it, and whatever else a rule draws."""

    entry: RegistryEntry
    """The component's class, as it is registered."""
    fixed: Mapping[str, Any]
    """Options that are not drawn."""
    data: st.DataObject
    """Where hypothesis draws from."""
    options: Mapping[str, Any] | None = None
    """All of its options; None: they are drawn."""
    refused: str = ""
    """What the component has said of what it refuses."""
    place: str = ""
    """The place in a network at which it stands, in words; empty if a rule draws none."""

    @cached_property
    def component(self) -> C:
        """The component with its options; options that it refuses itself are passed over."""
        options = self.draw(options_of(self.entry, self.fixed)) if self.options is None else self.options
        try:
            return self.entry.component.model_validate(options)  # pyright: ignore[reportReturnType]
        except ValidationError as refused:
            self.pass_over(refused.errors()[0]["msg"])
        except UserError as refused:
            self.pass_over(refused)

    def draw(self, strategy: st.SearchStrategy[T]) -> T:
        """Draw something else."""
        return self.data.draw(strategy)

    def once(self, found: Callable[..., T], *facts: Hashable) -> T:
        """`found(component, *facts)`, which all rules share for the same options, as it takes long."""
        return _found(found, self.entry, self.component.model_dump_json(), *facts)

    def accepted(self, build: Callable[[], T]) -> T:
        """What `build` gives; a place or input that the component refuses with a `UserError` is passed over."""
        try:
            return build()
        except UserError as refused:
            self.pass_over(refused)

    def pass_over(self, reason: object) -> NoReturn:
        """Leave this trial, as the component refuses what was drawn; the rule was not tried if it refuses all."""
        self.refused = str(reason)
        reject()

    def skip_if(self, lacking: object) -> None:
        """Leave the rule untried if this machine lacks what it takes."""
        if lacking:
            pytest.skip(f"{self.entry.component.kind} {self.entry.full_name}: {lacking}")


@lru_cache(maxsize=8)
def _found(found: Callable[..., Any], entry: RegistryEntry, options: str, *facts: Hashable) -> Any:
    return found(entry.component.model_validate_json(options), *facts)


@dataclass(frozen=True)
class Rule:
    """One thing that is true of every component of some kinds."""

    kinds: tuple[type[Component], ...]
    check: Callable[[Trial[Any]], None]
    """Raises if the component of a trial breaks the rule: `Broken`, or whatever the component itself raises."""
    examples: int
    """How many trials there are."""
    implied: frozenset[str]
    """Names of other rules that whatever breaks this one breaks, or may break, as well."""
    given: Callable[[type[Any]], bool]
    """Whether a class of these kinds does what the rule is about."""

    @property
    def name(self) -> str:
        """What it is called, such as no-broadcasting."""
        return self.check.__name__.replace("_", "-")

    @property
    def says(self) -> str:
        """The rule in one sentence."""
        return (self.check.__doc__ or "").strip().splitlines()[0]

    def concerns(self, component: type[Component]) -> bool:
        """Whether a component, or some of a kind, is held to it."""
        return issubclass(component, self.kinds) and (component in self.kinds or self.given(component))


RULES: list[Rule] = []
"""All rules, in the order in which they were made."""


def rule(
    *kinds: type[Component],
    examples: int = 10,
    implied: tuple[str, ...] = (),
    given: Callable[[type[Any]], bool] = lambda component: True,
) -> Callable[[Callable[[Trial[Any]], None]], Callable[[Trial[Any]], None]]:
    """Makes a check a `Rule` for components of `kinds`, called by the check's name with dashes.

    All classes of these kinds are held to it unless `given` says otherwise; each trial has other options.
    """

    def made(check: Callable[[Trial[Any]], None]) -> Callable[[Trial[Any]], None]:
        RULES.append(Rule(kinds, check, examples, frozenset(implied), given))
        return check

    return made

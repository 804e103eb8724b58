"""The docstrings under fields are found wherever a class stands."""

from __future__ import annotations

from pydantic import Field

from gankit import Options
from gankit.core.docstrings import under_fields


class Outer(Options):
    """Not a field's."""

    first: int = 1
    """The first."""
    bare: int = 2
    other: str = Field(default="", description="By description.")
    """Not shown."""
    several: int = 3
    """Several

        lines.
    """

    class Inner(Options):
        """Stands inside."""

        first: int = 1
        """The inner first."""


class Derived(Outer):
    """Has those of its parent, but for what it says anew."""

    first: int = 5
    """The first, again."""
    bare: int = 6
    """Bare no more."""


class Mixed(Options):
    """Has a field after a method, and text that looks like one."""

    first: int = 1
    """The first.

class Mixed: as it would begin
    """

    def method(self) -> None:
        """No field's."""

    last: int = 2
    """The last."""


def made() -> type[Options]:
    class Local(Options):
        first: int = 1
        """The local first."""

    return Local


def test_fields_are_told_by_the_docstring_under_them() -> None:
    assert under_fields(Outer) == {
        "first": "The first.",
        "other": "Not shown.",
        "several": "Several\n\nlines.",
    }
    assert Outer.help_texts() == {
        "first": "The first.",
        "other": "By description.",
        "several": "Several\n\nlines.",
    }


def test_those_of_parents_count_unless_they_are_told_anew() -> None:
    assert Derived.help_texts() == Outer.help_texts() | {"first": "The first, again.", "bare": "Bare no more."}


def test_classes_within_classes_and_functions_have_their_own() -> None:
    assert Outer.Inner.help_texts() == {"first": "The inner first."}
    assert made().help_texts() == {"first": "The local first."}


def test_fields_may_stand_anywhere() -> None:
    found = {name: text.strip() for name, text in under_fields(Mixed).items()}
    assert found == {"first": "The first.\n\nclass Mixed: as it would begin", "last": "The last."}


def test_a_class_without_source_has_none() -> None:
    space: dict[str, type[Options]] = {}
    exec("from gankit import Options\nclass Typed(Options):\n    first: int = 1\n    'The first.'\n", space)
    assert space["Typed"].help_texts() == {}


def test_schemas_tell_them() -> None:
    properties = Derived.model_json_schema()["properties"]
    assert properties["first"]["description"] == "The first, again."
    assert properties["other"]["description"] == "By description."

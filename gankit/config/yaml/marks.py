"""Where in an experiment's sources a value stands, and how a mistake in it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gankit.core.errors import UserError
from gankit.core.text import LONGEST_MESSAGE, printable, shortened

WIDEST = 110
"""Columns of a source line that are shown; a longer line is cut around its caret."""

LONGEST_NAME = 200
"""Characters that are shown of a file, a setting or the path of an option."""


class Mark(NamedTuple):
    """One place in a file, or a whole setting of the command line."""

    source: str
    """The file as the user named it, or the setting as it was typed."""
    line: int | None = None
    """From 1; None in a setting."""
    column: int | None = None
    """In characters, from 1; None in a setting."""
    text: str = ""
    """The whole source line."""

    def __str__(self) -> str:
        source = shortened(self.source, LONGEST_NAME)
        return source if self.line is None else f"{source}:{self.line}:{self.column}"

    def with_caret(self) -> list[str]:
        """The source line and a caret under the place; nothing for a setting."""
        if self.column is None:
            return []
        before, after = self.text[: self.column - 1], self.text[self.column - 1 :].rstrip()
        if len(before) + len(after) > WIDEST:
            before = before if len(before) <= WIDEST // 2 else "..." + before[-WIDEST // 2 :]
            room = WIDEST - len(before)
            after = after if len(after) <= room else after[:room] + "..."
        under = "".join("\t" if character == "\t" else " " for character in before)
        return [f"    {before}{after}", f"    {under}^"]


class Mistake(NamedTuple):
    """Something in an experiment that its user has to mend."""

    mark: Mark
    """Where it stands."""
    path: tuple[object, ...]
    """The option: its names from the outermost in, positions in lists and resolutions in tables."""
    message: str
    """What is wrong, in plain words."""
    hint: str | None = None
    """The name that was probably meant, in place of the last of `path`, or the path of an option elsewhere."""

    def __str__(self) -> str:
        option = shortened(".".join(map(str, self.path)), LONGEST_NAME)
        message = shortened(" ".join(self.message.splitlines()), LONGEST_MESSAGE)
        head = f"{self.mark}: {option}: {message}" if option else f"{self.mark}: {message}"
        return "\n".join(map(printable, [head, *self.mark.with_caret()]))


MOST_SHOWN = 50
"""Mistakes that one report shows; a file with more is no experiment file."""


class MistakenError(UserError):
    """An experiment cannot be read for what is wrong with it."""

    def __init__(self, message: str, mistakes: Sequence[Mistake]) -> None:
        super().__init__(message)
        self.mistakes = mistakes


def mistake_at(mark: Mark, message: str, path: tuple[object, ...] = ()) -> MistakenError:
    """The error for a single mistake."""
    return mistakes_error([Mistake(mark, path, message)])


def mistakes_error(mistakes: Iterable[Mistake], first: str = "") -> MistakenError:
    """One error for all `mistakes`, each said once, by position: the file `first`, then other files, then settings."""

    def position(mistake: Mistake) -> tuple[object, ...]:
        mark = mistake.mark
        return mark.line is None, mark.source != first, mark.source, mark.line or 0, mark.column or 0

    ordered = sorted(dict.fromkeys(mistakes), key=position)
    parts = [str(mistake) for mistake in ordered[:MOST_SHOWN]]
    if len(ordered) > 1:
        hidden = "" if len(ordered) == len(parts) else f"; these are the first {len(parts)}"
        parts.append(f"{len(ordered)} mistakes{hidden}")
    return MistakenError("\n\n".join(parts), ordered)

"""What `gankit ui` answers programs."""

from __future__ import annotations

from gankit.cli.answers.base import Answer


class UiAnswer(Answer):
    """Where Aim is to be seen from now on, until the command is ended."""

    views: dict[str, str]
    """Addresses by what they show, the one to open first."""
    repository: str

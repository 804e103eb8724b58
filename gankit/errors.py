"""Mistakes that are the user's to mend."""

from __future__ import annotations


class UserError(Exception):
    """A message for the user; the command prints it without a traceback and exits with code 2."""

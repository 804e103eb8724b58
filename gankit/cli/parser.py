"""The parser of every command."""

from __future__ import annotations

import argparse
from typing import NoReturn

from gankit.config.yaml.marks import LONGEST_MESSAGE, printable, shortened
from gankit.core.options import did_you_mean


class Parser(argparse.ArgumentParser):
    """A parser that takes no abbreviations and suggests the nearest option or command for an unknown one."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**{**settings, "allow_abbrev": False})  # pyright: ignore[reportArgumentType]

    def parse_known_args(self, args=None, namespace=None):  # pyright: ignore
        """As argparse does, but what is left over is an error here, where its neighbours are known."""
        arguments, unknown = super().parse_known_args(args, namespace)
        if unknown:
            options = [option for action in self._actions for option in action.option_strings]
            self.error(f"unknown argument {unknown[0]!r}.{did_you_mean(unknown[0].partition('=')[0], options)}")
        return arguments, unknown

    def error(self, message: str) -> NoReturn:
        """As argparse does, in as many characters as a person reads."""
        super().error(printable(shortened(message, LONGEST_MESSAGE)))

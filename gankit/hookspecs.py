"""The hooks that a plugin implements."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from gankit.component import Component

hookspec = pluggy.HookspecMarker("gankit")
hookimpl = pluggy.HookimplMarker("gankit")
"""Marks a function of a plugin as the implementation of a hook."""


@hookspec
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Contribute components: call `register(name, component)` once for each."""


@hookspec
def gankit_add_commands(add: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Contribute commands: call `parser = add(name, help)` once for each, then give the parser its arguments.

    What a command does is set by `parser.set_defaults(run=function)`: `function(arguments)` is given what was parsed,
    returns the exit code, and raises `gankit.UserError` for a mistake of the user. A parser may have commands below it,
    by `parser.add_subparsers(required=True)`.

    Only installed plugins are asked, and only when `gankit` is given a command that is none of its own, or lists its
    commands; so import nothing heavy before `run`. A name that `gankit` itself has is refused. If several plugins add
    one name, it is refused when it is used. A plugin that fails here adds no command, which is said where commands are
    listed and where one is not found; it disturbs nobody else.
    """

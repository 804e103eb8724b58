"""The hooks that a plugin implements."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from gankit.core.component import Component
    from gankit.kinds.weight_names import WeightNames
    from gankit.results.run_results import RunResults

hookspec = pluggy.HookspecMarker("gankit")
hookimpl = pluggy.HookimplMarker("gankit")
"""Marks a function of a plugin as the implementation of a hook."""


@hookspec
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Contribute components: call `register(name, component)` once for each.

    A name holds letters, digits, dots, dashes and underscores, a letter or digit first. An experiment may always write
    it after the plugin's, `plugin/name`, and must where several plugins have one of the same kind and name.
    """


def registering(*components: tuple[str, type[Component]]) -> Callable[[Callable[[str, type[Component]], None]], None]:
    """The hook of a plugin that registers these components, each by its name, and does nothing else in it."""

    @hookimpl
    def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
        for name, component in components:
            register(name, component)

    return gankit_register


@hookspec
def gankit_add_commands(add: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Contribute commands: call `parser = add(name, help)` once for each, then give the parser its arguments.

    What a command does is set by `parser.set_defaults(run=function)`: `function(arguments)` is given what was parsed,
    returns the exit code, and raises `gankit.UserError` for a mistake of the user. A parser may have commands below it,
    by `parser.add_subparsers(required=True)`. One that also answers programs calls `add_json_options(parser, answers)`
    of `gankit.cli.json_output`, where `answers` gives a class of its own derived from `gankit.cli.answers.base.Answer`;
    then `arguments.answer` prints one if --json was typed, and does nothing else.

    Only installed plugins are asked, and only when `gankit` is given a command that is none of its own, or lists its
    commands; so import nothing heavy before `run`. A name that `gankit` itself has is refused. If several plugins add
    one name, it is refused when it is used. A plugin that fails here adds no command, which is said where commands are
    listed and where one is not found; it disturbs nobody else.
    """


@hookspec(firstresult=True)
def gankit_read_runs(place: Path) -> list[RunResults] | None:
    """Read the runs that `place` holds, if it is of a kind that this plugin knows; return None if it is not.

    So `gankit compare` and all that reads results can take them from elsewhere than run folders, from a tracker say.
    A run counts by its `path`: where the folder of that name was named too, that is read and this left out.

    Only installed plugins are asked, and only about places in which there is no run folder; so import nothing heavy
    before it is clear that you know the place. Raise `gankit.UserError` if you know it and cannot read it. If a plugin
    fails in another way the others are asked all the same, and it is named if none of them knows the place.

    Args:
        place: A file or folder as the user named it, or for a file of a study or an experiment the folder that it is
            run in; there may be nothing there.
    """


@hookspec
def gankit_add_weight_names(add: Callable[[WeightNames], None]) -> None:
    """Contribute names that others give weights, so that `gankit import` takes them: call `add(names)` once for each.

    Installed plugins are asked, and those of single files that the experiment or `--plugin` names. A plugin that fails
    here adds no names, which is said where none are found; it disturbs nobody else.
    """

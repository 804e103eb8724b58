"""The commands that plugins contribute."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Collection
from typing import NamedTuple

from gankit.cli.options import Parser
from gankit.core.errors import PASSED_ON
from gankit.discovery.manager import plugins


class PluginCommand(NamedTuple):
    """One command of a plugin."""

    plugin: str
    help: str
    parser: argparse.ArgumentParser


class Contributed(NamedTuple):
    """What plugins have added to the command line."""

    commands: dict[str, list[PluginCommand]]
    """By name; usually one each."""
    failures: dict[str, str]
    """Plugins that might have added more, each with the reason why they have not."""

    def parser_of(self, name: str) -> argparse.ArgumentParser:
        """The parser of the command called `name`; it leaves with an error if several plugins have added one."""
        (_, _, parser), *others = self.commands[name]
        if others:
            owners = ", ".join(command.plugin for command in self.commands[name])
            parser.error(f"several plugins provide this command: {owners}; uninstall all but one")
        return parser

    def complaint(self) -> str:
        """What is to be said of the plugins that failed, nothing if none did."""
        return "".join(f" Plugin {plugin!r} failed to load: {why}." for plugin, why in sorted(self.failures.items()))


def contributed(reserved: Collection[str]) -> Contributed:
    """Load the installed plugins and ask each for commands, none of a `reserved` name; one that fails adds none."""
    plugins.load_installed()
    found = Contributed({}, dict(plugins.broken))
    for plugin in plugins.names():
        added: dict[str, PluginCommand] = {}
        try:
            plugins.call(plugin, "gankit_add_commands", add=_adder(plugin, added, reserved))
        except PASSED_ON:
            raise
        except BaseException as failure:
            found.failures[plugin] = plugins.reason(plugin, failure)
            continue
        for name, command in added.items():
            found.commands.setdefault(name, []).append(command)
    return found


def _adder(
    plugin: str, added: dict[str, PluginCommand], reserved: Collection[str]
) -> Callable[[str, str], argparse.ArgumentParser]:
    """What a plugin calls to add a command, which it finds in `added`."""

    def add(name: str, help: str) -> argparse.ArgumentParser:
        if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
            raise ValueError(f"{name!r} is no name of a command: small letters, digits and '-'")
        if name in reserved or name in added:
            raise ValueError(f"there is a command {name!r} already")
        parser = Parser(prog=f"gankit {name}", description=help)
        parser.set_defaults(run=lambda arguments: parser.error(f"plugin {plugin!r} does not say what this does"))
        added[name] = PluginCommand(plugin, help, parser)
        return parser

    return add

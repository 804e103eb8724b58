"""Finds and loads plugins, and knows where each came from."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pluggy

from gankit.core import registry
from gankit.core.component import Component
from gankit.core.errors import PASSED_ON, ContractError, UserError
from gankit.core.failures import warn
from gankit.core.options import did_you_mean
from gankit.discovery import hookspecs
from gankit.discovery.sources import (
    PluginOrigin,
    PluginSource,
    is_ours,
    module_name,
    module_of_file,
    package_of,
    reason_of,
    sha256_of,
)

GROUP = "gankit.plugins"
"""The entry points under which installed plugins are found."""
RESTRICTION = "GANKIT_PLUGINS"
"""The variable that names the installed plugins to load beside those that come with gankit, with commas between."""
NO_RUN_PLUGINS = "GANKIT_NO_RUN_PLUGINS"
"""The variable that, if it is neither empty nor 0, keeps plugin files that a run or an experiment lists from being
executed; what the user names with --plugin is."""


class Call(NamedTuple):
    """One thing that a plugin was asked to do."""

    plugin: str
    what: str
    """`import`, or the name of a hook."""
    seconds: float


class PluginManager(pluggy.PluginManager):
    """The plugins of this process. Registering one files its components; one that fails leaves nothing behind."""

    def __init__(self) -> None:
        super().__init__("gankit")
        self.add_hookspecs(hookspecs)
        self.broken: dict[str, str] = {}
        """Plugins that could not be loaded, each with the reason."""
        self.left_out: list[str] = []
        """Installed plugins that were not to be loaded."""
        self.watched: Callable[[Call], None] = lambda call: None
        """Told of each import and each hook."""
        self._sources: dict[str, PluginSource] = {}
        self._has_installed = self._trusts_loaded = False

    def load_installed(self) -> None:
        """Load the installed plugins, once; what fails is put into `broken` and disturbs no other plugin."""
        if self._has_installed:
            return
        self._has_installed = True
        found: dict[str, dict[tuple[str, str], EntryPoint]] = defaultdict(dict)
        for point in entry_points(group=GROUP):
            found[point.name][_provider(point), point.value] = point
        wanted = self._wanted(list(found))
        for name, points in sorted(found.items()):
            if wanted is not None and name not in wanted and not all(map(is_ours, points.values())):
                self.left_out.append(name)
            elif len(points) > 1:
                providers = " and ".join(f"{provider} ({value})" for provider, value in sorted(points))
                self.broken[name] = f"several installed packages call a plugin so: {providers}; uninstall all but one"
            else:
                self._load_entry_point(*points.values())

    def _wanted(self, installed: list[str]) -> set[str] | None:
        """The plugins that the user restricts us to; None if all are wanted."""
        if RESTRICTION not in os.environ:
            return None
        named = {name.strip() for name in os.environ[RESTRICTION].split(",")} - {""}
        for name in named - set(installed):
            hint = did_you_mean(name, installed)
            self.broken[name] = f"{RESTRICTION} names it, but no installed plugin is called so.{hint}".rstrip(".")
        return named

    def _load_entry_point(self, point: EntryPoint) -> None:
        """Load one installed plugin."""
        source = None
        try:
            source = PluginSource.of(point)
            with registry.all_or_nothing():
                with self._timed(point.name, "import"):
                    plugin = point.load()
                self._add(point.name, plugin, source)
        except PASSED_ON:
            raise
        except BaseException as failure:
            self.broken[point.name] = reason_of(failure, source.path if source else None)

    def load_file(self, path: Path, listed_in: str | None = None) -> str:
        """Load a plugin that is one Python file; its name is the file's, without .py. Again is not an error.

        Args:
            path: The file.
            listed_in: What lists it, such as an experiment's file, if the user has not named it: then it is said
                before it is executed, or refused if `NO_RUN_PLUGINS` is set.

        Returns:
            Its name.

        Raises:
            UserError: if there is no such file, it is refused, fails or registers nothing, or its name is taken.
        """
        self.load_installed()
        try:
            file = Path(os.path.realpath(path))
        except ValueError:  # a NUL in the path
            raise UserError(f"{path}: no such file") from None
        if path.suffix != ".py" or not os.path.isfile(file):
            raise UserError(f"{path}: " + ("is not a Python file" if os.path.exists(file) else "no such file"))
        name, known = file.stem, self._sources.get(file.stem)
        if known is not None:
            trusted = self._trusts_loaded and known.package is None
            if known.path != file and not known.is_copy(file) and not trusted:
                other = f"a plugin {name!r} with other source is loaded already, from {known.path}"
                raise UserError(f"{path}: {other}; rename one of them")
            return name
        if listed_in is not None:
            _say_or_refuse(file, listed_in)
        try:
            with registry.all_or_nothing():
                self._add(name, module_of_file(file), PluginSource(None, file))
        except PASSED_ON:
            raise
        except BaseException as failure:
            raise UserError(f"plugin {path}: {reason_of(failure, file)}") from None
        return name

    @contextmanager
    def trusting_loaded(self) -> Iterator[None]:
        """Meanwhile a single file is taken for the one of its name that is loaded already, whatever it holds."""
        before, self._trusts_loaded = self._trusts_loaded, True
        try:
            yield
        finally:
            self._trusts_loaded = before

    def load_module(self, module: str) -> str:
        """Load a plugin by its module, whether it is installed as a plugin or can only be imported.

        Returns:
            Its name: that under which it is installed, or else the module's.

        Raises:
            Exception: what the module raises, or why it is no plugin.
        """
        self.load_installed()
        for name in self.names():
            if self.module_of(name) == module:
                return name
        with registry.all_or_nothing():
            loaded = import_module(module)
            self._add(module, loaded, PluginSource(None, Path(str(loaded.__file__)).parent))
        return module

    def module_of(self, name: str) -> str:
        """The module of the loaded plugin called `name`, or its path if it is one file."""
        plugin, path = self.get_plugin(name), self._sources[name].path
        module = plugin.__name__ if isinstance(plugin, ModuleType) else type(plugin).__module__
        return str(path) if module == module_name(path) else module

    def _add(self, name: str, plugin: object, source: PluginSource) -> None:
        """Register a plugin with all its components; the registries are left as they are if it fails."""
        try:
            self.register(plugin, name=name)
            self._check_hooks(plugin)
            self.call(name, "gankit_register", register=partial(registry.register, name))
            if not registry.provided_by(name) and set(self.hooks_of(name)) <= {"gankit_register"}:
                raise UserError("registers no component: is gankit_register marked with @gankit.hookimpl?")
        except BaseException:
            if self.get_plugin(name) is plugin:
                self.unregister(plugin)
            raise
        self._sources[name] = source

    def hooks_of(self, name: str) -> list[str]:
        """The hooks that the plugin called `name` implements, in the order of their names."""
        return sorted(caller.name for caller in self.get_hookcallers(self.get_plugin(name)) or ())

    def complaints(self, of: Collection[str] | None = None) -> list[str]:
        """A sentence on each plugin that is not there, without its full stop; if `of` names any, on those alone."""
        left_out = f"is left out, as {RESTRICTION} does not name it"
        said = {name: f"Plugin {name!r} failed to load: {reason}" for name, reason in sorted(self.broken.items())}
        said |= {name: f"Plugin {name!r} {left_out}" for name in self.left_out}
        return [said[name] for name in said.keys() & set(of or ()) or said]

    def names(self) -> list[str]:
        """The loaded plugins, in the order of their names."""
        return sorted(self._sources)

    def call(self, name: str, hook: str, **arguments: object) -> Any:
        """What `hook` of the plugin called `name` alone gives, None if it has no such hook; raises what it raises."""
        if hook not in self.hooks_of(name):
            return None
        plugin = self.get_plugin(name)
        others = [other for other in self.get_plugins() if other is not plugin]
        with self._timed(name, hook):
            return self.subset_hook_caller(hook, others)(**arguments)

    def reason(self, name: str, failure: BaseException) -> str:
        """Why and in which of its lines the plugin called `name` failed."""
        return reason_of(failure, self._sources[name].path)

    def in_words(self, component: Component, option: str, failure: BaseException) -> str:
        """Which component failed or broke a promise, where an experiment names it, in which plugin, and how."""
        entry = registry.registries[component.kind].entry_of(type(component))
        source = self.source(entry.plugin)
        where = f"option {option!r}, plugin {entry.plugin!r} of {source.package or source.path}"
        is_broken = isinstance(failure, ContractError)
        how = str(failure) if is_broken else f"failed: {self.reason(entry.plugin, failure)}"
        return f"{component.kind} {entry.full_name} ({where}) {how}"

    def _check_hooks(self, plugin: object) -> None:
        """Refuse an implementation of a hook that does not exist."""
        known = [name for name in vars(hookspecs) if name.startswith("gankit_")]
        for caller in self.get_hookcallers(plugin) or ():
            if not caller.has_spec():
                raise UserError(f"there is no hook {caller.name!r}.{did_you_mean(caller.name, known)}")

    def source(self, name: str) -> PluginSource:
        """Where the loaded plugin called `name` is.

        Raises:
            KeyError: if no plugin of that name is loaded.
        """
        return self._sources[name]

    def origin(self, name: str) -> PluginOrigin:
        """Where the loaded plugin called `name` came from, with a hash of its files.

        Raises:
            KeyError: if no plugin of that name is loaded.
        """
        return self._sources[name].origin()

    @contextmanager
    def _timed(self, name: str, what: str) -> Iterator[None]:
        """Tell whoever watches what a plugin is asked to do, once it has done it or failed."""
        since = time.perf_counter()
        try:
            yield
        finally:
            self.watched(Call(name, what, time.perf_counter() - since))

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Put plugins and registries back as they were: what a test or a trial loads is gone afterwards."""
        sources, broken, left_out = dict(self._sources), dict(self.broken), list(self.left_out)
        has_installed = self._has_installed
        with registry.restored():
            try:
                yield
            finally:
                for name in self._sources.keys() - sources.keys():
                    self.unregister(name=name)
                self._sources, self.broken, self.left_out = sources, broken, left_out
                self._has_installed = has_installed


def _say_or_refuse(file: Path, listed_in: str) -> None:
    """Say by name and hash that a file is about to be executed that the user has not named.

    Raises:
        UserError: if no such file is to be.
    """
    source = f"plugin {file} (source {sha256_of(file)[:12]})"
    if os.environ.get(NO_RUN_PLUGINS, "0") not in ("", "0"):
        raise UserError(
            f"{source} is not executed, as --no-run-plugins or {NO_RUN_PLUGINS} asks; read it, and leave that out if "
            "you trust it"
        )
    warn(f"executes {source}, which {listed_in} lists")


def _provider(point: EntryPoint) -> str:
    """The distribution that brings an entry point, with its version."""
    return str(package_of(point.dist)) if point.dist else "an unknown distribution"


plugins = PluginManager()
"""The plugins of this process."""
registry.about_absent = plugins.complaints

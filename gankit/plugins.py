"""Finds and loads plugins, and knows where each came from."""

from __future__ import annotations

import hashlib
import importlib.util
import os.path
import sys
import traceback
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pluggy

from gankit import hookspecs, registry
from gankit.errors import UserError
from gankit.options import did_you_mean

GROUP = "gankit.plugins"
"""The entry points under which installed plugins are found."""


class Origin(NamedTuple):
    """Where a plugin came from."""

    distribution: str | None
    """The installed distribution; None for a single file."""
    version: str | None
    """The distribution's version."""
    path: Path
    """The package's folder or the file."""
    sha256: str
    """Of the file; of a package the names and contents of all its *.py files in order."""


class _Source(NamedTuple):
    distribution: str | None
    version: str | None
    path: Path


class PluginManager(pluggy.PluginManager):
    """The plugins of this process. Registering one files its components; one that fails leaves nothing behind."""

    def __init__(self) -> None:
        super().__init__("gankit")
        self.add_hookspecs(hookspecs)
        self.broken: dict[str, str] = {}
        """Installed plugins that could not be loaded, each with the reason."""
        self._sources: dict[str, _Source] = {}
        self._has_installed = False

    def load_installed(self) -> None:
        """Load the installed plugins, once; what fails is put into `broken` and disturbs no other plugin."""
        if self._has_installed:
            return
        self._has_installed = True
        found: dict[str, dict[tuple[str, str], EntryPoint]] = defaultdict(dict)
        for point in entry_points(group=GROUP):
            found[point.name][_provider(point), point.value] = point
        for name, points in sorted(found.items()):
            if len(points) > 1:
                providers = " and ".join(f"{provider} ({value})" for provider, value in sorted(points))
                self.broken[name] = f"several installed packages call a plugin so: {providers}; uninstall all but one"
            else:
                self._load_entry_point(*points.values())

    def _load_entry_point(self, point: EntryPoint) -> None:
        """Load one installed plugin."""
        source = None
        try:
            source = _source_of(point)
            self._add(point.name, point.load(), source)
        except (Exception, SystemExit) as failure:
            self.broken[point.name] = _reason(failure, source.path if source else None)

    def load_file(self, path: Path) -> None:
        """Load a plugin that is one Python file; its name is the file's, without .py. Again is not an error.

        Raises:
            UserError: if there is no such file, it fails or registers nothing, or its name is taken.
        """
        self.load_installed()
        try:
            file = Path(os.path.realpath(path))
        except ValueError:  # a NUL in the path
            raise UserError(f"{path}: no such file") from None
        if path.suffix != ".py" or not os.path.isfile(file):
            raise UserError(f"{path}: " + ("is not a Python file" if os.path.exists(file) else "no such file"))
        known = self._sources.get(file.stem)
        if known is not None and known.path == file:
            return
        if known is not None:
            raise UserError(f"{path}: a plugin {file.stem!r} is loaded already, from {known.path}; rename the file")
        try:
            self._add(file.stem, _module_of(file), _Source(None, None, file))
        except (Exception, SystemExit) as failure:
            raise UserError(f"plugin {path}: {_reason(failure, file)}") from None

    def _add(self, name: str, plugin: object, source: _Source) -> None:
        """Register a plugin with all its components, or nothing of it."""
        try:
            self.register(plugin, name=name)
            self._check_hooks(plugin)
            others = [other for other in self.get_plugins() if other is not plugin]
            register = self.subset_hook_caller("gankit_register", others)
            register(register=partial(registry.register, name))
            if not registry.provided_by(name) and not self._does_more(plugin):
                raise UserError("registers no component: is gankit_register marked with @gankit.hookimpl?")
        except BaseException:
            if self.get_plugin(name) is plugin:
                self.unregister(plugin)
            registry.forget(name)
            raise
        self._sources[name] = source

    def _implements(self, plugin: object, hook: str) -> bool:
        """Whether a plugin has an implementation of `hook`."""
        return any(caller.name == hook for caller in self.get_hookcallers(plugin) or ())

    def _does_more(self, plugin: object) -> bool:
        """Whether a plugin has another hook than that by which it registers components."""
        return any(caller.name != "gankit_register" for caller in self.get_hookcallers(plugin) or ())

    def names(self) -> list[str]:
        """The loaded plugins, in the order of their names."""
        return sorted(self._sources)

    def call(self, name: str, hook: str, **arguments: object) -> Any:
        """What `hook` of the plugin called `name` alone gives, None if it has no such hook; raises what it raises."""
        plugin = self.get_plugin(name)
        if not self._implements(plugin, hook):
            return None
        others = [other for other in self.get_plugins() if other is not plugin]
        return self.subset_hook_caller(hook, others)(**arguments)

    def ask(self, name: str, hook: str, **arguments: object) -> str | None:
        """Call `hook` of the plugin called `name` alone, if it has it; why and where it failed, None if it did not."""
        try:
            self.call(name, hook, **arguments)
        except (Exception, SystemExit) as failure:
            return self.reason(name, failure)
        return None

    def reason(self, name: str, failure: BaseException) -> str:
        """Why and in which of its lines the plugin called `name` failed."""
        return _reason(failure, self._sources[name].path)

    def _check_hooks(self, plugin: object) -> None:
        """Refuse an implementation of a hook that does not exist."""
        known = [name for name in vars(hookspecs) if name.startswith("gankit_")]
        for caller in self.get_hookcallers(plugin) or ():
            if not caller.has_spec():
                raise UserError(f"there is no hook {caller.name!r}.{did_you_mean(caller.name, known)}")

    def origin(self, name: str) -> Origin:
        """Where the loaded plugin called `name` came from.

        Raises:
            KeyError: if no plugin of that name is loaded.
        """
        source = self._sources[name]
        return Origin(*source, sha256=_sha256(source.path))

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Put plugins and registries back as they were: what a test or a trial loads is gone afterwards."""
        sources, broken, has_installed = dict(self._sources), dict(self.broken), self._has_installed
        with registry.restored():
            try:
                yield
            finally:
                for name in self._sources.keys() - sources.keys():
                    self.unregister(name=name)
                self._sources, self.broken, self._has_installed = sources, broken, has_installed


def _provider(point: EntryPoint) -> str:
    """The distribution that brings an entry point, with its version."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"


def _source_of(point: EntryPoint) -> _Source:
    """Where an installed plugin is, without importing it."""
    package = point.module.partition(".")[0]
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise UserError(f"no package {package!r}; was it moved since it was installed?")
    folders = list(spec.submodule_search_locations or ())
    path = Path(folders[0] if folders else str(spec.origin))
    return _Source(point.dist.name if point.dist else None, point.dist.version if point.dist else None, path)


def _module_of(file: Path) -> ModuleType:
    """The module in `file`, run under a name that no import can mean, and without leaving a cache beside the file."""
    name = f"gankit plugin {file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None  # the file's name ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where pydantic looks up the names in annotations
    try:
        exec(compile(file.read_bytes(), file, "exec", dont_inherit=True), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _reason(failure: BaseException, root: Path | None) -> str:
    """Why loading failed and in which line of the plugin, in one line."""
    message = " ".join(str(failure).split())
    said = message if isinstance(failure, UserError) else f"{type(failure).__name__}: {message}"
    if isinstance(failure, SyntaxError) and failure.filename:
        return f"{Path(failure.filename).name}:{failure.lineno}: {type(failure).__name__}: {failure.msg}"
    for frame in reversed(traceback.extract_tb(failure.__traceback__)):
        if root is not None and Path(frame.filename).is_relative_to(root):
            return f"{Path(frame.filename).relative_to(root.parent)}:{frame.lineno}: {said}"
    return said


def _sha256(path: Path) -> str:
    """The hash of a file, or of all Python files of a package with their names."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    total = hashlib.sha256()
    for name in sorted(file.relative_to(path).as_posix() for file in path.rglob("*.py")):
        content = (path / name).read_bytes()
        total.update(f"{name}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


plugins = PluginManager()
"""The plugins of this process."""

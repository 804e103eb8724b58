"""Where a plugin comes from: its distribution, its files, and a hash of their contents."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import sys
import traceback
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from importlib.metadata import Distribution, EntryPoint, PackageMetadata, distribution
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from gankit.core import __version__
from gankit.core.errors import UserError
from gankit.core.renamed import one_line

OURS = "gankit"
"""The distribution of gankit itself and of the plugins that come with it."""


@dataclass(frozen=True)
class PluginOrigin:
    """Where a plugin came from, as provenance.json has it."""

    distribution: str | None
    """The installed distribution; None for a single file."""
    version: str | None
    """The distribution's version."""
    editable: bool
    """Whether it is installed so that changes of its source take effect at once, as by `pip install -e`."""
    path: Path
    """The package's folder or the file."""
    sha256: str
    """Of the file; of a package the names and contents of all its *.py files in order."""

    def as_json(self) -> dict[str, Any]:
        """The fields in plain JSON types."""
        return {**asdict(self), "path": str(self.path)}


@dataclass(frozen=True)
class Package:
    """An installed distribution."""

    distribution: Distribution

    @cached_property
    def _metadata(self) -> PackageMetadata:
        """What it says of itself; reading it takes longer than all else here, and `distribution` does it every time."""
        return self.distribution.metadata

    @property
    def name(self) -> str:
        """Its name."""
        return self._metadata["Name"]

    @property
    def version(self) -> str:
        """Its version."""
        return self._metadata["Version"]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def editable(self) -> bool:
        """Whether it is installed in place (PEP 610)."""
        about = json.loads(self.distribution.read_text("direct_url.json") or "{}")
        return bool(about.get("dir_info", {}).get("editable"))

    def refuse_unfit(self) -> None:
        """Say so if it asks for another version of gankit, which a package manager may have been told to overlook.

        Raises:
            UserError: then.
        """
        ours = __version__
        for text in self._metadata.get_all("Requires-Dist") or ():
            if not re.match(rf"{OURS}(?![\w.-]*\w)", text, re.IGNORECASE) or _is_plainly_met(text, ours):
                continue
            from packaging.requirements import Requirement

            asked = Requirement(text)
            applies = asked.marker is None or asked.marker.evaluate({"extra": ""})
            if applies and not asked.specifier.contains(ours, prereleases=True):
                remedy = f"pip install --upgrade {OURS} {self.name}"
                raise UserError(f"{self} asks for {OURS}{asked.specifier}, but this is {OURS} {ours}: {remedy}")


def _is_plainly_met(requirement: str, ours: str) -> bool:
    """Whether it is as most are, `gankit>=` and numbers, and met; packaging, which can read any, is slow to import."""
    asked = re.fullmatch(rf"{OURS} *>= *([0-9]+(?:\.[0-9]+)*)", requirement, re.IGNORECASE)
    numbers = re.fullmatch(r"[0-9]+(?:\.[0-9]+)*", ours)
    if asked is None or numbers is None:
        return False
    return [int(number) for number in asked[1].split(".")] <= [int(number) for number in ours.split(".")]


@cache
def package_of(distribution: Distribution) -> Package:
    """The distribution with what was read of it."""
    return Package(distribution)


def is_ours(point: EntryPoint) -> bool:
    """Whether a plugin comes with gankit."""
    return point.dist is not None and package_of(point.dist).name == OURS


@dataclass(frozen=True)
class PluginSource:
    """Where a plugin is, known without looking into it."""

    package: Package | None
    """The distribution that brings it; None for a single file."""
    path: Path
    """The package's folder or the file."""

    @staticmethod
    def of(point: EntryPoint) -> PluginSource:
        """Where the plugin of an entry point is; it is not imported.

        Raises:
            UserError: if there is no such package, or it asks for another version of gankit.
        """
        package = package_of(point.dist) if point.dist else None
        if package is not None and not is_ours(point):
            package.refuse_unfit()
        name = point.module.partition(".")[0]
        spec = importlib.util.find_spec(name)
        if spec is None:
            raise UserError(f"no package {name!r}; was it moved since it was installed?")
        folders = list(spec.submodule_search_locations or ())
        return PluginSource(package, Path(folders[0] if folders else str(spec.origin)))

    @property
    def is_ours(self) -> bool:
        """Whether it comes with gankit."""
        return self.package is not None and self.package.name == OURS

    def is_copy(self, file: Path) -> bool:
        """Whether this is a single file with the same content as another."""
        return self.package is None and self.path.is_file() and self.path.read_bytes() == file.read_bytes()

    def origin(self) -> PluginOrigin:
        """All that is told of it; reads its files."""
        name, of_version, editable = None, None, False
        if self.package is not None:
            name, of_version, editable = self.package.name, self.package.version, self.package.editable
        return PluginOrigin(name, of_version, editable, self.path, sha256_of(self.path))


def of_gankit() -> PluginOrigin:
    """Where gankit itself came from."""
    return PluginSource(package_of(distribution(OURS)), Path(__file__).parents[1]).origin()


def reason_of(failure: BaseException, root: Path | None) -> str:
    """Why a plugin that lies in `root` failed and in which of its lines, in one line."""
    said = " ".join(str(failure).split()) if isinstance(failure, UserError) else one_line(failure)
    if isinstance(failure, SyntaxError) and failure.filename:
        return f"{Path(failure.filename).name}:{failure.lineno}: {type(failure).__name__}: {failure.msg}"
    for frame in reversed(traceback.extract_tb(failure.__traceback__)):
        if root is not None and Path(frame.filename).is_relative_to(root):
            return f"{Path(frame.filename).relative_to(root.parent)}:{frame.lineno}: {said}"
    return said


def sha256_of(path: Path) -> str:
    """The hash of a file, or of all Python files of a package with their names."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    total = hashlib.sha256()
    for name in sorted(file.relative_to(path).as_posix() for file in path.rglob("*.py")):
        content = (path / name).read_bytes()
        total.update(f"{name}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def module_name(file: Path) -> str:
    """The name under which the module in `file` is run, which no import can mean."""
    return f"gankit plugin {file.stem}"


def module_of_file(file: Path) -> ModuleType:
    """The module in `file`, run without leaving a cache beside the file."""
    name = module_name(file)
    spec = spec_from_file_location(name, file)
    assert spec is not None  # the file's name ends in .py
    module = module_from_spec(spec)
    sys.modules[name] = module  # where pydantic looks up the names in annotations
    try:
        exec(compile(file.read_bytes(), file, "exec", dont_inherit=True), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module

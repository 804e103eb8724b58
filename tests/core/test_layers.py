"""gankit is built in layers: imports only look down, and each public name stands for one thing."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = 400
"""The most that a file has."""
DOUBLES: dict[str, str] = {}
"""Public names that stand for several things in gankit, and why."""


@cache
def layers() -> list[list[str]]:
    """The packages of each layer, from the bottom, as the contract in pyproject.toml names them."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = told["contracts"]
    return [layer.split(" | ") for layer in reversed(contract["layers"])]


@cache
def modules() -> dict[str, Path]:
    """Every module of gankit by its dotted name."""
    files = sorted((ROOT / "gankit").rglob("*.py"))
    return {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def package_of(module: str) -> str:
    """gankit.core of gankit.core.options."""
    return ".".join(module.split(".")[:2])


def imported(node: ast.AST) -> Iterator[str]:
    """What is imported below `node`, in functions too, but for types alone."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from (name for other in child.orelse for name in imported(other))
        elif isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert not child.level, "imports are absolute"
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        else:
            yield from imported(child)


@cache
def imports() -> set[tuple[str, str]]:
    """Which module of gankit imports which; a name that a module defines counts as the module."""
    found = set()
    for module, file in modules().items():
        for name in imported(ast.parse(file.read_text())):
            if name == "gankit" or name.startswith("gankit."):
                found.add((module, name if name in modules() else name.rpartition(".")[0]))
    return found


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the copy of gankit in `folder`, which holds a pyproject.toml, against the contract."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("file", "planted"),
    [
        ("core/options.py", "from gankit.kinds.training import Loss"),
        ("runs/loop.py", "def late():\n    import gankit.cli.run"),
        ("config/loader.py", "import gankit"),  # whose names come from layers above
        ("scaffold/names.py", "from gankit.testing import check"),
    ],
)
def test_the_contract_fails_on_an_import_that_looks_up(file: str, planted: str, tmp_path: Path) -> None:
    for name in modules().values():
        copy = tmp_path / name.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(name, copy)
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    with (tmp_path / "gankit" / file).open("a") as opened:
        opened.write(f"\n\n{planted}\n")

    done = lint(tmp_path)

    assert done.returncode == 1, done.stderr
    assert "gankit." + file.removesuffix(".py").replace("/", ".") in done.stdout
    assert "0 kept, 1 broken" in done.stdout


def test_the_contract_is_kept() -> None:
    done = lint(ROOT)

    assert done.returncode == 0, done.stdout


def test_every_package_is_on_a_layer() -> None:
    assert {package_of(module) for module in modules()} - {"gankit", "gankit.__main__"} == {
        name for layer in layers() for name in layer
    }


def test_packages_import_those_below_them_and_none_in_a_circle() -> None:
    levels = {package: level for level, layer in enumerate(layers()) for package in layer}
    graph = defaultdict[str, set[str]](set)
    for importer, target in imports():
        ours, theirs = package_of(importer), package_of(target)
        if ours in levels and theirs in levels and ours != theirs:
            graph[ours].add(theirs)

    upward = [(ours, theirs) for ours, targets in graph.items() for theirs in targets if levels[theirs] >= levels[ours]]

    assert not upward
    TopologicalSorter(graph).prepare()  # raises CycleError
    assert graph["gankit.cli"] >= {"gankit.config", "gankit.runs"}  # imports in functions are seen


def test_what_authors_import_is_imported_by_no_layer() -> None:
    """The examples of the scaffold stand for what authors write."""
    importers = {importer for importer, target in imports() if target == "gankit"}

    assert not [name for name in importers if not name.startswith("gankit.scaffold.kinds.")]


def test_no_module_lies_loose_beside_the_packages() -> None:
    assert {file.name for file in (ROOT / "gankit").glob("*.py")} == {"__init__.py", "__main__.py"}


def test_each_public_name_stands_for_one_thing() -> None:
    owners = defaultdict[str, list[str]](list)
    for module, file in modules().items():
        if module.startswith("gankit.scaffold.kinds."):  # examples, each of the same three things
            continue
        for node in ast.parse(file.read_text()).body:
            is_named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if is_named and not node.name.startswith("_"):
                owners[node.name].append(module)
    doubles = {name: modules for name, modules in owners.items() if len(modules) > 1}

    assert {name: where for name, where in doubles.items() if name not in DOUBLES} == {}
    assert DOUBLES.keys() - doubles.keys() == set(), "these stand for one thing by now"


def test_no_file_is_too_long_to_be_read_at_once() -> None:
    files = [*modules().values(), *(ROOT / "plugins").rglob("*.py")]

    assert not [str(file) for file in files if len(file.read_text().splitlines()) > LINES]


def test_types_of_every_package_are_known_to_whoever_imports_it() -> None:
    packages = [ROOT / "gankit", *(file.parent for file in (ROOT / "plugins").glob("*/__init__.py"))]
    assert len(packages) > 40
    assert not [package.name for package in packages if not (package / "py.typed").is_file()]

"""Plugins are found, loaded whole or not at all, and never in each other's way."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from core.test_loading import PLUGIN

from gankit import registry
from gankit.component import as_options
from gankit.errors import UserError
from gankit.origins import Origin
from gankit.plugins import PluginManager, plugins
from gankit.registry import registries


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for distributions that are all that is installed, and for their modules."""
    elsewhere = [entry for entry in sys.path if "site-packages" not in entry]
    monkeypatch.setattr(sys, "path", [str(tmp_path), *elsewhere])
    return tmp_path


@pytest.fixture
def manager(site: Path) -> Iterator[PluginManager]:
    """A manager that has loaded nothing, where nothing is installed and nothing registered."""
    with plugins.restored():
        for entry in [entry for kind in registries.values() for entry in kind.entries()]:
            registry.forget(entry.plugin)
        yield PluginManager()


def install(site: Path, distribution: str, module: str, text: str, name: str = "") -> None:
    """Install a distribution with one plugin, which is one module."""
    (site / f"{module}.py").write_text(text)
    info = site / f"{distribution}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[gankit.plugins]\n{name or module} = {module}\n")


def losses() -> list[str]:
    return [entry.full_name for entry in registries["loss"].entries()]


def test_installed_plugins_are_loaded_once(manager: PluginManager, site: Path) -> None:
    install(site, "one", "plugin_one", PLUGIN)
    manager.load_installed()
    manager.load_installed()
    assert losses() == ["plugin_one/lift"]
    assert manager.broken == {}
    origin = manager.origin("plugin_one")
    assert origin == Origin(
        "one", "1.0", False, site / "plugin_one.py", hashlib.sha256(PLUGIN.encode()).hexdigest()
    )


def test_a_broken_plugin_stops_no_other_and_says_where_it_broke(manager: PluginManager, site: Path) -> None:
    install(site, "good", "plugin_good", PLUGIN)
    install(site, "bad", "plugin_bad", "# a comment\nimport nothing_of_that_name\n")
    install(site, "typo", "plugin_typo", "def f(:\n")
    install(site, "leaver", "plugin_leaver", "import sys\nsys.exit('gone')\n")
    install(site, "idle", "plugin_idle", "")
    install(site, "gone", "plugin_gone", "")
    (site / "plugin_gone.py").unlink()
    manager.load_installed()
    assert losses() == ["plugin_good/lift"]
    assert manager.broken == {
        "plugin_bad": "plugin_bad.py:2: ModuleNotFoundError: No module named 'nothing_of_that_name'",
        "plugin_typo": "plugin_typo.py:1: SyntaxError: invalid syntax",
        "plugin_leaver": "plugin_leaver.py:2: SystemExit: gone",
        "plugin_idle": "registers no component: is gankit_register marked with @gankit.hookimpl?",
        "plugin_gone": "no package 'plugin_gone'; was it moved since it was installed?",
    }


def test_of_two_plugins_of_one_name_neither_is_chosen(manager: PluginManager, site: Path) -> None:
    install(site, "first", "module_a", PLUGIN, name="same")
    install(site, "second", "module_b", PLUGIN, name="same")
    install(site, "third", "module_c", PLUGIN)
    manager.load_installed()
    assert losses() == ["module_c/lift"]
    assert manager.broken == {
        "same": "several installed packages call a plugin so: first 1.0 (module_a) and second 1.0 (module_b); "
        "uninstall all but one"
    }


def test_unknown_names_mention_plugins_that_failed() -> None:
    with plugins.restored():
        plugins.broken = {"rgan": "rgan.py:1: ImportError: no", "other": "gone"}
        for name, mentioned in (("nothing", {"rgan", "other"}), ("rgan/x", {"rgan"}), ("third/x", {"rgan", "other"})):
            with pytest.raises(ValueError, match="is called") as caught:
                registries["loss"].find(name)
            assert {
                plugin for plugin in plugins.broken if f"Plugin {plugin!r} failed" in str(caught.value)
            } == mentioned


def test_short_names_work_while_only_one_plugin_uses_them(manager: PluginManager, tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(PLUGIN)
    (tmp_path / "two.py").write_text(PLUGIN)
    manager.load_file(tmp_path / "one.py")
    assert registries["loss"].find("lift").full_name == "one/lift"
    manager.load_file(tmp_path / "two.py")
    with pytest.raises(
        ValueError, match="loss 'lift' is provided by several plugins; write one of: one/lift, two/lift"
    ):
        registries["loss"].find("lift")
    assert registries["loss"].find("two/lift").plugin == "two"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "registers no component: is gankit_register marked with @gankit.hookimpl?"),
        (PLUGIN.replace("@hookimpl\n", ""), "registers no component: is gankit_register marked"),
        (
            PLUGIN.replace("gankit_register", "gankit_regster"),
            "no hook 'gankit_regster'. Did you mean 'gankit_register'?",
        ),
        (PLUGIN.replace("(register)", "(registers)"), "PluginValidationError"),
        (PLUGIN + '    register("lift", Lift)\n', "file.py:14: ValueError: loss 'file/lift' is registered twice"),
        (PLUGIN + '    register("other", int)\n', "file.py:14: TypeError: 'other' is registered as <class 'int'>"),
        (PLUGIN + "    1 / 0\n", "file.py:14: ZeroDivisionError: division by zero"),
        (PLUGIN.replace("height", "use"), "file.py:13: TypeError: 'lift' has an option called 'use'"),
        (PLUGIN.replace("height: float", "height: Flaot"), "file.py:6: NameError: name 'Flaot' is not defined"),
        ("from __future__ import annotations\n" + PLUGIN.replace("height: float", "height: Flaot"), "name 'Flaot'"),
        (PLUGIN.replace("def generator", "def generate"), "'lift' lacks what every loss has: generator"),
        ("x = (\n", "file.py:1: SyntaxError: '(' was never closed"),
        ("raise SystemExit(3)", "file.py:1: SystemExit: 3"),
        ("x = 'ü'".encode("latin-1"), "file.py:1: SyntaxError"),
        (b"x = 1\0", "SyntaxError"),
    ],
)
def test_a_file_that_fails_leaves_nothing(
    manager: PluginManager, tmp_path: Path, text: str | bytes, reason: str
) -> None:
    file = tmp_path / "file.py"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(UserError) as caught:
        manager.load_file(file)
    assert str(caught.value).startswith(f"plugin {file}: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert losses() == []
    assert not manager.has_plugin("file")
    file.write_text(PLUGIN)
    manager.load_file(file)
    assert losses() == ["file/lift"], "and can be mended"


def test_files_are_told_apart(manager: PluginManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "plugin.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path / "here")
    manager.load_file(Path("plugin.py"))
    manager.load_file(tmp_path / "here" / "plugin.py")
    manager.load_file(tmp_path / "there" / ".." / "here" / "plugin.py")
    assert losses() == ["plugin/lift"]
    manager.load_file(tmp_path / "there" / "plugin.py")  # which holds the same
    assert losses() == ["plugin/lift"]
    (tmp_path / "there" / "plugin.py").write_text(PLUGIN + "# changed\n")
    with pytest.raises(UserError, match=r"'plugin' with other source is loaded already, from .*here/plugin\.py"):
        manager.load_file(tmp_path / "there" / "plugin.py")
    with pytest.raises(UserError, match=r"missing\.py: no such file"):
        manager.load_file(Path("missing.py"))
    with pytest.raises(UserError, match="here: is not a Python file"):
        manager.load_file(tmp_path / "here")
    assert manager.origin("plugin") == Origin(
        None,
        None,
        False,
        tmp_path / "here" / "plugin.py",
        hashlib.sha256(PLUGIN.encode()).hexdigest(),
    )
    assert list((tmp_path / "here").iterdir()) == [tmp_path / "here" / "plugin.py"], "no cache beside the user's file"


def test_a_file_hides_no_module(manager: PluginManager, tmp_path: Path) -> None:
    for name in ("json", "numpy", "wave"):
        (tmp_path / f"{name}.py").write_text(PLUGIN)
        before = sys.modules.get(name)
        manager.load_file(tmp_path / f"{name}.py")
        assert sys.modules.get(name) is before
    import wave

    assert "gankit" not in str(wave.__file__)


def test_the_options_of_a_file_are_documented(manager: PluginManager, tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text(PLUGIN)
    manager.load_file(tmp_path / "file.py")
    assert registries["loss"].find("lift").component.model_fields["height"].description == "How high."


def test_the_hash_of_a_package_covers_all_its_source(manager: PluginManager, site: Path) -> None:
    def reinstalled(**files: str) -> str:
        package = site / "package"
        package.mkdir(exist_ok=True)
        for name, text in files.items():
            (package / f"{name}.py").write_text(text)
        return manager.origin("package").sha256

    (site / "package").mkdir()
    (site / "package" / "__init__.py").write_text(PLUGIN)
    install(site, "dist", "unused", "", name="package")
    (site / "dist-1.0.dist-info" / "entry_points.txt").write_text("[gankit.plugins]\npackage = package\n")
    manager.load_installed()
    assert manager.origin("package").path == site / "package"
    first = manager.origin("package").sha256
    (site / "package" / "notes.txt").write_text("no source")
    (site / "package" / "data").mkdir()
    assert reinstalled() == first
    second = reinstalled(modules="x = 1\n")
    third = reinstalled(modules="x = 2\n")
    (site / "package" / "modules.py").rename(site / "package" / "renamed.py")
    assert len({first, second, third, reinstalled()}) == 4


def test_what_is_restored_is_gone(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text(PLUGIN)
    before = losses()
    with plugins.restored():
        plugins.load_file(tmp_path / "file.py")
        assert "file/lift" in losses()
    assert losses() == before
    assert not plugins.has_plugin("file")
    with plugins.restored():
        plugins.load_file(tmp_path / "file.py")
        assert "file/lift" in losses()


def test_bundled_plugins_say_where_they_come_from() -> None:
    for name in {entry.plugin for kind in registries.values() for entry in kind.entries()}:
        origin = plugins.origin(name)
        assert (origin.distribution, origin.version) == ("gankit", version("gankit"))
        assert (origin.path / "__init__.py").is_file()
    assert plugins.broken == {}
    with pytest.raises(KeyError):
        plugins.origin("nobody")


def test_only_registered_components_can_be_written_down() -> None:
    component = registries["loss"].find("wgan/wgan").component()
    with plugins.restored():
        registry.forget("wgan")
        with pytest.raises(LookupError, match="Wasserstein is not registered as a loss"):
            as_options(component)
    assert as_options(component) == {"use": "wgan/wgan"}

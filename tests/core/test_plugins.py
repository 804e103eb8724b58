"""Plugins are found, loaded whole or not at all, and never in each other's way."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import packaging.requirements  # noqa: F401 (found in none of the folders that tests put in the path)
import pytest
from support.installing import install
from support.lift import PLUGIN

import gankit
from gankit.core.component import as_options
from gankit.core.errors import UserError
from gankit.core.registry import registries
from gankit.discovery.manager import Call, PluginManager, plugins
from gankit.discovery.sources import PluginOrigin


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for distributions that are all that is installed, and for their modules."""
    elsewhere = [entry for entry in sys.path if "site-packages" not in entry]
    monkeypatch.setattr(sys, "path", [str(tmp_path), *elsewhere])
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("plugin_")]:
        del sys.modules[name]


@pytest.fixture
def manager(site: Path) -> Iterator[PluginManager]:
    """A manager that has loaded nothing, where nothing is installed and nothing registered."""
    with plugins.restored():
        for kind in registries.values():
            for entry in kind.entries():
                kind.unregister(entry.plugin)
        yield PluginManager()


def losses() -> list[str]:
    return [entry.full_name for entry in registries["loss"].entries()]


def test_installed_plugins_are_loaded_once(manager: PluginManager, site: Path) -> None:
    install(site, "one", "plugin_one", PLUGIN)
    manager.load_installed()
    manager.load_installed()
    assert losses() == ["plugin_one/lift"]
    assert manager.broken == {}
    origin = manager.origin("plugin_one")
    assert origin == PluginOrigin(
        "one", "1.0", False, site / "plugin_one.py", hashlib.sha256(PLUGIN.encode()).hexdigest()
    )


def test_what_only_registers_needs_no_function(manager: PluginManager, site: Path) -> None:
    text = PLUGIN.partition("@hookimpl")[0].replace("hookimpl", "registering")
    install(site, "one", "plugin_one", f'{text}gankit_register = registering(("lift", Lift), ("raise", Lift))\n')
    manager.load_installed()
    assert manager.broken == {}
    assert losses() == ["plugin_one/lift", "plugin_one/raise"]


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


@pytest.mark.parametrize(
    ("requires", "reason"),
    [
        ("gankit>=99", "one 1.0 asks for gankit>=99, but this is gankit {}: pip install --upgrade gankit one"),
        ("Gankit<0.0.1", "one 1.0 asks for gankit<0.0.1, but this is gankit {}: pip install --upgrade gankit one"),
        ("gankit>={0}.1", "one 1.0 asks for gankit>={0}.1, but this is gankit {0}: pip install --upgrade gankit one"),
        ("gankit>=0.0.1,<0.0.2", "one 1.0 asks for gankit<0.0.2,>=0.0.1, but this is gankit {}: pip install "),
        ("gankit>={}", None),
        ("gankit >= 0.0.1", None),
        ("gankit>=0.0.1,<99", None),
        ("gankit>0.0.1", None),
        ("gankit", None),
        ("gankit-other>=99", None),
        ("gankit>=99; extra == 'more'", None),
        ("gankit>=99; python_version < '3'", None),
    ],
)
def test_a_plugin_for_another_gankit_is_told_so(
    manager: PluginManager, site: Path, requires: str, reason: str | None
) -> None:
    install(site, "one", "plugin_one", PLUGIN, requires=requires.format(gankit.__version__))
    manager.load_installed()
    assert list(manager.broken) == ([] if reason is None else ["plugin_one"])
    assert manager.broken.get("plugin_one", "").startswith((reason or "").format(gankit.__version__))


def test_only_the_plugins_that_are_named_are_loaded(
    manager: PluginManager, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two", "three"):
        install(site, name, f"plugin_{name}", PLUGIN)
    install(site, "gankit", "plugin_ours", PLUGIN)
    monkeypatch.setenv("GANKIT_PLUGINS", "plugin_one, plugin_tow,")
    manager.load_installed()
    assert losses() == ["plugin_one/lift", "plugin_ours/lift"]
    assert manager.left_out == ["plugin_three", "plugin_two"]
    assert "plugin_two" not in sys.modules
    assert manager.complaints() == [
        "Plugin 'plugin_tow' failed to load: GANKIT_PLUGINS names it, but no installed plugin is called so. "
        "Did you mean 'plugin_two'?",
        "Plugin 'plugin_three' is left out, as GANKIT_PLUGINS does not name it",
        "Plugin 'plugin_two' is left out, as GANKIT_PLUGINS does not name it",
    ]
    assert manager.complaints(["plugin_two"]) == [manager.complaints()[-1]]
    assert manager.complaints(["other"]) == manager.complaints()


def test_nothing_but_our_own_is_loaded_if_nothing_is_named(
    manager: PluginManager, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, "one", "plugin_one", PLUGIN)
    monkeypatch.setenv("GANKIT_PLUGINS", "")
    manager.load_installed()
    assert losses() == []


def test_it_is_known_what_plugins_are_asked_to_do(manager: PluginManager, site: Path) -> None:
    install(site, "one", "plugin_one", PLUGIN)
    install(site, "bad", "plugin_bad", PLUGIN + "    1 / 0\n")
    calls: list[Call] = []
    manager.watched = calls.append
    manager.load_installed()
    assert [(call.plugin, call.what) for call in calls] == [
        ("plugin_bad", "import"),
        ("plugin_bad", "gankit_register"),
        ("plugin_one", "import"),
        ("plugin_one", "gankit_register"),
    ]
    assert all(0 < call.seconds < 60 for call in calls)
    assert manager.hooks_of("plugin_one") == ["gankit_register"]


def test_a_plugin_is_loaded_by_its_module(manager: PluginManager, site: Path) -> None:
    install(site, "one", "plugin_one", PLUGIN, name="one")
    (site / "plugin_two.py").write_text(PLUGIN)
    (site / "plugin_bad.py").write_text("import nothing_of_that_name")
    assert manager.load_module("plugin_one") == "one"
    assert manager.load_module("plugin_two") == manager.load_module("plugin_two") == "plugin_two"
    assert losses() == ["one/lift", "plugin_two/lift"]
    assert manager.module_of("one") == "plugin_one"
    with pytest.raises(ModuleNotFoundError, match="nothing_of_that_name"):
        manager.load_module("plugin_bad")


def test_a_plugin_installed_in_place_says_so(manager: PluginManager, site: Path) -> None:
    install(site, "one", "plugin_one", PLUGIN, editable=True)
    install(site, "two", "plugin_two", PLUGIN)
    manager.load_installed()
    assert manager.origin("plugin_one").editable
    assert not manager.origin("plugin_two").editable
    assert manager.origin("plugin_one").as_json()["path"] == str(site / "plugin_one.py")


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
        *(
            (
                PLUGIN.replace('"lift"', repr(name)),
                f"file.py:13: ValueError: {name!r} is no name for a component: it may",
            )
            for name in ("", "a b", "x/y", "../evil", ".hidden", "-o", "a\n", "größer", 3)
        ),
        (PLUGIN + "    1 / 0\n", "file.py:14: ZeroDivisionError: division by zero"),
        (PLUGIN.replace("height", "use"), "file.py:13: TypeError: 'lift' has an option called 'use'"),
        (PLUGIN.replace("height: float", "height: Flaot"), "file.py:6: NameError: name 'Flaot' is not defined"),
        ("from __future__ import annotations\n" + PLUGIN.replace("height: float", "height: Flaot"), "name 'Flaot'"),
        (PLUGIN.replace("def generator", "def generate"), "'lift' lacks what every loss has: generator"),
        ("x = (\n", "file.py:1: SyntaxError: '(' was never closed"),
        ("raise SystemExit(3)", "file.py:1: SystemExit: 3"),
        ("import pytest\npytest.skip('not here', allow_module_level=True)", "file.py:2: Skipped: not here"),
        ("raise BaseException('odd')", "file.py:1: BaseException: odd"),
        (
            "class Mute(Exception):\n    def __str__(self): raise KeyError\nraise Mute",
            "file.py:3: Mute: its message cannot be had",
        ),
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
    assert manager.origin("plugin") == PluginOrigin(
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
    assert registries["loss"].find("lift").component.help_texts() == {"height": "How high."}


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
        registries["loss"].unregister("wgan")
        with pytest.raises(LookupError, match="Wasserstein is not registered as a loss"):
            as_options(component)
    assert as_options(component) == {"use": "wgan/wgan"}

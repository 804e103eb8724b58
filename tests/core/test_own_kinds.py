"""Plugins bring kinds of their own, which are read, explained and run as gankit's are."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from support.json_schema import is_valid
from support.tiny import tiny

from gankit import Component, Dataset, Loss, Regularizer
from gankit.cli import main
from gankit.config.explain import explain
from gankit.config.loader import load_experiment
from gankit.config.schema import experiment_schema
from gankit.core.errors import UserError
from gankit.core.registry import kinds, register, registries
from gankit.discovery.manager import plugins
from gankit.runs.start import begin, resume
from gankit.scaffold.names import checked_components
from gankit.testing import RULES, check

pytestmark = pytest.mark.costly

PAGE = Path(__file__).parents[2] / "docs" / "write-a-plugin.md"
DECLARING, EXPERIMENT = (
    text
    for _, text in re.findall(
        r"```(python|yaml)\n(.*?)```", PAGE.read_text().partition("## A kind of its own")[2], re.DOTALL
    )[:2]
)
"""What the page on writing plugins shows."""
COSINE = '''
import math
import gankit
from curves_of_one import Linear, Curve

class Cosine(Curve):
    """Slows down."""
    def at(self, share): return math.cos(math.pi / 2 * share)

class Soft(gankit.Loss):
    """Soft, by a curve."""
    margin: Curve = "cosine"
    """How soft."""
    def discriminator(self, real, fake): return (fake - real).mean()
    def generator(self, fake, real): return -fake.mean()

@gankit.hookimpl
def gankit_register(register):
    register("cosine", Cosine)
    register("soft", Soft)
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with the page's plugin as a file and as a package, and one that builds on the package."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("my_curves.py").write_text(DECLARING)
    Path("curves_of_one.py").write_text(DECLARING)
    Path("curves_of_two.py").write_text(COSINE)
    main(["init"])
    Path("centred.yaml").write_text(EXPERIMENT)
    with plugins.restored():
        yield tmp_path
    for module in ("curves_of_one", "curves_of_two"):
        sys.modules.pop(module, None)


@pytest.fixture
def refused(folder: Path) -> Callable[..., str]:
    """Why the page's experiment is refused with another setting."""

    def refused(setting: str) -> str:
        with pytest.raises(UserError) as caught:
            load_experiment(Path("centred.yaml"), [setting])
        return str(caught.value).removeprefix(f"--set {setting}: ")

    return refused


def test_the_documented_kind_is_explained(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "curve", "--plugin", "my_curves.py"]) == 0
    said = capsys.readouterr().out.partition("curve\n")[2]
    assert said in PAGE.read_text()
    assert "  start: a number from 0 (default: 0.0)\n      At the beginning." in explain("curve/linear")
    assert "  weight: a number from 0 or a curve (default: 0.1)" in explain("regularizer/centre")
    with pytest.raises(UserError, match=r"no component, kind or option is called 'curv'. Did you mean 'curve'?"):
        explain("curv")
    assert main(["plugins"]) == 0
    assert re.search(r"^curve +my_curves/linear +/.*my_curves.py$", capsys.readouterr().out, re.MULTILINE)


def test_what_is_wrong_stands_at_its_line(refused: Callable[..., str]) -> None:
    Path("wrong.yaml").write_text(
        "extends: centred.yaml\nregularizers:\n  use: centre\n  weight:\n    ende: 1\n    use: linear\n"
    )
    with pytest.raises(
        UserError, match=r"wrong.yaml:5:5: regularizers.weight.ende: unknown option. Did you mean 'end'"
    ):
        load_experiment(Path("wrong.yaml"))
    assert refused("regularizers.weight={use: linaer}") == (
        "regularizers.weight.use: no curve is called 'linaer'. Did you mean 'linear'?"
    )
    assert refused("regularizers.weight=linaer") == (
        "regularizers.weight: expected a number, not 'linaer'; or no curve is called 'linaer'. Did you mean 'linear'?"
    )
    assert refused("regularizers=[{use: centre, weight: {end: 1}}]") == (
        "regularizers.0.weight: expected the name of a curve, or a mapping with 'use: <name>' and its options"
    )
    assert refused("regularizers.weight.end=-1") == "regularizers.weight.end: must be at least 0.0, not -1"
    assert load_experiment(Path("centred.yaml"), ["regularizers.weight.end=2"]).regularizers[0].weight.end == 2  # pyright: ignore


def test_a_schema_knows_it(folder: Path) -> None:
    plugins.load_file(Path("my_curves.py"))
    schema = experiment_schema()

    def allows(weight: Any) -> bool:
        options = {"extends": "quickstart.yaml", "regularizers": {"use": "centre", "weight": weight}}
        return is_valid(options, schema, schema)

    assert all(map(allows, (0.5, "linear", "my_curves/linear", {"use": "linear", "end": 2})))
    assert not any(map(allows, (-1, "linaer", {"use": "linear", "ende": 2})))


def test_a_run_is_recorded_with_it_and_goes_on_with_its_own_copy(folder: Path) -> None:
    run = folder / "run"
    with plugins.restored():
        plugins.load_file(Path("my_curves.py"))
        centred = {"use": "centre", "weight": {"use": "linear", "start": 0.5, "end": 0.0}}
        begin(tiny(plugins=[folder / "my_curves.py"], regularizers=[centred]), run).train()
        assert "weight: {use: my_curves/linear, start: 0.5, end: 0.0}" in (run / "experiment.yaml").read_text()
        extended = resume(run, extend=8)
        assert extended is not None
        extended.train()
    assert "curve" not in registries
    Path("my_curves.py").unlink()
    again = resume(run, extend=8)
    assert again is not None
    assert registries["curve"].entry_of(type(again.experiment.regularizers[0].weight)).name == "linear"  # pyright: ignore
    again.train()


def test_other_plugins_add_to_a_kind_and_name_it(folder: Path) -> None:
    plugins.load_module("curves_of_one")
    plugins.load_module("curves_of_two")
    assert [entry.full_name for entry in registries["curve"].entries()] == [
        "curves_of_one/linear",
        "curves_of_two/cosine",
    ]
    said = " ".join(explain("curve").split())
    assert "in options of loss curves_of_two/soft (margin), regularizer curves_of_one/centre (weight)." in said


def test_a_plugin_that_fails_leaves_no_kind_behind(folder: Path) -> None:
    before = kinds()
    Path("failing.py").write_text(DECLARING.replace("@hookimpl", "raise ValueError('no')"))
    with pytest.raises(UserError, match=r"no$"):
        plugins.load_file(Path("failing.py"))
    assert kinds() == before
    plugins.load_file(Path("my_curves.py"))
    assert [kind.kind for kind in kinds()][-1] == "curve"


def test_a_kind_is_there_for_its_plugin_although_one_that_imported_it_first_failed(folder: Path) -> None:
    Path("curves_of_two.py").write_text("import curves_of_one\nraise ValueError('no')\n")
    with pytest.raises(ValueError, match="no"):
        plugins.load_module("curves_of_two")
    assert "curve" not in registries
    plugins.load_module("curves_of_one")
    assert registries["curve"].find("linear").plugin == "curves_of_one"


def test_two_plugins_that_declare_one_kind_are_told_apart(folder: Path) -> None:
    plugins.load_module("curves_of_one")
    with pytest.raises(UserError) as caught:
        plugins.load_file(Path("my_curves.py"))
    assert str(caught.value) == (
        "plugin my_curves.py: my_curves.py:9: TypeError: Curve of gankit plugin my_curves declares the "
        "kind 'curve', which Curve of curves_of_one declares already; derive from that one, or call this one "
        "otherwise"
    )
    assert registries["curve"].find("linear").plugin == "curves_of_one"


def test_a_copy_declares_nothing_again(folder: Path) -> None:
    plugins.load_file(Path("my_curves.py"))
    Path("copies").mkdir()
    Path("copies/my_curves.py").write_text(DECLARING)
    assert plugins.load_file(Path("copies/my_curves.py")) == "my_curves"


@pytest.mark.parametrize("name", ["Curve", "two words", "images", 3])
def test_some_names_are_none_for_a_kind(name: Any) -> None:
    with pytest.raises(TypeError, match="is no name for a kind"):
        type("Odd", (Component,), {"kind": name, "__module__": __name__, "__annotations__": {"kind": ClassVar[str]}})


@pytest.mark.filterwarnings("ignore:Field name")
def test_a_kind_is_no_option() -> None:
    with pytest.raises(TypeError, match="Odd has an option called 'kind'; a kind is declared by kind: ClassVar"):

        class Odd(Loss):
            kind: str = "odd"  # pyright: ignore


def test_it_is_not_scaffolded(folder: Path) -> None:
    plugins.load_file(Path("my_curves.py"))
    with pytest.raises(UserError, match="there is no such kind"):
        checked_components(["curve"], "mine")


def test_conformance_holds_it_to_the_rules_of_every_component(folder: Path) -> None:
    plugins.load_file(Path("my_curves.py"))
    for kind, name in (("curve", "linear"), ("regularizer", "centre")):
        entry = registries[kind].find(name)
        rules = [rule for rule in RULES if rule.concerns(entry.component)]
        assert len(rules) > 4
        for rule in rules:
            check(entry, rule)


def test_a_kind_is_registered_with_a_component_that_only_names_it(folder: Path) -> None:
    module: ModuleType = __import__("curves_of_one")
    registries.pop("curve")
    register("other", "centre", module.Centre)
    assert registries["curve"].base is module.Curve


class Towed(Regularizer):
    """Pulled by something."""

    by: Loss | Dataset | float = 1.0
    """By what."""


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("{use: hing}", "by: no loss is called 'hing'. Did you mean 'hinge'?; or no dataset is called 'hing'."),
        ("hing", "by: no loss is called 'hing'. Did you mean 'hinge'?; or no dataset is called 'hing'. Available:"),
        ("{a: 1}", "by: expected the name of a loss, or a mapping with 'use: <name>' and its options; or expected the"),
        ("{use: hinge, b: 1}", "by.b: unknown option."),
        ("{use: digits, lables: true}", "by.lables: unknown option. Did you mean 'labels'?"),
    ],
)
def test_what_may_be_of_several_kinds_is_told_where_it_stands(
    by: str, said: str, folder: Path, refused: Callable[..., str]
) -> None:
    plugins.load_file(Path("my_curves.py"))
    register("my_curves", "towed", Towed)
    assert refused(f"regularizers={{use: towed, by: {by}}}").startswith(f"regularizers.{said}")
    for works in ("2.5", "hinge", "{use: digits, labels: true}"):
        load_experiment(Path("quickstart.yaml"), [f"regularizers={{use: towed, by: {works}}}"])

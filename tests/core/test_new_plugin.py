"""gankit new-plugin: what it writes works at once."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import gankit, rows
from support.new_plugins import ALL, NEW, announce

from gankit.cli import main
from gankit.config.schema import component_schema
from gankit.core.errors import UserError
from gankit.core.registry import provided_by
from gankit.discovery.manager import plugins
from gankit.scaffold.names import minimal_example
from gankit.scaffold.plugin import write_plugin
from gankit.testing import RULES, check

pytestmark = pytest.mark.costly

LAYERS_EXAMPLE = Path(__file__).parents[1] / "examples" / "plain_residual.py"
AT_MOST = {"loss": 25, "norm": 25, "block": 25, "regularizer": 25, "growth": 25, "metric": 25}


@pytest.mark.parametrize("kind", ALL)
def test_the_minimal_example_of_a_kind_is_a_short_plugin_of_one_file(kind: str) -> None:
    file = minimal_example(kind)
    assert len(file.read_text().splitlines()) <= AT_MOST.get(kind, 40)
    assert not re.search(r"(?i)(for|an|this) example", file.read_text()), "the word gives way to the plugin's name"
    with plugins.restored():
        (entry,) = provided_by(plugins.load_file(file))
        assert (entry.component.kind, entry.name) == (kind, "example")
        options = component_schema(entry)["properties"]
    by_nature = {"every", "burn_in", "images", "init", "clip_norm", "critics", "extractor", "suffix"}
    for name in entry.component.model_fields.keys() - by_nature:
        bounded = options[name].keys() & {"minimum", "exclusiveMinimum", "enum"}
        assert options[name].get("type") == "boolean" or bounded, name


def test_the_example_on_the_page_of_layers_is_a_short_block_that_keeps_all_rules() -> None:
    assert len(LAYERS_EXAMPLE.read_text().splitlines()) <= 40
    with plugins.restored():
        (entry,) = provided_by(plugins.load_file(LAYERS_EXAMPLE))
        for rule in RULES:
            if rule.concerns(entry.component):
                check(entry, rule)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one plugin of all kinds and one of each kind."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, kinds in NEW.items():
            assert main(["new-plugin", name, *(word for kind in kinds for word in ("--kind", kind))]) == 0
    for name in NEW:
        announce(folder / name)
    return folder


def environment(made: Path) -> dict[str, str]:
    """That of a process which has all plugins on its path, as if each was installed editably."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(str(made / name) for name in NEW)}


LOADED = """
import json, sys
from pathlib import Path
from gankit.config.explain import explain
from gankit.discovery.manager import plugins
from gankit.config.walk import components
from gankit.core.registry import provided_by, registries
from gankit.config.study_loader import load_study
from gankit.config.study import Study

found = {}
for name in sys.argv[1:]:
    study = load_study(Path(name, "experiment.yaml"), note=lambda note: sys.exit(note))
    is_study = isinstance(study, Study)
    experiment = study.runs[0].experiment if is_study else study
    parts = [part for _, part in components(experiment)] + ([study.launcher] if is_study else [])
    found[name] = {
        "has": [entry.component.kind for entry in provided_by(name)],
        "names": sorted({entry.full_name for entry in provided_by(name)}),
        "uses": sorted({part.kind for part in parts if registries[part.kind].entry_of(type(part)).plugin == name}),
        "explained": all(explain(f"{entry.component.kind}/{name}") for entry in provided_by(name)),
    }
assert not plugins.broken, plugins.broken
assert "torch" not in sys.modules
print(json.dumps(found))
"""


def test_each_loads_from_its_entry_point_and_its_experiment_uses_all_that_it_has(made: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *NEW], cwd=made, env=environment(made), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for name, kinds in NEW.items():
        assert found[name] == {
            "has": kinds,
            "names": [f"{name}/{name}"],
            "uses": sorted(kinds),
            "explained": True,
        }


def test_what_is_written_is_clean_by_its_own_configuration(made: Path) -> None:
    for command in (["check", "--no-cache", "--extend-select", "B,E501,I,UP"], ["format", "--no-cache", "--check"]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command, "."], cwd=made, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_of_the_templates_is_left(made: Path) -> None:
    files = [file for name in NEW for file in (made / name).rglob("*") if file.is_file()]
    files = [file for file in files if file.parent.name != "__pycache__"]  # of tests that imported them before
    assert {file.name for file in files} >= {"py.typed", ".gitignore", "test.yml", "README.md", "test_conformance.py"}
    for file in files:
        text = file.read_text()
        assert "$" not in text, file
        assert "xample" not in text.replace("experiment", ""), file
    assert (made / "new-loss/tests/test_conformance.py").read_text() == (
        'from gankit.testing import conformance\n\ntest_conformance = conformance("gankit_new_loss")\n'
    )


@pytest.mark.slow
def test_the_experiment_with_a_component_of_every_kind_trains(made: Path, tmp_path: Path) -> None:
    few = ["growth.images=32", "training.batch=8", "evaluation.images=40", "matrix.seed=[0]"]
    sets = [word for setting in few for word in ("--set", setting)]
    done = gankit(["run", made / "all-kinds" / "experiment.yaml", *sets, "--out", "study"], tmp_path, environment(made))
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = (path.parent for path in (tmp_path / "study").rglob("metrics.jsonl") if path.parent.name == "seed-0")
    measured = {row["name"] for row in rows(run)}
    assert {"fid", "brightness_gap", "brightness_gap_floor"} <= measured
    table = (run / "all-kinds.csv").read_text().splitlines()
    assert len(table) == 1 + len(rows(run)), "the observer has seen every row"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("My_Loss", "such as 'my-loss'"),
        ("-my-loss-", "such as 'my-loss'"),
        ("1st", "such as 'st'"),
        ("a--b", "such as 'a-b'"),
        ("../there", "such as 'there'"),
        ("", "such as 'my-loss'"),
        ("ö", "such as 'my-loss'"),
        ("a" * 31, f"such as '{'a' * 30}'"),
        ("wgan", "a plugin of that name is installed already, by gankit 0"),
    ],
)
def test_names_that_a_plugin_cannot_have(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new-plugin", "--", name]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_name_whose_package_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site" / "gankit_my_loss").mkdir(parents=True)
    (tmp_path / "site" / "gankit_my_loss" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert main(["new-plugin", "my-loss"]) == 2
    assert not (tmp_path / "my-loss").exists()


def test_a_plugin_called_after_its_kind_has_a_class_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new-plugin", "loss"]) == 0
    assert "class OwnLoss(Loss):" in (tmp_path / "loss" / "gankit_loss" / "losses.py").read_text()


def test_a_kind_that_does_not_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new-plugin", "mine", "--kind", "block", "--kind", "los"]) == 2
    assert capsys.readouterr().err == "--kind los: there is no such kind. Did you mean 'loss'?\n"
    assert main(["new-plugin", "mine", "--kind", "x"]) == 2
    assert "There are: init, mapping, stem, block" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_components_have_names_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new-plugin", "zoo", "--kind", "norm", "--kind", "loss=ring-gap", "--kind", "observer=sheet"]) == 0
    announce(tmp_path / "zoo")
    everything = os.environ | {"PYTHONPATH": str(tmp_path / "zoo")}
    listed = gankit(["plugins"], tmp_path, everything).stdout
    assert [line.split()[:2] for line in listed.splitlines() if " zoo/" in line] == [
        ["norm", "zoo/zoo"],
        ["loss", "zoo/ring-gap"],
        ["observer", "zoo/sheet"],
    ]
    valid = gankit(["validate", "zoo/experiment.yaml"], tmp_path, everything)
    assert valid.returncode == 0, valid.stderr
    experiment = (tmp_path / "zoo" / "experiment.yaml").read_text()
    assert all(f"zoo/{name}" in experiment for name in ("zoo", "ring-gap", "sheet"))
    assert "class RingGapLoss(Loss):" in (tmp_path / "zoo" / "gankit_zoo" / "losses.py").read_text()
    assert '"sheet.csv"' in (tmp_path / "zoo" / "gankit_zoo" / "observers.py").read_text()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["loss", "loss"], "--kind loss: a loss is asked for already; a new plugin has one component of a kind, and"),
        (["augmentation", "augmentation=b"], "--kind augmentation=b: an augmentation is asked for already"),
        (["loss=My_Loss"], "--kind loss=My_Loss: a component is called by up to 30 lowercase letters and digits"),
        (["norm="], "such as 'my-norm'"),
        (["los=mine"], "--kind los=mine: there is no such kind. Did you mean 'loss'?"),
    ],
)
def test_components_that_a_new_plugin_cannot_have(
    asked: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new-plugin", "mine", *(word for each in asked for word in ("--kind", each))]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_says_a_or_an(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new-plugin", "mine", "--kind", "extractor"]) == 0
    assert "as no other plugin has an extractor of that name" in (tmp_path / "mine" / "README.md").read_text()
    assert "A plugin of gankit: an extractor." in (tmp_path / "mine" / "pyproject.toml").read_text()


def test_nothing_is_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "other").write_text("other")
    for name in ("mine", "other"):
        assert main(["new-plugin", name]) == 2
        assert capsys.readouterr().err == f"{name}: exists already, and is left as it is\n"
    assert list((tmp_path / "mine").iterdir()) == []
    assert (tmp_path / "other").read_text() == "other"


def test_a_plugin_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mine: cannot be written"):
        write_plugin(tmp_path / "mine", {"a": "a file", "a/b": "cannot lie in it"})
    assert list(tmp_path.iterdir()) == []


def test_it_says_what_to_do_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new-plugin", "mine", "--kind", "norm", "--kind", "loss=gap"]) == 0
    assert capsys.readouterr().out == (
        "wrote mine/, a plugin with\n"
        "  norm mine/mine in gankit_mine/norms.py\n"
        "  loss mine/gap in gankit_mine/losses.py\n"
        "try it:\n"
        "  cd mine\n"
        "  pip install -e '.[test]'\n"
        "  pytest\n"
        "  gankit run experiment.yaml\n"
    )


def test_it_imports_no_torch(tmp_path: Path) -> None:
    code = """
import sys
from gankit.cli import main
main(["new-plugin", "mine"])
sys.exit(", ".join(name for name in ("torch", "numpy", "aim", "pytest", "hypothesis") if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr.strip() == ""

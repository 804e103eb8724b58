"""What was written for gankit before 0.2 still works, or fails with a message that names the new words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.tiny import tiny

import gankit
from gankit.config.checks import problems
from gankit.config.experiment import Experiment
from gankit.config.loader import load_experiment
from gankit.core.component import as_options
from gankit.core.errors import RunError, UserError
from gankit.core.failures import in_short
from gankit.core.registry import provided_by, register
from gankit.core.renamed import ATTRIBUTES, MEMBERS, MODULES, NAMES, PARAMETERS, hint
from gankit.discovery.manager import plugins
from gankit.runs.recorded import load_recorded
from gankit.runs.start import begin
from gankit.testing.experiments import experiment_with

SOURCES = Path(__file__).with_suffix(".txt").read_text()
BEFORE = dict(re.findall(r"^##### (\w+)\n(.*?)(?=^#####|\Z)", SOURCES, re.MULTILINE | re.DOTALL))
"""The example of each kind as `gankit new-plugin` wrote it before 0.2, with its registration."""
SAYINGS = (
    r"gankit\.(?P<old>\w+) is called gankit\.(?P<new>\w+) since",
    r"\w+\.(?P<old>\w+) is called (?P<new>\w+) since",
    r"No module named '(?P<old>[\w.]+)' \(it is called (?P<new>[\w.]+) since",
    r"no attribute '(?P<old>\w+)' \(it is called (?P<new>\w+) since",
)
"""How a message names what was renamed and what it is called now."""


FEW = {"growth": {"images": 16, "doublings": 1}, "dataset": {"count": 64}}
"""Options with which an example takes no time."""
METRICS = {"extractor": ["fid"]}


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    with plugins.restored():
        yield


def loaded(folder: Path, source: str) -> type[gankit.Component]:
    """The component of a plugin in one file."""
    (folder / "old.py").write_text(source)
    (entry,) = provided_by(plugins.load_file(folder / "old.py"))
    return entry.component


def followed(source: str, message: str) -> str:
    """What an author makes of a plugin by what a message says; fails if it names nothing new."""
    for saying in SAYINGS:
        if said := re.search(saying, message):
            return re.sub(rf"\b{re.escape(said['old'])}\b", said["new"], source)
    raise AssertionError(f"names no new word: {message}")


@pytest.mark.parametrize("kind", BEFORE)
def test_an_example_works_or_says_what_is_called_otherwise(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = BEFORE[kind]
    for attempt in range(8):
        run = tmp_path / f"run-{attempt}"
        try:
            with plugins.restored():
                component = loaded(tmp_path, source).model_validate(FEW.get(kind, {}))
                if kind not in ("launcher", "metric"):
                    begin(experiment_with(component, evaluation__metrics=METRICS.get(kind, [])), run).train()
        except (UserError, RunError) as failure:
            if "is handed a Progress since" in str(failure):
                assert kind in ("average", "optimizer")
                return
            source = followed(source, str(failure))
        else:
            assert "failed" not in capsys.readouterr().err
            assert kind != "observer" or (run / "example.csv").read_text().count("\n") > 1
            return
    raise AssertionError(f"no message led further: {source}")


def test_all_that_a_message_may_name_is_there() -> None:
    for new in MODULES.values():
        import_module(new)
    for new in NAMES.values():
        module, _, name = new.rpartition(".")
        assert hasattr(import_module(module), name), new


@pytest.mark.parametrize("name", ["Place", "Mapping", "Average", "Watcher", "layers", "place", "growing"])
def test_an_old_name_of_the_package_is_refused(name: str) -> None:
    with pytest.raises(ImportError, match=rf"^gankit\.{name} is called gankit\.[\w.]+ since gankit 0\.2$"):
        getattr(gankit, name)


def test_other_names_are_as_ever() -> None:
    assert not hasattr(gankit, "nothing")
    assert import_module("gankit.config") is gankit.config  # pyright: ignore


@pytest.mark.parametrize(
    ("statement", "new"),
    [
        ("import gankit.layers", "gankit.networks.layers"),
        ("from gankit.observing import Watcher", "gankit.kinds.callbacks"),
        ("from gankit.config import Experiment", "gankit.config.experiment"),
        ("from gankit.kinds.callbacks import Watcher", "gankit.kinds.callbacks.Callback"),
        ("from gankit.networks.growing import Verdict", "gankit.networks.discriminator.DiscriminatorOutput"),
        ("from gankit.core.failures import Tally", "gankit.core.failures.FailureCounter"),
    ],
)
def test_an_import_by_an_old_name_names_the_new_one(statement: str, new: str, tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text(statement)
    with pytest.raises(UserError, match=rf"old\.py:1: .*\(it is called {re.escape(new)} since gankit 0\.2\)$"):
        plugins.load_file(tmp_path / "old.py")


def test_other_failures_are_told_as_they_are() -> None:
    for failure in (ImportError("no"), ModuleNotFoundError("no", name="other"), AttributeError("no"), ValueError("no")):
        assert hint(failure) == ""
    for thing in (SimpleNamespace(), gankit.Stage(4, 8)):
        with pytest.raises(AttributeError) as caught:
            thing.shelf  # noqa: B018  # pyright: ignore
        assert hint(caught.value) == ""


def test_an_option_of_evaluations_names_the_new_one() -> None:
    with pytest.raises(AttributeError) as caught:
        tiny().evaluation.track  # noqa: B018  # pyright: ignore
    assert "no attribute 'track' (it is called quick since gankit 0.2) (" in in_short(caught.value)


class Asks(gankit.Loss):
    """Asks by an old name."""

    def problems(self, experiment: Experiment) -> list[str]:
        return ["slow"] if experiment.evaluation.beside else []  # pyright: ignore

    def discriminator(self, real: Any, fake: Any) -> Any: ...

    def generator(self, fake: Any, real: Any) -> Any: ...


def test_a_component_that_asks_by_an_old_name_is_told() -> None:
    register("old", "asks", Asks)
    ((_, said),) = [problem for problem in problems(tiny(loss="asks")) if problem[0] == ("loss",)]
    assert said.endswith("no attribute 'beside' (it is called background since gankit 0.2)")


def test_tables_name_what_is_not_there_any_more() -> None:
    assert set(ATTRIBUTES) >= {"shelf", "mapped", "report"}
    for name, members in MEMBERS.items():
        base = getattr(gankit, name)
        for old, new in members.items():
            if not hasattr(base, old):
                with pytest.raises(TypeError, match=rf"Old\.{old} is called {new} since gankit 0\.2"):
                    type("Old", (base,), {old: lambda self: None, "__module__": __name__})
    for name, methods in PARAMETERS.items():
        for method, old in methods.items():
            with pytest.raises(TypeError, match=rf"Old\.{method} is handed a Progress since gankit 0\.2: .*progress"):
                exec(f"class Old(gankit.{name}):\n    def {method}(self, {old}): ...", {"gankit": gankit})


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("evaluation.beside=true", "evaluation.beside: unknown option. It is called 'background' now."),
        ("evaluation.track={images: 16}", "evaluation.track: unknown option. It is called 'quick' now."),
        ("launcher=in-turn", "launcher: no launcher is called 'in-turn'. It is called 'sequential' now."),
        ("launcher=launchers/in-turn", "no launcher is called 'launchers/in-turn'. It is called 'sequential' now."),
    ],
)
def test_old_words_in_yaml_are_refused_with_the_new_ones(setting: str, message: str, tmp_path: Path) -> None:
    from gankit.config.loader import bundled_experiment
    from gankit.config.study_loader import load_study

    with pytest.raises(UserError, match=re.escape(message)):
        load_study(bundled_experiment("quickstart"), [setting, "matrix={seed: [0, 1]}"])


def test_a_study_that_was_recorded_in_old_words_is_read(tmp_path: Path) -> None:
    from gankit.config.loader import bundled_experiment
    from gankit.config.study import Study
    from gankit.config.study_loader import load_study

    text = f"extends: {bundled_experiment('quickstart')}\nevaluation: {{beside: true}}\nvariants: {{a: {{}}}}\n"
    for launcher in ("in-turn", "launchers/in-turn", "{use: in-turn}", "processes"):
        (tmp_path / "study.yaml").write_text(f"{text}launcher: {launcher}\n")
        (tmp_path / "a").mkdir(exist_ok=True)
        with pytest.raises(UserError, match=r"It is called '(sequential|background)' now"):
            load_study(tmp_path / "study.yaml")
        (tmp_path / "a" / "seed-0.log").touch()  # it was run
        study = load_study(tmp_path / "study.yaml", ["evaluation.background=false"])
        assert isinstance(study, Study)
        assert as_options(study.launcher)["use"] == f"launchers/{'processes' if 'p' in launcher else 'sequential'}"
        assert study.runs[0].experiment.evaluation.background is False
        with pytest.raises(UserError, match=r"It is called '(sequential|background)' now"):
            load_study(tmp_path / "study.yaml", ["launcher=in-turn", "evaluation.beside=true"])
        (tmp_path / "a" / "seed-0.log").unlink()


def test_a_run_that_recorded_old_words_is_read(tmp_path: Path) -> None:
    begin(tiny(), tmp_path / "run")
    file = tmp_path / "run" / "experiment.yaml"
    new = file.read_text()
    old = new.replace("background: false", "beside: true").replace("quick: null", "track: {images: 16}")
    assert old.count("beside: ") == old.count("track: ") == 1
    file.write_text(old)
    evaluation = load_recorded(file, ["evaluation.quick.images=8"]).evaluation
    assert (evaluation.background, evaluation.quick and evaluation.quick.images) == (True, 8)
    with pytest.raises(UserError, match="It is called 'background' now"):
        load_experiment(file)
    with pytest.raises(UserError, match="It is called 'background' now"):
        load_recorded(file, ["evaluation.beside=false"])

"""An experiment that is loaded can be written down whole and loaded again."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.lift import PLUGIN
from support.toys import EXPERIMENT, Adam, Leash, Plain, Push, Tug, only_toys

from gankit.config.experiment import Experiment
from gankit.config.loader import load_experiment
from gankit.config.walk import components
from gankit.config.yaml.writer import dump_experiment
from gankit.core.errors import UserError

Load = Callable[..., Experiment]


def test_dump_says_everything_and_loads_back_equal(load: Load) -> None:
    experiment = load()
    text = dump_experiment(experiment)
    assert load(text) == experiment
    assert dump_experiment(load(text)) == text
    lines = text.splitlines()
    assert lines[:2] == ["name: toy", "variant: null"]
    assert "loss: {use: toys/tug, margin: 2.0}" in lines
    assert "  batch: {4: 16, 16: 8}" in lines
    assert "  channels: 64" in lines, "a table of one value is written as the value"
    assert "    generator: {use: toys/adam, lr: 0.001, betas: [0.0, 0.99]}" in lines
    said = [*yaml.safe_load(text)]
    assert said == [name for name in Experiment.model_fields if name in said], "in the order of the model"
    assert {*Experiment.model_fields} - {*said} == {*Experiment.later_options}
    assert max(map(len, lines)) <= 110


def test_a_setting_may_make_of_one_optimizer_two(load: Load) -> None:
    optimizer = load(EXPERIMENT, "training.optimizer.discriminator.lr=4e-3").training.optimizer
    assert (optimizer.generator, optimizer.discriminator) == (Adam(lr={0: 1e-3}), Adam(lr={0: 4e-3}))
    saved = dump_experiment(load())
    assert load(saved, "training.optimizer.discriminator.lr=4e-3").training.optimizer == optimizer


def test_components_walks_into_tables_lists_and_other_components(load: Load) -> None:
    found = list(components(load()))
    assert (("generator", "block", 16, 1), Plain(slope=0.1)) in found
    assert (("regularizers", 1), Leash(weight=3.0, pulls=[Push()])) in found
    assert (("regularizers", 1, "pulls", 0), Push()) in found
    assert (("training", "optimizer", "discriminator"), Adam()) in found
    assert [path for path, component in found if type(component) is Tug] == [("loss",)]
    assert len({path for path, _ in found}) == len(found) == 26


def test_full_names_and_short_names_are_the_same(load: Load) -> None:
    assert load(EXPERIMENT.replace("data: noise", "data: toys/noise")) == load()


def test_plugin_files_stand_in_the_saved_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("plugins", "parents"):
        (tmp_path / folder).mkdir()
    (tmp_path / "plugins" / "listed.py").write_text(PLUGIN)
    (tmp_path / "given.py").write_text(PLUGIN)
    (tmp_path / "parents" / "parent.yaml").write_text(EXPERIMENT + "plugins: [../plugins/listed.py]\n")
    (tmp_path / "child.yaml").write_text("extends: parents/parent.yaml\nloss: listed/lift\n")
    monkeypatch.chdir(tmp_path)
    with only_toys():
        settings = ["regularizers.0.pulls=given/lift"]
        experiment = load_experiment(Path("child.yaml"), settings, [Path("given.py")])
        assert experiment.plugins == [tmp_path / "given.py", tmp_path / "plugins" / "listed.py"]
        saved = dump_experiment(experiment)
    (tmp_path / "saved.yaml").write_text(saved)
    monkeypatch.chdir("/")
    with only_toys():
        assert dump_experiment(load_experiment(tmp_path / "saved.yaml")) == saved


def test_plugin_files_that_fail_are_all_reported_where_they_are_listed(mistakes: Callable[..., list[str]]) -> None:
    Path("broken.py").write_text("import nothing_of_that_name\n")
    found = mistakes(EXPERIMENT + "plugins:\n- broken.py\n- missing.py\n")
    assert [mistake.splitlines()[0] for mistake in found] == [
        "experiment.yaml:23:3: plugins.0: plugin broken.py: broken.py:1: ModuleNotFoundError: No module named "
        "'nothing_of_that_name'",
        "experiment.yaml:24:3: plugins.1: missing.py: no such file",
    ]
    assert mistakes(EXPERIMENT + "plugins: broken.py\n")[0].startswith(
        "experiment.yaml:22:10: plugins: expected a list"
    )


@pytest.mark.parametrize("name", ["a\0.py", "loop.py", f"{'x' * 5000}.py"])
def test_odd_names_of_plugin_files(mistakes: Callable[..., list[str]], tmp_path: Path, name: str) -> None:
    (tmp_path / "loop.py").symlink_to("loop.py")
    (found,) = mistakes(EXPERIMENT + f"plugins: [{json.dumps(name)}]\n")
    head = found.splitlines()[0]
    assert head.startswith("experiment.yaml:22:11: plugins.0: ")
    assert head.endswith(": no such file")
    with pytest.raises(UserError, match=r": no such file$") as caught:
        load_experiment(Path("experiment.yaml"), ["plugins=[]"], plugin_files=[Path(name)])
    assert str(caught.value).isprintable()


def test_an_experiment_that_was_run_loads_where_it_cannot_be_run(load: Load) -> None:
    with pytest.raises(UserError, match="seven is an unlucky weight"):
        load(EXPERIMENT, "regularizers.0.weight=7")
    experiment = load_experiment(Path("experiment.yaml"), ["regularizers.0.weight=7"], check=False)
    assert experiment.regularizers[0] == Leash(weight=7.0)


WORDS = "on yes ~ null 1e-3 0o7 1:30 012 1_000 << = a: # ' *a &a 2024-01-01 .5"
ODD = ["- a", "a: b", "\u2028", "9" * 5000, *WORDS.split()]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12) | st.sampled_from(ODD)


@pytest.mark.parametrize("text", ODD, ids=lambda text: repr(text[:10]))
def test_text_that_looks_like_something_else_stays_text(load: Load, text: str) -> None:
    experiment = load(EXPERIMENT.replace("data: noise", f"data: {{use: noise, path: {json.dumps(text)}}}"))
    saved = dump_experiment(experiment)
    assert load(saved) == experiment
    assert yaml.safe_load(saved)["data"]["path"] == text, "YAML 1.1 reads the same"


NUMBERS = st.floats(1e-300, 1e300)
CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "data": st.builds(lambda path: {"use": "noise", "path": path}, TEXT),
    "seed": st.integers(0, 2**70),
    "loss": st.builds(lambda margin: {"use": "tug", "margin": margin}, NUMBERS.filter(lambda n: n not in (12, 13))),
    "regularizers": st.lists(st.builds(lambda weight: {"use": "leash", "weight": weight}, NUMBERS), max_size=10),
    "evaluation": st.builds(lambda images: {"images": images, "metrics": ["count"] * 3}, st.integers(1, 10**9)),
    "training": st.builds(
        lambda lr: {"optimizer": {"use": "adam", "lr": lr}},
        NUMBERS | st.dictionaries(st.integers(0, 4), NUMBERS, min_size=1),
    ),
}


@pytest.mark.costly
def test_whatever_is_dumped_loads_back_equal(toys: None, tmp_path: Path) -> None:
    file, options = tmp_path / "dumped.yaml", yaml.safe_load(EXPERIMENT.replace("1e-3", "0.001"))

    @given(st.fixed_dictionaries({}, optional=CHANGES))
    def loads_back(changes: dict[str, Any]) -> None:
        experiment = Experiment.model_validate(options | changes)
        text = dump_experiment(experiment)
        file.write_text(text, encoding="utf-8")
        assert load_experiment(file, check=False) == experiment
        margin = re.search(r"^loss: .*margin: ([^,}]+)", text, re.MULTILINE)
        assert margin is not None
        assert math.isclose(yaml.safe_load(margin[1]), experiment.loss.margin)  # pyright: ignore

    loads_back()

"""The JSON Schema allows what can be loaded and describes all of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from core.test_mistakes import WRONG_VALUES
from support.json_schema import is_valid
from support.toys import EXPERIMENT, Tug, changed

from gankit.config.experiment import Experiment
from gankit.config.schema import experiment_schema
from gankit.config.yaml.nodes import plain_value
from gankit.config.yaml.parser import mapping, parse
from gankit.config.yaml.writer import dump_experiment
from gankit.core.registry import register

EXPERIMENTS = sorted((Path(__file__).parents[2] / "experiments").rglob("*.yaml"))


def as_json(text: str) -> Any:
    node = parse(text, "experiment.yaml")
    assert node is not None
    return json.loads(json.dumps(plain_value(node)))


def fits(text: str) -> bool:
    schema = json.loads(json.dumps(experiment_schema()))
    return is_valid(as_json(text), schema, schema)


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a schema."""
    if isinstance(schema, dict):
        yield schema
        for part in schema.values():
            yield from parts(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from parts(part)


def test_it_allows_an_experiment_as_written_and_as_saved(load: Callable[..., Experiment]) -> None:
    assert fits(EXPERIMENT)
    assert fits(dump_experiment(load()))
    assert fits(changed("0.99]}", "0.99], generator: {lr: 2e-3}}"))
    assert fits(changed("1k}", "1.5M}") + "plugins: [./file.py]\n")


@pytest.mark.parametrize(("old", "new", "token", "option", "message"), WRONG_VALUES)
def test_it_refuses_wrong_values(toys: None, old: str, new: str, token: str, option: str, message: str) -> None:
    assert not fits(changed(old, new))


def test_what_extends_may_leave_out_but_not_misspell(toys: None) -> None:
    assert fits("extends: parent.yaml\n")
    assert fits("variants: {a: {extends: a.yaml}, b: {}}\n")
    assert not fits("variants: {a: {training.batch: 4}, b: null}\n")
    assert fits(f"{EXPERIMENT}variants: {{a: {{training.batch: 4}}, b: null}}\n")
    assert fits("extends: [a.yaml, b.yaml]\ngenerator: {channels: {8: 4}, block: {slope: 0.1}}\nloss: {margin: 3}\n")
    assert not fits("generator: {channels: {8: 4}}\n")
    assert not fits("extends: 3\n")
    assert not fits("extends: parent.yaml\nlos: tug\n")
    assert not fits("extends: parent.yaml\nloss: {margn: 3}\n")
    assert not fits("extends: parent.yaml\ngenerator: {channels: {8: many}}\n")


def test_shared_names_must_be_full(toys: None) -> None:
    assert fits(EXPERIMENT.replace("use: tug", "use: toys/tug"))
    register("others", "tug", Tug)
    assert not fits(EXPERIMENT)
    assert fits(EXPERIMENT.replace("use: tug", "use: toys/tug"))


def test_every_option_is_described_and_every_reference_leads_somewhere() -> None:
    schema = experiment_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for part in parts(schema):
        if "$ref" in part:
            assert part["$ref"].removeprefix("#/$defs/") in schema["$defs"]
        if isinstance(part.get("properties"), dict) and "additionalProperties" in part:
            bare = [name for name, option in part["properties"].items() if not option.get("description")]
            assert not bare, part.get("title")
        assert "gankit" not in part, "every stand-in for a definition is replaced"
    assert {
        name: option.get("description") for name, option in schema["$defs"].items() if "description" not in option
    } == {}


@pytest.fixture(scope="module")
def of_bundled() -> Any:
    """The schema of experiments of bundled components."""
    return json.loads(json.dumps(experiment_schema()))


@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: file.stem)
def test_it_allows_the_bundled_experiments(of_bundled: Any, file: Path) -> None:
    given = json.loads(json.dumps(plain_value(mapping(file.read_text(), file.name))))
    assert is_valid(given, of_bundled, of_bundled)

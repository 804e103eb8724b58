"""Options of a component that a field names by default may stand without its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field
from support.command import QUICKSTART
from support.json_schema import is_valid
from support.toys import EXPERIMENT, Exponential, Plain, Push, Tug

import gankit
from gankit.cli import main
from gankit.config.experiment import Experiment, TrainingOptions
from gankit.config.explain import explain, option_in_words
from gankit.config.loader import load_experiment
from gankit.config.schema import component_schema, experiment_schema
from gankit.config.study import Study
from gankit.config.study_loader import load_study
from gankit.config.yaml.nodes import plain_value
from gankit.config.yaml.parser import mapping
from gankit.config.yaml.writer import dump_experiment
from gankit.core.registry import register, registries

Load = Callable[..., Experiment]
Mistakes = Callable[..., list[str]]

BEFORE, _, AFTER = EXPERIMENT.partition("  optimizer:")
BARE = AFTER.splitlines()[-1] + "\n" + BEFORE
"""The toy experiment with the default optimizer and average; `training` is still open at its end."""


def fits(text: str) -> bool:
    schema = json.loads(json.dumps(experiment_schema()))
    return is_valid(json.loads(json.dumps(plain_value(mapping(text, "experiment.yaml")))), schema, schema)


class Nested(gankit.Regularizer):
    """Holds back by means of others."""

    block: gankit.Block = Field(default="plain", validate_default=True)
    """Named alone."""
    steep: gankit.Block | None = Field(default={"use": "plain", "slope": 0.9, "groups": 2}, validate_default=True)
    """Named with options, or left out."""
    pulls: gankit.Many[gankit.Loss] = Field(default="tug", validate_default=True)
    """One, or several."""
    tables: gankit.PerResolution[gankit.Many[gankit.Loss]] = Field(default="push", validate_default=True)
    """By resolution."""
    several: gankit.Many[gankit.Loss] = Field(default=["tug", "push"], validate_default=True)
    """Several by default, so that it is open which is meant."""
    word: str = "plain"
    """Names nothing."""


@pytest.fixture
def nested(toys: None) -> None:
    register("toys", "nested", Nested)


def with_nested(options: str) -> str:
    return EXPERIMENT.replace("regularizers: [leash,", f"regularizers: [{{use: nested, {options}}},")


def test_they_change_the_default_component(load: Load) -> None:
    loaded = load(BARE + "  average: {half_life: 5k}\n")
    assert loaded.training.average == Exponential(half_life=5000)
    assert load(dump_experiment(loaded)) == loaded
    assert load(BARE, "training.average.half_life=5k") == loaded
    assert load(BARE + "  average: {}\n") == load(BARE)
    assert load(BARE, "evaluation.extractor={}", "generator.mapping={}") == load(BARE)


@pytest.mark.parametrize(
    ("written", "generator", "discriminator"),
    [
        ("{lr: 1e-4}", 1e-4, 1e-4),
        ("{generator: {lr: 1e-4}}", 1e-4, 1e-3),
        ("{lr: 1e-4, discriminator: {lr: 2e-4}}", 1e-4, 2e-4),
        ("{lr: 1e-4, discriminator: {use: adam, lr: 2e-4}}", 1e-4, 2e-4),
        ("{generator: {lr: 1e-4}, discriminator: {lr: 2e-4}}", 1e-4, 2e-4),
        ("{generator: adam, discriminator: {lr: 2e-4}}", 1e-3, 2e-4),
    ],
)
def test_those_of_the_optimizer_may_be_of_both_networks_or_of_one(
    load: Load, written: str, generator: float, discriminator: float
) -> None:
    loaded = load(BARE + f"  optimizer: {written}\n")
    assert loaded.training.optimizer.generator.model_dump()["lr"] == generator
    assert loaded.training.optimizer.discriminator.model_dump()["lr"] == discriminator
    assert load(BARE, f"training.optimizer={written}") == loaded
    assert fits(BARE + f"  optimizer: {written}\n")


def test_options_of_plugins_have_them_too(load: Load, nested: None) -> None:
    options = "block: {slope: 0.1}, steep: {slope: 0.8}, pulls: {margin: 3}, tables: {margin: 4}"
    loaded: Any = load(with_nested(options)).regularizers[0]
    assert (loaded.block, loaded.steep) == (Plain(slope=0.1), Plain(slope=0.8, groups={0: 2}))
    assert (loaded.pulls, loaded.tables) == ([Tug(margin=3)], {0: [Push(margin=4)]})
    assert fits(with_nested(options))
    by_resolution: Any = load(with_nested("tables: {4: tug, 8: push}")).regularizers[0]
    assert by_resolution.tables == {4: [Tug()], 8: [Push()]}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("  average: {half_lif: 5k}", "13: training.average.half_lif: unknown option. Did you mean 'half_life'?"),
        ("  average: {half_life: x}", "24: training.average.half_life: expected a number of images, such as"),
        ("  optimizer: {ler: 1}", "15: training.optimizer.ler: unknown option. Did you mean 'lr'?"),
        ("  optimizer: {lr: x}", "19: training.optimizer.lr: expected a number, not 'x'"),
        ("  optimizer: {generator: {ler: 1}}", "27: training.optimizer.generator.ler: unknown option. Did you"),
        ("  optimizer: {generater: {lr: 1}}", "15: training.optimizer.generater: unknown option. Did you mean 'gen"),
        ("  optimizer: {generator: 3}", "26: training.optimizer.generator: expected the name of an optimizer"),
        ("  optimizer: {generator: adam, discriminator: adam, lr: 1}", "53: training.optimizer.lr: unknown option"),
    ],
)
def test_mistakes_are_told_where_they_stand(mistakes: Mistakes, written: str, said: str) -> None:
    text = f"{BARE}{written}\n"
    (found,) = mistakes(text)
    assert found.startswith(f"experiment.yaml:{len(text.splitlines())}:{said}")
    assert not fits(text) or "generat" in written


def test_mistakes_in_options_of_plugins(mistakes: Mistakes, nested: None) -> None:
    (found,) = mistakes(with_nested("block: {slop: 0.1}"))
    assert "regularizers.0.block.slop: unknown option. Did you mean 'slope'?" in found
    (found,) = mistakes(with_nested("several: {margin: 3}"))
    assert "regularizers.0.several: expected the name of a loss" in found
    (found,) = mistakes(with_nested("word: {margin: 3}"))
    assert "regularizers.0.word: expected text, not a mapping" in found
    (found,) = mistakes(with_nested("block: {slope: 0.75}"))  # which the component itself refuses
    assert "regularizers.0.block: too steep" in found


def test_what_components_find_wrong_is_told_at_the_optimizer(mistakes: Mistakes, load: Load) -> None:
    class Picky(gankit.Optimizer):
        """Refuses everything."""

        lr: float = 1.0
        """Learning rate."""

        def problems(self, experiment: Experiment) -> list[str]:
            return ["refused"]

        def build(self, parameters: Any, correction: float = 1.0) -> Any: ...

        def learning_rate(self, progress: gankit.Progress) -> float:
            return self.lr

    registries["optimizer"].unregister("toys")
    register("toys", "adam", Picky)
    (found,) = mistakes(BARE + "  optimizer: {lr: 3}\n")
    assert ": training.optimizer: refused" in found


def test_what_extends_adds_to_them_and_may_name_another(load: Load) -> None:
    Path("parent.yaml").write_text(BARE + "  average: {half_life: 5k}\n  optimizer: {generator: {lr: 2e-4}}\n")

    def child(training: str) -> TrainingOptions:
        Path("child.yaml").write_text(f"extends: parent.yaml\ntraining: {training}\n")
        return load_experiment(Path("child.yaml")).training

    assert child("{average: {half_life: 6k}}").average == Exponential(half_life=6000)
    assert child("{average: {}}").average == Exponential(half_life=5000)
    assert child("{average: exponential}").average == Exponential(), "what is named begins anew"
    both = child("{optimizer: {lr: 1e-4}}").optimizer
    assert [one.model_dump()["lr"] for one in (both.generator, both.discriminator)] == [2e-4, 1e-4]


def test_studies_vary_them(load: Load) -> None:
    Path("base.yaml").write_text(BARE)
    axes = "training.average.half_life: [1k, 5k], training.optimizer.lr: [1e-3, 1e-4]"
    Path("study.yaml").write_text(f"extends: base.yaml\nmatrix: {{{axes}}}\nlauncher: {{}}\n")
    study = load_study(Path("study.yaml"), [])
    assert isinstance(study, Study)
    averages = [run.experiment.training.average for run in study.runs]
    assert averages == [Exponential(half_life=images) for images in (1000, 1000, 5000, 5000)]
    assert [run.variant.name for run in study.runs][-1] == "half_life=5k,lr=0.0001"


def test_the_schema_allows_them_and_no_others(nested: None) -> None:
    assert fits(BARE + "  average: {half_life: 5k}\n")
    assert not fits(BARE + "  average: {half_lif: 5k}\n")
    assert not fits(BARE + "  optimizer: {generator: {ler: 1}}\n")
    assert not fits(BARE + "  optimizer: {discriminator: 3}\n")
    assert not fits(with_nested("block: {slop: 0.1}"))
    assert not fits(with_nested("several: {margin: 3}"))
    assert not fits(with_nested("word: {margin: 3}"))
    assert fits("extends: parent.yaml\ntraining: {optimizer: {generator: {lr: 1}}, average: {half_life: 5k}}\n")


def test_explain_says_so(nested: None) -> None:
    assert explain("training.average").startswith(
        "training.average: an average or options of exponential (default: exponential)\n"
    )
    schema = component_schema(registries["regularizer"].find("nested"))
    words = {option: option_in_words(schema, option) for option in schema["properties"]}
    assert words["block"] == "a block or options of plain (default: plain)"
    assert words["pulls"] == "a loss, or a list of them or options of tug (default: tug)"
    assert words["several"] == "a loss, or a list of them (default: [tug, push])"
    assert words["word"] == "text (default: plain)"


def test_installed_components(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"extends: {QUICKSTART}\nevaluation: {{extractor: inception}}\n")
    settings = ["--set", "evaluation.extractor.weights=x", "--set", "training={optimizer: {lr: 1e-4}}"]
    assert main(["expand", str(file), *settings]) == 0
    printed = capsys.readouterr().out
    assert "generator: {use: basics/adam, lr: 0.0001, betas" in printed

"""Components are explained in plain words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field
from support.lift import PLUGIN
from support.toys import Tug

from gankit import Images, Loss, Many, Options, PerResolution
from gankit.cli import main
from gankit.config.experiment import Experiment
from gankit.config.explain import component_subjects, explain, option_in_words, option_schema
from gankit.config.option_paths import group_options, kinds_by_option
from gankit.config.schema import component_schema
from gankit.core.errors import UserError
from gankit.core.registry import register, registries
from gankit.discovery.manager import plugins


def test_a_component(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text(PLUGIN)
    with plugins.restored():
        assert main(["explain", "loss/lift", "--plugin", str(tmp_path / "file.py")]) == 0
        assert capsys.readouterr().out == (
            f"loss file/lift  (plugin file, {tmp_path / 'file.py'})\n"
            "\n"
            "  Lifts.\n"
            "\n"
            "Options:\n"
            "\n"
            "  height: a number (default: 1.0)\n"
            "      How high.\n"
        )
        whole = explain("loss/lift")
        assert whole == explain("lift") == explain("file/lift") == explain("loss/file/lift")


@pytest.mark.parametrize(
    ("subject", "same"),
    [
        ("data/folder", "dataset/folder"),
        ("data/images/folder", "dataset/folder"),
        ("metrics/fid", "metric/fid"),
        ("evaluation.metrics/fid", "metric/fid"),
        ("regularizers/r1", "regularizer/r1"),
        ("observers/progress", "observer/progress"),
        ("rgb/residual-rgb", "block/residual-rgb"),
        ("generator.base_blocks/residual", "block/residual"),
        ("generator.stem/sngan", "stem/sngan"),
        ("training.optimizer/adam", "optimizer/adam"),
        ("training.optimizer.discriminator/adam", "optimizer/adam"),
    ],
)
def test_a_component_is_found_by_the_option_that_names_it(subject: str, same: str) -> None:
    assert explain(subject) == explain(same)


def test_every_option_that_names_a_kind_leads_to_its_components() -> None:
    for option, kinds in kinds_by_option().items():
        for kind in kinds:
            for entry in registries[kind.kind].entries()[::7]:  # which lead there all in the same way
                assert explain(f"{option}/{entry.full_name}") == explain(f"{kind.kind}/{entry.full_name}")


def test_options_of_components_and_of_plugins_lead_there_too(toys: None) -> None:
    register("toys", "everything", Everything)
    assert {"loss/tug", "pulls/tug", "parts/push", "data/noise", "stem/seed"} <= {*component_subjects()}
    assert not [name for name in component_subjects() if name.startswith(("generator.", "name/", "stem/tug"))]
    with pytest.raises(UserError, match="Did you mean 'data/noise'"):
        explain("data/noize")
    with pytest.raises(UserError, match="Did you mean"):
        explain("data/tug")


def test_what_every_component_of_a_kind_has_is_said_once() -> None:
    said = " ".join(explain("init").split())
    assert "every block (init)" in said
    assert "block sngan/residual" not in said


def test_a_component_without_options_and_one_that_needs_some() -> None:
    assert explain("loss/wgan").endswith("It has no options.")
    assert "\n  resolution: a whole number from 1 (required)\n      Height of the images in pixels.\n" in explain(
        "fixed"
    )


def test_a_kind_lists_its_components(toys: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "loss"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "loss"
    assert lines[2].startswith("  The adversarial objective")
    assert lines[-2:] == ["  toys/push  Pushes.", "  toys/tug   Pulls both ways."]
    assert explain("augmentation").endswith("  (none is installed)")


def test_a_part_of_an_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "checkpoints"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "checkpoints: a mapping of options (default: {every: 100000, keep: 2, best: null})"
    assert lines[2:5] == ["  When weights are saved.", "", "Options:"]
    assert "  keep: a whole number from 1 (default: 2)" in lines
    assert explain("training.optimizer").startswith(
        "training.optimizer: an optimizer or a mapping of options or options of adam (default: adam)\n"
    )
    assert explain("evaluation").endswith("\nSee also: evaluation.quick.")


def test_one_option_of_an_experiment() -> None:
    assert explain("training.batch") == (
        "training.batch: a whole number from 1 and up to 1,000,000, or {resolution: ...} of them (default: 32)\n"
        "\n"
        "  Real images a discriminator update."
    )
    assert explain("generator.block").endswith("\n\nSee also: block.")
    assert explain("matrix").startswith("matrix: a mapping, ")


def test_without_a_subject_the_experiment_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    said = capsys.readouterr().out
    assert [line.strip().partition(":")[0] for line in said.splitlines() if re.match(r"  \w+: ", line)] == [
        *Experiment.model_fields
    ]
    for mentioned in said.rpartition("See also: ")[2].rstrip(".\n").split(", "):
        assert explain(mentioned).startswith(mentioned)


def test_every_option_of_every_part_is_documented() -> None:
    for option in group_options():
        first, _, *text = explain(option).splitlines()
        assert first.startswith((f"{option}: ", option))
        assert "".join(text).strip(), option
        assert "or any value" not in first, option


def test_names_that_mean_several_things_or_nothing(toys: None) -> None:
    register("others", "tug", Tug)
    with pytest.raises(UserError, match="'tug' is the name of several components; write one of: loss/others/tug, l"):
        explain("tug")
    with pytest.raises(UserError, match="Did you mean 'leash'"):
        explain("leesh")
    with pytest.raises(UserError, match=r"Did you mean 'training\.batch'"):
        explain("training.batc")
    with pytest.raises(UserError, match="Did you mean 'regularizer/leash'"):
        explain("regularizer/leesh")
    plugins.broken["rgan"] = "gone"
    with pytest.raises(UserError, match=r"Kinds: init, mapping, .* Plugin 'rgan' failed to load: gone"):
        explain("###")


class Group(Options):
    """Options of options."""

    inside: int = 0
    """Inside."""


class Foreign(BaseModel):
    inside: int = 0


class Everything(Loss):
    """Has options of every type."""

    whole: int = Field(default=1, ge=1, lt=9)
    """1"""
    words: Literal["a", "b"] = "a"
    """2"""
    path: Path | None = None
    """3"""
    pair: tuple[float, bool] = (0, True)
    """4"""
    shares: PerResolution[float] = {0: 0.5}
    """5"""
    images: Images = 1000
    """6"""
    parts: Many[Loss] = []
    """7"""
    perhaps: PerResolution[float] | None = None
    """12"""
    by_name: dict[str, list[int]] = {}
    """8"""
    group: Group = Group()
    """9"""
    foreign: Foreign = Foreign()
    """10"""
    anything: Any = None
    """11"""

    def discriminator(self, real: Any, fake: Any) -> Any: ...

    def generator(self, fake: Any, real: Any) -> Any: ...


def test_types_in_plain_words(toys: None) -> None:
    register("toys", "everything", Everything)
    schema = component_schema(registries["loss"].find("everything"))
    words = {option: option_in_words(schema, option) for option in schema["properties"]}
    assert words == {
        "use": "everything or toys/everything (required)",
        "whole": "a whole number from 1 and below 9 (default: 1)",
        "words": "a or b (default: a)",
        "path": "a path or null (default: null)",
        "pair": "[a number, true or false] (default: [0, true])",
        "shares": "a number, or {resolution: ...} of them (default: 0.5)",
        "images": "a number of images, such as 600k (default: 1000)",
        "parts": "a loss, or a list of them (default: [])",
        "perhaps": "a number, or {resolution: ...} of them or null (default: null)",
        "by_name": "a mapping, each a list, each a whole number (default: {})",
        "group": "a mapping of options (default: {inside: 0})",
        "foreign": "a mapping of options (default: {inside: 0})",
        "anything": "any value (default: null)",
    }


def test_an_option_is_found_by_its_last_name() -> None:
    assert explain("activation_checkpointing") == explain("training.activation_checkpointing")
    assert option_schema("activation_checkpointing") is None
    with pytest.raises(
        UserError, match=r"several options; write one of: evaluation\.images, evaluation\.quick\.images$"
    ):
        explain("images")

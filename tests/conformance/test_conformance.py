"""What authors see of the rules: tests that pass, or fail with what to mend."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gankit import UserError
from gankit.plugins import plugins
from gankit.testing import conformance

LOSS = '''
from pydantic import Field, field_validator

from gankit import Loss, hookimpl


class Mine(Loss):
    """Apart by a margin."""

    margin: float = Field(default=1.0, gt=0)
    """How far."""

    def discriminator(self, real, fake):
        return (self.margin - real).relu().mean() + (self.margin + fake).relu().mean()

    def generator(self, fake, real):
        return -fake.mean()


@hookimpl
def gankit_register(register):
    register("mine", Mine)
'''

Run = Callable[..., dict[str, BaseException | None]]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Holds a plugin of one file to the rules; gives what each test of a component and a rule ends with, by its id."""

    def run(text: str, options: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, BaseException | None]:
        (tmp_path / "mine.py").write_text(text)
        test = conformance(str(tmp_path / "mine.py"), options)
        (mark,) = test.pytestmark  # pyright: ignore[reportFunctionMemberAccess]
        ended: dict[str, BaseException | None] = {}
        for trial in mark.args[1]:
            try:
                ended[trial.id] = test(*trial.values)
            except (Exception, pytest.fail.Exception, pytest.skip.Exception) as end:
                ended[trial.id] = end
        return ended

    with plugins.restored():
        yield run


def failed(ended: Mapping[str, BaseException | None]) -> dict[str, str]:
    return {name.rpartition(":")[2]: str(end) for name, end in ended.items() if end is not None}


def test_each_component_is_held_to_each_rule_of_its_kind(run: Run) -> None:
    ended = run(LOSS)
    assert failed(ended) == {}
    assert {"loss/mine:documented", "loss/mine:finite", "loss/mine:no-broadcasting"} <= ended.keys()
    assert not any(name.endswith((":right-shape", ":resolutions-double")) for name in ended)


def test_a_broken_rule_is_told_in_one_line_with_the_options(run: Run) -> None:
    ended = run(LOSS.replace("real).relu().mean()", "real).relu().sum()"))
    (rule,) = failed(ended)
    assert rule == "patches-count-alike"
    end = ended["loss/mine:patches-count-alike"]
    assert isinstance(end, pytest.fail.Exception)
    assert str(end).startswith("loss mine/mine, rule 'patches-count-alike' (Scores [N, patches] that agree")
    assert "with options {'margin': " in str(end)
    assert "\n" not in str(end)


def test_what_the_component_raises_is_shown_from_its_own_code_on(run: Run) -> None:
    end = run(LOSS.replace("return -fake.mean()", "return -fakes.mean()"))["loss/mine:finite"]
    assert isinstance(end, NameError)
    assert end.__notes__[-1].startswith("while trying loss mine/mine, rule 'finite' (Values and gradients are finite")
    frames = [Path(frame.filename).name for frame in traceback.extract_tb(end.__traceback__)]
    assert frames == ["test_conformance.py", "conformance.py", "conformance.py", "mine.py"]


def test_options_that_cannot_be_drawn_are_asked_for_and_given(run: Run) -> None:
    needs = LOSS.replace('"""How far."""', '"""How far."""\n    path: str\n    """Where."""')
    assert failed(run(needs))["finite"] == (
        "loss mine/mine needs 'path', which cannot be drawn: give the field examples, as in Field(examples=[...]), or "
        "the test a value: conformance(..., options={'mine': {'path': ...}})"
    )
    assert failed(run(needs, {"mine": {"path": "here"}})) == {}
    assert failed(run(needs, {"loss/mine": {"path": "here"}})) == {}
    with pytest.raises(UserError, match="options: the plugin has no component 'mien'; it has: loss/mine, mine"):
        run(needs, {"mien": {"path": "here"}})


def test_options_that_the_component_refuses_are_passed_over(run: Run) -> None:
    picky = """    @field_validator("margin")
    @classmethod
    def _whole(cls, margin):
        if margin {}:
            raise ValueError("no")
        return margin

    def discriminator"""
    assert failed(run(LOSS.replace("    def discriminator", picky.format("!= 1")))) == {}


def test_a_component_that_refuses_everything_was_not_tried(run: Run) -> None:
    never = LOSS.replace("default=1.0, gt=0", "default=1.0, gt=0, examples=[-1.0]")
    text = never.replace("margin: float = Field(default=1.0, gt=0,", "margin: float = Field(gt=0,")
    said = failed(run(text))["finite"]
    assert "could not be tried, as it refused all options and places that were drawn" in said


def test_a_mistake_that_is_not_the_same_every_time_is_told_too(run: Run) -> None:
    moody = LOSS.replace("class Mine", "CALLS = []\n\n\nclass Mine").replace(
        "        return -fake.mean()", "        CALLS.append(1)\n        return -fake.mean() * (1 / (len(CALLS) != 2))"
    )
    said = failed(run(moody))
    assert set(said.values()) == {"division by zero"}

"""What authors see of the rules: tests that pass, or fail with what to mend."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import pytest

from gankit import UserError
from gankit.core.registry import provided_by
from gankit.discovery.manager import plugins
from gankit.testing import conformance
from gankit.testing.conformance import ByName
from gankit.testing.strategies import ends_of

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

METRIC = '''
from gankit import Metric, UserError, hookimpl


class Mine(Metric):
    """Finds fault with all images."""

    def evaluate(self, samples):
        """`none`."""
        raise UserError("needs fur")


@hookimpl
def gankit_register(register):
    register("mine", Mine)
'''

Run = Callable[..., dict[str, BaseException | None]]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Holds a plugin of one file to the rules, or to some; gives what each component and rule end with, by their id."""

    def run(
        text: str, options: ByName | None = None, waive: ByName | None = None, rules: Collection[str] = ()
    ) -> dict[str, BaseException | None]:
        (tmp_path / "mine.py").write_text(text)
        test = conformance(str(tmp_path / "mine.py"), options, waive)
        (mark,) = test.pytestmark  # pyright: ignore[reportFunctionMemberAccess]
        ended: dict[str, BaseException | None] = {}
        for trial in mark.args[1]:
            if rules and trial.values[1].name not in rules:
                continue
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
    end = run(LOSS.replace("return -fake.mean()", "return -fakes.mean()"), rules=["finite"])["loss/mine:finite"]
    assert isinstance(end, NameError)
    assert end.__notes__[-1].startswith("while trying loss mine/mine, rule 'finite' (Values and gradients are finite")
    frames = [Path(frame.filename).name for frame in traceback.extract_tb(end.__traceback__)]
    assert list(dict.fromkeys(frames)) == ["test_conformance.py", "conformance.py", "mine.py"]


BLOCK = '''
from gankit import Block, hookimpl


class Mine(Block):
    """In groups, of which 1 channel makes none."""

    def build(self, context):
        """Another."""
        from torch import nn

        groups = context.out_channels // 2
        return nn.Sequential(nn.Identity(), nn.Conv2d(context.in_channels, context.out_channels, 1, groups=groups))


@hookimpl
def gankit_register(register):
    register("mine", Mine)
'''


def test_of_a_block_that_raises_the_place_is_told_and_its_own_code_is_shown(run: Run) -> None:
    end = run(BLOCK, rules=["leaves-its-input"])["block/mine:leaves-its-input"]
    assert isinstance(end, ValueError)
    said = (
        r" at a place in a (generator|discriminator) \(resolution \d+, .*, \d+ to \d+ channels, resample .*\); with op"
    )
    assert re.search(said, end.__notes__[-1]), end.__notes__
    frames = [Path(frame.filename).name for frame in traceback.extract_tb(end.__traceback__)]
    assert list(dict.fromkeys(frames)) == ["test_conformance.py", "conformance.py", "mine.py"]


def test_where_none_of_its_own_code_is_run_the_layer_that_raises_is_shown(run: Run) -> None:
    wrong = BLOCK.replace("context.out_channels, 1, groups=groups", "context.out_channels, 99")
    end = run(wrong, rules=["leaves-its-input"])["block/mine:leaves-its-input"]
    assert isinstance(end, RuntimeError)
    frames = [Path(frame.filename).name for frame in traceback.extract_tb(end.__traceback__)]
    assert list(dict.fromkeys(frames)) == ["test_conformance.py", "conformance.py", "conv.py"]


def test_options_that_cannot_be_drawn_are_asked_for_and_given(run: Run) -> None:
    needs = LOSS.replace('"""How far."""', '"""How far."""\n    path: str\n    """Where."""')
    assert failed(run(needs, rules=["finite"]))["finite"] == (
        "loss mine/mine needs 'path', which cannot be drawn: give the field examples, as in Field(examples=[...]), or "
        "the test a value: conformance(..., options={'mine': {'path': ...}})"
    )
    drawn = ["finite", "survives-yaml"]
    assert failed(run(needs, {"mine": {"path": "here"}}, rules=drawn)) == {}
    assert failed(run(needs, {"loss/mine": {"path": "here"}}, rules=drawn)) == {}
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
    picky_loss = LOSS.replace("    def discriminator", picky.format("!= 1"))
    assert failed(run(picky_loss, rules=["finite", "goes-on-to-the-bit", "survives-yaml"])) == {}


@pytest.mark.slow
def test_a_component_that_refuses_everything_was_not_tried(run: Run) -> None:
    never = LOSS.replace("default=1.0, gt=0", "default=1.0, gt=0, examples=[-1.0]")
    text = never.replace("margin: float = Field(default=1.0, gt=0,", "margin: float = Field(gt=0,")
    said = failed(run(text))["finite"]
    assert "could not be tried, as it refused all options and places that were drawn" in said


def test_a_metric_that_refuses_all_images_was_not_tried(run: Run) -> None:
    said = failed(run(METRIC, rules=["finite-numbers", "only-measures", "order-says-nothing"]))
    assert {"finite-numbers", "only-measures", "order-says-nothing"} <= said.keys()
    assert (
        "could not be tried, as it refused all options and places that were drawn (at last with: needs fur)"
        in (said["only-measures"])
    )


def test_a_mistake_is_told_though_other_options_are_refused(run: Run) -> None:
    picky = """    @field_validator("margin")
    @classmethod
    def _small(cls, margin):
        if not 1 <= margin <= 3:
            raise ValueError("no")
        return margin

    def discriminator"""
    broken = LOSS.replace("    def discriminator", picky).replace("real).relu().mean()", "real).relu().mean() / 0")
    said = failed(run(broken, rules=["finite", "no-broadcasting", "patches-count-alike"]))
    assert "discriminator() or its gradient is not finite" in said["finite"]
    for rule in ("no-broadcasting", "patches-count-alike"):
        assert " is not finite; with options" in said[rule]


def test_an_option_is_tried_at_its_bounds_but_not_at_sizes_that_would_take_for_ever(tmp_path: Path) -> None:
    text = LOSS.replace("import Loss", "import Images, Loss").replace(
        "    def discriminator",
        """    cubes: int = Field(default=2, gt=0, lt=20)
    \"\"\"Some.\"\"\"
    layers: int = Field(default=8, ge=1, le=100_000)
    \"\"\"Many.\"\"\"
    warm: Images = Field(default=5000, ge=1000, le=1_000_000)
    \"\"\"At first.\"\"\"
    share: float = Field(default=0.5, ge=0, lt=1)
    \"\"\"A part.\"\"\"
    way: Literal["up", "down", "on"] = "up"
    \"\"\"Where.\"\"\"
    sizes: list[int] = Field(default=[1], min_length=1)
    \"\"\"Of them.\"\"\"

    def discriminator""",
        1,
    )
    (tmp_path / "mine.py").write_text(text.replace("from pydantic", "from typing import Literal\n\nfrom pydantic", 1))
    with plugins.restored():
        (entry,) = provided_by(plugins.load_file(tmp_path / "mine.py"))
        ends = ends_of(entry, {"margin": 2.0})
    assert all(end.pop("margin") == 2.0 and len(end) == 1 for end in ends)
    assert [end for end in ends if "cubes" in end] == [{"cubes": 19}, {"cubes": 1}]
    assert [end for end in ends if "layers" in end] == [{"layers": 64}, {"layers": 1}]
    assert [end for end in ends if "warm" in end] == [{"warm": 5000}, {"warm": 1000}][1:]
    assert [end for end in ends if "share" in end] == [{"share": 0.9375}, {"share": 0.0}]
    assert [end for end in ends if "way" in end] == [{"way": "on"}, {"way": "down"}]
    assert not [end for end in ends if "sizes" in end]


def test_a_rule_that_is_waived_is_skipped_with_the_reason(run: Run) -> None:
    wrong = LOSS.replace("real).relu().mean()", "real).relu().sum()")
    ended = run(wrong, waive={"mine": {"patches-count-alike": "meant so"}}, rules=["patches-count-alike", "finite"])
    (end,) = [end for end in ended.values() if end]
    assert isinstance(end, pytest.skip.Exception)
    assert str(end) == "waived: meant so"


def test_a_waived_rule_that_is_not_broken_fails(run: Run) -> None:
    waived = {"loss/mine": {"patches-count-alike": "meant so"}}
    said = failed(run(LOSS, waive=waived, rules=["patches-count-alike", "finite"]))
    assert said == {"patches-count-alike": "loss mine/mine does not break the waived rule 'patches-count-alike'"}


def test_what_is_waived_is_a_rule_of_a_component(run: Run) -> None:
    with pytest.raises(UserError, match="waive: the plugin has no component 'mien'; it has: loss/mine, mine"):
        run(LOSS, waive={"mien": {"finite": "no"}})
    with pytest.raises(UserError, match="waive: loss mine is held to no rule right-shape; those of its kind: differ"):
        run(LOSS, waive={"mine": {"right-shape": "no"}})


def test_a_mistake_that_is_not_the_same_every_time_is_told_too(run: Run) -> None:
    moody = LOSS.replace("class Mine", "CALLS = []\n\n\nclass Mine").replace(
        "        return -fake.mean()", "        CALLS.append(1)\n        return -fake.mean() * (1 / (len(CALLS) != 2))"
    )
    said = failed(run(moody))
    assert set(said.values()) == {"division by zero"}

"""A key of a table by resolution that no network comes to is refused where it stands; what else is told helpfully."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.toys import EXPERIMENT, changed

from gankit.config.experiment import Experiment

Mistakes = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("old", "new", "key", "option", "here", "meant"),
    [
        ("{4: 16, 16: 8}", "{4: 16, 15: 8}", 15, "training.batch", "4, 8, 16", 16),
        ("{4: 16, 16: 8}", "{4: 16, 61: 8}", 61, "training.batch", "4, 8, 16", 16),
        ("{4: 16, 16: 8}", "{3: 16, 16: 8}", 3, "training.batch", "4, 8, 16", 4),
        ("lr: 1e-3", "lr: {4: 1, 7: 2}", 7, "training.optimizer.lr", "4, 8, 16", 8),
        ("images: 1k}", "fade: {8: 9, 12: 5}}", 12, "growth.fade", "8, 16", 8),
        ("{4: 64, 16: 32}", "{4: 64, 9: 32}", 9, "generator.channels", "4, 8, 16", 8),
        ("slope: 0.3}", "groups: {4: 2, 9: 1}}", 9, "discriminator.block.groups", "8, 16", 8),
    ],
)
def test_keys_that_are_no_resolution(
    mistakes: Mistakes, old: str, new: str, key: int, option: str, here: str, meant: int
) -> None:
    (found,) = mistakes(changed(old, new))
    line, source, caret = found.splitlines()
    said = f"{option}.{key}: {key} is never reached: resolutions here are {here}; did you mean {meant}?"
    assert line.partition(": ")[2] == said
    assert source[caret.index("^") :].startswith(f"{key}: ")


def test_a_key_of_a_setting_is_named(mistakes: Mistakes) -> None:
    (found,) = mistakes(EXPERIMENT, "training.batch={4: 64, 7: 3}")
    assert found.startswith("--set training.batch={4: 64, 7: 3}: training.batch.7: 7 is never reached")


def test_tables_may_go_on_below_the_first_resolution_and_above_the_last(load: Callable[..., Experiment]) -> None:
    batch = load(changed("{4: 16, 16: 8}", "{1: 32, 4: 16, 16: 8, 64: 4}")).training.batch
    assert batch == {1: 32, 4: 16, 16: 8, 64: 4}
    load(changed("[4, 8, 16]", "[16, 32]"), "discriminator.base=8")


def test_several_values_in_one_text_are_told_to_be_a_list(mistakes: Mistakes) -> None:
    (found,) = mistakes(changed("metrics: count", "metrics: 'count,other'"))
    assert found.splitlines()[0].endswith("evaluation.metrics: several are a list: [count, other]")


def test_a_word_for_a_device_that_is_meant_is_understood(mistakes: Mistakes) -> None:
    (found,) = mistakes(EXPERIMENT, "training.device=gpu")
    assert found.endswith("not 'gpu'. Did you mean 'cuda'?")

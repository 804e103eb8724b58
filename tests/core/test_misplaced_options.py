"""Who writes an option in a wrong place is told the right one, and who names a component by another word of `use`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.toys import EXPERIMENT, changed

from gankit.config.option_paths import option_paths
from gankit.core.errors import UserError

Mistakes = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: toy", "name: toy\nbatch: 32", "batch: unknown option. Did you mean 'training.batch'?"),
        ("name: toy", "name: toy\nlr: 1e-3", "lr: unknown option. Did you mean 'training.optimizer.lr'?"),
        (
            "name: toy",
            "name: toy\nhalf_life: 5k",
            "half_life: unknown option. Did you mean 'training.average.half_life'?",
        ),
        ("name: toy", "name: toy\nmargin: 3", "margin: unknown option. Did you mean 'loss.margin'?"),
        (
            "name: toy",
            "name: toy\nseeds: 3",
            "seeds: unknown option. Did you mean 'evaluation.seeds'? Or 'seed'?",
        ),
        (
            "name: toy",
            "name: toy\nweight: 2",
            "weight: unknown option. Did you mean 'regularizers.0.weight' or 'regularizers.1.weight'?",
        ),
        ("use: tug, ", "use: tug, seed: 2, ", "loss.seed: unknown option. Did you mean 'seed' at the top?"),
        ("weight: 3,", "weight: 3, margin: 2,", "regularizers.1.margin: unknown option. Did you mean 'loss.margin'?"),
        (
            "  batch: {",
            "  bootstrap: 5\n  batch: {",
            "training.bootstrap: unknown option. Did you mean 'evaluation.bootst",
        ),
        (
            "metrics: count,",
            "metrics: count, keep: 3,",
            "evaluation.keep: unknown option. Did you mean 'checkpoints.keep'?",
        ),
        ("1k}", "1k, final: 16}", "growth.final: unknown option. Options here: resolutions, images, fade."),
    ],
)
def test_an_option_that_belongs_elsewhere_is_told_where(mistakes: Mistakes, old: str, new: str, message: str) -> None:
    (found,) = mistakes(changed(old, new))
    assert f": {message}" in found.splitlines()[0]


def test_settings_of_the_command_line_are_told_so_too(mistakes: Mistakes) -> None:
    (found,) = mistakes(EXPERIMENT, "batch=16")
    assert found == "--set batch=16: batch: unknown option. Did you mean 'training.batch'?"


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("{use: tug, margin: 2}", "{name: push}", "its options; write 'use: push' in place of 'name: push'"),
        (
            "{use: tug, margin: 2}",
            "{type: toys/push, margin: 2}",
            "write 'use: toys/push' in place of 'type: toys/push'",
        ),
        ("{use: tug, margin: 2}", "{tug: {margin: 2}}", "write 'use: tug' in place of 'tug: ...'"),
        ("{use: tug, margin: 2}", "{name: pull}", "a mapping with 'use: <name>' and its options"),
        (
            "{use: tug, margin: 2}",
            "{use: tug, name: push}",
            "loss.name: unknown option. To name a loss, write 'use: push'.",
        ),
        ("use: exponential", "name: exponential", "unknown option. To name an average, write 'use: exponential'."),
        ("use: adam", "type: adam", "unknown option. To name an optimizer, write 'use: adam'."),
        ("  block: {use: plain, slope: 0.3}", "  block: {name: still}", "write 'use: still' in place of 'name: still'"),
        ("[leash,", "[{name: leash},", "regularizers.0: expected the name of a regularizer, or"),
    ],
)
def test_a_component_named_by_another_word_is_told_of_use(mistakes: Mistakes, old: str, new: str, hint: str) -> None:
    (found,) = mistakes(changed(old, new))
    line = found.splitlines()[0]
    assert hint in line
    assert line.endswith(hint) or "write 'use: " in line


def test_all_options_are_known_by_their_paths(toys: None) -> None:
    paths = option_paths({"loss": "tug", "regularizers": ["leash"], "generator": {"block": {4: "plain"}}})
    assert {"name", "training.batch", "matrix", "evaluation.quick.images"} <= {*paths}
    assert {"loss.margin", "regularizers.0.pulls", "generator.block.4.slope", "training.optimizer.lr"} <= {*paths}
    assert {"data.path", "growth.resolutions"} <= {*paths}, "what has to be named may be any"
    assert not [path for path in paths if path.startswith(("regularizers.weight", "augment."))]
    assert len(paths) == len({*paths})


def test_arguments_of_commands_are_not_told_of_experiments(toys: None) -> None:
    from gankit.config.loader import read_arguments
    from gankit.config.option_paths import option_groups

    with pytest.raises(UserError, match=r"batch: unknown option\. Options here: metrics"):
        read_arguments(option_groups()["evaluation"], {"batch": "3"})

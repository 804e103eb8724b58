"""Every mistake in an experiment is reported, in plain words, where it stands."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.toys import EXPERIMENT, changed

from gankit.config.experiment import Experiment
from gankit.config.loader import load_experiment
from gankit.core.errors import UserError

Mistakes = Callable[..., list[str]]


def test_five_mistakes_at_once(mistakes: Mistakes) -> None:
    text = """\
name: toy
sed: 3
data: noise
growth: {use: steps, resolutions: [4, 8, 16], images: 1k}
generator:
  block: {use: plain, slop: 0.1}
  rgb: plain
  channels: 64
discriminator: {block: plain, rgb: plain, head: total, channels: {4: many}}
loss: tag
"""
    assert mistakes(text) == [
        "experiment.yaml:2:1: sed: unknown option. Did you mean 'seed'?\n    sed: 3\n    ^",
        "experiment.yaml:5:1: generator.stem: required option is missing\n    generator:\n    ^",
        "experiment.yaml:6:23: generator.block.slop: unknown option. Did you mean 'slope'?\n"
        "      block: {use: plain, slop: 0.1}\n"
        "                          ^",
        "experiment.yaml:9:70: discriminator.channels.4: expected a whole number, not 'many'\n"
        "    discriminator: {block: plain, rgb: plain, head: total, channels: {4: many}}\n"
        "                                                                         ^",
        "experiment.yaml:10:7: loss: no loss is called 'tag'. Did you mean 'tug'?\n    loss: tag\n          ^",
    ]


def test_the_last_line_counts(load: Callable[..., Experiment]) -> None:
    with pytest.raises(UserError, match=r"(?s)^experiment.yaml:3:55: .*experiment.yaml:3:58: .*\n\n2 mistakes$"):
        load(changed("images: 1k}", "images: x, fades: 1}"))
    with pytest.raises(UserError) as caught:
        load(changed("images: 1k}", "images: x}"))
    assert "mistakes" not in str(caught.value)


NEW_SEED = "1k}\nseed: "

WRONG_VALUES = [  # what is changed into what; what the caret stands under; the option; what is said about it
    ("1k}", NEW_SEED + "x", "x", "seed", "expected a whole number, not 'x'"),
    ("1k}", NEW_SEED + "true", "true", "seed", "expected a whole number, not true"),
    ("1k}", NEW_SEED + "'3'", "'3'", "seed", "expected a whole number, not '3'"),
    ("1k}", NEW_SEED + "1.5", "1.5", "seed", "expected a whole number, not 1.5"),
    ("1k}", NEW_SEED + "-1", "-1", "seed", "must be at least 0, not -1"),
    ("1k}", NEW_SEED + "[1]", "[1]", "seed", "expected a whole number, not a list"),
    ("1k}", NEW_SEED, "seed:", "seed", "expected a whole number, not null"),
    ("name: toy", "name: 12", "12", "name", "expected text, not 12; put it in quotes"),
    ("name: toy", "name: a b", "a b", "name", "'a b' is no name: a name begins with one of a-z"),
    ("name: toy", "name: été", "été", "name", "'été' is no name: a name begins with one of a-z"),
    ("data: noise\n", "", "name: toy", "data", "required option is missing"),
    ("data: noise", "data:", "data:", "data", "expected the name of a dataset"),
    ("data: noise", "data: {path: x}", "{path", "data", "expected the name of a dataset, or a mapping with 'use:"),
    ("data: noise", "data: {use: [x]}", "[x]", "data.use", "expected the name of a dataset"),
    ("data: noise", "data: {use: nose}", "nose", "data.use", "no dataset is called 'nose'. Did you mean 'noise'?"),
    ("data: noise", "data: tug", "tug", "data", "no dataset is called 'tug'. Available: noise."),
    ("1k}", "-1}", "-1}", "growth.images", "expected a number of images, such as 600000, 600k or 1.2M, not -1"),
    ("1k}", "10q}", "10q}", "growth.images", "expected a number of images, such as 600000, 600k or 1.2M, not '10q'"),
    ("1k}", "1k, x: 1}", "x: 1", "growth.x", "unknown option. Options here: resolutions, images, fade."),
    ("slope: 0.1}", "slope: 2}", "2}", "generator.block.16.1.slope", "must be at most 1.0, not 2"),
    ("slope: 0.3}", "slope: .nan}", ".nan", "discriminator.block.slope", "expected a finite number, not nan"),
    ("mode: hard", "mode: hrd", "hrd", "generator.norm.1.mode", "expected 'soft' or 'hard', not 'hrd'. Did you mean"),
    ("4: 64,", "four: 64,", "four:", "generator.channels.four", "expected a resolution, a whole number"),
    ("4: 64,", "-4: 64,", "-4:", "generator.channels.-4", "expected a resolution, a whole number"),
    ("1k}", "1k, fade: {8:1,16:2}}", "8:1,", "growth.fade.8:1", "a space is missing after the colon; a table"),
    ("4: 64,", "4:64,", "4:64", "generator.channels.4:64", "a space is missing after the colon; a table by resolution"),
    (
        "1k}",
        "1k, fade: x}",
        "x}",
        "growth.fade",
        "expected a number of images, such as 600000, 600k or 1.2M, not 'x'; or a table",
    ),
    ("channels: 64", "channels: many", "many", "discriminator.channels", "expected a whole number, not 'many'; or a"),
    ("channels: 64", "channels: {}", "{}", "discriminator.channels", "expected a whole number, not a mapping"),
    ("pulls: push}", "pulls: [push, pull]}", "pull]", "regularizers.1.pulls.1", "no loss is called 'pull'"),
    ("0.99]", "0.99, 1]", "[0, 0.99, 1]", "training.optimizer.betas", "expected at most 2 values, not 3"),
    ("0, 0.99]", "0.99]", "[0.99]", "training.optimizer.betas", "too few values: there are 1"),
    ("images: 100", "generators: null", "null", "evaluation.generators", "expected at least 1 values, not 0"),
    ("lr: 1e-3", "lr: 0", "0, betas", "training.optimizer.lr", "must be above 0.0, not 0"),
    ("use: adam", "use: adan", "adan", "training.optimizer.use", "no optimizer is called 'adan'"),
    ("use: exponential", "use: exponent", "exponent", "training.average.use", "no average is called 'exponent'"),
]

WRONG_TOGETHER = [  # the same for what no schema can find: components judge themselves, and options depend on others
    ("0.99]}", "0.99], generator: {lr: x}}", "x}", "training.optimizer.generator.lr", "expected a number, not 'x'"),
    ("margin: 2", "margin: 12", "12", "loss.margin", "a dozen is too much"),
    ("margin: 2", "margin: 13", "{use: tug", "loss", "loss toys/tug of plugin 'toys' failed with KeyError: 'thirteen'"),
    ("slope: 0.1}", "slope: 0.75}", "{use: plain, slope: 0.75}", "generator.block.16.1", "too steep"),
    ("slope: 0.3}", "slope: 0.75}", "{use", "discriminator.block", "too steep"),
    ("{use: plain, slope: 0.3}", "[plain, {use: plain, slope: 0.75}]", "{use", "discriminator.block.1", "too steep"),
    ("margin: 2", "margin: 14", "{use: tug", "loss", "fourteen is closed today"),
    (
        "[4, 8, 16]",
        "[13]",
        "{use: steps",
        "growth",
        "growth toys/steps of plugin 'toys' failed with IndexError: thirteen",
    ),
    ("weight: 3", "weight: 5", "{use: leash", "regularizers.1", "five is closed today"),
    ("weight: 3", "weight: 7", "{use: leash", "regularizers.1", "seven is an unlucky weight"),
    (
        "weight: 3",
        "weight: 6",
        "{use: leash",
        "regularizers.1",
        "regularizer toys/leash of plugin 'toys' failed with Zero",
    ),
    (
        "use: plain, slope: 0.3",
        "use: plain, groups: {16: 2}",
        "{16: 2}",
        "discriminator.block.groups",
        "gives no value",
    ),
    ("16: [plain, {", "16: [plain, {groups: {32: 2}, ", "{32: 2}", "generator.block.16.1.groups", "gives no"),
    ("{4: 16, 16: 8}", "{8: 16}", "{8: 16}", "training.batch", "gives no value for resolution 4: its first is 8"),
    ("{4: 64, 16: 32}", "{8: 16}", "{8: 16}", "generator.channels", "gives no value for resolution 4: its first is 8"),
    ("{4: plain, 16:", "{16:", "{16:", "generator.block", "gives no value for resolution 8: its first is 16"),
    ("lr: 1e-3", "lr: {8: 1}", "{8: 1}", "training.optimizer.lr", "gives no value for resolution 4: its first is 8"),
    ("images: 1k}", "fade: {16: 9}}", "{16: 9}", "growth.fade", "gives no value for resolution 8: its first is 16"),
    ("[4, 8, 16]", "[]", "{use: steps", "growth", "has no stages"),
    (
        "[4, 8, 16]",
        "[4, 16]",
        "{use: steps",
        "growth",
        "resolution of stage 2: must be 4, as in the stage before, or 8",
    ),
    (
        "[4, 8, 16]",
        "[4, 8, 8]",
        "{use: steps",
        "growth",
        "name of stage 3: two stages would be called 8x8; give one a name",
    ),
    (
        "images: 1k",
        "images: 0",
        "{use: steps",
        "growth",
        "has an impossible stage: 4x4 of 0 images, with a fade of 0",
    ),
    (
        "[4, 8, 16], images: 1k",
        "[4, 8], images: 15",
        "{use: steps",
        "growth",
        "gives 8x8 15 images, fewer than the 16 of one update of the discriminator, which may pass it by; give it",
    ),
    ("block: {use: plain, slope: 0.3}", "block: []", "[]", "discriminator.block", "names no block, but the resolution"),
    ("block: {4: plain", "block: {4: still", "still", "generator.block.4", "keeps the resolution, and the first block"),
    ("{use: plain, slope: 0.3}", "[plain, still]", "still", "discriminator.block.1", "keeps the resolution, and the"),
    ("channels: 64", "channels: 64\n  base: 8", "8", "discriminator.base", "must be 4, where growth starts, or that"),
    ("channels: 64", "channels: 64\n  base: 3", "3", "discriminator.base", "must be 4, where growth starts, or that"),
    (
        "rgb: plain\n  norm",
        "rgb: null\n  norm",
        "null",
        "generator.rgb",
        "null leaves the image to the outermost block",
    ),
]


@pytest.mark.parametrize(("old", "new", "token", "option", "message"), WRONG_VALUES + WRONG_TOGETHER)
def test_one_mistake(mistakes: Mistakes, old: str, new: str, token: str, option: str, message: str) -> None:
    text = changed(old, new)
    first, *others = mistakes(text)
    position = re.match(rf"experiment\.yaml:(\d+):(\d+): {re.escape(option)}: {re.escape(message)}", first)
    assert position, first
    line, column = int(position[1]), int(position[2])
    assert text.splitlines()[line - 1][column - 1 :].startswith(token), first
    _, source, caret = first.splitlines()
    assert source[caret.index("^") :].startswith(token)
    assert not others


def test_a_file_full_of_mistakes_is_refused_in_time(load: Callable[..., Experiment]) -> None:
    started = time.process_time()
    with pytest.raises(UserError) as caught:
        load(EXPERIMENT + "".join(f"key{number}: 1\n" for number in range(1_300)))
    assert str(caught.value).endswith("\n\n1300 mistakes; these are the first 50")
    assert str(caught.value).count("unknown option") == 50
    assert time.process_time() - started < 3


def test_what_can_work_is_not_refused(load: Callable[..., Experiment]) -> None:
    load(changed("{4: plain, 16:", "{8: plain, 16:"))  # blocks stand above the base
    load(changed("channels: 64", "channels: {2: 64}\n  base: 2"))
    load(changed("[4, 8, 16]", "[8]"), "generator.rgb=null", "growth.fade={64: 1}")
    load(changed("[4, 8, 16]", "[4]"), "generator.block=[]", "discriminator.block={64: still}")
    load(changed("16: [plain, {", "16: [plain, {groups: {16: 2}, "))  # asked only where it stands
    with pytest.raises(
        UserError, match=r"experiment.yaml:14:13: discriminator.channels: .* resolution 2: its first is 4"
    ):
        load(changed("channels: 64", "channels: {4: 64}\n  base: 2"))


def test_the_first_resolution_is_the_base_doubled_some_times(
    mistakes: Mistakes, load: Callable[..., Experiment]
) -> None:
    found = mistakes(changed("[4, 8, 16]", "[12, 24]"))
    assert [line for mistake in found if ".base: " in (line := mistake.splitlines()[0])] == [
        "experiment.yaml:4:1: generator.base: must be 12, where growth starts, or that halved some times, not 4",
        "experiment.yaml:10:1: discriminator.base: must be 12, where growth starts, or that halved some times, not 4",
    ]
    one_value = ["generator.channels=8", "generator.block=plain", "training.batch=8"]
    load(changed("[4, 8, 16]", "[12, 24]"), "generator.base=6", "discriminator.base=12", *one_value)


def test_a_failing_component_is_not_blamed_for_what_others_explain(mistakes: Mistakes) -> None:
    found = mistakes(changed("weight: 3", "weight: 6"), "training.batch={32: 1}", "generator.base=8")
    assert [mistake.partition(": ")[2].partition(":")[0] for mistake in found] == ["generator.base"]
    found = mistakes(changed("weight: 3", "weight: 6"), "regularizers.0.weight=7")
    assert [mistake.splitlines()[0] for mistake in found] == [
        "experiment.yaml:16:16: regularizers.0: seven is an unlucky weight"
    ]


def test_a_default_that_cannot_be_had_is_reported_where_it_could_be_set(mistakes: Mistakes) -> None:
    text = changed("evaluation: {metrics: count, images: 100}\n", "")
    from gankit.core.registry import registries

    registries["extractor"].unregister("toys")
    registries["optimizer"].unregister("toys")
    assert [mistake.splitlines()[0] for mistake in mistakes(text.replace("optimizer: ", "#"))] == [
        "experiment.yaml:1:1: evaluation.extractor: no extractor is called 'inception'. Available: none.",
        "experiment.yaml:17:1: training.optimizer.use: no optimizer is called 'adam'. Available: none.",
    ]


def test_mistakes_in_parents_and_settings(mistakes: Mistakes) -> None:
    Path("parent.yaml").write_text(EXPERIMENT.replace("margin: 2", "margin: two"))
    found = mistakes(
        "extends: parent.yaml\ntraining:\n  batch: none\nloss:\n  margins: 1\n", "seed=x", "generator.base=9k"
    )
    assert found == [
        "experiment.yaml:3:10: training.batch: expected a whole number, not 'none'; or a table by resolution, "
        "as in {8: ...}\n      batch: none\n             ^",
        "experiment.yaml:5:3: loss.margins: unknown option. Did you mean 'margin'?\n      margins: 1\n      ^",
        "parent.yaml:15:26: loss.margin: expected a number, not 'two'\n    loss: {use: tug, margin: two}\n"
        "                             ^",
        "--set generator.base=9k: generator.base: expected a whole number, not '9k'",
        "--set seed=x: seed: expected a whole number, not 'x'",
    ]


def test_long_and_odd_values_are_cut_and_made_printable(mistakes: Mistakes) -> None:
    (found,) = mistakes(changed("1k}", f"1k}}\nseed: {'x' * 10_000}"))
    assert all(len(line) < 130 for line in found.splitlines())
    (found,) = mistakes(changed("1k}", '1k}\n"\\e[31m": 1'))
    assert found.replace("\n", "").isprintable()
    (found,) = mistakes(changed("1k}", f"1k}}\n? {'k' * 9000}\n: 1"))
    assert all(len(line) < 800 for line in found.splitlines())
    (found,) = mistakes(changed("1k}", NEW_SEED + "'日本語'"))
    assert "not '日本語'" in found


PIECES = ["", *":-{}[]\n\t'x0", "  ", "null", "8: ", "&a ", "*a", "use: ", "1e9"]


@pytest.mark.costly
def test_no_text_ends_in_a_traceback(toys: None, tmp_path: Path) -> None:
    file = tmp_path / "mutated.yaml"

    @given(st.data())
    def is_told(data: st.DataObject) -> None:
        text = EXPERIMENT
        for _ in range(data.draw(st.integers(1, 4))):
            start = data.draw(st.integers(0, len(text)))
            end = data.draw(st.integers(start, min(start + 12, len(text))))
            new = data.draw(st.sampled_from(PIECES))
            text = text[:start] + new + text[end:]
        file.write_text(text)
        with suppress(UserError):
            load_experiment(file)

    is_told()


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in `value`, itself left out."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(*path, key) for key, _ in below] + [deep for key, item in below for deep in places(item, (*path, key))]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 70) | st.floats() | st.sampled_from([*"ab", "plain", "tug", "600k"]),
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(st.sampled_from(["use", "generator", "weight", 0, 4, 8]), values, max_size=3)
    ),
    max_leaves=5,
)


@pytest.mark.costly
def test_no_value_ends_in_a_traceback(toys: None, tmp_path: Path) -> None:
    file, whole = tmp_path / "mutated.yaml", yaml.safe_load(EXPERIMENT)

    @given(st.data())
    def is_told(data: st.DataObject) -> None:
        experiment: Any = copy.deepcopy(whole)
        *path, last = data.draw(st.sampled_from(places(experiment)))
        parent = experiment
        for key in path:
            parent = parent[key]
        parent[last] = data.draw(ANYTHING)
        file.write_text(yaml.safe_dump(experiment))
        with suppress(UserError):
            load_experiment(file)

    is_told()

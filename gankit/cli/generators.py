"""What the commands have in common that make pictures of a trained generator."""

from __future__ import annotations

import argparse
import math
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gankit.cli.options import add_no_run_plugins_option, add_plugin_option, add_which_option
from gankit.core.errors import Suggestion, UserError
from gankit.core.text import printable

if TYPE_CHECKING:
    from gankit.generators.trained import TrainedGenerator

ALSO_OPTIONS = {"label": "--label", "stage": "--stage", "truncation": "--truncation"}
"""Arguments of Python's functions with the options that say the same."""
MOST_TRUNCATION = 2
"""Beyond 1 styles are pushed away from their mean; of normal latents one number in 22 is beyond 2."""


def add_generator_options(parser: argparse.ArgumentParser) -> None:
    """Add what names a trained generator: `folder`, `plugin`, `best`, `stage`, `which`, `at`, `alpha`."""
    add_no_run_plugins_option(parser)
    add_plugin_option(parser)
    place = "a run's folder, one of its checkpoints, a folder with one run, what was exported, or hub:USER/NAME"
    parser.add_argument("folder", type=Path, metavar="RUN", help=place)
    parser.add_argument("--best", action="store_true", help="take the run's best checkpoint, not the newest")
    stage = "take the newest checkpoint of this stage that the run has kept: its number, name or size, as 8x8"
    parser.add_argument("--stage", metavar="STAGE", help=stage)
    add_which_option(parser)
    parser.add_argument(
        "--at", metavar="STAGE", help="grow it as in this stage, or to this scale, as 8x8, with the weights that it has"
    )
    alpha = "grow it with this weight of the stage's own layers, from 0, which is the stage before, to 1"
    parser.add_argument("--alpha", type=float, metavar="A", help=alpha)


def add_label_option(parser: argparse.ArgumentParser, text: str, several: str = "") -> None:
    """Add `label`, a class by its number or its name, and `attribute`, texts on values of attributes."""
    parser.add_argument("--label", metavar="K|NAME", help=f"{text}: its number, counted from 0, or its name")
    value = f"a value of an attribute, where there are some{several}; repeatable, others are as reals have them"
    parser.add_argument("--attribute", action="append", default=[], metavar="NAME=VALUE", help=value)


def add_truncation_options(parser: argparse.ArgumentParser) -> None:
    """Add `truncation` and `cutoff`, of one number each."""
    text = (
        "pull styles towards their mean, that of their class if there are some: 1 not at all, 0 fully; or have no "
        "number of a latent be further from 0, where the mapping truncates latents"
    )
    parser.add_argument("--truncation", type=float, metavar="PSI", help=text)
    add_cutoff_option(parser)


def add_cutoff_option(parser: argparse.ArgumentParser) -> None:
    """Add `cutoff`."""
    text = "truncate only the first N styles, those of the coarsest layers"
    parser.add_argument("--cutoff", type=int, metavar="N", help=text)


def check_truncations(truncations: Sequence[float], cutoff: int | None) -> None:
    """Refuse numbers that make no sense.

    Raises:
        UserError: naming the option.
    """
    for truncation in truncations:
        if not 0 <= truncation <= MOST_TRUNCATION:
            raise UserError(f"--truncation: expected a number from 0 to {MOST_TRUNCATION}, not {truncation:g}")
    if cutoff is not None and (not truncations or cutoff < 1):
        raise UserError("--cutoff: expected a number of styles, 1 or more, beside --truncation")


@contextmanager
def asked_generator(
    arguments: argparse.Namespace, option: str = "-o", sweeps: bool = False
) -> Iterator[TrainedGenerator]:
    """The generator that arguments name, for pictures to be made of and written within the block.

    What a component of it raises there is told with its name, and what the disk says with the option. An attribute may
    have several values if the command `sweeps` them.

    Raises:
        UserError: if there is none, or not at that stage, or without such attributes.
    """
    from gankit.runs.attribution import attributing_errors

    generator = generator_meant(arguments)
    several = attributes_meant(arguments)
    if not sweeps and (swept := [name for name, values in several.items() if len(values) > 1]):
        raise UserError(f"--attribute: expected one value of {swept[0]}; gankit sample makes a row of each of several")
    if values := {name: values[0] for name, values in several.items() if len(values) == 1}:
        generator = with_attributes(generator, values)
    with told_as_options():
        generator.refuse_truncation(None if getattr(arguments, "truncation", None) is None else 1)
    with attributing_errors(generator.experiment):
        try:
            yield generator
        except OSError as failure:
            raise UserError(f"{option}: cannot write {arguments.output}: {failure.strerror}") from None


def generator_meant(arguments: argparse.Namespace, device: str = "auto") -> TrainedGenerator:
    """The generator that arguments name, on a device.

    Raises:
        UserError: if there is none, or not at that stage.
    """
    from gankit.generators.loading import load

    named = {"best": arguments.best, "stage": arguments.stage, "plugins": arguments.plugin}
    with told_as_options():
        generator = load(arguments.folder, arguments.which, device=device, **named)
    if arguments.at is None and arguments.alpha is None:
        return generator
    return _grown(generator, arguments.at, arguments.alpha)


def _grown(generator: TrainedGenerator, stage: str | None, alpha: float | None) -> TrainedGenerator:
    """The generator grown as in a stage, by its label, name or number, or as far as it is."""
    if alpha is not None and not 0 <= alpha <= 1:
        raise UserError(f"--alpha: expected a number from 0 to 1, not {alpha:g}")
    resolution = generator.resolution if stage is None else None
    with told_as_options(stage="--at"):
        grown = generator.at(stage, resolution, 1.0 if alpha is None else alpha)
    if alpha is not None and alpha < 1 and grown.resolution <= generator.network.stage_resolutions[0]:
        raise UserError(f"--alpha: nothing fades in at the first stage, {grown.progress.label}")
    return grown


@contextmanager
def told_as_options(**others: str) -> Iterator[None]:
    """Tell mistakes in arguments of Python's functions within the block by the options that say the same.

    Args:
        others: Options by argument, before `ALSO_OPTIONS`.
    """
    try:
        yield
    except UserError as problem:
        argument, colon, said = str(problem).partition(": ")
        if colon and (option := {**ALSO_OPTIONS, **others}.get(argument)) is not None:
            raise UserError(f"{option}: {said}", Suggestion.of(problem.hint)) from None
        raise


def attributes_meant(arguments: argparse.Namespace) -> dict[str, list[float]]:
    """The values of each attribute that arguments name, of which `gankit sample` takes several.

    Raises:
        UserError: if one is no number.
    """
    found: dict[str, list[float]] = {}
    for text in getattr(arguments, "attribute", []):
        name, _, values = text.rpartition("=")
        try:
            numbers = [float(value) for value in values.split(",")]
        except ValueError:
            numbers = []
        if not name or not numbers or not all(map(math.isfinite, numbers)):
            raise UserError(f"--attribute: expected a name and a number, such as age=0.5, not {text!r:.60}")
        if name in found:
            raise UserError(f"--attribute: {name} is named twice")
        found[name] = numbers
    return found


def with_attributes(generator: TrainedGenerator, values: Mapping[str, float]) -> TrainedGenerator:
    """The generator whose samples have these values of attributes.

    Raises:
        UserError: if there are none such.
    """
    with told_as_options(attributes="--attribute"):
        return generator.with_attributes(values)


def class_meant(text: str | None, generator: TrainedGenerator) -> int | None:
    """The number of the class that `text` names; what is both a name and a number is the name. None if it is None.

    Raises:
        UserError: if there is none.
    """
    if text is None:
        return None
    with told_as_options():
        number = generator.class_number(text)
    if text.isdecimal() and int(text) != number:
        print(f"--label: class {number}, whose name is {text}", file=sys.stderr)
    return number


def typed_command(arguments: argparse.Namespace) -> str:
    """The command as it was typed, but for where its output goes, which makes no other picture."""
    return shlex.join(["gankit", *_without(arguments.typed, "-o", "--output")])


def command_of_seed(arguments: argparse.Namespace) -> Callable[[int], str]:
    """The command that makes the picture of one seed alone, of a command that makes those of several."""
    kept = _without(arguments.typed, "-o", "--output", "--seeds")
    return lambda seed: shlex.join(["gankit", *kept, "--seeds", str(seed)])


def _without(typed: Sequence[str], *options: str) -> list[str]:
    """Words of a command without some options and what follows these; --json makes no other picture."""
    kept, skips = list[str](), False
    for word in typed:
        joined = any(word.startswith(f"{name}=" if name.startswith("--") else name) for name in options)
        if not (skips or joined or word in (*options, "--json")):
            kept.append(word)
        skips = not skips and word in options
    return kept


def said(path: Path, what: str = "") -> None:
    """Tell on standard error what was written."""
    print(printable(f"wrote {path}{f': {what}' if what else ''}"), file=sys.stderr)

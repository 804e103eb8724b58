"""gankit average."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gankit.cli.completers import completed_by, component_names
from gankit.cli.evaluate import ARGUMENTS, COMPONENTS
from gankit.cli.options import add_no_run_plugins_option
from gankit.core.errors import UserError
from gankit.core.text import printable
from gankit.training.profiles import LONGEST, SHORTEST

MEASURING = ("data", "metrics", "extractor", "images", "reals", "seed", "seeds", "bootstrap")
"""Options of gankit evaluate that --sweep takes."""
ENDING = ".safetensors"


def add_average_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    text = "a run that kept snapshots of two averages of power, as checkpoints.snapshots says"
    parser.add_argument("path", metavar="RUN", type=Path, help=text)
    chosen = parser.add_mutually_exclusive_group(required=True)
    text = "the length to make, as a share of the images shown at the last resolution, such as 0.1"
    chosen.add_argument("--length", metavar="L", help=text)
    text = "lengths to be measured, such as 0.02,0.05,0.1,0.2; a table tells which is best"
    chosen.add_argument("--sweep", metavar="L,L,...", help=text)
    text = "the .safetensors file to write, which gankit evaluate and gankit.load take"
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help=f"with --length: {text}")
    for name in MEASURING:
        metavar, text = ARGUMENTS[name]
        argument = parser.add_argument(f"--{name}", metavar=metavar, help=f"with --sweep: {text}")
        if name in COMPONENTS:
            completed_by(argument, lambda kind=COMPONENTS[name], **_: component_names(kind))
    add_no_run_plugins_option(parser)


def average_command(arguments: argparse.Namespace) -> int:
    """Choose after training how long the averaged generator reaches back, out of the snapshots that a run has kept."""
    given = [name for name in MEASURING if getattr(arguments, name) is not None]
    if arguments.sweep is not None:
        if arguments.output is not None:
            raise UserError("-o: goes with --length; --sweep measures and writes nothing")
        return _sweep(arguments)
    if given:
        raise UserError(f"--{given[0]}: goes with --sweep; --length measures nothing")
    output: Path | None = arguments.output
    if output is None or output.suffix.lower() != ENDING:
        said = "" if output is None else f", not {output}"
        raise UserError(f"-o: expected the name of the file to write, which ends in {ENDING}{said}")
    length = _length("--length", arguments.length)

    from gankit.cli.answers.results import AverageAnswer
    from gankit.generators.averaging import averages_of
    from gankit.generators.exported import write_export

    [made] = averages_of(arguments.path, [length])
    try:
        write_export(output, made.generator)
    except OSError as failure:
        raise UserError(f"-o: cannot write {output}: {failure.strerror}") from None
    at = f"{made.generator.progress.label} after {made.generator.progress.images:,} images"
    what = f"the average of length {length:g} at {at}, of {made.snapshots} snapshots, its profile {made.error:.2%} off"
    print(printable(f"wrote {output}: {what}"), file=sys.stderr)
    arguments.answer(
        AverageAnswer(
            wrote=str(output),
            images=made.generator.progress.images,
            snapshots=made.snapshots,
            apart=made.error,
            measurements=[],
        )
    )
    return 0


def _sweep(arguments: argparse.Namespace) -> int:
    """Measure averages of several lengths, and print a table of them."""
    lengths = [*dict.fromkeys(_length("--sweep", text) for text in arguments.sweep.split(","))]

    from gankit.api.averaging import measure_averages
    from gankit.api.measurement import read_protocol
    from gankit.cli.answers.results import AverageAnswer, MeasuredAnswer
    from gankit.discovery.manager import plugins
    from gankit.results.run_tables import print_metrics

    plugins.load_installed()
    protocol = read_protocol({name: getattr(arguments, name) for name in MEASURING})
    say = lambda text: print(printable(text), file=sys.stderr, flush=True)  # noqa: E731
    results = measure_averages(arguments.path, lengths, protocol, say)
    if arguments.json:
        of = [*map(MeasuredAnswer.of, results)]
        arguments.answer(AverageAnswer(wrote=None, images=None, snapshots=None, apart=None, measurements=of))
    else:
        print_metrics(results)
    return 0


def _length(option: str, text: str) -> float:
    """A length that there is.

    Raises:
        UserError: if it is none.
    """
    try:
        length = float(text)
    except ValueError:
        length = 0.0
    if not SHORTEST <= length <= LONGEST:
        raise UserError(f"{option}: expected a length from {SHORTEST:g} to {LONGEST:g}, not {text!r}")
    return length

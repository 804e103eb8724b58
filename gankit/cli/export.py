"""gankit export."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from gankit.cli.generators import add_generator_options, check_truncations, generator_meant, told_as_options
from gankit.core.errors import UserError
from gankit.core.options import did_you_mean
from gankit.core.text import printable

if TYPE_CHECKING:
    from gankit.generators.trained import TrainedGenerator
    from gankit.results.run_results import RunResults

Form = Literal["safetensors", "pt2", "onnx", "diffusers"]
PROGRAMS = ("pt2", "onnx")
"""Forms that run without gankit."""
FOLDER = "diffusers"
NOISE = ("constant", "input", "none")
"""What becomes of noise in a program."""


def add_export_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    from gankit.cli.completers import completed_by

    add_generator_options(parser)
    form = parser.add_argument(
        "--to",
        required=True,
        metavar="FORM",
        help="safetensors: one file, for gankit; pt2: a program for torch alone; onnx: one for ONNX runtimes; "
        "diffusers: a folder with a model card and samples; hub:USER/NAME: that folder, sent to the Hugging Face Hub",
    )
    completed_by(form, lambda **_: [*get_args(Form), "hub:"])
    parser.add_argument("-o", "--output", type=Path, metavar="FILE|FOLDER", help="what to write; not with hub:")
    parser.add_argument(
        "--truncation",
        type=float,
        metavar="PSI",
        help="pt2, onnx: pull styles towards their mean: 1 not at all, 0 fully",
    )
    parser.add_argument("--cutoff", type=int, metavar="N", help="pt2, onnx: truncate only the first N styles")
    parser.add_argument(
        "--noise",
        choices=NOISE,
        help="pt2, onnx: what the network draws inside is constant, the same for every image (the default); an input, "
        "noise0, noise1, ...; or none, zeros",
    )
    licence = "diffusers, hub: what the card says of the licence (default: unknown)"
    parser.add_argument("--licence", metavar="TEXT", help=licence)


def export_command(arguments: argparse.Namespace) -> int:
    """Write a trained generator for others: as one file, as a program that runs without gankit, or as a folder."""
    form, repository = _check(arguments)

    from gankit.cli.answers.pictures import ExportAnswer

    if repository is not None:
        from gankit.generators.hub import require_token

        require_token()
    generator = generator_meant(arguments, device="cpu")
    if repository is not None:
        return _send(arguments, generator, repository)
    said, apart = "", None
    try:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        if form in PROGRAMS:
            apart = _write_program(arguments, generator, form)
            said = f": its images are the generator's to {f'{apart:.1g} of their range' if apart else 'the bit'}"
        elif form == FOLDER:
            _write_folder(arguments, generator, arguments.output, arguments.output.resolve().name)
        else:
            from gankit.generators.exported import write_export

            write_export(arguments.output, generator)
    except OSError as failure:
        raise UserError(f"-o: cannot write {arguments.output}: {failure.strerror or failure}") from None
    print(printable(f"wrote {arguments.output}{said}"), file=sys.stderr)
    arguments.answer(ExportAnswer(wrote=str(arguments.output), sent_to=None, apart=apart))
    return 0


def _write_program(arguments: argparse.Namespace, generator: TrainedGenerator, form: str) -> float:
    """Write a .pt2 or .onnx.

    Returns:
        How far its images are from the generator's, as a share of their range.
    """
    from gankit.exports.programs import refuse_impossible, write_onnx, write_pt2
    from gankit.exports.tracing import CLOSE, Baked

    noise: Any = "fixed" if arguments.noise in (None, "constant") else arguments.noise
    baked = Baked(arguments.truncation, arguments.cutoff, noise)
    with told_as_options():
        refuse_impossible(generator, baked, form)
    print(f"tracing {generator.extra_repr()}; this may take a minute", file=sys.stderr)
    write: Callable[..., float] = write_pt2 if form == "pt2" else write_onnx
    apart = write(arguments.output, generator, baked)
    if apart > CLOSE:
        print("the network amplifies what is rounded: it normalizes maps that are all but constant", file=sys.stderr)
    return apart


def _write_folder(arguments: argparse.Namespace, generator: TrainedGenerator, folder: Path, place: str) -> None:
    from gankit.exports.card import UNKNOWN, CardOptions
    from gankit.exports.folder import write_folder

    print("drawing samples", file=sys.stderr)
    options = CardOptions(place, UNKNOWN if arguments.licence is None else arguments.licence)
    write_folder(folder, generator, _run_of(arguments.folder), options)


def _send(arguments: argparse.Namespace, generator: TrainedGenerator, repository: str) -> int:
    """Write the folder where nobody sees it, and send it."""
    from tempfile import TemporaryDirectory

    from gankit.cli.answers.pictures import ExportAnswer
    from gankit.generators.hub import upload

    with TemporaryDirectory() as place:
        folder = Path(place) / "model"
        _write_folder(arguments, generator, folder, arguments.to)
        print(f"sending {sum(file.stat().st_size for file in folder.iterdir()):,} bytes", file=sys.stderr)
        address = upload(folder, repository)
    print(printable(f"sent to {address}"), file=sys.stderr)
    arguments.answer(ExportAnswer(wrote=None, sent_to=address, apart=None))
    return 0


def _run_of(path: Path) -> RunResults | str:
    """What the run has to show that a generator was loaded from, or why that is not known."""
    from gankit.checkpoints.store import is_checkpoint
    from gankit.generators.exported import is_export
    from gankit.generators.hub import repository_of
    from gankit.results.finder import find_runs
    from gankit.results.run_results import read_run

    if repository_of(str(path)) or is_export(path):
        return "It was exported from an exported generator; what its run has measured is not in that."
    try:
        run = path.absolute().parents[1] if is_checkpoint(path) else find_runs([path])[0]
        return read_run(run, check=True)
    except (UserError, IndexError) as damage:
        return f"What its run has measured cannot be read: {damage}"


def _check(arguments: argparse.Namespace) -> tuple[str, str | None]:
    """Refuse words and numbers that make no sense.

    Returns:
        The form, and for the Hub the repository.
    """
    from gankit.generators.hub import repository_of

    form, repository = arguments.to, repository_of(arguments.to)
    forms = get_args(Form)
    if repository is None and form not in forms:
        hint = did_you_mean(form, forms)
        raise UserError(f"--to: expected {', '.join(forms)} or hub:USER/NAME, not {form!r}.{hint}", hint)
    _check_output(form, repository, arguments.output)
    for name in ("truncation", "cutoff", "noise"):
        if form not in PROGRAMS and getattr(arguments, name) is not None:
            raise UserError(f"--{name}: goes with pt2 and onnx; of other forms whoever draws images chooses it")
    if arguments.licence is not None and form in (*PROGRAMS, "safetensors"):
        raise UserError("--licence: goes with diffusers and hub:USER/NAME, which have a card that says it")
    check_truncations([] if arguments.truncation is None else [arguments.truncation], arguments.cutoff)
    return form, repository


def _check_output(form: str, repository: str | None, output: Path | None) -> None:
    """Refuse what cannot be written to."""
    if repository is not None:
        if output is not None:
            raise UserError(
                "-o: what is sent to the Hub is written nowhere else; --to diffusers writes the same folder"
            )
    elif output is None:
        raise UserError("-o: name what to write")
    elif form == FOLDER:
        if output.exists() and not output.is_dir():
            raise UserError(f"-o: expected the name of a folder, not of a file: {output}")
        if output.is_dir() and any(output.iterdir()):
            raise UserError(f"-o: the folder {output} is not empty; name a new one")
    elif output.is_dir() or output.suffix.lower() != f".{form}":
        raise UserError(f"-o: expected the name of a file that ends in .{form}, not {output}")

"""gankit project."""

from __future__ import annotations

import argparse
from pathlib import Path

from gankit.cli.completers import completed_by, component_names
from gankit.cli.generators import add_generator_options, add_label_option, asked_generator, class_meant, typed_command
from gankit.core.errors import UserError


def add_project_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_generator_options(parser)
    parser.add_argument("image", type=Path, metavar="IMAGE", help="the file of the image to find again")
    written = "a new folder: target.png, result.png, both.png side by side, and found.npz, the styles and the noise"
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help=written)
    where = (
        "w, one style for all layers; w+, one for each; z, a latent (default: w if the mapping keeps a mean of styles)"
    )
    parser.add_argument("--in", dest="space", choices=("w", "w+", "z"), help=where)
    parser.add_argument("--steps", type=int, default=1000, metavar="N", help="steps of Adam (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="decides what is random of it (default: 0)")
    parser.add_argument("--fixed-noise", action="store_true", help="do not look for the noise of the layers, too")
    add_label_option(parser, "the class of the image")
    seen = "compare also what an extractor sees, such as digits (default: pixels alone, at several sizes)"
    extractors = parser.add_argument("--extractor", metavar="NAME", help=seen)
    completed_by(extractors, lambda **_: component_names("extractor"))


def project_command(arguments: argparse.Namespace) -> int:
    """Find an image again among those that a trained generator makes, as near as it comes."""
    output: Path = arguments.output
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"-o: {output} is there already; name a new folder")
    if arguments.steps < 1:
        raise UserError(f"--steps: expected one step or more, not {arguments.steps}")

    from gankit.cli.answers.pictures import ProjectAnswer
    from gankit.cli.options import named_component
    from gankit.data.progress import PreparationProgress
    from gankit.pictures.about import about
    from gankit.pictures.distances import feature_distance, pixel_distance
    from gankit.pictures.projecting import projected, read_target, write_projection

    with asked_generator(arguments) as generator:
        label = class_meant(arguments.label, generator)
        target, distance = read_target(arguments.image, generator.shape), pixel_distance
        if arguments.extractor is not None:
            extractor = named_component("extractor", arguments.extractor, "--extractor")
            distance = feature_distance(extractor, generator.shape[0], generator.device)
        with PreparationProgress(f"looking for {arguments.image.name}", arguments.steps) as progress:
            found = projected(
                generator,
                target,
                arguments.space,
                arguments.steps,
                label,
                arguments.seed,
                not arguments.fixed_noise,
                distance,
                progress.moved_to,
            )
        write_projection(output, target, found, about(generator, Command=typed_command(arguments)))
    by = "pixels at several sizes" if arguments.extractor is None else f"pixels and what {arguments.extractor} sees"
    from gankit.cli.generators import said

    said(output, f"PSNR {found.psnr:.1f} dB, by {by}")
    arguments.answer(ProjectAnswer(wrote=str(output), psnr=found.psnr, by=by))
    return 0

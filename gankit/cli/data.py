"""gankit prepare, data and cache: real images, decoded once and kept."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gankit.cli.options import add_experiment_options, write_output
from gankit.core.errors import UserError
from gankit.core.text import first_of, printable

if TYPE_CHECKING:
    import numpy as np

    from gankit.cli.answers.experiments import CacheAnswer, DataSetAnswer
    from gankit.config.experiment import Experiment
    from gankit.data.images import RealImages

MOST_LISTED = 12
"""Classes that are named."""
SHOWN = 10
"""Images of each resolution, or of each class, in a sheet."""

add_prepare_options = add_experiment_options


def prepare_command(arguments: argparse.Namespace) -> int:
    """Decode the images of an experiment, or of all runs of a study, unless that was done before."""
    from gankit.cli.answers.experiments import PrepareAnswer, PreparedAnswer

    prepared: list[PreparedAnswer] = []
    for experiment in _experiments(arguments):
        reals = _reals(experiment)
        reals.order_by_hash(experiment.evaluation.seed)
        prepared.append(made := PreparedAnswer(**_prepared(experiment, reals)))
        if not arguments.json:
            print(printable(f"{made.data}: {made.images:,} images, fingerprint {made.fingerprint}"))
            if made.test_images is not None:
                print(f"  and {made.test_images:,} for testing")
    arguments.answer(PrepareAnswer(data_sets=prepared))
    return 0


def _prepared(experiment: Experiment, reals: RealImages) -> dict[str, Any]:
    """The fields of `PreparedAnswer`."""
    return {
        "data": type(experiment.data).__name__,
        "images": reals.count,
        "test_images": None if reals.test_part is None else reals.test_part.count,
        "fingerprint": reals.fingerprint,
    }


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the experiment and where the sheet goes."""
    add_experiment_options(parser)
    text = (
        "write a sheet of images: a row for each resolution, or for each class at the final one if there are classes; "
        "of a study's second data set to NAME-2.png, and so on"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="PNG", help=text)


def data_command(arguments: argparse.Namespace) -> int:
    """Tell what there is to train on: counts, sizes, classes, channels, duplicates; and draw a sheet of it."""
    output: Path | None = arguments.output
    if output is not None and output.suffix.lower() != ".png":
        raise UserError(f"-o: the sheet is a PNG, so its name ends in .png, not as in {output}")
    from gankit.cli.answers.experiments import DataAnswer

    told: list[DataSetAnswer] = []
    experiments = _experiments(arguments)
    for number, experiment in enumerate(experiments, 1):
        reals = _reals(experiment)
        told.append(found := _found(experiment, reals))
        if not arguments.json:
            lines = [f"{found.name}:"] if len(experiments) > 1 else []
            for line in [*lines, *_in_lines(found)]:
                print(printable(line))
        if output is not None:
            sheet = output if number == 1 else output.with_stem(f"{output.stem}-{number}")
            _draw(experiment, reals, sheet)
            found.sheet = str(sheet)
    arguments.answer(DataAnswer(data_sets=told))
    return 0


def add_cache_options(parser: argparse.ArgumentParser) -> None:
    """Add the option that clears."""
    parser.add_argument("--clear", action="store_true", help="remove all that is kept; it is made again when needed")


def cache_command(arguments: argparse.Namespace) -> int:
    """List what is kept, or remove it."""
    from rich.console import Console

    from gankit.core.cache import cache_folder, kept
    from gankit.core.memory import bytes_in_words
    from gankit.results.tables import Column, Section, print_section, text_columns

    try:
        folder = printable(str(cache_folder()))
    except RuntimeError as failure:
        raise UserError(f"there is no cache: {failure}; GANKIT_CACHE names a folder") from None
    if arguments.clear:
        return _clear(folder, arguments)
    if arguments.json:
        arguments.answer(_cached(folder))
        return 0
    rows = [
        [printable(each.what), bytes_in_words(each.size), f"{each.used:%Y-%m-%d %H:%M}", printable(each.path.name)]
        for each in kept()
    ]
    if not rows:
        print(f"nothing is kept in {folder}")
        return 0
    columns = [*text_columns("what"), Column("size"), *text_columns("last used", "name")]
    print_section(Section(f"Kept in {folder}", columns, rows), Console())
    return 0


def _cached(folder: str, removed: int | None = None, refused: Mapping[Path, str] | None = None) -> CacheAnswer:
    """What is kept, for programs."""
    from gankit.cli.answers.experiments import CacheAnswer, KeptAnswer
    from gankit.core.cache import kept

    there = [
        KeptAnswer(path=str(each.path), what=each.what, bytes=each.size, used=each.used.isoformat(timespec="seconds"))
        for each in kept()
    ]
    why = {str(path): reason for path, reason in (refused or {}).items()}
    return CacheAnswer(folder=folder, kept=there, removed=removed, refused=why)


def _clear(folder: str, arguments: argparse.Namespace) -> int:
    """Remove what is kept; 1 if that cannot be done with all but what is being filled."""
    from gankit.core.cache import clear
    from gankit.core.failures import warn

    cleared = clear()
    print(f"removed {cleared.removed} things from {folder}")
    for path in cleared.filled:
        print(printable(f"{path.name} stays, as a process is filling it"))
    for path, reason in cleared.refused.items():
        warn(f"cannot remove {path}: {reason}")
    if arguments.json:
        arguments.answer(_cached(folder, cleared.removed, cleared.refused))
    return 1 if cleared.refused else 0


def _experiments(arguments: argparse.Namespace) -> list[Experiment]:
    """Those of a file, one for each data set and growth; what else than data this machine lacks is not asked for."""
    from gankit.config.checks import missing
    from gankit.config.study import Study
    from gankit.config.study_loader import load_study

    named = (arguments.file, arguments.set, arguments.plugin)
    read = load_study(*named, note=lambda lacking: None)
    experiments = [run.experiment for run in read.runs] if isinstance(read, Study) else [read]
    if any(path[0] == "data" for experiment in experiments for path, _ in missing(experiment)):
        load_study(*named)  # says what is missing, and where that stands
    return [*{repr((each.data, each.resolutions())): each for each in experiments}.values()]


def _reals(experiment: Experiment) -> RealImages:
    from gankit.data.images import RealImages

    return RealImages(experiment.data, experiment.resolutions())


def _found(experiment: Experiment, reals: RealImages) -> DataSetAnswer:
    """What a data set is."""
    import numpy as np

    from gankit.cli.answers.experiments import AttributeAnswer, DataSetAnswer, LevelsAnswer
    from gankit.config.checks import description_of_data

    images = reals.at(reals.final)
    count, channels, height, width = images.shape
    attributes: list[AttributeAnswer] = []
    for column, name in enumerate(reals.attribute_names):
        assert reals.labels is not None
        of = reals.labels[:, column].astype(np.float64)
        attributes.append(AttributeAnswer(name=name, least=of.min(), most=of.max(), mean=of.mean(), std=of.std()))
    labels: list[int] = reals.labels.tolist() if reals.labels is not None and reals.classes else []
    numbers = Counter(labels)
    sums, squares, size = np.zeros(channels), np.zeros(channels), 0
    for start in range(0, count, 1024):
        some = images[start : start + 1024].astype(np.float64)
        sums += some.sum((0, 2, 3))
        squares += (some**2).sum((0, 2, 3))
        size += some.size // channels
    means = sums / size
    spreads = np.sqrt(np.maximum(squares / size - means**2, 0))
    return DataSetAnswer(
        **_prepared(experiment, reals),
        name=experiment.variant or experiment.name,
        about=description_of_data(experiment),
        skipped=[str(reason) for reason in reals.skipped],
        channels=channels,
        height=height,
        width=width,
        classes={name: numbers[k] for k, name in enumerate(reals.class_names)} if numbers else {},
        attributes=attributes,
        levels=[LevelsAnswer(mean=mean, std=spread) for mean, spread in zip(means, spreads, strict=True)],
        distinct=reals.distinct,
        sheet=None,
    )


def _in_lines(found: DataSetAnswer) -> list[str]:
    """The answer in lines for people to read."""
    from gankit.data.image_files import counted

    said = [] if found.about is None else [found.about]
    said += [f"skipped: {reason}" for reason in found.skipped]
    size = f"{found.width}x{found.height} pixels in {counted(found.channels, 'channel')}"
    said.append(f"{counted(found.images, 'image')} of {size}")
    for each in found.attributes:
        spread = f"mean {each.mean:.4g}, standard deviation {each.std:.4g}"
        said.append(f"attribute {each.name}: {each.least:.4g} to {each.most:.4g}, {spread}")
    if found.classes:
        classes = first_of((f"{name} {number:,}" for name, number in found.classes.items()), MOST_LISTED)
        said.append(f"{counted(len(found.classes), 'class')}: {classes}")
    pairs = (f"{level.mean:.1f} ± {level.std:.1f}" for level in found.levels)
    said.append(f"levels, mean and standard deviation of each channel: {', '.join(pairs)}")
    copies = found.images - found.distinct
    are = "is a copy of another" if copies == 1 else "are copies of others"
    said.append(f"{counted(copies, 'image')} {are}, pixel for pixel" if copies else "no image is there twice")
    if found.test_images is not None:
        said.append(f"a test part of {found.test_images:,} images")
    said.append(f"fingerprint {found.fingerprint}")
    return said


def _draw(experiment: Experiment, reals: RealImages, path: Path) -> None:
    """A sheet: the first images at every resolution enlarged alike, or some of each class."""
    import numpy as np

    from gankit.data.pictures import as_png, grid

    final = reals.final
    if reals.labels is not None and reals.classes:
        some = [np.flatnonzero(reals.labels == number)[:SHOWN] for number in range(reals.classes)]
        names = [name for name, found in zip(reals.class_names, some, strict=True) if len(found)]
        rows = [_filled(reals.at(final)[found], max(map(len, some))) for found in some if len(found)]
    else:
        chosen = reals.drawn(SHOWN, 0)
        resolutions = experiment.resolutions()
        names = [f"{resolution}x{round(resolution * experiment.data.aspect())}" for resolution in resolutions]
        levels = [reals.at(resolution)[chosen] for resolution in resolutions]
        rows = [level.repeat(final // level.shape[2], 2).repeat(final // level.shape[2], 3) for level in levels]
    images = np.concatenate(rows).transpose(0, 2, 3, 1)
    sheet = grid(images, columns=len(rows[0]), names=names)
    write_output("-o", path, as_png(sheet, f"of {reals.count:,} real images"))


def _filled(row: np.ndarray, length: int) -> np.ndarray:
    """Images, and as many grey ones after them as a row of a length has room for."""
    import numpy as np

    from gankit.data.pictures import NEUTRAL

    grey = np.full((length - len(row), *row.shape[1:]), NEUTRAL, row.dtype)
    grey[:, 3:] = 255  # opaque, as what lies between images
    return np.concatenate([row, grey])

"""Measures runs, checkpoints, exported generators and folders of images by one ruler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from gankit.checkpoints.store import is_checkpoint
from gankit.config.evaluation import MOST_MEASURED, EvaluationOptions, GeneratorName, Metrics
from gankit.config.evaluation_checks import doubts_about_extractors, problems_of_extractor
from gankit.config.experiment import Experiment
from gankit.config.loader import data_argument, read_arguments
from gankit.core.component import as_options
from gankit.core.errors import UserError
from gankit.core.options import Images, Options
from gankit.core.progress import Progress
from gankit.core.text import first_of
from gankit.data.image_reading import MAX_MEGAPIXELS, PixelBound, files_in_colour, image_sizes
from gankit.data.images import AbsentReals, Batch, RealImages
from gankit.data.label_file import LABEL_FILE, read_labels
from gankit.data.trees import ImageTree, ZipTree, image_tree
from gankit.evaluation.evaluator import Evaluator, ImageSampler
from gankit.evaluation.names import USUAL_METRIC
from gankit.evaluation.pair import at_scales, named_by_generator
from gankit.generators.exported import is_export
from gankit.generators.loading import load
from gankit.generators.trained import TrainedGenerator
from gankit.kinds import Dataset, Extractor
from gankit.kinds.callbacks import Row
from gankit.results.protocols import ENLARGED, MADE_GREY, RESIZED, of_reals
from gankit.results.run_results import RunResults, StageMetrics
from gankit.runs.components import choose_device
from gankit.runs.folder import is_run
from gankit.runs.may_change import HOW_READ
from gankit.training.sampler import GeneratorSampler

MEASURING = ("metrics", "extractor", "reals", "seed", "seeds", "classes", "bootstrap")
"""Options of evaluations that folders share with a run with which they are measured."""
MOST_SIZES = 3
"""Sizes of images that are named."""


class ProtocolOptions(Options):
    """The options of `gankit evaluate`; those that are not given come from the runs, or are the usual."""

    data: Dataset | None = None
    """The real images."""
    metrics: Metrics = []
    """What is computed."""
    extractor: Extractor | None = None
    """The network whose features and logits the metrics use."""
    images: Annotated[Images, Field(ge=1, le=MOST_MEASURED)] | None = None
    """Images of each, and as many reals."""
    resolution: Annotated[int, Field(ge=1)] | None = None
    """Height at which folders of images are measured, and one scale alone of runs that have several, in pixels."""
    reals: Literal["training", "test"] | None = None
    """Which of the real images: those that are trained on, or the data set's own test part."""
    seed: int | None = Field(default=None, ge=0)
    """Decides latents and which reals are compared with."""
    seeds: int | None = Field(default=None, ge=1)
    """How many seeds."""
    classes: Literal["data", "even"] | None = None
    """How often generators with classes are asked for each: as often as it is in the data, or each as often."""
    bootstrap: int | None = Field(default=None, ge=0)
    """Resamples for standard errors."""
    which: GeneratorName = "average"
    """Which generator of runs and checkpoints: average, current, or one of training.averages."""

    def over(self, options: EvaluationOptions) -> EvaluationOptions:
        """`options` changed by those that are given here."""
        given = {name: getattr(self, name) for name in ("images", *MEASURING)}
        return options.model_copy(update={name: value for name, value in given.items() if value not in (None, [])})


def read_protocol(given: Mapping[str, Any], in_python: bool = False) -> ProtocolOptions:
    """A protocol of options as they are typed or inline YAML has them; `data` may be a place, too.

    Errors name the arguments of a command line, or `in_python` keywords.

    Raises:
        UserError: naming the option that is wrong.
    """
    data = given.get("data")
    placed = {} if data is None else {"data": data_argument(data)}
    return read_arguments(ProtocolOptions, {**given, **placed}, in_python)


@dataclass(frozen=True)
class Subject:
    """Something to be measured."""

    path: Path
    source: ImageSampler
    data: Dataset
    """The real images that it is compared with."""
    final: int
    """The height at which these are loaded, in pixels."""
    options: EvaluationOptions
    progress: Progress
    mirrors: bool
    """Whether training showed reals mirrored too."""
    validated_as: tuple[Experiment, ...]
    """What its metrics are asked about before anything is measured; of a folder, with nothing but images in it."""
    trained_on: str | None = None
    """The fingerprint of `data`, if it is what a run was trained on: then metrics that look at no reals need none."""
    which: GeneratorName = "average"
    """Which of a run's generators it is."""
    converted: Mapping[str, str] = field(default_factory=dict[str, str])
    """What was done to images so that they can be compared, as its protocol says; nothing: all are as they lie there.
    """


def subjects_at(
    paths: Sequence[Path], protocol: ProtocolOptions, best: bool, say: Callable[[str], None]
) -> list[Subject]:
    """What is to be measured of runs, checkpoints, exported generators and folders of images.

    Args:
        paths: Where they are.
        protocol: How they are measured.
        best: Take of each run the best checkpoint, not the newest.
        say: Told what is done to images.

    Raises:
        UserError: if one of them is nothing that can be measured.
    """
    device = choose_device("auto")
    trained = {
        path: subject_of(load(path, protocol.which, best=best and not is_export(path)), protocol, path)
        for path in paths
        if is_run(path) or is_checkpoint(path) or is_export(path)
    }
    for subject in list(trained.values())[:1]:  # folders are measured as the first run is
        changes = {name: getattr(subject.options, name) for name in MEASURING}
        changes |= {"data": subject.data, "resolution": subject.progress.resolution}
        protocol = protocol.model_copy(update=changes)
    mirrors = any(subject.mirrors for subject in list(trained.values())[:1])
    return [trained[path] if path in trained else _folder(path, protocol, mirrors, device, say) for path in paths]


def measure_subjects(
    subjects: Sequence[Subject], images: int | None = None, say: Callable[[str], None] = lambda _: None
) -> list[RunResults]:
    """The metrics of subjects.

    Args:
        subjects: What is measured.
        images: How many of each; None: as many as all of them have.
        say: Told what is measured next.

    Raises:
        UserError: if one cannot be measured by one of the metrics, or data or weights cannot be had.
    """
    device = choose_device("auto")
    fewest = min(subject.options.images for subject in subjects) if images is None else images
    for subject in subjects:
        _refuse_unfit(subject, fewest)
    doubts = (doubt for subject in subjects for doubt in doubts_about_extractors(subject.options, subject.data))
    for doubt in dict.fromkeys(doubts):
        say(doubt)
    results: list[RunResults] = []
    known: dict[str, tuple[RealImages | AbsentReals, Evaluator]] = {}
    for subject in subjects:
        say(f"measuring {subject.path}")
        options = subject.options.model_copy(update={"images": fewest})
        key = repr((subject.data, _classes(subject.data), subject.final, options, subject.mirrors))
        if key not in known:
            reals = _reals(subject)
            known[key] = reals, Evaluator(options, reals, device, mirrors=subject.mirrors)
        reals, evaluator = known[key]
        measured = [
            [_told(row, subject) for row in evaluator.evaluate(subject.source, at)]
            for at in at_scales(subject.source.network, subject.progress)
        ]
        rows = [row for of_scale in measured for row in of_scale]
        if isinstance(reals, AbsentReals) and not rows:
            raise UserError(f"{subject.path}: {reals.reason}; name other real images with --data")
        results.append(RunResults(subject.path, [_at_one_scale(subject, each) for each in measured], rows=rows))
    for _, evaluator in known.values():
        evaluator.sum_up()
    return results


def _at_one_scale(subject: Subject, rows: Sequence[Row]) -> StageMetrics:
    resolution = rows[0].resolution if rows else subject.progress.resolution
    return StageMetrics(subject.progress.images, resolution, {row.name: row for row in rows})


def _told(row: Row, subject: Subject) -> Row:
    """A number with the name, and all that its protocol has to say, of what was measured."""
    row = named_by_generator(row, subject.which)
    if row.protocol is None or of_reals(row):
        return row
    return row._replace(protocol={**row.protocol, **subject.converted})


def _classes(data: Dataset) -> Sequence[str]:
    """What its classes are called; none if that cannot be told, for it cannot be read either."""
    try:
        return data.class_names()
    except UserError:
        return ()


def _reals(subject: Subject) -> RealImages | AbsentReals:
    """The real images that `subject` is compared with; those of a run may be gone."""
    try:
        return RealImages(subject.data, [subject.final])
    except UserError as problem:
        if subject.trained_on is None:
            raise
        return AbsentReals(str(problem), subject.trained_on)


def _refuse_unfit(subject: Subject, images: int) -> None:
    """Refuse metrics that cannot measure `images` of `subject`, and an extractor that does not see them."""
    if subject.options.reals == "test" and subject.data.test_part() is None:
        name = as_options(subject.data)["use"]
        raise UserError(f"{subject.path}: the data set {name} has no test part to compare with (--reals)")
    for experiment in subject.validated_as:
        options = subject.options.model_copy(update={"images": images})
        validated = experiment.model_copy(update={"evaluation": options})
        for _, problem in problems_of_extractor(validated):
            raise UserError(f"{subject.path}: extractor {problem}")
        for metric in options.metrics:
            try:
                said = metric.problems(validated)
                problems = [said] if isinstance(said, str) else list(said)
            except UserError:
                raise
            except Exception:  # a folder has no generator to ask about; if it is needed, measuring says so
                continue
            if problems:
                raise UserError(f"{subject.path}: metric {as_options(metric)['use']}: {problems[0]}")


def subject_of(generator: TrainedGenerator, protocol: ProtocolOptions, path: Path) -> Subject:
    """A generator, compared with what it was trained on unless other data are named; `path` stands for it in messages.

    Raises:
        UserError: if it cannot be measured so.
    """
    experiment, resolution = generator.experiment, generator.resolution
    scales = experiment.growth.scales() or [resolution]
    if protocol.resolution not in (None, *scales):
        raise UserError(
            f"--resolution: {path} makes images of {', '.join(map(str, scales))} pixels and is measured at these; "
            "another height can be chosen for folders alone"
        )
    if protocol.resolution not in (None, resolution):
        generator = generator.at(resolution=protocol.resolution)
    options = protocol.over(experiment.evaluation).model_copy(update={"generators": [generator.which]})
    if not options.metrics:
        raise UserError(f"{path}: its experiment names no metrics; name some with --metrics")
    data = (protocol.data or experiment.data).with_classes(generator.classes or None)
    refuse_unlike_data(path, experiment.data, data)
    return Subject(
        path,
        GeneratorSampler(generator.network, generator.device),
        data,
        experiment.stages()[-1].resolution,
        options,
        generator.progress,
        experiment.training.mirror,
        (experiment, experiment.model_copy(update={"data": data})),
        None if protocol.data else generator.origin.get("data"),
        generator.which,
    )


def refuse_unlike_data(path: Path, made: Dataset, data: Dataset) -> None:
    """Refuse to compare images such as those of one data set with another whose images are of another form.

    Raises:
        UserError: then.
    """
    for what, here, there in (
        ("channels", data.image_channels(), made.image_channels()),
        ("aspect", data.aspect(), made.aspect()),
    ):
        if here != there:
            raise UserError(f"--data: images of {what} {here:g}, but {path} makes some of {what} {there:g}")


def _folder(
    path: Path, protocol: ProtocolOptions, mirrors: bool, device: torch.device, say: Callable[[str], None]
) -> Subject:
    """A folder of images that anything has made."""
    tree = image_tree(path)
    if path.is_file() and not isinstance(tree, ZipTree):
        raise UserError(
            f"{path} is a file, but runs, checkpoints and folders of images, or zip archives of these, are measured"
        )
    if not path.exists():
        raise UserError(f"{path}: there is no such folder")
    if protocol.data is None:
        raise UserError(f"{path} is a folder of images; say with --data which real ones to compare it with")
    real = as_options(protocol.data)
    as_reals = {name: real[name] for name in HOW_READ if name in real}
    sizes = image_sizes(tree, PixelBound(as_reals.get("max_megapixels", MAX_MEGAPIXELS)))
    resolution = protocol.resolution or _only_height(path, sizes)
    width = round(resolution * protocol.data.aspect())
    converted: dict[str, str] = {}
    if others := Counter({size: count for size, count in sizes.items() if size != (width, resolution)}):
        to = f"cut to their middle and resized to {width}x{resolution} by Lanczos' filter"
        say(f"{path}: {others.total():,} of {sizes.total():,} images are {to}: {_listed(others)}")
        converted[RESIZED] = f"{others.total():,} of {sizes.total():,} images, {to}"
    channels, names = protocol.data.image_channels(), _classes(protocol.data)
    if channels == 1 and (colours := files_in_colour(tree)):
        say(f"{path}: {colours:,} of {sizes.total():,} images are files in colour and are made grey, as the reals are")
        converted[MADE_GREY] = f"{colours:,} of {sizes.total():,} images, whose files are in colour"
    if (own := protocol.data.own_height()) is not None and own < resolution:
        say(f"{path}: the reals that it is compared with are enlarged from {own} to {resolution} pixels")
        converted[ENLARGED] = f"reals enlarged from {own} to {resolution} pixels"
    if labels := _labels_of(tree, names, say):
        as_reals["labels"] = labels
    text = data_argument(str(path), channels=channels, shape=[resolution, width], **as_reals)
    images = read_arguments(ProtocolOptions, {"data": text}).data
    assert images is not None
    images = images.with_classes(names) if labels else images
    if (found := images.describe()) is not None:
        say(f"{path}: {found}")
    loaded = RealImages(images, [resolution])
    options = protocol.over(EvaluationOptions.model_validate({"metrics": [USUAL_METRIC], "images": loaded.count}))
    if options.images > loaded.count:
        raise UserError(f"--images: {path} holds {loaded.count} images, not {options.images}")
    progress = Progress(0, 0, 1, 1, resolution, 1.0, 0)
    validated = tuple(Experiment.model_construct(data=data) for data in (images, protocol.data))
    source = FolderSampler(loaded, resolution, device)
    return Subject(path, source, protocol.data, resolution, options, progress, mirrors, validated, converted=converted)


def _labels_of(tree: ImageTree, names: Sequence[str], say: Callable[[str], None]) -> bool | str:
    """How a folder tells of which of some classes its images are: by a label file, or by folders called like them.

    Returns:
        The option `labels` of the folder; False if it does not tell.
    """
    if names and tree.holds(LABEL_FILE):
        own = read_labels(tree).names
        if own is None or {*own} <= {*names}:
            return LABEL_FILE
        say(f"{tree.path}: measured without labels: {LABEL_FILE} names other classes than the real images have")
        return False
    return bool(names) and all(len(file.parts) > 1 and file.parts[0] in names for file in tree.found.files)


def _only_height(path: Path, sizes: Counter[tuple[int, int]]) -> int:
    """The height that all images of a folder have.

    Raises:
        UserError: if they have several.
    """
    heights = {height for _, height in sizes}
    if len(heights) > 1:
        raise UserError(
            f"{path} holds images of several heights: {_listed(sizes)}; say with --resolution at which to measure them"
        )
    return heights.pop()


def _listed(sizes: Counter[tuple[int, int]]) -> str:
    """How many images have which size, the most frequent first."""
    return first_of((f"{count:,} of {width}x{height}" for (width, height), count in sizes.most_common()), MOST_SIZES)


class FolderSampler:
    """The images of a folder; the seed decides which come first."""

    network = None

    def __init__(self, images: RealImages, resolution: int, device: torch.device) -> None:
        self._images, self._resolution, self._device = images, resolution, device

    def sample(self, first: int, count: int, seed: int) -> Batch:
        """Images number `first` to `first` + `count` - 1 in an order that depends on the seed and the pixels."""
        chosen = self._images.order_by_hash(seed)[first : first + count]
        return self._images.take(self._resolution, chosen, self._device)

"""What can only be judged of an experiment as a whole, without torch."""

from __future__ import annotations

import math
import os.path
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from gankit.config.critics import problems_of_critics
from gankit.config.evaluation_checks import problems_of_evaluation
from gankit.config.experiment import NAME, Experiment, NetworkOptions
from gankit.config.freezing import problems_of_freezing
from gankit.config.labels import label_problems, problems_of_even_classes
from gankit.config.parts import in_whole_batches, problems_of_parts
from gankit.config.redrawing import problems_of_redrawing
from gankit.config.scales import problems_of_scales
from gankit.config.schedules import schedule_problems
from gankit.config.snapshots import problems_of_snapshots
from gankit.config.walk import KEY, Path, Problem, components, problem_of_failure, tables
from gankit.core.component import Component
from gankit.core.errors import UserError
from gankit.core.memory import too_large
from gankit.core.networks import NETWORKS
from gankit.core.progress import Stage, stage_mistakes
from gankit.core.registry import registries

BYTES = 4
"""Of a number in networks."""


def problems(experiment: Experiment) -> list[Problem]:
    """Everything that keeps a well-typed experiment from working.

    A component that fails while it is asked is reported only if nothing else explains that, nor what is missing here.
    """
    found: list[Problem] = []
    try:
        stages = [Stage(*stage) for stage in experiment.growth.stages()]
        found += [(("growth",), message) for message in _problems_of_stages(stages)]
        found += [] if found else problems_of_scales(experiment, stages)
    except Exception as failure:
        return [problem_of_failure(("growth",), experiment.growth, failure)]
    try:
        aspect = experiment.data.aspect()
    except Exception as failure:
        return [*found, problem_of_failure(("data",), experiment.data, failure)]
    if found:
        return found
    found += _problems_of_shape(stages[0].resolution, aspect)
    given = [(name, network) for name in NETWORKS if (network := getattr(experiment, name)) is not None]
    for name, network in given:
        found += _problems_of_network(name, network, stages, aspect)
        found += _problems_of_blocks(name, network, stages[-1].resolution)
    asked = experiment
    if not (incomplete := list(_problems_of_tables(experiment, stages))):
        found += _problems_of_iterations(experiment, stages)
        if impossible := problems_of_parts(experiment, stages):
            found, asked = found + impossible, in_whole_batches(experiment)  # nobody is asked of what cannot be
    found += incomplete
    found += [*schedule_problems(experiment), *problems_of_redrawing(experiment)]
    found += [*problems_of_evaluation(experiment), *problems_of_snapshots(experiment)]
    found += problems_of_even_classes(experiment)
    found += [
        *problems_of_freezing(experiment),
        *problems_of_critics(experiment),
        *_problems_of_precision(experiment),
        *_problems_of_compiling(experiment),
    ]
    unread, failures = label_problems(experiment)
    found += unread
    for path, component in components(experiment):
        try:
            said = component.problems(asked)
            found += [(path, message) for message in ([said] if isinstance(said, str) else said)]
        except Exception as failure:
            failures.append(problem_of_failure(path, component, failure))
    return [] if not found and failures and missing(experiment) else found or failures


def missing(experiment: Experiment, begun: bool = False) -> list[Problem]:
    """Everything that an experiment without problems needs and this machine lacks.

    What its run started from is no longer needed once that has `begun`.
    """
    asked: list[tuple[Path, str | None]] = [(("training", "start_from"), None if begun else _no_start(experiment))]
    asked.append((("training", "batch"), _no_room(experiment)))
    asked += [_missing_of(component, path, experiment) for path, component in components(experiment)]
    return [(path, lacking) for path, lacking in asked if lacking]


def _missing_of(component: Component, path: Path, experiment: Experiment) -> tuple[Path, str | None]:
    """What a component lacks here, or why it cannot tell."""
    try:
        return path, component.missing(experiment)
    except Exception as failure:
        return problem_of_failure(path, component, failure)


def _no_room(experiment: Experiment) -> str | None:
    """The problem if one batch of grey images exceeds this machine's memory; what networks make of it comes on top."""
    training = experiment.training
    try:
        aspect = experiment.data.aspect()
        sizes = [
            (training.batch_in(stage), stage.resolution, round(stage.resolution * aspect))
            for stage in experiment.stages()
        ]
    except Exception:  # which `problems` tells of
        return None
    times = training.generator_batches
    fakes = "" if times == 1 else f" and {times:,} times as many fakes, as generator_batches says,"
    asked = (
        too_large(f"{batch:,} images of {height}x{width}{fakes}", batch * times * height * width * BYTES)
        for batch, height, width in sizes
    )
    return next(filter(None, asked), None)


def description_of_data(experiment: Experiment) -> str | None:
    """What there is to train on, if its data set has something to say of it.

    Raises:
        UserError: if the data set fails when it is asked.
    """
    try:
        said = experiment.data.describe()
    except Exception as failure:
        raise UserError(problem_of_failure(("data",), experiment.data, failure)[1]) from failure
    return None if said is None else f"data: {said}"


def _no_start(experiment: Experiment) -> str | None:
    """The problem if there are no weights where the training is to start from."""
    path = experiment.training.start_from
    if path is None:
        return None
    if not os.path.isdir(path):  # which no odd path upsets
        return f"there is no run and no checkpoint {path}"
    if any(path.glob("*.safetensors")) or any(path.glob("checkpoints/[0-9]*/")):
        return None
    if (path / "experiment.yaml").is_file():
        return f"{path} has no checkpoint yet; one is written at the end of each stage"
    return f"{path} is neither a run's folder nor a checkpoint"


def _problems_of_stages(stages: Sequence[Stage]) -> Iterator[str]:
    """Why no run can follow `stages`."""
    if not stages:
        yield "has no stages"
    for stage in stages:
        if stage.resolution < 1 or stage.images < 1 or not 0 <= stage.fade <= stage.images:
            yield f"has an impossible stage: {stage.label} of {stage.images:,} images, with a fade of {stage.fade:,}"
            return
        if stage.name and not re.fullmatch(NAME, stage.name):
            yield f"calls a stage {stage.name!r:.60}; names have letters, digits and . _ = , + - alone"
        if not stage.rate > 0 or (stage.batch is not None and stage.batch < 1):
            yield f"gives {stage.label} a batch of {stage.batch} and a rate of {stage.rate:g}; they must be above 0"
    for position, field, said in stage_mistakes(stages):
        if position or field != "fade":  # which a first stage passes over
            yield f"{field} of stage {position + 1}: {said}"


def _problems_of_iterations(experiment: Experiment, stages: Sequence[Stage]) -> Iterator[Problem]:
    """The stages that a single iteration would begin and end, or jump over as the one that ends the stage before.

    The first may be as short as it likes.
    """
    training, steps = experiment.training, experiment.training.discriminator_steps
    for before, stage in pairwise(stages):
        images = steps * max(training.batch_in(before), training.batch_in(stage))
        if stage.images < images:
            updates = "one update" if steps == 1 else f"{steps} updates"
            yield (
                ("growth",),
                f"gives {stage.label} {stage.images:,} images, fewer than the {images:,} of {updates} of the "
                "discriminator, which may pass it by; give it more, or smaller batches",
            )


def _problems_of_tables(experiment: Experiment, stages: Sequence[Stage]) -> Iterator[Problem]:
    """The tables that give no value where one is needed, or one where no network can come.

    A table may go on below the first resolution and above the last, as an experiment that extends another leaves it;
    key 0 stands for one value that holds everywhere.
    """
    first, final = stages[0].resolution, stages[-1].resolution
    for path, table, lowest in tables(experiment, first):
        if min(table) > lowest and lowest <= final:
            yield path, f"gives no value for resolution {lowest}: its first is {min(table)}"
        for key in table:
            if key and not _are_doublings(first, key):
                here = _doublings(first, lowest, final) or [final]
                nearest = min(here, key=lambda resolution: abs(resolution - key))
                among = f"resolutions here are {', '.join(map(str, here))}; did you mean {nearest}?"
                yield (*path, key, KEY), f"{key} is never reached: {among}"


def _are_doublings(one: int, other: int) -> bool:
    """Whether one resolution is the other doubled or halved some times."""
    low, high = sorted((one, other))
    return high % low == 0 and (high // low).bit_count() == 1


def _doublings(first: int, lowest: int, final: int) -> list[int]:
    """The resolutions from `lowest` to `final` that `first` comes to by doubling or halving."""
    halvings = (first & -first).bit_length() - 1
    below = [first >> i for i in range(halvings, 0, -1)]
    above = [first << i for i in range((final // first).bit_length())]
    return [resolution for resolution in below + above if lowest <= resolution <= final]


def _problems_of_network(
    name: str, network: NetworkOptions, stages: Sequence[Stage], aspect: float
) -> Iterator[Problem]:
    """Why a network cannot grow through `stages`."""
    first, base = stages[0].resolution, network.base
    if base > first or not _are_doublings(first, base):
        yield (name, "base"), f"must be {first}, where growth starts, or that halved some times, not {base}"
    if not _is_whole(base * aspect) and (bases := _whole_bases(first, aspect)):
        message = f"must make whole pixels, but at {aspect:g} times as wide {base} are {base * aspect:g}"
        yield (name, "base"), f"{message}; {' or '.join(map(str, bases))} would do"
    if network.rgb is None and network.join.where == "resolutions":
        yield (
            (name, "join"),
            f"joins at every resolution, for which a block between feature maps and images is needed: {name}.rgb",
        )
    if network.rgb is None and first != stages[-1].resolution:
        yield (
            (name, "rgb"),
            "null leaves the image to the outermost block, which changes with the resolution; to grow, name a block "
            "between feature maps and images that can be faded in",
        )


def _is_whole(width: float) -> bool:
    """Whether a width is one of whole pixels."""
    return width > 0.5 and abs(width - round(width)) <= 1e-6


def _whole_bases(first: int, aspect: float) -> list[int]:
    """The heights that a network which grows to the first resolution may begin at and whose widths are whole pixels."""
    return [base for base in _doublings(first, 1, first) if _is_whole(base * aspect)]


def _problems_of_shape(first: int, aspect: float) -> Iterator[Problem]:
    """Say that networks can begin at no height of whole pixels, and which are the nearest shapes that allow one."""
    if not _whole_bases(first, aspect):
        widths = [width for width in (math.floor(first * aspect), math.ceil(first * aspect)) if width]
        shapes = [[first // math.gcd(first, width), width // math.gcd(first, width)] for width in widths]
        yield (
            ("data",),
            f"images {aspect:g} times as wide as high have no whole pixels where networks begin, {first} high or that "
            f"halved; a shape (height and width) that has is {' or '.join(map(str, shapes))}",
        )


def _problems_of_blocks(name: str, network: NetworkOptions, final: int) -> Iterator[Problem]:
    """The blocks that stand where the resolution changes but cannot change it."""
    if name == "generator":
        turn, remedy = 0, "the first block goes up into a new one; put it after another block: [conv, {block}]"
    else:
        turn, remedy = -1, "the last block goes down out of it; put it before another block: [{block}, conv]"
    for start in _starts_in_force(network.block, 2 * network.base, final):
        blocks = network.block[start]
        if not blocks:
            yield (name, "block", start), "names no block, but the resolution has to change here"
        elif not blocks[turn].resamples:
            block = registries["block"].entry_of(type(blocks[turn])).name
            message = f"keeps the resolution, and {remedy.format(block=block)}"
            yield (name, "block", start, turn % len(blocks)), message


def _problems_of_precision(experiment: Experiment) -> Iterator[Problem]:
    """Precision options that have no effect, or that the chosen device lacks."""
    training = experiment.training
    if training.half_resolutions is not None and training.precision not in ("bf16", "fp16"):
        yield (
            ("training", "half_resolutions"),
            f"has no effect with precision {training.precision}; set precision: bf16 or fp16",
        )
    if training.precision == "tf32" and training.device in ("cpu", "mps"):
        yield (
            ("training", "precision"),
            f"tf32 is how NVIDIA's GPUs may multiply, and device is {training.device}; fp32, bf16 and fp16 are for all",
        )


def _problems_of_compiling(experiment: Experiment) -> Iterator[Problem]:
    """`compile` and `activation_checkpointing` exclude each other."""
    if experiment.training.compile and experiment.training.activation_checkpointing:
        yield (
            ("training", "compile"),
            "does not go with activation_checkpointing: a compiler decides by itself what it keeps; set one of them",
        )


def _starts_in_force(table: Mapping[int, object], first: int, final: int) -> list[int]:
    """The keys of a table by resolution whose values hold at some resolution from `first` to `final`."""
    starts = set[int]()
    while first <= final:
        starts |= set(sorted(start for start in table if start <= first)[-1:])
        first *= 2
    return sorted(starts)

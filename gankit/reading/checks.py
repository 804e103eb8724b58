"""What can only be judged of an experiment as a whole, without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from gankit.component import Component, failed
from gankit.config import Experiment, Network
from gankit.errors import UserError
from gankit.growing import Stage
from gankit.options import at
from gankit.reading.parts import Path, components, tables
from gankit.registry import registries

Problem = tuple[Path, str]
"""Where in the experiment, and what is wrong."""


def problems(experiment: Experiment) -> list[Problem]:
    """Everything that keeps a well-typed experiment from working.

    A component that fails while it is asked is reported only if nothing else explains that, nor what is missing here.
    """
    found: list[Problem] = []
    try:
        stages = [Stage(*stage) for stage in experiment.growth.stages()]
        found += [(("growth",), message) for message in _problems_of_stages(stages)]
    except Exception as failure:
        return [(("growth",), _failure(experiment.growth, failure))]
    try:
        aspect = experiment.data.aspect()
    except Exception as failure:
        return [*found, (("data",), _failure(experiment.data, failure))]
    if found:
        return found
    for name, network in (("generator", experiment.generator), ("discriminator", experiment.discriminator)):
        found += _problems_of_network(name, network, stages, aspect)
        found += _problems_of_blocks(name, network, stages[-1].resolution)
    if not (incomplete := list(_problems_of_tables(experiment, stages))):
        found += _problems_of_rounds(experiment, stages)
    found += incomplete
    found += _problems_of_evaluation(experiment)
    failures: list[Problem] = []
    for path, component in components(experiment):
        try:
            said = component.problems(experiment)
            found += [(path, message) for message in ([said] if isinstance(said, str) else said)]
        except Exception as failure:
            failures.append((path, _failure(component, failure)))
    return [] if not found and failures and missing(experiment) else found or failures


def missing(experiment: Experiment) -> list[Problem]:
    """Everything that a valid experiment needs and this machine lacks."""
    asked = [(path, component, component.missing(experiment)) for path, component in components(experiment)]
    return [(path, lacking) for path, _, lacking in asked if lacking]


def _failure(component: Component, failure: Exception) -> str:
    """That a component failed when asked about the experiment, in words."""
    if isinstance(failure, UserError):
        return str(failure)
    return failed(registries[component.kind].entry_of(type(component)), failure)


def _problems_of_stages(stages: Sequence[Stage]) -> Iterator[str]:
    """Why no run can follow `stages`."""
    if not stages:
        yield "has no stages"
    for stage in stages:
        if stage.resolution < 1 or stage.images < 1 or not 0 <= stage.fade <= stage.images:
            yield f"has an impossible stage: {stage}"
            return
    for before, after in pairwise(stages):
        if after.resolution != 2 * before.resolution:
            yield f"goes from {before.resolution} to {after.resolution}; each stage must double the resolution"


def _problems_of_rounds(experiment: Experiment, stages: Sequence[Stage]) -> Iterator[Problem]:
    """The stages that a single round would begin and end, or jump over as the round that ends the stage before.

    The first may be as short as it likes.
    """
    batch, steps = experiment.training.batch, experiment.training.discriminator_steps
    for before, stage in pairwise(stages):
        images = steps * max(at(batch, before.resolution), at(batch, stage.resolution))
        if stage.images < images:
            size = f"{stage.resolution}x{stage.resolution}"
            updates = "one update" if steps == 1 else f"{steps} updates"
            yield (
                ("growth",),
                f"gives {size} {stage.images:,} images, fewer than the {images:,} of {updates} of the discriminator, "
                "which may pass it by; give it more, or smaller batches",
            )


def _problems_of_tables(experiment: Experiment, stages: Sequence[Stage]) -> Iterator[Problem]:
    """The tables that give no value where one is needed."""
    for path, table, lowest in tables(experiment, stages[0].resolution):
        if min(table) > lowest and lowest <= stages[-1].resolution:
            yield path, f"gives no value for resolution {lowest}: its first is {min(table)}"


def _problems_of_network(name: str, network: Network, stages: Sequence[Stage], aspect: float) -> Iterator[Problem]:
    """Why a network cannot grow through `stages`."""
    first, base = stages[0].resolution, network.base
    if first % base or (first // base).bit_count() != 1:
        yield (name, "base"), f"must be the first resolution, {first}, or that halved some times, not {base}"
    if abs((width := base * aspect) - round(width)) > 1e-6 or width < 0.5:
        yield (
            (name, "base"),
            f"must make whole pixels, but at {aspect:g} times as wide {base} are {width:g}",
        )
    if network.rgb is None and len(stages) > 1:
        yield (
            (name, "rgb"),
            "null leaves the image to the outermost block, which changes from stage to stage; to grow, name a block "
            "between feature maps and images that can be faded in",
        )


def _problems_of_blocks(name: str, network: Network, final: int) -> Iterator[Problem]:
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


def _problems_of_evaluation(experiment: Experiment) -> Iterator[Problem]:
    """What of an evaluation does not go together."""
    options = experiment.evaluation
    if options.beside and experiment.checkpoints.best is not None:
        yield ("evaluation", "beside"), "training goes on before its numbers are there, which checkpoints.best needs"
    if options.bootstrap == 1:
        yield ("evaluation", "bootstrap"), "a single resample shows no spread; ask for 2 or more, or for 0"
    if options.track is not None:
        cheaper = experiment.model_copy(update={"evaluation": options.tracked()})
        for metric in cheaper.evaluation.metrics:
            yield from ((("evaluation", "track"), problem) for problem in metric.problems(cheaper))


def _starts_in_force(table: Mapping[int, object], first: int, final: int) -> list[int]:
    """The keys of a table by resolution whose values hold at some resolution from `first` to `final`."""
    starts = set[int]()
    while first <= final:
        starts |= set(sorted(start for start in table if start <= first)[-1:])
        first *= 2
    return sorted(starts)

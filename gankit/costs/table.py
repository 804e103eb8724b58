"""An estimate as a table, as JSON and as warnings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from gankit.config.parts import names_of_mixing
from gankit.core.memory import bytes_in_words
from gankit.costs.estimate import Estimate, Fitting, PhaseEstimate, Setting, notes_of, pace_of
from gankit.costs.fitting import micro_batches
from gankit.results.tables import ABSENT, Column, Section

COLUMNS = [
    Column("stage", is_number=False),
    Column("batch"),
    *(Column(name) for name in ("generator", "discriminator")),
    *(Column(name) for name in ("forward", "backward", "penalties")),
    *(Column(name) for name in ("memory", "iteration", "stage takes")),
]
FORMS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def estimate_table(estimate: Estimate) -> Section:
    """A row a stage, its fade and what follows taken together; what is extrapolated begins with ~."""
    rows = [_row(list(phases)) for _, phases in groupby(estimate.phases, key=lambda each: each.phase.number)]
    counted = "generator, discriminator: parameters in force. forward, backward, penalties: GFLOP an iteration."
    sources = (
        f"Measured here, on {estimate.machine}; what begins with ~ is extrapolated from that. memory: the most that "
        f"{'is held of the GPU' if estimate.on_gpu else 'the process holds'}."
    )
    return Section(estimate.experiment.name, COLUMNS, rows, [_total(estimate), counted, sources, *notes_of([estimate])])


def _row(phases: Sequence[PhaseEstimate]) -> list[str]:
    last, weights = phases[-1], [each.phase.iterations for each in phases]
    is_guess = "~" if any(each.time_is == "extrapolated" for each in phases) else ""
    total = sum(each.total for each in phases)
    most = largest(phases)
    memory = ABSENT
    if most is not None:
        memory = ("~" if most.memory_is == "extrapolated" else "") + bytes_in_words(most.memory or 0)
    parameters, flops = [ABSENT] * 2, [ABSENT] * 3
    if all(each.count is not None for each in phases) and last.count is not None:
        parameters = [f"{last.count.parameters[name]:,}" for name in ("generator", "discriminator")]
        flops = [
            _gigas(
                sum(w * each.count.flops.get(purpose, 0) for w, each in zip(weights, phases, strict=True) if each.count)
                / sum(weights)
            )
            for purpose in ("forward", "backward", "penalties")
        ]
    times = [f"{is_guess}{time_in_words(seconds)}" for seconds in (total / sum(weights), total)]
    return [last.phase.stage.label, str(last.phase.batch), *parameters, *flops, memory, *times]


def _total(estimate: Estimate) -> str:
    evaluation, guess = estimate.evaluation, any(each.time_is == "extrapolated" for each in estimate.phases)
    images = sum(each.phase.images for each in estimate.phases)
    takes = all_take(estimate.seconds, "~" if guess else "", pace_of([estimate]))
    said = f"{takes} for {images:,} images"
    if not evaluation.images:
        return f"{said}; nothing is evaluated."
    if evaluation.seconds is None:
        return f"{said}, evaluation left out."
    share = evaluation.seconds / estimate.seconds
    return (
        f"{said}, of which evaluation ~{time_in_words(evaluation.seconds)} ({share:.1%}; {evaluation.images:,} images)."
    )


def all_take(seconds: float, guess: str, pace: float) -> str:
    """How long everything takes; of a busy machine also how long it would take with a core to itself."""
    said = f"In all {guess}{time_in_words(seconds)}"
    if pace == 1:
        return said
    return f"{said} on this machine as busy as now, {guess}{time_in_words(seconds / pace)} with a core to itself,"


def warnings_of(estimate: Estimate) -> Iterator[str]:
    """The stages that do not fit into memory, and what to do."""
    fittings = {fitting.phase.number: fitting for fitting in estimate.fittings}
    stages = stages_too_large(estimate)
    for worst in stages:
        number = worst.phase.number
        yield (
            f"stage {number}, {worst.phase.label}, will not fit: it needs about {bytes_in_words(worst.memory or 0)}, "
            f"but there are {bytes_in_words(estimate.memory or 0)}; {_remedy(estimate, worst, fittings.get(number))}"
        )
    table = micro_batches(estimate.experiment, estimate.fittings, len(stages))
    if table is not None and len(table) > 1:
        said = ", ".join(f"{resolution}: {part}" for resolution, part in table.items())
        yield f"all stages would fit, by that, with --set 'training.micro_batch={{{said}}}'"


def stages_too_large(estimate: Estimate) -> list[PhaseEstimate]:
    """Of each stage that does not fit into memory the phase that takes most."""
    stages = [list(each) for _, each in groupby(estimate.too_large, key=lambda each: each.phase.number)]
    return [each for phases in stages if (each := largest(phases)) is not None]


def largest(phases: Sequence[PhaseEstimate]) -> PhaseEstimate | None:
    """The phase that takes most memory; None if that of none is known."""
    known = [each for each in phases if each.memory is not None]
    return max(known, key=lambda each: each.memory or 0, default=None)


def _remedy(estimate: Estimate, worst: PhaseEstimate, fitting: Fitting | None) -> str:
    """What a stage would fit with, or how it takes less."""
    phase, training = worst.phase, estimate.experiment.training
    fewer = f"training.batch to less than {phase.batch} from {phase.stage.resolution} on or channels there"
    options = ["training.precision to bf16"] if training.precision in ("fp32", "tf32") else []
    if fitting is not None and fitting.would_fit:
        settings = " or ".join(_setting_in_words(estimate, setting) for setting in fitting.would_fit)
        said = f"extrapolated from that, it would with {settings}; or lower {fewer}"
    elif fitting is not None and fitting.least is not None:
        least = _setting_in_words(estimate, fitting.least)
        said = f"extrapolated from that, it would not even with {least}; lower channels there or the resolution"
    else:
        options = ["training.activation_checkpointing"] * (not training.activation_checkpointing) + options
        options = ["training.micro_batch"] * (not training.micro_batch) + options
        said = f"lower {fewer}"
    return f"{said}{', or set ' if options else ''}{' or '.join(options)}"


def _setting_in_words(estimate: Estimate, setting: Setting) -> str:
    """Options, and the memory that they take."""
    names = [] if setting.micro_batch is None else [f"training.micro_batch {setting.micro_batch}"]
    names += ["training.activation_checkpointing"] if setting.activation_checkpointing else []
    mixing = names_of_mixing(estimate.experiment) if setting.micro_batch is not None else []
    batches = f", each part a batch of its own to {', '.join(mixing)}" if mixing else ""
    return f"{' and '.join(names)} (about {bytes_in_words(setting.memory)}{batches})"


def estimate_as_json(estimate: Estimate) -> dict[str, Any]:
    """All that is known: seconds, bytes, floating point operations, each phase of a stage by itself."""
    return {
        "name": estimate.experiment.name,
        "machine": estimate.machine,
        "memory": estimate.memory,
        "seconds": estimate.seconds,
        "phases": [_phase_as_json(each) for each in estimate.phases],
        "evaluation": {"seconds": estimate.evaluation.seconds, "images": estimate.evaluation.images},
        "too_large": [each.phase.label for each in estimate.too_large],
        "would_fit": [
            {"stage": fitting.phase.number, **setting._asdict()}
            for fitting in estimate.fittings
            for setting in fitting.would_fit
        ],
        "notes": notes_of([estimate]),
        "variants": [],
    }


def _phase_as_json(each: PhaseEstimate) -> dict[str, Any]:
    phase, count = each.phase, each.count
    return {
        "stage": phase.number,
        "resolution": phase.stage.resolution,
        "name": phase.stage.name,
        "fades": phase.fades,
        "batch": phase.batch,
        "images": phase.images,
        "iterations": phase.iterations,
        "parameters": None if count is None else dict(count.parameters),
        "flops": None if count is None else dict(count.flops),
        "seconds_an_iteration": each.seconds,
        "seconds": each.total,
        "time_is": each.time_is,
        "memory": each.memory,
        "memory_is": each.memory_is,
    }


def _gigas(flops: float) -> str:
    """FLOPs in billions, in three digits at least."""
    return f"{flops / 1e9:,.0f}" if flops >= 1e11 else f"{flops / 1e9:.3g}"


def time_in_words(seconds: float) -> str:
    """A time in its unit, such as "2.3 h"."""
    for length, unit in FORMS:
        if seconds >= 2 * length or unit == "s":
            return f"{seconds / length:,.3g} {unit}" if seconds < 1000 * length else f"{seconds / length:,.0f} {unit}"
    raise AssertionError("the last unit fits all")

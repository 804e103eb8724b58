"""Of a stage that does not fit into memory it is said what would fit, extrapolated from what was measured."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from support.command import QUICKSTART
from support.tiny import CPU, tiny

from gankit.config.experiment import Experiment
from gankit.config.loader import load_experiment
from gankit.config.parts import possible_parts
from gankit.costs.counting import Counting
from gankit.costs.estimate import Estimate, Fitting, PhaseEstimate, Setting
from gankit.costs.estimator import MOST_SPARE, Estimator
from gankit.costs.evaluating import EvaluationCost
from gankit.costs.fitting import Fitter, Room, micro_batches
from gankit.costs.machine import Machine
from gankit.costs.phases import phases
from gankit.costs.table import estimate_as_json, warnings_of

WITHOUT, COMPILER = 10**6, 10**5
"""Bytes of a process without networks, and of torch's compiler, as is assumed here."""
PLAIN = {
    "regularizers": [],
    "discriminator": {"block": "conv", "rgb": "rgb", "channels": {4: 8, 8: 4}, "head": "pggan"},
}


class Small(Machine):
    """One of hardly any memory."""

    @property
    def memory(self) -> int:
        return 10**6


def fitted(experiment: Experiment, there: int, spare: float = 1.2) -> Estimate:
    """What is told of all phases where there are so many bytes, if `spare` times as much passes as was counted."""
    counting = Counting(experiment)
    estimates = [
        PhaseEstimate(
            phase,
            count := counting.iteration(phase),
            1.0,
            "measured",
            WITHOUT + count.kept + round(spare * count.passing),
            "measured",
        )
        for phase in phases(experiment)
    ]
    whole = Estimate(experiment, "here", "cpu", there, estimates, EvaluationCost(0.0, 0, ""))
    fitter = Fitter(experiment, counting, Room(there, WITHOUT, COMPILER, MOST_SPARE), lambda doing: None)
    fittings = fitter.fittings(whole.too_large)
    return Estimate(experiment, "here", "cpu", there, estimates, EvaluationCost(0.0, 0, ""), (), fittings)


def at_8x8(changes: dict[str, Any], micro_batch: int | None, again: bool = False) -> int:
    """Bytes that 8x8 takes as it fades in, counted with other options."""
    training = {"batch": 16, "device": "cpu", "micro_batch": micro_batch, "activation_checkpointing": again}
    experiment = tiny(**changes, training=training)
    count = Counting(experiment).iteration(phases(experiment)[1])
    return WITHOUT + count.kept + round(1.2 * count.passing) + again * COMPILER


def test_most_images_at_a_time_are_named_that_fit() -> None:
    half, quarter = (at_8x8({}, part) for part in (8, 4))
    assert half > quarter
    experiment = tiny(training={"batch": 16, "device": "cpu"})
    estimate = fitted(experiment, (half + quarter) // 2)

    [fitting] = [each for each in estimate.fittings if each.phase.stage.resolution == 8]
    [setting] = [each for each in fitting.would_fit if each.is_micro_batch_alone]
    assert setting.micro_batch == 4
    assert setting.memory == pytest.approx(quarter, rel=0.03)
    assert setting.memory <= (estimate.memory or 0)
    said = next(line for line in warnings_of(estimate) if line.startswith("stage 2, 8x8"))
    assert "; extrapolated from that, it would with training.micro_batch 4 (about " in said
    assert "each part a batch of its own to minibatch-stddev" in said
    assert {"stage": 2, **setting._asdict()} in estimate_as_json(estimate)["would_fit"]


def test_activations_that_are_made_again_are_named_where_they_fit() -> None:
    whole, again = at_8x8(PLAIN, None), at_8x8(PLAIN, None, again=True) - COMPILER
    assert again < whole
    experiment = tiny(**PLAIN, training={"batch": 16, "device": "cpu"})
    counting = Counting(experiment)
    count = counting.iteration(phases(experiment)[1])
    each = PhaseEstimate(phases(experiment)[1], count, 1.0, "measured", whole, "measured")
    for compiler, fits in ((0, True), (whole, False)):
        room = Room((whole + again) // 2, WITHOUT, compiler, MOST_SPARE)
        [fitting] = Fitter(experiment, counting, room, lambda doing: None).fittings([each])
        assert [one for one in fitting.would_fit if one.activation_checkpointing] == fits * [Setting(None, True, again)]


def test_if_nothing_fits_that_is_said() -> None:
    estimate = fitted(tiny(**PLAIN, training={"batch": 16, "device": "cpu"}), WITHOUT)
    first, second = warnings_of(estimate)

    assert "extrapolated from that, it would not even with training.micro_batch 1 and " in first
    assert "training.activation_checkpointing (about 1.2 MB); lower channels there or the resolution, or set " in first
    assert second.startswith("stage 2, 8x8 fading, will not fit: ")
    assert not estimate_as_json(estimate)["would_fit"]


def test_parts_are_those_that_every_component_takes() -> None:
    twelve = {"batch": 12, "device": "cpu"}
    grouped, plain = tiny(training=twelve), tiny(**PLAIN, training=twelve)
    assert possible_parts(plain, plain.stages()[0]) == [1, 2, 3, 4, 6, 12]
    assert possible_parts(grouped, grouped.stages()[0]) == [1, 2, 3, 4, 12]
    halved = tiny(**PLAIN, training={**twelve, "processes": 2})
    assert possible_parts(halved, halved.stages()[0]) == [1, 2, 3, 6]


def test_one_table_is_named_with_which_all_stages_fit() -> None:
    experiment = tiny(**PLAIN, training={"batch": {4: 16, 8: 8}, "device": "cpu"})
    first, _, last = phases(experiment)
    at_last = Fitting(last, [Setting(2, False, 1), Setting(None, True, 1)], None)

    assert micro_batches(experiment, [at_last], too_large=1) == {4: 16, 8: 2}
    assert micro_batches(experiment, [at_last], too_large=2) is None
    both = [Fitting(first, [Setting(2, False, 1)], None), at_last]
    assert micro_batches(experiment, both, too_large=2) == {4: 2}
    assert micro_batches(experiment, [Fitting(last, [Setting(None, True, 1)], None)], too_large=1) is None


def test_an_iteration_that_does_not_fit_is_not_measured() -> None:
    estimate = Estimator(tiny(**PLAIN), Small(CPU), budget=30, say=lambda doing: None).estimate()

    assert {each.memory_is for each in estimate.phases} == {"extrapolated"}
    assert any(note.startswith("no iteration was measured, which would take ") for note in estimate.notes)
    assert [fitting.would_fit for fitting in estimate.fittings] == [[], []]
    assert all("it would not even with training.micro_batch 1" in line for line in warnings_of(estimate))


PAPER = QUICKSTART.parent / "papers" / "pggan-celebahq-1024.yaml"
NARROW = [
    *("growth.final=32", "growth.images=64k", "growth.fade=16k", "training.average.half_life=10k"),
    *("generator.channels=64", "discriminator.channels=64", "training.batch=64", "training.optimizer.lr=1e-3"),
]


MEASURED = """
import sys, torch
from pathlib import Path
from gankit.config.loader import load_experiment
from gankit.costs.machine import Machine
from gankit.costs.measuring import Measuring
from gankit.costs.phases import phases

torch.set_num_threads(1)
experiment = load_experiment(Path(sys.argv[1]), sys.argv[2:], note=lambda lacking: None)
measuring = Measuring(experiment, Machine(torch.device("cpu")))
print(measuring.iterations(phases(experiment)[-1], 0.1).peak, measuring.without)
"""
"""The last phase of an experiment in a process of its own, as what others have left would count."""


@pytest.mark.slow
@pytest.mark.skipif(not Machine(CPU).forgets, reason="this system does not tell the peak of a part of a process's life")
def test_memory_of_fewer_images_is_as_was_extrapolated() -> None:
    def measured(*settings: str) -> tuple[int, int]:
        command = [sys.executable, "-c", MEASURED, str(PAPER), *NARROW, *settings]
        peak, without = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        return int(peak), int(without)

    whole, without = measured()
    experiment = load_experiment(PAPER, NARROW, note=lambda lacking: None)
    counting, last = Counting(experiment), phases(experiment)[-1]
    each = PhaseEstimate(last, counting.iteration(last), 1.0, "measured", whole, "measured")
    room = Room(whole - 2 * 10**8, without, 0, MOST_SPARE)
    [fitting] = Fitter(experiment, counting, room, lambda doing: None).fittings([each])
    setting = fitting.would_fit[0]
    fewer, _ = measured(f"training.micro_batch={setting.micro_batch}")

    assert setting.is_micro_batch_alone
    assert whole - fewer > 10**8
    assert 0.8 < (whole - setting.memory) / (whole - fewer) < 1.2

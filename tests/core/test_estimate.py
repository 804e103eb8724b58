"""What a run would cost, told before it begins: counted, measured and extrapolated, and which of these it was."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch
from support import wrong_parts
from support.command import QUICKSTART, SMALL, gankit_here
from support.tiny import CPU, tiny, trainer
from torch import Tensor

from gankit.config.loader import load_experiment
from gankit.core.registry import restored
from gankit.costs.counting import Counting, IterationCount, Workload
from gankit.costs.estimate import Estimate, PhaseEstimate
from gankit.costs.estimator import Estimator
from gankit.costs.evaluating import EvaluationCost
from gankit.costs.machine import Machine, Took
from gankit.costs.measuring import Measuring
from gankit.costs.model import TimeModel
from gankit.costs.operations import Load, Operation, TensorLike
from gankit.costs.phases import iteration_kinds, phases
from gankit.costs.replay import Replay, shrunk
from gankit.costs.table import estimate_table, time_in_words, warnings_of
from gankit.discovery.manager import plugins
from gankit.kinds import Augmentation
from gankit.training.flops import FlopCounter
from gankit.training.step import AugmentedBatch

LACKING = "mps" if torch.cuda.is_available() else "cuda"
"""A device that this machine does not have."""
PLAIN = {
    "regularizers": [],
    "discriminator": {"block": "conv", "rgb": "rgb", "channels": {4: 8, 8: 4}, "head": "pggan"},
}


def flops_of(experiment: Any) -> dict[str, dict[Any, float]]:
    """Floating point operations of an iteration of each phase."""
    counting = Counting(experiment)
    return {phase.label: dict(counting.iteration(phase).flops) for phase in phases(experiment)}


def test_an_iteration_is_counted_as_by_hand() -> None:
    experiment = tiny(growth={"use": "progressive", "start": 4, "final": 8, "images": 32, "fade": 0}, **PLAIN)
    dense_g, conv_4, dense_d, last = (2 * 8 * each for each in (8 * 8 * 16, 16 * 8 * 8 * 9, 8 * 16 * 8, 8))
    rgb_4 = 2 * 8 * 16 * 8
    generator, discriminator = dense_g + conv_4 + rgb_4, rgb_4 + conv_4 + dense_d + last

    counted = flops_of(experiment)
    assert counted["4x4"] == {
        "forward": 2 * generator + 3 * discriminator,
        # D: weights and inputs of all layers for reals and fakes, but the images' own; G: inputs of D, both of G but z
        "backward": 2 * (2 * discriminator - rgb_4) + discriminator + 2 * generator - dense_g,
    }

    # a doubling and a 3x3 convolution are one of 4x4 over the smaller maps; nothing halves beside a convolution
    up, conv_8, rgb_8, before_halving = (
        2 * 8 * each for each in (16 * 8 * 4 * 16, 64 * 4 * 4 * 9, 64 * 4, 64 * 4 * 8 * 9)
    )
    generator, discriminator = generator - rgb_4 + up + conv_8 + rgb_8, discriminator - rgb_4 + rgb_8 + conv_8
    assert counted["8x8"]["forward"] == 2 * generator + 3 * (discriminator + before_halving)


def test_what_is_counted_is_what_an_iteration_does_of_which_penalties_are_a_part() -> None:
    experiment = tiny()
    counts, real = flops_of(experiment), trainer(experiment)
    for phase in phases(experiment):
        real.images = phase.middle
        with FlopCounter() as counter:
            real.iteration()
        assert sum(counts[phase.label].values()) == counter.total
    without = flops_of(tiny(regularizers=["drift", "minibatch-stddev"]))
    assert counts["8x8"]["forward"] == without["8x8"]["forward"]
    assert counts["8x8"]["backward"] == without["8x8"]["backward"]
    assert counts["8x8"]["penalties"] > 0 == without["8x8"].get("penalties", 0)
    assert list(counts) == ["4x4", "8x8 fading", "8x8"]
    assert sum(counts["8x8 fading"].values()) > sum(counts["8x8"].values())


SYSTEMS = ("pggan-digits", "stylegan2-digits", "sagan-digits")
"""Those that differ in what they compute beside convolutions."""


def counted(system: str, *settings: str) -> IterationCount:
    """An iteration of the last phase."""
    experiment = load_experiment(QUICKSTART.parent / "small" / f"{system}.yaml", settings, note=lambda lacking: None)
    return Counting(experiment).iteration(phases(experiment)[-1])


@pytest.mark.parametrize("system", SYSTEMS)
def test_precisions_count_the_same_operations_on_smaller_numbers(system: str) -> None:
    full, tf32, bf16, fp16 = (
        counted(system, f"training.precision={each}") for each in ("fp32", "tf32", "bf16", "fp16")
    )
    for other in (tf32, bf16, fp16):
        assert (other.flops, other.parameters) == (full.flops, full.parameters)
    assert tf32.passing == full.passing
    assert bf16.passing == pytest.approx(fp16.passing, rel=0.05)
    assert bf16.passing < 0.8 * full.passing
    for count, dtype in ((bf16, torch.bfloat16), (fp16, torch.float16)):
        most = max(count.workload.loads.items(), key=lambda operation: operation[1].flops)[0]
        assert {each.dtype for each in most.args if isinstance(each, TensorLike)} == {dtype}


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_is_made_again_counts_to_where_it_is_derived(system: str) -> None:
    plain, again = (counted(system, f"training.activation_checkpointing={each}") for each in ("false", "true"))
    assert again.flops["forward"] == plain.flops["forward"]
    for purpose in ("backward", "penalties"):
        assert plain.flops[purpose] <= again.flops[purpose] < 2 * plain.flops[purpose] + plain.flops["forward"]
    assert again.flops["backward"] > 1.1 * plain.flops["backward"]
    assert again.passing < plain.passing


@pytest.mark.costly
def test_batches_steps_and_lazy_penalties_count_as_often_as_they_come() -> None:
    def total(regularizers: Any = (), **training: Any) -> float:
        options = {"batch": {4: 8, 8: 4}, "device": "cpu", **training}
        return sum(flops_of(tiny(regularizers=list(regularizers), training=options))["8x8"].values())

    plain = total()
    assert total(batch=8) == 2 * plain
    steps = [total(discriminator_steps=number) for number in (1, 2, 3)]
    assert steps[2] - steps[1] == steps[1] - steps[0] > 0
    batches = [total(generator_batches=number) for number in (1, 2, 3)]
    assert batches[2] - batches[1] == batches[1] - batches[0] > 0

    lazy = [total([{"use": "gradient-penalty", "every": every}]) for every in (2, 4)]
    assert lazy[0] - plain == pytest.approx(2 * (lazy[1] - plain))
    assert lazy[1] > plain
    both = tiny(regularizers=[{"use": "gradient-penalty", "every": 4}, {"use": "r1", "every": 6}]).regularizers
    assert sum(kind.share for kind in iteration_kinds(both)) == pytest.approx(1)
    assert [(kind.first, round(12 * kind.share)) for kind in iteration_kinds(both)] == [(1, 8), (4, 2), (6, 1), (0, 1)]


def test_phases_are_those_that_the_run_goes_through() -> None:
    experiment = tiny(training={"batch": {4: 8, 8: 4}, "discriminator_steps": 2, "device": "cpu"})
    found = phases(experiment)

    assert [(each.label, each.images, each.batch, each.iterations) for each in found] == [
        ("4x4", 32, 8, 2),
        ("8x8 fading", 32, 4, 4),
        ("8x8", 32, 4, 4),
    ]
    real = trainer(experiment)
    for phase in found:
        real.images = phase.middle
        real.iteration()
        assert (real.now.label, real.now.alpha < 1) == (phase.stage.label, phase.fades)


def test_all_that_is_said_of_a_small_experiment() -> None:
    estimate = Estimator(tiny(), Machine(CPU), budget=30, say=lambda doing: None).estimate()

    assert [each.time_is for each in estimate.phases] == ["measured"] * 3
    last = estimate.phases[-1]
    assert last.count is not None
    assert last.count.parameters == {
        name: sum(parameter.numel() for parameter in network.parameters() if parameter.grad is not None)
        for name, network in _trained_at_the_end().items()
    }
    assert estimate.seconds == sum(each.seconds * each.phase.iterations for each in estimate.phases) > 0
    assert not estimate.too_large
    small = replace(estimate, memory=10**6)
    assert [each.phase.label for each in small.too_large] == ["4x4", "8x8 fading", "8x8"]
    first, second = warnings_of(small)
    assert first.startswith("stage 1, 4x4, will not fit: it needs about ")
    assert "of memory" not in first
    assert "but there are 1.0 MB; lower training.batch to less than 8 from 4 on or channels there, or set " in first
    assert first.endswith("training.micro_batch or training.activation_checkpointing or training.precision to bf16")
    assert second.startswith("stage 2, 8x8")


def _trained_at_the_end() -> Any:
    real = trainer(tiny())
    real.images = phases(tiny())[-1].middle
    real.iteration()
    return real.networks


def test_nothing_but_the_first_stages_is_measured_if_there_is_no_time(tmp_path: Path) -> None:
    done = gankit_here(["estimate", QUICKSTART, *SMALL, "--budget", "1e-6", "--json"], tmp_path)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {phase["time_is"] for phase in found["phases"]} == {"extrapolated"}
    assert all(phase["seconds_an_iteration"] > 0 for phase in found["phases"])
    assert found["evaluation"]["images"] == 3 * 32
    assert not list(tmp_path.glob("runs"))


@pytest.mark.costly
def test_a_row_a_stage(tmp_path: Path) -> None:
    done = gankit_here(["estimate", QUICKSTART, *SMALL], tmp_path)

    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0] == "stage batch generator discriminator forward backward penalties memory iteration stage takes"
    assert [line.split()[0] for line in lines[2:5]] == ["4x4", "8x8", "16x16"]
    assert lines[5].startswith("In all ")
    assert "for 192 images, of which evaluation ~" in lines[5]


def test_of_a_busy_machine_both_times_are_said_at_once() -> None:
    first = PhaseEstimate(phases(tiny())[0], None, 3.0, "measured", None, "measured")
    busy = Estimate(tiny(), "a machine", "cpu", None, [first], EvaluationCost(None, 0, without=""), pace=2.0)
    total, *notes = estimate_table(busy).notes

    took, alone = (time_in_words(first.total / pace) for pace in (1, 2))
    assert total.startswith(f"In all {took} on this machine as busy as now, {alone} with a core to itself, for ")
    assert any("worked for this process in 50% of the time" in note for note in notes)
    assert "busy" not in " ".join(estimate_table(replace(busy, pace=1.2)).notes)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--budget", "none"], "--budget: expected a number of seconds above zero, not 'none'"),
        (["--budget", "0"], "--budget: expected a number of seconds above zero, not '0'"),
        (["--set", f"training.device={LACKING}"], f"training.device: there is no {LACKING} on this machine"),
        (["--set", "loss=wgan-gq"], "no loss is called 'wgan-gq'. Did you mean 'wgan'?"),
    ],
)
def test_mistakes(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = gankit_here(["estimate", QUICKSTART, *arguments], tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize("block", ["toowide", "detached"])
def test_a_broken_part_is_answered_as_by_the_rehearsal(block: str, tmp_path: Path) -> None:
    arguments = [QUICKSTART, *SMALL, "--plugin", wrong_parts.__file__, "--set", f"generator.block={block}"]
    with restored():
        before = gankit_here(["run", *arguments], tmp_path)
    done = gankit_here(["estimate", *arguments], tmp_path)

    assert (done.returncode, before.returncode) == (2, 2)
    assert done.stderr.splitlines()[-1] == before.stderr.splitlines()[-1]


@pytest.mark.costly
def test_data_that_are_elsewhere_are_not_needed(tmp_path: Path) -> None:
    settings = ["--set", "data={use: folder, path: nowhere}", "--set", "generator.channels=4"]
    done = gankit_here(["estimate", QUICKSTART, *SMALL, *settings], tmp_path)

    assert done.returncode == 0, done.stderr


def test_data_that_are_elsewhere_must_not_be_needed_to_know_the_classes(tmp_path: Path) -> None:
    settings = ["--set", "data={use: folder, path: nowhere, labels: true}"]
    done = gankit_here(["estimate", QUICKSTART, *SMALL, *settings], tmp_path)

    assert done.returncode == 2
    assert "nowhere; without it nobody knows how many classes there are" in done.stderr


class Asking(Augmentation):
    """Does what depends on numbers, for which a device is waited."""

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        return images if float(images.detach().mean()) > 0 else images * 1


def test_what_asks_for_numbers_is_measured_and_not_counted() -> None:
    plugins.load_installed()
    experiment = tiny().model_copy(update={"augment": [Asking()]})
    estimate = Estimator(experiment, Machine(CPU), budget=30, say=lambda doing: None).estimate()

    assert any(note.startswith("augmentation is not counted") for note in estimate.notes)
    assert all(each.count is not None for each in estimate.phases)


PAPER = QUICKSTART.parent / "papers" / "pggan-celebahq-1024.yaml"
NARROW = {
    "growth.final": 64,
    "growth.images": "64k",
    "growth.fade": "16k",
    "generator.channels": 64,
    "discriminator.channels": 64,
    "training.batch": 16,
    "training.optimizer.lr": 1e-3,
    "training.average.half_life": "10k",
}


@pytest.mark.slow
def test_times_are_within_a_fifth_where_measured_and_two_fifths_a_stage_beyond() -> None:
    settings = [f"{option}={value}" for option, value in NARROW.items()]
    experiment = load_experiment(PAPER, settings, note=lambda lacking: None)
    machine = Machine(CPU, now=time.process_time)
    torch.set_num_threads(1)
    ratios: dict[tuple[str, str], list[float]] = defaultdict(list)
    measuring = Measuring(experiment, machine)
    for _ in range(5):  # in turn, as nobody knows what else the machine does meanwhile
        estimate = Estimator(experiment, machine, budget=5, say=lambda doing: None).estimate()
        beyond = min(each.phase.number for each in estimate.phases if each.time_is == "extrapolated")
        for each in estimate.phases:
            if each.phase.number <= beyond:
                real = measuring.iterations(each.phase, max(1.5, 4 * each.seconds))  # as long as the estimate has had
                ratios[each.time_is, each.phase.label].append(each.seconds / real.took.wall)
    medians = {phase: median(of_phase) for phase, of_phase in ratios.items() if len(of_phase) > 2}

    assert {source for source, _ in medians} == {"measured", "extrapolated"}
    for (source, label), ratio in medians.items():
        most = 1.2 if source == "measured" else 1.4
        assert 1 / most < ratio < most, (label, ratios)


def test_what_operations_take_among_others_is_learned_from_what_was_measured() -> None:
    counting, machine = Counting(tiny()), Machine(CPU)
    small, large = (counting.iteration(phase).workload for phase in (phases(tiny())[0], phases(tiny())[2]))
    replay = Replay(machine)
    model = TimeModel(replay)
    for workload in (small, large):
        replay.seconds |= dict.fromkeys(workload.counts, 1e-3)
        replay.loads |= workload.loads

    def really(workload: Workload) -> float:
        return 1.25 * 1e-3 * sum(workload.counts.values()) + 2e-5 * workload.calls

    for workload in (small, large):
        model.learn(workload, Took(really(workload), 2 * really(workload)))

    assert model.pace == pytest.approx(2)
    assert model.seconds(large) == pytest.approx(2 * really(large))
    fewer = large._replace(counts={operation: count / 2 for operation, count in large.counts.items()})
    assert model.seconds(fewer) == pytest.approx(2 * really(fewer))


def test_a_large_operation_is_timed_by_fewer_images_or_groups() -> None:
    maps = TensorLike((64, 128, 32, 32), (131072, 1, 4096, 128), torch.float32, True)
    weight = TensorLike((128, 128, 3, 3), (1152, 1, 384, 128), torch.float32, True)
    way = ((1, 1), (1, 1), (1, 1), False, (0, 0), 1)
    convolution = Operation(torch.ops.aten.convolution.default, (maps, weight, None, *way), ())
    flops = 2 * 64 * 32 * 32 * 128 * 128 * 9
    smaller = shrunk(convolution, Load(flops, 10**8))

    assert smaller.operation.args[0].shape == (14, 128, 32, 32)
    assert smaller.operation.args[1:] == convolution.args[1:]
    assert smaller.times == 64 / 14
    assert shrunk(convolution, Load(10**6, 10**6)) == (convolution, 1)

    grouped = (
        maps._replace(shape=(1, 64 * 128, 32, 32), stride=(8388608, 1024, 32, 1)),
        weight._replace(shape=(64 * 128, 128, 3, 3)),
    )
    of_groups = convolution._replace(args=(*grouped, None, *way[:-1], 64))
    smaller = shrunk(of_groups, Load(flops, 10**8))
    assert [each.shape[:2] for each in smaller.operation.args[:2]] == [(1, 14 * 128), (14 * 128, 128)]
    assert smaller.operation.args[-1] == 14
    assert Replay(Machine(CPU)).time(of_groups, Load(flops, 10**8)) is not None


def test_of_several_processes_it_is_said_that_one_does_all() -> None:
    def notes(processes: int) -> str:
        experiment = tiny(training={"processes": processes})
        return " ".join(Estimator(experiment, Machine(CPU), budget=0.1, say=lambda doing: None).estimate().notes)

    assert "training.processes: this is of one process that does all; each of 2 would compute 1/2" in notes(2)
    assert "training.processes" not in notes(1)


@pytest.mark.skipif(not Machine(CPU).forgets, reason="this system does not tell the peak of a part of a process's life")
def test_what_measuring_alone_loads_is_no_memory_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "only_measuring.py").write_text("held = b'x' * 2**27")
    monkeypatch.syspath_prepend(tmp_path)
    machine = Machine(CPU)
    machine.forget_peak()
    before = machine.peak
    machine.load("only_measuring")
    machine.forget_peak()
    assert abs(machine.peak - before) < 2**25


@pytest.mark.slow
@pytest.mark.skipif(not Machine(CPU).forgets, reason="this system does not tell the peak of a part of a process's life")
def test_memory_grows_as_it_was_counted() -> None:
    settings = [f"{option}={value}" for option, value in {**NARROW, "growth.final": 32, "training.batch": 48}.items()]
    experiment = load_experiment(PAPER, settings, note=lambda lacking: None)
    machine = Machine(CPU)
    estimate = Estimator(experiment, machine, budget=0.1, say=lambda doing: None).estimate()
    first, last = estimate.phases[0], estimate.phases[-1]
    measuring = Measuring(experiment, machine)
    peaks = [measuring.iterations(each.phase, 0.1).peak for each in (first, last)]

    assert last.memory_is == "extrapolated"
    assert None not in (first.memory, last.memory, *peaks)
    told, real = (last.memory or 0) - (first.memory or 0), (peaks[1] or 0) - (peaks[0] or 0)
    assert real > 10**8
    assert 0.7 < told / real < 1.4

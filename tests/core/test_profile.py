"""Where the time of an iteration goes, by part of the experiment: exactly, and without a trace in the run."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from support.command import QUICKSTART, SMALL, gankit_here
from support.tiny import CPU, tiny, trainer

from gankit.checkpoints import store
from gankit.config.experiment import Experiment
from gankit.costs.attribution import NODE, Event, Owner, Spent, owned, spent
from gankit.costs.parts import WatchedPart
from gankit.costs.phases import IterationKind
from gankit.costs.profile import KindProfile, PhaseProfile, ProfiledIteration
from gankit.costs.profiled_loop import LINES, PROFILED, TEXT, TRACES, ProfiledLoop
from gankit.costs.profiling import RANGE, WHOLE, Profiling
from gankit.costs.watching import watched
from gankit.runs.loop import TrainingLoop
from gankit.runs.start import begin, resume
from gankit.training.trainer import Trainer

BLOCK, HEAD, PENALTY = (
    WatchedPart("block", "conv", "discriminator", 8),
    WatchedPart("head", "last"),
    WatchedPart("penalty", "slope"),
)
NAMES = {part.label: part for part in (BLOCK, HEAD, PENALTY)}


def test_derivatives_are_those_of_the_part_whose_forward_pass_they_are_of() -> None:
    """As on a GPU, where another thread does derivatives, and numbers nodes by itself."""
    events = [
        Event("root", 0, 100, 1, -1, 0),
        Event(PENALTY.label, 5, 60, 1, -1, 0),
        Event(BLOCK.label, 10, 20, 1, -1, 0),
        Event("product", 12, 18, 1, 7, 0, device=300),
        Event(HEAD.label, 20, 24, 1, -1, 0),
        Event("sum", 20, 22, 1, 8, 0),
        Event(f"{NODE}: SumBackward", 30, 34, 2, 8, 1),
        Event("expand", 31, 33, 2, 3, 0),
        Event(f"{NODE}: ProductBackward", 34, 50, 2, 7, 1),
        Event("product", 36, 48, 2, 4, 0, device=500),
        Event(f"{NODE}: ProductBackward", 70, 80, 2, 4, 2),
        Event(f"{NODE}: ProductBackward", 80, 90, 2, 7, 1),
        Event(f"{NODE}: AccumulateGrad", 90, 91, 2, 2**63, 1),
    ]

    assert spent(events, NAMES) == {
        Owner(None): Spent(45 + 1),
        Owner(PENALTY, PENALTY): Spent(55 - 10 - 4),
        Owner(BLOCK, PENALTY): Spent(10, 300),
        Owner(HEAD, PENALTY): Spent(4),
        Owner(HEAD, PENALTY, 1): Spent(4),
        Owner(BLOCK, PENALTY, 1): Spent(16 + 10, 500),
        Owner(BLOCK, PENALTY, 2): Spent(10),
    }


def test_what_threads_do_for_one_that_waits_for_them_counts_once() -> None:
    """As those that talk to other processes."""
    events = [
        Event(BLOCK.label, 0, 100, 1, -1, 0),
        Event("gloo:all_reduce", 10, 90, 2, -1, 0),
        Event("copy", 20, 30, 2, -1, 0, device=7),
    ]

    found = spent(events, NAMES)
    assert found[Owner(BLOCK)] == Spent(100)
    assert found[Owner(None)] == Spent(0, 7)


def test_the_last_that_asks_for_a_node_has_made_it() -> None:
    """An operation that makes none has the number of the next."""
    events = [
        Event(HEAD.label, 0, 9, 1, -1, 0),
        Event("detach", 1, 2, 1, 5, 0),
        Event(BLOCK.label, 10, 20, 1, -1, 0),
        Event("product", 11, 12, 1, 5, 0),
        Event(f"{NODE}: ProductBackward", 30, 40, 1, 5, 1),
    ]

    assert spent(events, NAMES)[Owner(BLOCK, order=1)] == Spent(10)


def profiled(experiment: Experiment, images: int = 40) -> tuple[Profiling, Trainer]:
    """One iteration in which the layers of 8x8 fade in."""
    trained, profiling = trainer(experiment), Profiling(CPU)
    trained.images = images
    trained.iteration()
    with watched(trained, profiling), profiling.whole():
        trained.iteration()
    return profiling, trained


def test_each_moment_counts_once() -> None:
    profiling, _ = profiled(tiny())
    whole = sum(times.host for times in profiling.spent().values()) / 1e9

    assert whole == pytest.approx(profiling.seconds, rel=0.05)


def test_all_convolutions_are_those_of_a_part_of_a_network_in_every_order_of_derivatives() -> None:
    profiling, _ = profiled(tiny())
    owners = [
        each.owner
        for each in owned(profiling.events(), profiling.parts)
        if each.event.name in ("aten::convolution", "aten::convolution_backward")
    ]

    assert {owner.order for owner in owners} == {0, 1, 2}
    assert all(owner.part is not None and owner.part.network for owner in owners)
    second = {owner for owner in owners if owner.order == 2}
    assert {owner.penalty.name for owner in second if owner.penalty} == {"gradient-penalty"}
    assert all(owner.penalty for owner in second)
    labels = {owner.part.label for owner in second if owner.part}
    assert {"discriminator 8x8 block conv", "discriminator 4x4 head pggan"} <= labels
    assert not [label for label in labels if label.startswith("generator")]


def test_every_part_is_named() -> None:
    experiment = tiny(
        augment=[{"use": "stochastic", "p": 0.5}], loss="wgan", regularizers=["gradient-penalty", "drift"]
    )
    profiling, _ = profiled(experiment)
    labels = {owner.part.label for owner in profiling.spent() if owner.part is not None}

    assert labels >= {
        "generator 4x4 mapping normalized",
        "generator 4x4 stem pggan",
        "generator 8x8 block conv",
        "generator 8x8 norm pixel",
        "generator 8x8 norm of weights",
        "generator 8x8 block rgb",
        "generator 8x8 join blend",
        "discriminator 8x8 block conv",
        "discriminator 4x4 head pggan",
        "loss wgan",
        "penalty gradient-penalty",
        "penalty drift",
        "augmentation stochastic",
        "average average",
        "generator optimizer adam",
        "discriminator optimizer adam",
        "data",
    }


def test_nothing_is_left_behind() -> None:
    experiment = tiny(augment=["stochastic"])

    def seen(trained: Trainer) -> list[Any]:
        watched_classes = [type(experiment.loss), type(trained.loader), type(trained.optimizers["generator"])]
        watched_classes += [type(each) for each in (*experiment.regularizers, *experiment.augment)]
        watched_classes += [type(each) for each in trained.averages.values()]
        hooks = [
            len(module._forward_hooks) + len(module._forward_pre_hooks)
            for network in trained.networks.values()
            for module in network.modules()
        ]
        return [{name: id(value) for name, value in vars(cls).items()} for cls in watched_classes] + hooks

    trained = trainer(experiment)
    before, profiling = seen(trained), Profiling(CPU)
    with watched(trained, profiling):
        assert seen(trained) != before
    assert seen(trained) == before
    with pytest.raises(ZeroDivisionError), watched(trained, profiling):
        raise ZeroDivisionError
    assert seen(trained) == before


def longer(**changes: Any) -> Experiment:
    """An experiment with iterations enough to be profiled."""
    growth = {"use": "progressive", "start": 4, "final": 8, "images": {4: 96, 8: 192}, "fade": 0.5}
    return tiny(growth=growth, **changes)


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / LINES).read_text().splitlines()]


def state(run: Path) -> dict[str, Any]:
    newest = store.newest(run / "checkpoints", print)
    assert newest is not None
    return newest.state


@pytest.mark.costly
def test_a_profiled_run_gives_the_same_bits_and_tells_of_each_phase(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(longer(), tmp_path / "plain").train()
    capsys.readouterr()
    begin(longer(), tmp_path / "profiled", loop=ProfiledLoop).train()
    said = capsys.readouterr().err

    plain, run = tmp_path / "plain", tmp_path / "profiled"
    assert (plain / "metrics.jsonl").read_bytes() == (run / "metrics.jsonl").read_bytes()
    torch.testing.assert_close(state(run)["weights"], state(plain)["weights"], rtol=0, atol=0)
    found = lines(run)
    assert [(line["label"], line["stage"], line["profiled"]) for line in found] == [
        ("4x4", 1, PROFILED),
        ("8x8 fading", 2, PROFILED),
        ("8x8", 2, PROFILED),
    ]
    for line in found:
        assert sum(part["seconds"] for part in line["parts"]) == pytest.approx(line["seconds"], rel=0.05)
        assert line["seconds_unprofiled"] > 0
        assert any(part["kind"] == "record" for part in line["parts"])
        assert line["label"] in said
    assert not [part for part in found[0]["parts"] if part["resolution"] == 8]
    assert all(line in said for line in (run / TEXT).read_text().splitlines())
    assert {file.name for file in (run / TRACES).iterdir()} == {
        f"{name}.trace.json.gz" for name in ("4x4", "8x8-fading", "8x8")
    }
    with gzip.open(run / TRACES / "8x8.trace.json.gz") as file:
        names = {event.get("name") for event in json.load(file)["traceEvents"]}
    assert {RANGE + WHOLE.label, f"{RANGE}discriminator 8x8 block conv", f"{RANGE}data"} <= names


@pytest.mark.costly
def test_lazy_penalties_count_as_often_as_they_come(tmp_path: Path) -> None:
    experiment = longer(regularizers=[{"use": "gradient-penalty", "every": 4}, "drift"])
    begin(experiment, tmp_path / "run", loop=ProfiledLoop).train()
    [first, *_] = lines(tmp_path / "run")

    of_penalty = sum(part["seconds"] for part in first["parts"] if part["penalty"] == "gradient-penalty")
    assert first["profiled"] > 3
    assert 0 < of_penalty < 0.25 * first["seconds"]
    assert {file.name for file in (tmp_path / "run" / TRACES).iterdir()} >= {
        "4x4.trace.json.gz",
        "4x4-with-gradient-penalty.trace.json.gz",
    }


@pytest.mark.costly
def test_phases_too_short_to_be_profiled_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    growth = {"use": "progressive", "start": 4, "final": 8, "images": {4: 16, 8: 48}, "fade": 0.3}
    begin(tiny(growth=growth), tmp_path / "run", loop=ProfiledLoop).train()

    assert [line["label"] for line in lines(tmp_path / "run")] == ["8x8"]
    assert "gankit: no profile of 4x4, 8x8 fading: too few iterations" in capsys.readouterr().err


@pytest.mark.costly
def test_a_run_that_goes_on_is_profiled_from_there(tmp_path: Path) -> None:
    begin(longer(), tmp_path / "run").train()
    again = resume(tmp_path / "run", extend=96, loop=ProfiledLoop)
    assert isinstance(again, TrainingLoop)
    again.train()

    assert [line["label"] for line in lines(tmp_path / "run")] == ["8x8"]


@pytest.mark.costly
def test_a_profile_that_cannot_be_written_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loop = begin(longer(), tmp_path / "run", loop=ProfiledLoop)
    (tmp_path / "run" / TRACES).write_text("in the way")
    loop.train()

    assert "gankit: the profile failed to be written" in capsys.readouterr().err
    assert len(lines(tmp_path / "run")) == 3


@pytest.mark.costly
def test_the_command_profiles_a_run_and_no_study(tmp_path: Path) -> None:
    done = gankit_here(["run", QUICKSTART, *SMALL, "--profile", "--out", "run"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "by purpose" in done.stderr
    study = gankit_here(["run", QUICKSTART.parent / "studies" / "losses-digits.yaml", "--profile"], tmp_path)
    assert study.returncode == 2
    assert "is a study; choose one of its runs with --run" in study.stderr


@pytest.mark.costly
def test_waiting_for_other_processes_is_told_and_parts_add_up(tmp_path: Path) -> None:
    few = ["growth.images=96", "growth.final=4", "training.processes=2", "training.threads=1"]
    settings = [word for each in few for word in ("--set", each)]
    done = gankit_here(["run", QUICKSTART, *SMALL, *settings, "--profile", "--no-rehearsal", "--out", "run"], tmp_path)

    assert done.returncode == 0, done.stderr
    [line] = lines(tmp_path / "run")
    assert sum(part["seconds"] for part in line["parts"]) == pytest.approx(line["seconds"], rel=0.02)
    assert any(part["part"] == "processes" and part["seconds"] > 0 for part in line["parts"])
    assert "processes" in done.stderr.partition("by purpose")[2]


@pytest.mark.gpu
def test_on_a_gpu_its_own_time_is_told(tmp_path: Path) -> None:
    experiment = longer(training={"batch": 8, "device": "cuda"})
    begin(experiment, tmp_path / "run", loop=ProfiledLoop).train()

    for line in lines(tmp_path / "run"):
        of_parts = sum(part["seconds"] for part in line["parts"] if part["kind"] != "other")
        assert 0 < of_parts < line["seconds"]
        assert sum(part["seconds"] for part in line["parts"]) == pytest.approx(line["seconds"], rel=0.05)
        assert {part["pass"] for part in line["parts"]} == {"forward", "backward", "second"}
        assert line["seconds_unprofiled"] > 0.3 * line["seconds"], "not of launches alone"


def test_the_slowest_third_of_the_profiled_iterations_counts_for_nothing() -> None:
    part = Owner(BLOCK)
    alike = [ProfiledIteration(1.0, {part: Spent(10**9)}) for _ in range(4)]
    disturbed = [ProfiledIteration(40.0, {part: Spent(40 * 10**9)}) for _ in range(2)]
    often = KindProfile(IterationKind(1, 0.75), [*disturbed, *alike])
    seldom = KindProfile(IterationKind(0, 0.25), [ProfiledIteration(3.0, {Owner(PENALTY, PENALTY): Spent(3 * 10**9)})])
    profile = PhaseProfile("8x8", [often, seldom])

    assert profile.seconds == 0.75 * 1.0 + 0.25 * 3.0
    assert profile.spent() == {part: Spent(75 * 10**7), Owner(PENALTY, PENALTY): Spent(75 * 10**7)}
    assert PhaseProfile("8x8", [often, KindProfile(IterationKind(0, 0.25))]).seconds == 1.0


def test_iterations_with_and_without_the_profiler_are_told_by_the_same_rule() -> None:
    often = KindProfile(IterationKind(1, 0.75), [ProfiledIteration(1.0, {})], others=[9.0, 1.0, 2.0])
    seldom = KindProfile(IterationKind(0, 0.25), [ProfiledIteration(3.0, {})], others=[4.0])

    assert PhaseProfile("8x8", [often, seldom]).seconds_unprofiled == 0.75 * 1.5 + 0.25 * 4.0
    seldom.others.clear()
    assert PhaseProfile("8x8", [often, seldom]).seconds_unprofiled is None, "of other kinds than those profiled"

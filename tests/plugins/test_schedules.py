"""Schedules: the numbers that they give, where they may stand, and training by numbers that move."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from support.pggan import component
from support.tiny import tiny, trainer
from torch import nn

from gankit import Block, BuildContext, Regularizer, Schedule, Scheduled, UserError
from gankit.cli import main
from gankit.config.checks import problems
from gankit.config.experiment import Experiment
from gankit.config.schedules import Acting, moving_numbers
from gankit.config.yaml.writer import dump_experiment
from gankit.core import registry
from gankit.core.errors import ComponentError
from gankit.core.progress import Stage, progress_at
from gankit.discovery.manager import plugins
from gankit.runs.attribution import attributing_errors
from gankit_r1.regularizers import R1

STAGES = [Stage(4, 400), Stage(8, 600, 300)]


def values(*images: int, **options: Any) -> list[float]:
    schedule = component("schedule", options.pop("use"), **options)
    assert isinstance(schedule, Schedule)
    return [round(schedule.value(progress_at(STAGES, shown)), 6) for shown in images]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"use": "constant", "number": 3}, [3, 3, 3, 3]),
        ({"use": "linear", "start": 1, "end": 0}, [1, 0.8, 0.5, 0]),
        ({"use": "linear", "start": 0, "end": "10k", "over": 500}, [0, 4000, 10_000, 10_000]),
        ({"use": "linear", "start": 0, "end": 1, "over": "stage"}, [0, 0.5, round(1 / 6, 6), 1]),
        ({"use": "cosine", "start": 2, "end": 1, "over": 400}, [2, 1.5, 1, 1]),
        ({"use": "warm-up", "to": {"use": "linear", "start": 1, "end": 0}, "over": 400}, [0, 0.4, 0.5, 0]),
        ({"use": "steps", "points": [[0, 1], [200, 0.5], ["1k", 0.1]]}, [1, 0.5, 0.5, 0.1]),
        ({"use": "steps", "points": [[0, 1], [0.5, 2]], "of": "run"}, [1, 1, 2, 2]),
        ({"use": "piecewise", "points": [[0, 0], [400, 4], [600, 0]]}, [0, 2, 2, 0]),
    ],
)
def test_the_numbers_that_schedules_give(options: dict[str, Any], expected: list[float]) -> None:
    assert values(0, 200, 500, 1000, **options) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("path", "option", "said"),
    [
        ("regularizers", {"use": "r1", "gamma": {"use": "linear", "start": 1, "end": -1}}, "gives -0."),
        ("training", {"average": {"half_life": {"use": "linear", "start": -5, "end": 10}}}, "gives -5 after 0"),
        ("training", {"optimizer": {"betas": [0, {"use": "constant", "number": 2}]}}, "gives 2 after 0 images"),
    ],
)
def test_a_number_that_an_option_may_not_be_is_told_with_the_images_at_which_it_comes(
    path: str, option: Any, said: str
) -> None:
    found = problems(tiny(**{path: option}))
    assert [(problem[0][0], said in problem[1]) for problem in found] == [(path, True)] * len(found)
    assert found


def test_what_acts_has_the_numbers_in_force_and_the_experiment_stays_as_it_is() -> None:
    experiment = tiny(
        regularizers=["minibatch-stddev", {"use": "r1", "gamma": {"use": "linear", "start": 4, "end": 0}}],
        training={"average": {"half_life": {4: 100, 8: {"use": "linear", "start": 0, "end": 10}}}},
    )
    text = repr(experiment)
    acting = Acting(experiment)
    r1 = acting.experiment.regularizers[1]
    assert acting.experiment.regularizers[0] is experiment.regularizers[0]
    assert acting.experiment.generator is experiment.generator
    whole = progress_at(experiment.stages(), 0).total
    for share in (0.0, 0.5, 1.0):
        acting.move(progress_at(experiment.stages(), round(share * whole)))
        assert getattr(r1, "gamma") == 4 * (1 - share)  # noqa: B009
        assert getattr(acting.experiment.training.average, "half_life") == {4: 100, 8: 10 * share}  # noqa: B009
    assert acting.moves(r1)
    assert not acting.moves(acting.experiment.loss)
    assert repr(experiment) == text
    assert [number.below for number in moving_numbers(experiment)] == [("gamma",), ("half_life", 8)]


class Moving(Regularizer):
    """Adds its own strength, whatever the images."""

    strength: Scheduled[float] = 1.0
    """What it adds."""

    def discriminator(self, step: Any) -> torch.Tensor:
        step.log("strength", self.strength)
        step.memory(self)["calls"] = step.memory(self).get("calls", torch.zeros(())) + 1
        return 0.0 * step.on_real.score.sum() + self.strength


@pytest.fixture
def own() -> Iterator[None]:
    plugins.load_installed()
    with registry.restored():
        registry.register("test", "moving", Moving)
        yield


def scheduled(**changes: Any) -> Experiment:
    return tiny(
        regularizers={"use": "test/moving", "strength": {"use": "linear", "start": 0, "end": 96}},
        training={
            "batch": 8,
            "optimizer": {
                "use": "adam",
                "lr": {"use": "linear", "start": 1e-3, "end": 0},
                "betas": [0, {"use": "linear", "start": 0.5, "end": 0.9}],
                "clip_norm": {"use": "steps", "points": [[0, 1e9], [40, 1e-3]]},
            },
        },
        **changes,
    )


@pytest.mark.usefixtures("own")
def test_options_of_anyones_parts_and_of_optimizers_move_and_go_on_to_the_same_bits() -> None:
    straight = trainer(scheduled())
    total, kept = straight.ends[-1], straight.state_dict()
    while straight.images < total:
        shown = straight.images
        record = straight.iteration()
        assert float(record["strength"]) == pytest.approx(96 * shown / total)
        group = straight.optimizers["discriminator"].param_groups[0]
        assert group["lr"] == pytest.approx(1e-3 * (1 - shown / total))
        assert group["betas"] == (0, pytest.approx(0.5 + 0.4 * shown / total))
        if shown == total // 2:
            kept = copy.deepcopy(straight.state_dict())
    assert float(straight.memory["regularizers.0"]["calls"]) == straight.iterations
    resumed = trainer(scheduled())
    resumed.load_state_dict(kept)
    while resumed.images < total:
        resumed.iteration()
    for name, tensor in straight.generator.state_dict().items():
        assert torch.equal(tensor, resumed.generator.state_dict()[name])


class Fading(Block):
    """A convolution whose features are weighed by a number that moves."""

    share: Scheduled[float] = 1.0
    """The weight."""

    def build(self, context: BuildContext) -> nn.Module:
        from gankit.networks.layers import Chain, Function, conv, resampling

        up, down = (resampling(context.resample, way) for way in ("up", "down"))
        weigh = Function(lambda x: x * self.share)
        return Chain(up=up, conv=conv(context.in_channels, context.out_channels), weigh=weigh, down=down)


def test_a_number_of_a_block_moves_in_the_network_and_in_its_average() -> None:
    plugins.load_installed()
    with registry.restored():
        registry.register("test", "fading", Fading)
        block = {"use": "test/fading", "share": {"use": "linear", "start": 1, "end": 0}}
        made = trainer(tiny(generator=tiny().generator.model_dump() | {"block": block}))
        z = torch.randn(2, 8)
        total = made.ends[-1]
        for network in (made.generator, made.average):
            made.grow(progress_at(made.stages, total // 2))
            half = network(z)
            made.grow(progress_at(made.stages, total)._replace(alpha=1.0))
            nothing = network(z)
            assert not torch.equal(half, nothing)
            assert float(nothing.detach().std()) < 1e-6  # only the bias of the way into the image is left


def test_a_clipped_gradient_is_no_longer_than_asked() -> None:
    made = trainer(tiny(training={"batch": 8, "optimizer": {"use": "adam", "clip_norm": 1e-3}}))
    made.iteration()
    for name, parameters in made.trained.items():
        norm = torch.stack([each.grad.norm() for each in parameters if each.grad is not None]).norm()
        assert float(norm) == pytest.approx(1e-3, rel=1e-3), name


def test_points_that_do_not_begin_at_zero_are_refused() -> None:
    with pytest.raises((ValueError, UserError), match="no number for the beginning"):
        component("schedule", "steps", points=[[10, 1]])


def test_all_that_moves_is_printed_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "moving.yaml"
    file.write_text(dump_experiment(scheduled_r1()))
    assert main(["explain", "--schedule", str(file), "--plot", str(tmp_path / "s.png")]) == 0
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["images", "stage", "alpha", "training.optimizer.lr", "regularizers.0.gamma"]
    assert rows[0].split() == ["0", "4x4", "1", "0.01", "4"]
    assert rows[-1].split() == ["96", "8x8", "1", "0", "1"]
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    assert main(["explain", "--schedule", str(file), "--set", "regularizers.0.gamma=2", "--set", "fading.rate=1"]) == 0
    assert "gamma" not in capsys.readouterr().out


def scheduled_r1() -> Experiment:
    return tiny(
        regularizers={"use": "r1", "gamma": {"use": "cosine", "start": 4, "end": 1}},
        training={"batch": 8, "optimizer": {"use": "adam", "lr": {"use": "linear", "start": 0.01, "end": 0}}},
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--plot", "s.png"], "--plot and --set say what to do"),
        (["--schedule", "absent.yaml"], "absent.yaml"),
        (["--schedule", "absent.yaml", "--plot", "s.pgn"], "Did you mean 'png'"),
    ],
)
def test_mistakes_of_whoever_asks_for_what_moves(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_who_fails_is_named_though_its_numbers_move(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: R1, step: Any) -> torch.Tensor:
        raise KeyError(self.gamma)

    monkeypatch.setattr(R1, "discriminator", fails)
    moving = {"use": "r1", "gamma": {"use": "linear", "start": 1, "end": 0}}
    experiment = tiny(regularizers=["drift", moving])
    with pytest.raises(ComponentError, match=r"r1/r1 .*'regularizers\.1'"), attributing_errors(experiment):
        trainer(experiment).iteration()

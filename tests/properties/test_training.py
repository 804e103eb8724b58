"""P2, P7, P11, P12: training as a function of images shown, averages, saved states, and updates kept apart."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.discriminators import own_discriminator
from support.properties import holds
from support.systems import counts, experiments, schedules, trainer
from torch import Tensor, nn

from gankit.config.experiment import Experiment
from gankit.core.progress import ends, progress_at
from gankit.training.trainer import Trainer
from gankit.training.update import NetworkName

COPIED = {"statistics": "copy"}
"""An average's option by which nothing is estimated, where estimates are of no matter: they take hundreds of passes."""


def saved(made: Trainer) -> Any:
    """The state of a trainer as it comes back from a file."""
    file = io.BytesIO()
    torch.save(made.state_dict(), file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)


def flat(state: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a state with the way to it."""
    if isinstance(state, dict | list | tuple):
        for key, value in state.items() if isinstance(state, dict) else enumerate(state):
            yield from flat(value, f"{path}.{key}")
    else:
        yield path, state


def assert_same_state(one: Any, other: Any) -> None:
    first, second = dict(flat(one)), dict(flat(other))
    assert first.keys() == second.keys()
    for path, value in first.items():
        same = torch.equal(value, second[path]) if isinstance(value, Tensor) else value == second[path]
        assert same, path


@holds("P2")
@given(data=st.data())
def test_what_is_in_force_follows_from_images_in_any_order(system: str, data: st.DataObject) -> None:
    drawn = data.draw(schedules(data.draw(experiments(system))))
    experiment = with_training(drawn, average=drawn.training.average.model_copy(update=COPIED))
    last = ends(experiment.growth.stages())[-1]
    visited = data.draw(st.lists(st.integers(0, last + 10), min_size=2, max_size=6, unique=True))
    made = trainer(experiment)
    in_order = {images: in_force(made, images) for images in sorted(visited)}
    for images in visited:
        assert in_force(made, images) == in_order[images]
    resumed = trainer(experiment)
    resumed.load_state_dict(saved(made))
    assert resumed.images == visited[-1]
    for images in visited:
        assert in_force(resumed, images) == in_order[images]


def in_force(made: Trainer, images: int) -> Any:
    """Stage, resolution, alpha, learning rates and reals of the next update after so many images."""
    made.images = images
    made._follow_growth()
    reals, labels, _ = made._batch()
    averages = [averaged.measured() for averaged in made.averages.values()]
    for network in (made.generator, own_discriminator(made), *averages):
        assert (network.resolution, float(network.alpha)) == (made.now.resolution, pytest.approx(made.now.alpha))
    rates = [[(group["new_at"], group["lr"]) for group in each.param_groups] for each in made.optimizers.values()]
    return made.now, rates, reals.shape, reals.tolist(), None if labels is None else labels.tolist()


@holds("P2")
@given(data=st.data())
def test_alpha_rises_and_every_stage_ends_fully_grown(system: str, data: st.DataObject) -> None:
    stages = data.draw(schedules(data.draw(experiments(system)))).growth.stages()
    moments = [progress_at(stages, images) for images in range(ends(stages)[-1] + 50)]
    grown = [(now.stage, now.resolution, now.alpha) for now in moments]
    assert grown == sorted(grown)
    assert grown[-1] == (len(stages), stages[-1].resolution, 1.0)
    for number, (stage, end) in enumerate(zip(stages, ends(stages), strict=True)):
        follower = stages[number + 1] if number + 1 < len(stages) else None
        assert moments[end].alpha == 1.0
        assert moments[end].resolution == (stage if follower is None or follower.fade else follower).resolution
        fade = grown[end - stage.images + 1 : end][: stage.fade]
        shares = [(shown + 1) / stage.fade for shown in range(min(stage.fade, stage.images - 1))]
        assert fade == [(number + 1, stage.resolution, share) for share in shares]


@holds("P7", examples=3)
@given(data=st.data())
def test_two_halves_of_a_batch_move_the_average_as_far_as_the_whole(system: str, data: st.DataObject) -> None:
    """The generator rests while the discriminator is updated, so one or two of its updates see the same weights."""
    drawn = data.draw(experiments(system))
    half = min(drawn.training.batch.values())
    half_life, images = data.draw(st.integers(1, 100)), data.draw(counts(drawn))
    averages = []
    for batch, updates in ((2 * half, 1), (half, 2)):
        average = {"use": "exponential", "half_life": half_life, "warmup": 0, **COPIED}
        made = trainer(with_training(drawn, average=average, batch=batch, discriminator_steps=updates), images)
        torch.manual_seed(0)
        averaged = made.average.parameters_in_force()
        with torch.no_grad():
            for parameter in averaged:
                parameter.add_(torch.randn_like(parameter))
        start = [parameter.clone() for parameter in averaged]
        weights = [parameter.detach().clone() for parameter in made.generator.parameters_in_force()]
        made.iteration()
        averages.append(averaged)
    kept = 0.5 ** (2 * half / half_life)
    for whole, halves, before, weight in zip(*averages, start, weights, strict=True):
        torch.testing.assert_close(halves, whole)
        torch.testing.assert_close(whole, kept * before + (1 - kept) * weight)


@holds("P7", examples=3)
@given(data=st.data())
def test_snapshots_are_averaged_plainly(system: str, data: st.DataObject) -> None:
    drawn = data.draw(experiments(system))
    every, last = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 3))
    average = {"use": "snapshots", "every": every, "last": last, **COPIED}
    made = trainer(with_training(drawn, average=average, discriminator_steps=1))
    snapshots: list[Tensor] = []
    stage = 1
    for _ in range(6):
        before, weights = made.images, torch.cat([p.detach().flatten() for p in made.generator.parameters()])
        made.iteration()
        if made.now.stage != stage:
            stage, snapshots = made.now.stage, []
        shown = before - (ends(made.stages)[stage - 1] - made.stages[stage - 1].images)
        if any(count % every == 0 for count in range(shown + 1, shown + made.images - before + 1)):
            snapshots.append(weights)
        expected = torch.stack(snapshots[-last:]).mean(0) if snapshots else weights
        torch.testing.assert_close(torch.cat([p.flatten() for p in made.average.parameters()]), expected)


def with_training(experiment: Experiment, **changes: Any) -> Experiment:
    training = type(experiment.training).model_validate(experiment.training.model_dump() | changes)
    return experiment.model_copy(update={"training": training})


@holds("P11", examples=2)
@given(data=st.data(), rounds=st.integers(1, 2), further=st.integers(0, 2))
def test_a_saved_state_goes_on_to_the_same_bits(system: str, data: st.DataObject, rounds: int, further: int) -> None:
    """In a new trainer, or one that has trained something else, from the middle of a fade or anywhere."""
    experiment = data.draw(experiments(system))
    images = data.draw(counts(experiment, fading=data.draw(st.sampled_from([True, True, False]))))
    made = trainer(experiment, images)
    for _ in range(rounds):
        made.iteration()
    state = saved(made)
    at_first = copy.deepcopy(state)
    other = trainer(experiment)
    for _ in range(further):
        other.iteration()
    other.load_state_dict(state)
    again = trainer(experiment)
    for _ in range(2):
        assert made.iteration() == other.iteration()
        assert_same_state(made.state_dict(), other.state_dict())
    for name in ("generator", "discriminator", "average"):  # buffers that no state keeps would be missed above
        buffers = [dict(getattr(each, name).named_buffers()) for each in (made, other)]
        assert_same_state(*buffers)
    assert torch.equal(made.sample(0, 2, seed=0), other.sample(0, 2, seed=0))
    again.load_state_dict(state)  # which training on has not changed
    assert_same_state(again.state_dict(), at_first)


@holds("P12", examples=2)
@given(data=st.data(), rounds=st.integers(0, 2))
def test_an_update_leaves_no_trace_in_the_other_network(system: str, data: st.DataObject, rounds: int) -> None:
    """Neither in its weights nor in its gradients, which are none before its first update."""
    experiment = data.draw(experiments(system))
    made = trainer(experiment, data.draw(counts(experiment)))
    for _ in range(rounds):
        made.iteration()
    names: tuple[NetworkName, NetworkName] = ("discriminator", "generator")
    for updated in names:
        (other,) = set(names) - {updated}
        moving, resting = traces(made.networks[updated]), traces(made.networks[other])
        made._update(updated, made._batch())
        assert_same_state(traces(made.networks[other]), resting)
        after = traces(made.networks[updated])
        assert any(not torch.equal(weight, after[name][0]) for name, (weight, _) in moving.items())


def traces(network: nn.Module) -> dict[str, tuple[Tensor, Tensor | None]]:
    """Copies of each weight and of its gradient."""
    return {
        name: (parameter.detach().clone(), None if parameter.grad is None else parameter.grad.clone())
        for name, parameter in network.named_parameters()
    }

"""What the trainer must do, whatever it trains."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.tiny import tiny, trainer
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT

from gankit import Augmentation, Loss, Optimizer, Regularizer
from gankit.core.progress import Progress, progress_at, progress_in
from gankit.core.registry import register, restored
from gankit.networks.context import BuildContext
from gankit.training.sampler import sample
from gankit.training.step import AugmentedBatch, Step
from gankit.training.trainer import Trainer

pytestmark = pytest.mark.costly

WEIGHT = "stem.conv.parametrizations.weight.original"


def weights(made: Trainer) -> dict[str, Tensor]:
    networks = {"generator": made.generator, "discriminator": made.discriminator, "average": made.average}
    return {f"{n}.{k}": v.clone() for n, network in networks.items() for k, v in network.state_dict().items()}


def trained(iterations: int, **changes: Any) -> Trainer:
    made = trainer(tiny(**changes))
    for _ in range(iterations):
        made.iteration()
    return made


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def test_the_same_experiment_gives_the_same_bits_through_a_fade() -> None:
    assert_equal(weights(trained(10)), weights(trained(10)))


def test_another_seed_gives_other_weights() -> None:
    one, other = weights(trained(1)), weights(trained(1, seed=1))
    assert not torch.equal(one[f"generator.{WEIGHT}"], other[f"generator.{WEIGHT}"])


def test_sampling_and_stray_draws_leave_no_trace_on_training() -> None:
    undisturbed = trained(8)
    made = trainer(tiny())
    for _ in range(8):
        state = torch.get_rng_state()
        made.sample(0, 5, seed=3)
        assert torch.equal(state, torch.get_rng_state())
        torch.randn(7)
        made.iteration()
    assert_equal(weights(undisturbed), weights(made))
    assert made.generator.training
    assert not made.average.training


def test_a_sample_depends_on_its_number_and_the_seed_alone() -> None:
    made = trained(5)
    images = made.sample(0, 200, seed=1)
    torch.testing.assert_close(made.sample(0, 3, seed=1), images[:3], rtol=0, atol=0)
    torch.testing.assert_close(made.sample(63, 70, seed=1), images[63:133], rtol=0, atol=0)
    assert not torch.equal(made.sample(0, 3, seed=2), images[:3])
    assert len(sample(made.average, 130, 1, 1, made.device)) == 1


def test_images_alone_decide_resolution_alpha_and_learning_rate() -> None:
    optimizer = {"use": "adam", "lr": {4: 1e-3, 8: 2e-3}}
    made = trainer(tiny(training={"batch": {4: 8, 8: 4}, "optimizer": optimizer}))
    while made.images < made.ends[-1]:
        expected = progress_at(made.stages, made.images)
        before = made.images
        made.iteration()
        at_work = {network.resolution for network in (made.generator, made.discriminator, made.average)}
        assert at_work == {expected.resolution}
        assert float(made.generator.alpha) == pytest.approx(expected.alpha)
        assert made.images - before == (8 if expected.resolution == 4 else 4)
        assert made.optimizers["generator"].param_groups[0]["lr"] == (1e-3 if expected.resolution == 4 else 2e-3)


@pytest.mark.parametrize("reset", [True, False, "stage"])
def test_optimizer_moments_are_forgotten_when_a_fade_begins_and_ends_if_asked(reset: bool | str) -> None:
    made = trainer(tiny(training={"batch": 8, "reset_optimizer": reset}))
    steps = []
    while made.images < made.ends[-1]:
        made.iteration()
        parameter = made.generator.stem.get_parameter("bias.bias")
        steps.append(int(made.optimizers["generator"].state[parameter]["step"]))
    # at 4x4 up to image 32, fading from the batch after it up to image 64, then stable
    once_a_stage, at_both = [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 1, 2, 3, 1, 2, 3, 4]
    assert steps == {True: at_both, False: list(range(1, 13)), "stage": once_a_stage}[reset]


def test_moments_are_forgotten_once_a_stage_also_by_a_run_that_goes_on_within_it() -> None:
    experiment = tiny(training={"batch": 8, "reset_optimizer": "stage"})
    left, resumed = trainer(experiment), trainer(experiment)
    for _ in range(6):
        left.iteration()
    resumed.load_state_dict(left.state_dict())
    parameter = resumed.generator.stem.get_parameter("bias.bias")
    for expected in (2, 3, 4):
        resumed.iteration()
        assert int(resumed.optimizers["generator"].state[parameter]["step"]) == expected


def test_layers_that_have_not_grown_stay_equal_in_the_average_and_then_follow() -> None:
    made = trained(3)
    new = "blocks.8.conv0.parametrizations.weight.original"
    assert torch.equal(made.average.get_parameter(new), made.generator.get_parameter(new))
    assert not torch.equal(made.average.get_parameter(WEIGHT), made.generator.get_parameter(WEIGHT))
    for _ in range(5):
        made.iteration()
    assert not torch.equal(made.average.get_parameter(new), made.generator.get_parameter(new))


def test_the_average_has_the_half_life_that_is_asked_for() -> None:
    made = trainer(tiny(training={"batch": 8, "average": {"use": "exponential", "half_life": 16, "warmup": 0}}))
    expected = made.average.get_parameter(WEIGHT).clone()
    for _ in range(4):
        current = made.generator.get_parameter(WEIGHT).detach().clone()  # averaged before the generator's own update
        made.iteration()
        expected = expected * 0.5**0.5 + current * (1 - 0.5**0.5)
        torch.testing.assert_close(made.average.get_parameter(WEIGHT), expected)


@pytest.mark.parametrize("steps", [1, 3])
def test_the_average_keeps_the_decay_that_is_asked_for_at_each_update_of_the_generator(steps: int) -> None:
    training = {"batch": {4: 8, 8: 4}, "discriminator_steps": steps, "average": {"decay": 0.75}}
    made = trainer(tiny(training=training))
    expected = made.average.get_parameter(WEIGHT).clone()
    for _ in range(5):
        current = made.generator.get_parameter(WEIGHT).detach().clone()  # averaged before the generator's own update
        made.iteration()
        expected = expected * 0.75 + current * 0.25
        torch.testing.assert_close(made.average.get_parameter(WEIGHT), expected)


def test_each_network_is_moved_by_its_own_updates_only() -> None:
    made = trainer(tiny(training={"batch": 8, "discriminator_steps": 3}))
    made.iteration()
    assert made.images == 24
    steps = {n: int(next(iter(o.state.values()))["step"]) for n, o in made.optimizers.items()}
    assert steps == {"generator": 1, "discriminator": 3}
    before = [p.clone() for p in made.generator.parameters()]
    made._update("discriminator", made._batch())
    assert all(torch.equal(a, b) for a, b in zip(before, made.generator.parameters(), strict=True))


class Spy(Regularizer):
    """Records when it is asked, and pulls every weight with a constant gradient."""

    def discriminator(self, step: Step) -> Tensor:
        calls.append(step.key[-1])
        assert not any(p.requires_grad for p in step.generator.parameters()), "work for nothing"
        return sum((p.sum() for p in step.discriminator.parameters()), torch.zeros(()))


class Nothing(Loss):
    """A loss without a gradient."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return 0 * real.sum()

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return 0 * fake.sum()


class Plain(Optimizer):
    """Plain gradient descent by steps of 1."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=1.0)

    def learning_rate(self, progress: Progress) -> float:
        return 1.0


class Clip(Regularizer):
    """Constrains weights."""

    def constrain(self, discriminator: nn.Module) -> None:
        for parameter in discriminator.parameters():
            parameter.clamp_(-0.01, 0.01)


class Brightness(Augmentation):
    """Shifts images by what it remembers, and remembers more."""

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        return images + batch.memory.setdefault("shift", torch.zeros(()))

    def adapt(self, step: Step) -> None:
        step.memory(self)["shift"] = step.memory(self)["shift"] + 0.5


calls: list[Any] = []


def test_lazy_regularizers_run_every_so_often_with_corrected_optimizer() -> None:
    with restored():
        register("test", "spy", Spy)
        calls.clear()
        made = trainer(tiny(regularizers=[{"use": "spy", "every": 4}]))
        optimizer = made.optimizers["discriminator"]
        assert optimizer.param_groups[0]["betas"][1] == pytest.approx(0.99 ** (4 / 5))
        assert made.optimizers["generator"].param_groups[0]["betas"][1] == 0.99
        for _ in range(8):
            made.iteration()
        assert len(calls) == 2
        assert optimizer.param_groups[0]["lr"] == pytest.approx(1e-3 * 4 / 5)


def test_a_lazy_regularizer_pulls_as_often_times_as_strongly() -> None:
    with restored():
        for name, component in (("spy", Spy), ("nothing", Nothing), ("plain", Plain)):
            register("test", name, component)
        training = {"batch": 8, "optimizer": "plain"}
        made = trainer(tiny(loss="nothing", regularizers=[{"use": "spy", "every": 4}], training=training))
        before = made.discriminator.get_parameter("head.conv.bias").clone()
        for _ in range(4):
            made.iteration()
        moved = before - made.discriminator.get_parameter("head.conv.bias")
        torch.testing.assert_close(moved, torch.full_like(moved, 4 * 4 / 5))  # once, by 4, at the corrected rate


class Latents(Regularizer):
    """Writes down the latents of every update."""

    def discriminator(self, step: Step) -> Tensor:
        calls.append(step.z)
        return 0 * step.on_fake.score.sum()

    def generator(self, step: Step) -> Tensor:
        calls.append(step.z)
        return 0 * step.on_fake.score.sum()


def test_every_update_of_either_network_draws_its_own_latents() -> None:
    """Karras et al. 2018: the two networks see independent latents."""
    with restored():
        register("test", "latents", Latents)
        calls.clear()
        made = trainer(tiny(regularizers=["latents", {"use": "latents", "every": 2}]))
        for _ in range(3):
            made.iteration()
    drawn = torch.cat(calls)
    assert len(drawn) == 8 * (3 * 2 + 2 * 2)
    assert len(drawn.unique(dim=0)) == len(drawn)


class Steepness(Regularizer):
    """The squared gradient of scores at reals and at fakes."""

    def discriminator(self, step: Step) -> Tensor:
        at_reals = step.gradient(step.on_real.score, step.real).square().sum()
        at_fakes = step.gradient(step.on_fake.score, step.fake).square().sum()
        calls.append((at_reals.item(), at_fakes.item()))
        return at_reals + at_fakes


def test_penalties_may_ask_for_gradients_at_reals_and_fakes() -> None:
    with restored():
        register("test", "steepness", Steepness)
        calls.clear()
        made = trainer(tiny(regularizers=["steepness"]))
        for _ in range(8):
            made.iteration()
    assert all(at_reals > 0 and at_fakes > 0 for at_reals, at_fakes in calls)
    assert calls[-1][0] < calls[0][0]


def test_constraints_hold_after_each_update() -> None:
    with restored():
        register("test", "clip", Clip)
        made = trainer(tiny(regularizers=["clip"]))
        made.iteration()
        assert max(float(p.abs().max()) for p in made.discriminator.parameters()) <= 0.01 + 1e-8


def test_augmentation_remembers_and_acts_on_both_networks_steps() -> None:
    with restored():
        register("test", "brightness", Brightness)
        made = trainer(tiny(augment="brightness"))
        made.iteration()
        made.iteration()
        assert float(made.memory["augment.0"]["shift"]) == 1.0


class Remembers(Regularizer):
    """Counts the updates of the discriminator in its memory."""

    def discriminator(self, step: Step) -> Tensor:
        memory = step.memory(self)
        memory["updates"] = memory.get("updates", torch.zeros(())) + 1
        return 0 * step.on_fake.score.sum()


def test_everyone_has_a_memory_of_their_own_whatever_they_are_called() -> None:
    with restored():
        register("test", "brightness", Brightness)
        for name in ("augment", "average"):
            register("test", name, type(name, (Remembers,), {}))
        average = {"use": "snapshots", "every": 8}
        names = ["test/augment", "test/average", "test/average"]
        made = trainer(tiny(augment="brightness", regularizers=names, training={"batch": 8, "average": average}))
        made.iteration()
        made.iteration()
        assert {path: set(memory) for path, memory in made.memory.items()} == {
            "augment.0": {"shift"},
            "training.average": {"stage_start", "snapshots"},
            **{f"regularizers.{position}": {"updates"} for position in range(3)},
        }
        with pytest.raises(LookupError, match="not for Remembers"):
            made.memory.of(Remembers())


class Reports(Regularizer):
    """Pulls in the second half of the run only, and tells how far it is."""

    def discriminator(self, step: Step) -> Tensor | None:
        step.log("reports.images", step.progress.images)
        calls.append(step.progress)
        if step.progress.images < step.progress.total / 2:
            return None
        return step.on_fake.score.mean()


@pytest.mark.parametrize("every", [1, 2])
def test_a_penalty_may_know_how_far_the_run_is_report_and_do_nothing(every: int) -> None:
    with restored():
        register("test", "reports", Reports)
        calls.clear()
        made = trainer(tiny(regularizers=[{"use": "reports", "every": every}], training={"batch": 8}))
        records = [made.iteration() for _ in range(12)]
    acted = range(0, 96, 8 * every)
    assert [(at.images, at.total, at.stage, at.resolution) for at in calls] == [
        (images, 96, 1 + (images > 32), 4 if images <= 32 else 8) for images in acted
    ]
    told = [(8 * i, "penalty.reports.discriminator" in record) for i, record in enumerate(records)]
    assert [images for images, penalized in told if penalized] == [images for images in acted if images >= 48]
    assert [float(record["reports.images"]) for record in records if "reports.images" in record] == list(acted)


class Frozen(Regularizer):
    """Puts a layer before the head that is never to change."""

    def layer(self, context: BuildContext) -> nn.Module:
        return nn.Conv2d(context.in_channels, context.out_channels, 1).requires_grad_(False)


def test_what_a_component_froze_stays_as_it_was() -> None:
    with restored():
        register("test", "frozen", Frozen)
        made = trainer(tiny(regularizers=["frozen"]))
        before = {name: each.clone() for name, each in made.discriminator.named_parameters()}
        made.iteration()
        made.iteration()
        same = {name for name, each in made.discriminator.named_parameters() if torch.equal(each, before[name])}
        assert {"layers.weight", "layers.bias"} <= same < before.keys()
        known = {id(each) for group in made.optimizers["discriminator"].param_groups for each in group["params"]}
        assert known.isdisjoint(map(id, made.discriminator.get_submodule("layers").parameters()))


def test_a_stage_that_ends_within_a_round_is_followed_by_the_next_after_an_evaluation() -> None:
    growth = {"use": "progressive", "start": 4, "final": 8, "images": 24, "fade": 0}
    made = trainer(tiny(growth=growth, training={"batch": 8, "discriminator_steps": 2}))
    made.iteration()
    made.iteration()  # whose second update is at 8x8
    assert made.images == 32
    assert made.generator.resolution == 8
    made.grow(progress_in(made.stages, 1, 32))  # as a run does to measure the stage that is over
    made.iteration()
    assert (made.generator.resolution, made.discriminator.resolution) == (8, 8)


def test_reals_fade_like_the_generators_images() -> None:
    made = trainer(tiny())
    made.images = 32 + 16  # half-way into the fade to 8x8
    made._follow_growth()
    faded = made._batch().images
    sharp, _ = made.reals.take(8, made.reals.indices(0, made.images, 8), made.device)
    coarse = nn.functional.interpolate(nn.functional.avg_pool2d(sharp, 2), scale_factor=2)
    torch.testing.assert_close(faded, 0.5 * sharp + 0.5 * coarse)

"""Several discriminators: what each sees, how they count, and that a run with them goes on to the bit."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from support.tiny import tiny, trainer
from torch import Tensor, nn

import gankit
from gankit import BuildContext, Critic, Regularizer, UserError
from gankit.config.checks import problems
from gankit.config.experiment import Experiment
from gankit.config.freezing import freezable
from gankit.config.loader import load_experiment
from gankit.core.registry import register, restored
from gankit.discovery.manager import plugins
from gankit.networks.critics import Critics
from gankit.training.rehearsal import Rehearsal
from gankit.training.step import Step


class Patches(nn.Module):
    """A list of two scores: of patches, and of the image."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.enter, self.score = nn.Conv2d(channels, 6, 3, 2, 1), nn.Conv2d(6, 1, 1)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> list[Tensor]:
        maps = self.enter(images).relu()
        return [self.score(maps).flatten(1), maps.mean((1, 2, 3))]


class Small(Critic):
    """Two scores."""

    def build(self, context: BuildContext) -> nn.Module:
        return Patches(context.image_channels)


class Counting(Regularizer):
    """Notes whom it has seen, and shrinks weights."""

    def discriminator(self, step: Step) -> Tensor:
        memory = step.memory(self)
        memory["times"] = memory.get("times", torch.zeros(())) + 1
        step.log("seen", memory["times"])
        return step.on_real.score.square().mean()

    def constrain(self, discriminator: nn.Module) -> None:
        for parameter in discriminator.parameters():
            parameter.mul_(0.5)


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    plugins.load_installed()
    with restored():
        register("basics", "small", Small)
        register("basics", "counting", Counting)
        yield


TRAINING: dict[str, Any] = {"batch": 8, "device": "cpu"}
TWO = {"half": "small", "b": {"use": "small", "weight": 0.25}}
"""Critics, one called like a method of modules."""


def judging(**changes: Any) -> Experiment:
    return tiny(**{"critics": TWO, "regularizers": [], "loss": "hinge", **changes})


def step_of(made: Any, phase: str = "discriminator") -> Step:
    return made.updater.step(phase, made._batch()[0], None, _now(made))


def _now(made: Any) -> Any:
    from gankit.training.update import Moment

    return Moment(made.seed, made.images, made.iterations, made.progress)


def hinge(real: Tensor, fake: Tensor) -> Tensor:
    return (1 - real).relu().mean() + (1 + fake).relu().mean()


def test_losses_look_at_scores_one_by_one_and_count_by_weight() -> None:
    made = trainer(judging())
    step = step_of(made)
    network = made.discriminator
    assert isinstance(network, Critics)
    expected = hinge(step.on_real.critics["discriminator"].score, step.on_fake.critics["discriminator"].score)
    for name, weight in (("half", 1.0), ("b", 0.25)):
        module = network.get_submodule(f"critic_{name}")
        for real, fake in zip(module(step.real), module(step.fake), strict=True):
            expected = expected + weight * hinge(real, fake)
    assert float(made.updater.loss(step).detach()) == pytest.approx(float(expected.detach()), rel=1e-6)
    of_generator = step_of(made, "generator")
    fakes = [network.get_submodule("discriminator")(of_generator.fake).score]
    fakes += [each for name in TWO for each in network.get_submodule(f"critic_{name}")(of_generator.fake)]
    wanted = -sum(weight * each.mean().item() for weight, each in zip([1, 1, 1, 0.25, 0.25], fakes, strict=True))
    assert made.updater.loss(of_generator).item() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("names", [None, ["half"], ["b", "discriminator"]])
@pytest.mark.parametrize("every", [1, 2])
def test_penalties_act_on_each_by_itself(names: list[str] | None, every: int) -> None:
    made = trainer(judging(regularizers=[{"use": "r1", "gamma": 3, "critics": names, "every": every}]))
    step = step_of(made)
    assert isinstance(made.discriminator, Critics)
    if every == 1:  # as in an update, where all are scored before; a lazy one scores those alone that it acts on
        made.updater.loss(step)
    penalty = made.updater.penalty(made.experiment.regularizers[0], step, {})
    expected = 0.0
    for name in names or ["discriminator", *TWO]:
        images = step.real_images.detach().clone().requires_grad_()
        score = made.discriminator.judge(name)(images).score
        (gradient,) = torch.autograd.grad(score.sum(), images)
        expected += 1.5 * float(gradient.square().sum((1, 2, 3)).mean())
    assert penalty is not None
    assert penalty.item() == pytest.approx(expected, rel=1e-5)
    assert ("on_real" in vars(step)) is (every == 1)


def test_what_is_remembered_logged_and_constrained_is_each_ones_own() -> None:
    made = trainer(judging(regularizers=[{"use": "counting", "critics": ["half"]}], discriminator=None))
    assert isinstance(made.discriminator, Critics)
    assert made.discriminator.own is None
    before = {name: weight.detach().clone() for name, weight in made.discriminator.named_parameters()}
    record = made.iteration()
    assert float(record["seen.half"]) == 1
    assert set(made.memory) == {"regularizers.0 of half", "training.average"}
    assert {"score.real.half", "score.fake.b"} <= record.keys()
    after = dict(made.discriminator.named_parameters())
    for name, weight in before.items():
        shrunk = after[name].abs().sum() < 0.7 * weight.abs().sum()
        assert bool(shrunk) is name.startswith("critic_half.")


def test_a_frozen_one_stays() -> None:
    made = trainer(judging(training=TRAINING | {"freeze": ["critics.half", "discriminator.head"]}))
    before = {name: weight.detach().clone() for name, weight in made.discriminator.named_parameters()}
    made.iteration()
    moved = {name for name, weight in made.discriminator.named_parameters() if not torch.equal(weight, before[name])}
    assert not any(name.startswith(("critic_half.", "discriminator.head.")) for name in moved)
    assert {"critic_b.enter.weight", "discriminator.rgb.4.conv.bias"} <= moved


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_parts_of_a_batch_and_precisions(precision: str) -> None:
    """Of a batch in two parts the update is that of the whole one."""
    made = []
    for micro_batch in (None, 4):
        training = TRAINING | {"micro_batch": micro_batch, "precision": precision}
        made.append(trainer(judging(training=training, regularizers=["r1"])))
        record = [made[-1].iteration() for _ in range(2)][-1]
        assert all(bool(each.isfinite()) for each in record.values())
    whole, parts = (each.discriminator.state_dict() for each in made)
    for name, weight in whole.items():
        torch.testing.assert_close(parts[name], weight, rtol=0, atol=1e-4 if precision == "fp32" else 1e-2)


def test_a_rehearsal_goes_through_all() -> None:
    experiment = judging(augment=["ada"], regularizers=["r1", "lecam", "minibatch-stddev"])
    made = trainer(experiment)
    Rehearsal(experiment, made.reals, made.device, 4).go_through(0)


def test_a_trainer_that_takes_the_state_over_goes_on_to_the_bit() -> None:
    experiment = judging(regularizers=[{"use": "lecam", "critics": ["half"]}, {"use": "r1", "every": 2}])
    first = trainer(experiment)
    for _ in range(3):
        first.iteration()
    again = trainer(experiment)
    again.load_state_dict(copy.deepcopy(first.state_dict()))
    for each in (first, again):
        each.iteration()
    expected, found = (each.discriminator.state_dict() for each in (first, again))
    assert all(torch.equal(weight, found[name]) for name, weight in expected.items())
    assert first.memory["regularizers.0 of half"].keys() == again.memory["regularizers.0 of half"].keys()


def messages(**changes: Any) -> dict[str, str]:
    return {".".join(map(str, path)): message for path, message in problems(judging(**changes))}


def test_mistakes_are_told_where_they_stand() -> None:
    assert "name one under critics" in messages(critics={}, discriminator=None)["discriminator"]
    found = messages(regularizers=[{"use": "r1", "critics": ["hafl"]}])
    assert found["regularizers.0.critics.0"] == "there is no discriminator 'hafl'. Did you mean 'half'?"
    assert "compiles one discriminator" in messages(training=TRAINING | {"compile": True})["training.compile"]
    assert "critics.half" in messages(training=TRAINING | {"freeze": ["critics.halb"]})["training.freeze.0"]
    assert (
        "feature maps of discriminator"
        in messages(regularizers=["feature-matching"], discriminator=None)["regularizers.0"]
    )
    assert not list(freezable(judging(discriminator=None), "discriminator"))


def test_names_of_critics(tmp_path: Path) -> None:
    path = tmp_path / "named.yaml"
    quickstart = Path(__file__).parents[2] / "experiments" / "quickstart.yaml"
    path.write_text(f"extends: {quickstart}\ncritics: {{Half: small, generator: small, right: smal}}\n")
    with pytest.raises(UserError) as refused:
        load_experiment(path)
    said = str(refused.value)
    assert said.count("no critic can be called so, only by a word of a-z, 0-9 and -") == 2
    assert f"{path}:2:49: critics.right: no critic is called 'smal'. Did you mean 'small'?" in said


def test_what_is_recorded_of_others_is_as_it_was() -> None:
    said = tiny().to_yaml()
    assert "critics" not in said


def test_an_adversary_takes_several() -> None:
    """In loops of others the trainer's network does what it does here, and any module may give several scores."""
    made = trainer(judging(regularizers=[{"use": "r1", "critics": ["half"]}]))
    adversary = gankit.Adversary(made.discriminator, "hinge", [{"use": "r1", "critics": ["half"]}])
    step = step_of(made)
    penalty = made.updater.penalty(made.experiment.regularizers[0], step, {})
    assert penalty is not None
    expected = made.updater.loss(step) + penalty
    given = adversary.discriminator_loss(step.real_images, step.fake.detach())
    assert given.item() == pytest.approx(expected.item(), rel=1e-5)
    plain = Patches(1)
    real, fake = torch.randn(2, 4, 1, 8, 8)
    each = [hinge(one, other).item() for one, other in zip(plain(real), plain(fake), strict=True)]
    assert gankit.Adversary(plain, "hinge").discriminator_loss(real, fake).item() == pytest.approx(sum(each))
    with pytest.raises(UserError, match="there is no discriminator 'half'"):
        gankit.Adversary(plain, "hinge", [{"use": "r1", "critics": ["half"]}]).discriminator_loss(real, fake)

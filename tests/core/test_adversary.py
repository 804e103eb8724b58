"""Losses, penalties, augmentations and averages in loops that are not gankit's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scipy.optimize import root_scalar
from support.tiny import tiny, trainer
from torch import Tensor, nn

import gankit
from gankit import UserError
from gankit.kinds import Loss
from gankit.training.update import Moment


class Judge(nn.Module):
    """A discriminator of someone who has never met gankit."""

    def __init__(self, patches: int = 1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.LeakyReLU(), nn.Flatten(), nn.Linear(256, patches)
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def images(seed: int, count: int = 6) -> Tensor:
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed)).tanh()


@pytest.mark.parametrize(
    ("loss", "penalties", "augment"),
    [
        ("wgan", ["gradient-penalty", "drift"], []),
        ("non-saturating", [{"use": "r1", "gamma": 0.5}, "r2"], [{"use": "ada", "start": 0.5}]),
        ("relativistic", [{"use": "r1", "sigma": 0.1}], []),
        ("hinge", ["dragan"], []),
    ],
)
def test_losses_and_penalties_are_the_trainers_to_the_bit(loss: str, penalties: list[Any], augment: list[Any]) -> None:
    fixed = {"use": "fixed", "resolution": 8, "images": 64}
    made = trainer(tiny(regularizers=penalties, loss=loss, augment=augment, growth=fixed))
    made.iteration()
    made.discriminator.requires_grad_()
    reals = images(1, 8)
    theirs = made.updater.step("discriminator", reals, None, Moment(0, 16, 2, made.progress))
    record: dict[str, Tensor] = {}
    wanted = made.updater.loss(theirs)
    for regularizer in made.experiment.regularizers:
        penalty = made.updater.penalty(regularizer, theirs, record)
        wanted = wanted if penalty is None else wanted + penalty

    adversary = gankit.Adversary(made.discriminator, loss, penalties, augment)
    adversary.load_state_dict({"updates": 0, "images": 16, "memory": {f"augment.{0}": made.memory.at("augment.0")}})
    ours = adversary.discriminator_loss(reals, theirs.fake.detach())

    assert len(record) == len(penalties)
    assert torch.equal(ours, wanted)
    assert all(torch.equal(adversary.logged[name], penalty) for name, penalty in record.items())
    parameters = [*made.discriminator.parameters()]
    mine, its = (torch.autograd.grad(each, parameters, allow_unused=True) for each in (ours, wanted))
    assert any(gradient is not None for gradient in its)
    assert all(one is other or torch.equal(one, other) for one, other in zip(mine, its, strict=True))  # pyright: ignore


@pytest.mark.parametrize("loss", ["relativistic", "non-saturating", {"use": "hinge"}])
def test_a_generator_learns_against_any_module(loss: Any) -> None:
    torch.manual_seed(0)
    judge, maker = Judge(), nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))
    ways = [torch.optim.Adam(network.parameters(), 0.01, (0.0, 0.99)) for network in (judge, maker)]
    adversary = gankit.Adversary(judge, loss, [{"use": "r1", "gamma": 0.1, "every": 4}])
    averaged = gankit.Averaged(maker, half_life=100)
    real = images(3, 16).abs()  # all bright

    for _ in range(60):
        z = torch.randn(16, 4)
        for way, of in (
            (ways[0], adversary.discriminator_loss),
            (ways[1], lambda r, f: adversary.generator_loss(f, r)),
        ):
            way.zero_grad()
            of(real, maker(z)).backward()
            way.step()
            if way is ways[0]:
                adversary.updated()
        averaged.update(16)

    with torch.no_grad():
        made, mean = maker(torch.randn(64, 4)).mean(), averaged.module(torch.randn(64, 4)).mean()
    assert made > 0.25
    assert mean > 0.25
    assert not torch.equal(averaged.module[0].weight, maker[0].weight)  # pyright: ignore


def test_lazy_penalties_come_every_nth_time_and_as_often_stronger() -> None:
    judge, real, fake = Judge(), images(1), images(2)
    lazy, eager = (gankit.Adversary(judge, "wgan", [{"use": "r1", "every": every}]) for every in (3, 1))
    plain = gankit.Adversary(judge, "wgan")

    for number in range(7):
        penalty = eager.discriminator_loss(real, fake) - plain.discriminator_loss(real, fake)
        added = lazy.discriminator_loss(real, fake) - plain.discriminator_loss(real, fake)
        torch.testing.assert_close(added, 3 * penalty if number % 3 == 0 else torch.zeros(()))
        lazy.updated()
        eager.updated()


def test_it_leaves_the_loops_draws_alone_and_goes_on_from_its_state() -> None:
    judge, real, fake = Judge(), images(1), images(2)

    def made() -> gankit.Adversary:
        penalty = {"use": "r1", "every": 2}
        return gankit.Adversary(
            judge,
            "hinge",
            regularizers=[penalty, "gradient-penalty"],
            augment=[{"use": "ada", "start": 0.3, "interval": 1}],
        )

    def losses(adversary: gankit.Adversary, count: int) -> list[Tensor]:
        found = []
        for _ in range(count):
            found.append(adversary.discriminator_loss(real, fake).detach())
            adversary.updated()
        return found

    before = torch.random.get_rng_state()
    whole, first = made(), made()
    all_at_once = losses(whole, 6)
    begun = losses(first, 3)
    resumed = made()
    resumed.load_state_dict(first.state_dict())

    assert torch.equal(torch.stack(all_at_once), torch.stack([*begun, *losses(resumed, 3)]))
    assert len(set(map(float, all_at_once))) == 6
    assert resumed.logged["ada.p"] == whole.logged["ada.p"]
    assert torch.equal(before, torch.random.get_rng_state())


def test_gradients_reach_fakes_for_the_generator_alone() -> None:
    fake = images(2).requires_grad_()
    adversary = gankit.Adversary(Judge(patches=9), "non-saturating")

    adversary.discriminator_loss(images(1), fake).backward()
    assert fake.grad is None
    adversary.generator_loss(fake).backward()
    assert fake.grad is not None


def test_clipping_and_labels_reach_the_discriminator() -> None:
    class Conditional(Judge):
        def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:  # pyright: ignore
            assert labels is not None
            return super().forward(images) + labels[:, None]

    judge = Conditional()
    adversary = gankit.Adversary(judge, "wgan", [{"use": "weight-clipping", "limit": 0.01}])
    loss = adversary.discriminator_loss(images(1), images(2), torch.arange(6))
    adversary.updated()

    assert loss.isfinite()
    assert max(weight.abs().max().item() for weight in judge.parameters()) <= 0.01


def test_an_average_is_that_of_a_run() -> None:
    module = nn.Linear(3, 2)
    averaged = gankit.Averaged(module, half_life=50, warmup=0.0)
    start = module.weight.detach().clone()
    with torch.no_grad():
        module.weight.add_(1)
    averaged.update(50)

    torch.testing.assert_close(averaged.module.weight, start + 0.5)
    again = gankit.Averaged(nn.Linear(3, 2), half_life=50, warmup=0.0)
    again.load_state_dict(averaged.state_dict())
    torch.testing.assert_close(again.module.weight, start + 0.5)


def test_an_average_by_a_power_reaches_back_as_far_as_its_length_says() -> None:
    module, length, updates = nn.Linear(1, 1, bias=False), 0.2, 50
    averaged = gankit.Averaged(module, "power", length=length)
    for number in range(1, updates + 1):
        with torch.no_grad():
            module.weight.fill_(number / updates)
        averaged.update(10)

    # the mean of what grows evenly to 1 is that of its profile (g + 1) s**g: (g + 1) / (g + 2)
    g = float(root_scalar(lambda g: (g + 1) / ((g + 2) ** 2 * (g + 3)) - length**2, bracket=(0, 1000)).root)
    assert next(averaged.module.parameters()).item() == pytest.approx((g + 1) / (g + 2), abs=0.01)


def test_parts_come_by_their_names() -> None:
    loss = gankit.part("loss/relativistic")

    assert isinstance(loss, Loss)
    assert loss.discriminator(torch.zeros(2), torch.zeros(2)) > 0
    assert gankit.part("regularizer/r1/r1", gamma=3).gamma == 3
    assert gankit.Adversary(Judge(), loss).loss == loss


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        (
            "part: expected KIND/NAME, such as average/exponential, not 'relativistic'.",
            lambda: gankit.part("relativistic"),
        ),
        ("no loss is called 'relativistc'. Did you mean 'relativistic'?", lambda: gankit.part("loss/relativistc")),
        ("gama: unknown option. Did you mean 'gamma'?", lambda: gankit.part("regularizer/r1", gama=1)),
        ("no regularizer is called 'r3'", lambda: gankit.Adversary(Judge(), "hinge", regularizers=["r3"])),
        (
            "gamma: follows a schedule, for which only a run has a clock",
            lambda: gankit.part("regularizer/r1", gamma={"use": "linear", "start": 0, "end": 1}),
        ),
        ("real: the loss is relativistic", lambda: gankit.Adversary(Judge(), "relativistic").generator_loss(images(1))),
        (
            "fake: expected as many images as reals, of their size, [6, 1, 8, 8], not [5, 1, 8, 8]",
            lambda: gankit.Adversary(Judge(), "hinge").discriminator_loss(images(1), images(2, 5)),
        ),
        (
            "generator: one of the regularizers calls the generator",
            lambda: gankit.Adversary(Judge(), "hinge", regularizers=["path-length"]).generator_loss(images(1)),
        ),
        (
            "no average is called 'exponentiel'. Did you mean 'exponential'?",
            lambda: gankit.Averaged(Judge(), "exponentiel"),
        ),
    ],
)
def test_mistakes_are_told(said: str, wrong: Any) -> None:
    with pytest.raises(UserError) as caught:
        wrong()
    assert said in str(caught.value)

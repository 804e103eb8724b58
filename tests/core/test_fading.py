"""How new layers come in, at which rates; mirrored reals, larger batches of fakes; a state to go on from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support.discriminators import own_discriminator
from support.slow import slow_but
from support.tiny import tiny, trainer

from gankit.data.images import fade_reals
from gankit.networks.layers import double, halve
from gankit.training.trainer import Trainer

pytestmark = pytest.mark.costly

GROWTH = {"use": "progressive", "start": 4, "final": 16, "images": 64, "fade": 0.5}


def grown(to: int, alpha: float, **changes: Any) -> Trainer:
    made = trainer(tiny(growth=GROWTH, **changes))
    for network in made.networks.values():
        network.grow(to, alpha)
    return made


@pytest.mark.parametrize("resolution", [8, 16])
def test_a_gate_lets_nothing_through_at_first_and_then_adds(resolution: int) -> None:
    made = grown(resolution, 0.0, join="gate")
    z, images = torch.randn(2, 8), torch.randn(2, 1, resolution, resolution)
    networks = (made.generator, own_discriminator(made))
    with torch.no_grad():
        for network in networks:
            for at, gate in network.join_modules.items():
                gate.get_parameter("weight").fill_(0.0 if int(at) == resolution else 0.5)
        fresh, score = made.generator(z), made.discriminator(images).score
        for network in networks:
            network.grow(resolution // 2, 1.0)
        assert torch.equal(fresh, double(made.generator(z)))
        assert torch.equal(score, made.discriminator(halve(images)).score)
        for network in networks:
            network.grow(resolution, 1.0)
            network.join_modules[str(resolution)].get_parameter("weight").fill_(0.5)
        raw = made.generator.eval()
        torch.testing.assert_close(raw(z) - fresh, 0.5 * last_image(made, z))
        assert not torch.equal(score, made.discriminator(images).score)


def last_image(made: Trainer, z: torch.Tensor) -> torch.Tensor:
    """What the newest conversion into an image gives by itself."""
    seen = []
    rgb = made.generator.rgb[str(made.generator.resolution)]
    handle = rgb.register_forward_hook(lambda module, inputs, output: seen.append(output))
    made.generator(z)
    handle.remove()
    return seen[0]


def test_gates_open_in_training_and_reals_are_not_faded(monkeypatch: pytest.MonkeyPatch) -> None:
    made = trainer(tiny(growth=GROWTH, join="gate"))
    shown: list[torch.Tensor] = []
    forward = type(made.discriminator).forward
    while made.images < made.ends[-1]:
        made.iteration()
    assert all(gate.get_parameter("weight").abs().min() > 0 for gate in made.generator.join_modules.values())
    again = trainer(tiny(growth=GROWTH, join="gate"))
    while again.images < 80:
        again.iteration()
    monkeypatch.setattr(
        type(again.discriminator), "forward", lambda self, x, labels=None: shown.append(x) or forward(self, x, labels)
    )
    before = again.images
    again.iteration()
    expected, _ = again.reals.take(8, again.reals.indices(0, before, 8), again.device)
    assert again.now.alpha < 1
    assert torch.equal(shown[0], expected)
    assert not torch.equal(fade_reals(expected, again.now.alpha), expected)


def test_fading_layers_learn_at_their_rate_and_then_like_the_others() -> None:
    made = trainer(
        tiny(growth=GROWTH, fading={"rate": 0.25}, training={"batch": 8, "optimizer": {"use": "adam", "lr": 1e-2}})
    )
    while made.images < made.ends[-1]:
        made.iteration()
        for optimizer in made.optimizers.values():
            rates = {group["new_at"]: group["lr"] for group in optimizer.param_groups}
            fading = made.now.resolution if made.now.alpha < 1 else None
            assert rates == {at: 0.0025 if at == fading else 0.01 for at in (0, 8, 16)}


def test_every_parameter_is_in_one_group() -> None:
    for by in ("blend", "gate"):
        made = trainer(tiny(growth=GROWTH, join=by))
        for name, network in made.networks.items():
            grouped = [id(p) for group in made.optimizers[name].param_groups for p in group["params"]]
            assert sorted(grouped) == sorted(map(id, network.parameters()))


def test_half_of_the_reals_are_mirrored_if_asked() -> None:
    plain, mirrored = (trainer(tiny(training={"batch": 256, "mirror": mirror})) for mirror in (False, True))
    images, others = plain._batch()[0], mirrored._batch()[0]
    kept = [bool(torch.equal(a, b)) for a, b in zip(images, others, strict=True)]
    turned = [bool(torch.equal(a.flip(2), b)) for a, b in zip(images, others, strict=True)]
    assert all(a or b for a, b in zip(kept, turned, strict=True))
    assert 90 < sum(kept) < 166
    assert torch.equal(others, mirrored._batch()[0])  # a function of images shown


@pytest.mark.parametrize(
    "changes",
    [
        {"training": {"batch": 8, "average": {"use": "snapshots", "every": 16, "last": 2}}},
        {"join": "gate", "fading": {"rate": 0.5}, "training": {"batch": 8, "reset_optimizer": True}},
        {"regularizers": [{"use": "gradient-penalty", "every": 3}, "minibatch-stddev"]},
    ],
)
@pytest.mark.parametrize("rounds", slow_but([5], [2, 5, 8]))  # before the fade, in it, and after
def test_a_state_goes_on_to_the_same_bits(tmp_path: Path, rounds: int, changes: dict[str, Any]) -> None:
    made, other = (trainer(tiny(**changes)) for _ in range(2))
    for _ in range(rounds):
        made.iteration()
    torch.save(made.state_dict(), tmp_path / "state.pt")
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for _ in range(4):
        assert made.iteration() == other.iteration()
    for name, value in made.average.state_dict().items():
        assert torch.equal(value, other.average.state_dict()[name]), name


def test_a_rate_may_fall_to_zero_over_the_run() -> None:
    made = trainer(
        tiny(training={"batch": 8, "optimizer": {"use": "adam", "lr": {"use": "linear", "start": 1.0, "end": 0}}})
    )
    while made.images < made.ends[-1]:
        before = made.images
        made.iteration()
        rates = {group["lr"] for optimizer in made.optimizers.values() for group in optimizer.param_groups}
        assert rates == {1 - before / made.ends[-1]}


def test_a_generator_update_may_take_more_fakes_than_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    made = trainer(tiny(data={"use": "digits", "labels": True}, training={"batch": 8, "generator_batches": 3}))
    seen = []
    forward = type(made.discriminator).forward
    monkeypatch.setattr(
        type(made.discriminator), "forward", lambda self, x, y: seen.append((len(x), len(y))) or forward(self, x, y)
    )
    made.iteration()
    assert made.images == 8
    assert seen == [(8, 8), (8, 8), (8, 8), (24, 24)]  # real, fake, points between; then the generator's fakes

"""APA: which fakes take the place of which reals, how often, and that runs go on to the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.combining import try_out
from support.pggan import component
from support.tiny import tiny, trainer
from torch import Tensor

from gankit.training.step import BEGINNING, AugmentedBatch


def shown(images: Tensor, memory: dict[str, Tensor], labels: Tensor | None = None, real: bool = True) -> Tensor:
    batch = AugmentedBatch(labels, real, BEGINNING, memory, lambda name, value: None)
    return component("augmentation", "apa").apply(images, batch)


def flat(numbers: range) -> Tensor:
    """An image of each number."""
    return torch.tensor([*numbers]).float()[:, None, None, None].expand(-1, 1, 4, 4)


@given(
    seed=st.integers(0, 999),
    p=st.floats(0, 1.5),
    classes=st.integers(1, 4),
    count=st.integers(1, 9),
    fakes=st.integers(1, 9),
)
def test_a_fake_of_the_same_class_takes_the_place_of_a_real(
    seed: int, p: float, classes: int, count: int, fakes: int
) -> None:
    torch.manual_seed(seed)
    labels, labels_of_fakes = torch.randint(classes, (count,)), torch.randint(classes, (fakes,))
    memory = {"p": torch.tensor(p), "fakes": flat(range(100, 100 + fakes)), "labels": labels_of_fakes}
    images = flat(range(count))
    made = shown(images, memory, labels)
    assert bool((made == made[:, :, :1, :1]).all())  # whole images
    for number, value in enumerate(made[:, 0, 0, 0].int().tolist()):
        possible = [100 + at for at in range(fakes) if labels_of_fakes[at] == labels[number]]
        assert value in ([number] if p == 0 or not possible else possible if p >= 1 else [number, *possible])
    assert torch.equal(shown(images, memory, labels, real=False), images)


def test_as_often_as_the_probability_and_by_any_of_the_fakes() -> None:
    torch.manual_seed(0)
    memory = {"p": torch.tensor(0.3), "fakes": flat(range(100, 104))}
    made = shown(flat(range(50)).repeat(40, 1, 1, 1), memory)[:, 0, 0, 0]
    assert float((made >= 100).float().mean()) == pytest.approx(0.3, abs=0.04)
    counts = [int((made == 100 + number).sum()) for number in range(4)]
    assert min(counts) > 100  # of 600


def test_none_where_there_are_none_of_that_size() -> None:
    images = flat(range(3))
    assert torch.equal(shown(images, {}), images)
    assert torch.equal(shown(images, {"p": torch.tensor(1.0), "fakes": torch.ones(3, 1, 2, 2)}), images)


def test_gradients_reach_the_reals_that_are_left() -> None:
    torch.manual_seed(0)
    images = flat(range(40)).clone().requires_grad_()
    made = shown(images, {"p": torch.tensor(0.5), "fakes": flat(range(100, 104))})
    (gradient,) = torch.autograd.grad(made.sum(), images)
    assert torch.equal(gradient, (made < 100).float())
    assert 0 < int(gradient[:, 0, 0, 0].sum()) < 40


def test_p_adapts_and_the_fakes_of_an_update_are_kept_for_the_next() -> None:
    apa = {"use": "apa", "start": 0.75, "over": 64, "interval": 2, "target": 0.1}
    made = trainer(tiny(loss="hinge", regularizers=[], augment=apa))
    p, r = [0.75], list[float]()
    for _ in range(6):
        record = made.iteration()
        r.append(float(record["apa.r"]))
        moves = len(r) % 2 == 0
        p.append(p[-1] + (0.25 if sum(r[-2:]) > 0.2 else -0.25) if moves else p[-1])
        assert float(record["apa.p"]) == p[-1]
        assert made.memory["augment.0"]["fakes"].shape[2] == (8 if len(r) == 6 else 4)  # the growth comes last
    assert p[2] != 0.75
    assert not made.memory["augment.0"]["fakes"].requires_grad


def test_scores_of_reals_are_those_of_fakes_at_p_1() -> None:
    """From the second update on, which the first of the generator has not changed yet if nothing is learned."""
    still = {"batch": 8, "device": "cpu", "optimizer": {"use": "sgd", "lr": 1e-12}}
    apa = {"use": "apa", "start": 1, "target": 1}
    made = trainer(tiny(loss="hinge", regularizers=[], augment=apa, training=still))
    first, second = made.iteration(), made.iteration()
    fakes = made.memory["augment.0"]["fakes"]
    assert float(second["score.real"]) != pytest.approx(float(first["score.real"]), rel=1e-3)
    least, most = (float(each) for each in made.discriminator(fakes).score.aminmax())
    assert least - 0.5 < float(second["score.real"]) < most + 0.5


@pytest.mark.parametrize("labels", [False, True])
def test_it_goes_on_to_the_same_bits_from_a_checkpoint(labels: bool, tmp_path: Path) -> None:
    options: dict[str, Any] = tiny(
        loss="hinge",
        data={"use": "digits", "labels": labels},
        growth={"use": "progressive", "start": 4, "final": 8, "images": {4: 8, 8: 32}},
        augment={"use": "apa", "start": 0.5, "over": 64, "target": -1},
    ).model_dump()
    head = {"use": "pggan", "labels": "select" if labels else "ignore"}
    try_out(options | {"discriminator": options["discriminator"] | {"head": head}}, tmp_path)

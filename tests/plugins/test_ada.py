"""ADA in training: when p moves, what is kept and recorded, and what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch
from support.command import rows
from support.crashing import files
from support.pggan import component
from support.tiny import tiny, trainer
from torch import Tensor

from gankit import Callback, Observer
from gankit.config.checks import problems
from gankit.core.errors import RunError
from gankit.core.progress import Progress
from gankit.core.registry import register, restored
from gankit.kinds.callbacks import RunContext
from gankit.runs.start import begin, resume
from gankit.training.step import BEGINNING, AugmentedBatch

SURE, UNSURE = torch.ones(8), torch.tensor([1.0, -1.0] * 4)
"""Scores of reals: their mean signs are 1 and 0."""


def adapted(memory: dict[str, Tensor], *scores: Tensor, **options: Any) -> dict[str, float]:
    """What is logged last after updates of the discriminator that gave reals these scores."""
    ada, logged = component("augmentation", "ada", **options), {}
    for score in scores:
        on_real = SimpleNamespace(score=score)
        ada.adapt(SimpleNamespace(on_real=on_real, memory=lambda _: memory, log=logged.__setitem__))
    return {name: float(number) for name, number in logged.items()}


def batch_of(memory: dict[str, Tensor]) -> AugmentedBatch:
    return AugmentedBatch(None, True, BEGINNING, memory, lambda name, value: None)


def test_p_moves_after_each_interval_by_the_mean_sign_over_it() -> None:
    memory: dict[str, Tensor] = {}
    step = 8 * 4 / 500_000
    assert adapted(memory, SURE, SURE, SURE) == {"ada.p": 0, "ada.r": 1}
    assert adapted(memory, UNSURE) == {"ada.p": pytest.approx(step), "ada.r": 0}  # of a mean of 0.75
    assert adapted(memory, SURE, UNSURE, UNSURE)["ada.p"] == pytest.approx(step)
    assert adapted(memory, UNSURE)["ada.p"] == 0
    assert adapted(memory, *[UNSURE] * 4)["ada.p"] == 0  # never below


def test_options_of_the_heuristic() -> None:
    fast: dict[str, Any] = {"over": 16, "interval": 1, "start": 0.75}
    assert adapted({}, SURE, **fast)["ada.p"] == 1.25  # beyond 1, as the authors leave it
    assert adapted({}, UNSURE, **fast)["ada.p"] == 0.25
    assert adapted({}, UNSURE, **fast, target=-0.5)["ada.p"] == 1.25
    assert adapted({}, UNSURE, **fast, target=0.0)["ada.p"] == 0.75


def test_images_are_changed_by_the_p_that_is_remembered() -> None:
    images = torch.rand(64, 1, 8, 8)
    ada = component("augmentation", "ada", transforms=["cutout"], start=0.0)
    assert torch.equal(ada.apply(images, batch_of({})), images)
    for p, least, most in ((0.25, 6, 26), (1.25, 64, 64)):
        made = ada.apply(images, batch_of({"p": torch.tensor(p)}))
        changed = (made != images).flatten(1).any(1).sum()
        assert least <= changed <= most


def test_transforms_by_group_or_by_name_and_their_multipliers() -> None:
    images = torch.rand(400, 1, 8, 8)

    def share(**options: Any) -> float:
        torch.manual_seed(0)
        made = component("augmentation", "stochastic", **options).apply(images, batch_of({}))
        return float((made != images).flatten(1).any(1).float().mean())

    assert share(p=0.0) == 0
    assert share(p=1.0, transforms="noise") == 1
    assert share(p=0.5, transforms=["noise"]) == pytest.approx(0.5, abs=0.07)
    assert share(p=0.5, transforms=["noise"], multipliers={"noise": 0.2}) == pytest.approx(0.1, abs=0.05)
    assert share(p=0.5, transforms=["noise", "cutout"], multipliers={"noise": 0}) == pytest.approx(0.5, abs=0.07)
    assert share(p=1.0, transforms=["color"], multipliers={"color": 0}) == 0
    colour = {"color": 0.0, "brightness": 1.0}  # the single one goes first
    assert share(p=1.0, transforms=["color"], multipliers=colour) == 1
    torch.manual_seed(0)
    ordered = component("augmentation", "stochastic", p=1.0, transforms=["blit", "color"]).apply(images, batch_of({}))
    torch.manual_seed(0)
    other = component("augmentation", "stochastic", p=1.0, transforms=["color", "blit"]).apply(images, batch_of({}))
    assert not torch.equal(ordered, images)
    assert torch.equal(ordered, other)


@pytest.mark.parametrize("penalty", ["r1", "gradient-penalty"])
def test_gradient_penalties_reach_through_all_of_it(penalty: str) -> None:
    augment = {"use": "stochastic", "p": 0.9, "transforms": ["blit", "geom", "color", "filter", "noise", "cutout"]}
    made = trainer(tiny(loss="non-saturating", regularizers=penalty, augment=augment))
    record = made.iteration()
    assert float(record[f"penalty.{penalty}.discriminator"]) > 0
    assert all(weight.isfinite().all() for weight in made.discriminator.parameters())


def test_a_probability_on_a_schedule_and_training_as_without_while_it_is_zero() -> None:
    schedule = {"use": "steps", "points": [[0, 0.0], [32, 0.5]]}
    scheduled = trainer(tiny(augment={"use": "stochastic", "p": schedule}))
    plain = trainer(tiny())
    equal = []
    for _ in range(5):
        losses = [float(made.iteration()["loss.discriminator"]) for made in (scheduled, plain)]
        equal.append(losses[0] == losses[1])
    assert equal == [True] * 4 + [False]


def test_what_is_refused() -> None:
    def said(*names: str, **multipliers: float) -> list[str]:
        augment = {"use": "stochastic", "transforms": list(names), "multipliers": multipliers}
        return [message for _, message in problems(tiny(augment=augment))]

    assert not said("blit", "hue", blit=0.5, hue=2)
    assert not said("flip", blit=0.5)
    assert said("geom", flip=0.5) == ["multipliers has flip, which is not among transforms"]


def test_colours_of_images_with_opacity_are_refused(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGBA", (8, 8)).save(tmp_path / "image.png")
    data = {"use": "folder", "path": str(tmp_path), "channels": 4}
    (found,) = problems(tiny(data=data, augment={"use": "stochastic", "transforms": ["blit", "hue"]}))
    said = "color transforms change grey or RGB images, but the data have 4 channels: leave out hue"
    assert found == (("augment", 0), said)
    assert not problems(tiny(data=data, augment={"use": "stochastic", "transforms": "blit"}))


class Leaver(Observer):
    """Stops the run once so many images were shown."""

    at: ClassVar[int] = 0

    def callback(self, run: RunContext) -> Callback:
        return Leaving(run)


class Leaving(Callback):
    def __init__(self, run: RunContext) -> None:
        self.run = run

    def on_update(self, progress: Progress, scalars: Any) -> None:
        if progress.images == Leaver.at:
            self.run.stop("it was asked to")


@pytest.mark.costly
def test_a_run_resumes_to_the_same_bits_and_records_p(tmp_path: Path) -> None:
    """The checkpoint of 24 images lies within an interval, after 3 of 4 updates."""
    ada = {"use": "ada", "over": 64, "target": -1.0, "start": 0.3}
    experiment = {"augment": ada, "checkpoints": {"every": 24, "keep": 9}, "observers": ["leaver"]}
    with restored():
        register("observers", "leaver", Leaver)
        begin(tiny(**experiment), tmp_path / "whole").train()
        Leaver.at = 40
        with pytest.raises(RunError, match="it was asked to"):
            begin(tiny(**experiment), tmp_path / "left").train()
        Leaver.at = 0
        resumed = resume(tmp_path / "left")
        assert resumed is not None
        resumed.train()
    assert files(tmp_path / "left") == files(tmp_path / "whole")
    recorded = [row for row in rows(tmp_path / "whole") if row["name"] in ("ada.p", "ada.r")]
    p = [row["value"] for row in recorded if row["name"] == "ada.p"]
    assert len(p) == len(recorded) / 2 == 12  # a row an iteration of a run as short as this
    assert p == pytest.approx([0.3] * 3 + [0.8] * 4 + [1.3] * 4 + [1.8])

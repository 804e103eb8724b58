"""A discriminator that learns its reals by heart is found out by those that it has not seen; training feels nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from support.slow import slow_but
from support.tiny import tiny, trainer

from gankit.cli import main
from gankit.config.checks import problems
from gankit.config.loader import load_experiment
from gankit.runs.rows import read_rows
from gankit.runs.start import begin, resume
from gankit.training.judging import judged

SMALL = Path(__file__).parents[2] / "experiments" / "small"
FEW = {"use": "few", "of": "digits", "images": 16}
PLAIN: dict[str, Any] = {
    "growth": {"use": "fixed", "resolution": 8, "images": 64},
    "regularizers": [],
    "training": {"batch": 8, "device": "cpu"},
}


def test_a_discriminator_that_learns_by_heart_is_found_out() -> None:
    training = trainer(tiny(**PLAIN, data=FEW, loss="non-saturating"))
    before = judged(training)
    assert abs(before["judged.training"] - before["judged.held-out"]) < 0.2
    assert training.reals.test_part is not None
    reals, others = (
        part.take(8, part.drawn(16, 5), training.device).images for part in (training.reals, training.reals.test_part)
    )
    optimizer = torch.optim.Adam(training.discriminator.parameters(), lr=0.02)
    for _ in range(60):  # to tell its reals from others: nothing but what is learned by heart
        scores = [training.discriminator(images).score.mean() for images in (reals, others)]
        optimizer.zero_grad()
        torch.stack([-scores[0], scores[1]]).sum().backward()
        optimizer.step()
    after = judged(training)
    assert after["judged.training"] > after["judged.held-out"] + 1
    gap = after["judged.training"] - after["judged.generated"]
    held = after["judged.training"] - after["judged.held-out"]
    assert after["judged.overfitting"] == pytest.approx(held / gap)


def test_lengths_are_those_of_the_loss_and_nothing_of_training_moves() -> None:
    training = trainer(tiny(**PLAIN, loss="wgan"))
    training.iteration()
    before, drawn = training.state_dict(), torch.get_rng_state()
    gradients = [weight.grad for weight in training.discriminator.parameters()]
    found = judged(training)
    assert judged(training) == found
    assert "judged.held-out" not in found
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(a is b.grad for a, b in zip(gradients, training.discriminator.parameters(), strict=True))
    now = training.state_dict()
    for name, weights in before["weights"].items():
        assert all(torch.equal(tensor, now["weights"][name][key]) for key, tensor in weights.items())
    for group in training.trained["discriminator"]:  # the gradient of a loss that is scaled is scaled as well
        group.data.mul_(0)
    assert judged(training)["gradient.generator"] == 0


def numbers(folder: Path) -> list[tuple[int, str, float]]:
    return [(row.images, row.name, row.value) for row in read_rows(folder / "metrics.jsonl")]


@pytest.mark.costly
@pytest.mark.parametrize("background", slow_but([False], [False, True]))
def test_a_run_records_it_at_evaluations_and_is_the_same_without(tmp_path: Path, background: bool) -> None:
    evaluation = {"metrics": ["fid"], "extractor": "digits", "images": 16, "every": 24, "background": background}
    options = {"data": FEW, "checkpoints": {"every": 40, "keep": 9}}
    begin(tiny(**options, evaluation=evaluation), tmp_path / "plain").train()
    begin(tiny(**options, evaluation={**evaluation, "discriminator": True}), tmp_path / "run").train()
    recorded = numbers(tmp_path / "run")
    added = [line for line in recorded if line[1].startswith(("judged.", "gradient."))]
    assert [line for line in recorded if line not in added] == numbers(tmp_path / "plain")
    assert {images for images, name, _ in added if name == "judged.overfitting"} == {24, 32, 48, 72, 96}
    assert len({line[:2] for line in added}) == len(added)
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "000000000096")
    run = resume(tmp_path / "run")
    assert run is not None
    run.train()
    assert sorted(numbers(tmp_path / "run")) == sorted(recorded)
    assert main(["report", str(tmp_path / "run"), "-o", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert "What the discriminator makes of unseen reals" in page
    assert "how far held-out reals have come towards generated ones" in page


def test_several_scales_at_once_are_refused() -> None:
    experiment = load_experiment(SMALL / "msg-digits.yaml", ["evaluation.discriminator=true"], check=False)
    found = problems(experiment)
    assert any("it cannot be asked of images of several scales at once" in str(problem) for problem in found)

"""Critics that are networks of parts, and what they look at."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from support.tiny import tiny, trainer

from gankit.config.checks import problems
from gankit.config.experiment import Experiment
from gankit.networks.critics import Critics
from gankit_critics.views import Crop, Scaled

NETWORK: dict[str, Any] = {"rgb": "rgb", "block": "conv", "head": "pggan", "channels": {4: 6, 8: 4}}


def judged_by(view: dict[str, Any], **network: Any) -> Experiment:
    return tiny(
        data={"use": "digits", "labels": "labels" in str(network)},
        critics={"extra": {"use": "network", "view": view, "network": NETWORK | network}},
        regularizers=[],
    )


def test_a_crop_is_a_window_of_each_image_at_a_place_of_its_own() -> None:
    images = torch.arange(6 * 3 * 12 * 8, dtype=torch.float64).view(6, 3, 12, 8)
    torch.manual_seed(1)
    corners = (torch.rand(6, 2) * torch.tensor([7, 5])).long()
    torch.manual_seed(1)
    windows = Crop(height=6, share=0.5).build(8 / 12)(images)
    assert windows.shape == (6, 3, 6, 4)
    for window, image, (row, column) in zip(windows, images, corners.tolist(), strict=True):
        assert torch.equal(window, image[:, row : row + 6, column : column + 4])
    assert len({tuple(corner) for corner in corners.tolist()}) > 1


def test_every_place_is_drawn_and_no_other() -> None:
    images = torch.arange(4.0).view(1, 1, 1, 4).expand(400, 1, 4, 4)
    columns = Crop(height=2, share=0.5).build(1)(images)[:, 0, 0, 0]
    assert columns.unique().tolist() == [0, 1, 2]


def test_scaled_is_the_whole_image() -> None:
    images = torch.rand(2, 3, 8, 8, requires_grad=True)
    smaller = Scaled(height=4).build(1.0)(images)
    expected = F.interpolate(images, size=(4, 4), mode="bilinear", antialias=True)
    assert torch.equal(smaller, expected)
    smaller.sum().backward()
    assert images.grad is not None
    assert torch.equal(Scaled(height=8).build(1.0)(images), images)


def test_the_network_judges_the_view_at_every_stage() -> None:
    made = trainer(judged_by({"use": "scaled", "height": 8}))
    assert "score.real.extra" in made.iteration()
    assert isinstance(made.discriminator, Critics)
    inner = made.discriminator.get_submodule("critic_extra.network").eval()
    made.discriminator.eval()
    for height in (4, 8):
        made.discriminator.grow(height, 1.0)
        images = torch.randn(4, 1, height, height)
        found = made.discriminator(images).critics["extra"].score
        seen = F.interpolate(images, size=(8, 8), mode="bilinear") if height == 4 else images
        assert torch.equal(found, inner(seen).score)


@pytest.mark.parametrize(
    ("view", "network", "expected"),
    [
        ({"use": "scaled", "height": 12}, {}, "network.base: 4 doubled some times is to be the view's height"),
        ({"use": "scaled", "height": 8}, {"channels": {8: 4}}, "network.channels: gives no value for resolution 4"),
        ({"use": "scaled", "height": 8}, {"block": {8: []}}, "network.block: at 8 the last block has to go down"),
        ({"use": "crop", "height": 8}, {"head": {"use": "pggan", "labels": "classify"}}, "gives class logits"),
    ],
)
def test_mistakes(view: dict[str, Any], network: dict[str, Any], expected: str) -> None:
    found = [message for path, message in problems(judged_by(view, **network)) if path[:2] == ("critics", "extra")]
    assert any(expected in message for message in found), found


def test_what_reads_labels_says_so() -> None:
    of = {
        labels: judged_by({"use": "crop", "height": 4}, head={"use": "pggan", "labels": labels}).critics["extra"]
        for labels in ("select", "ignore")
    }
    assert of["select"].reads_labels()
    assert not of["ignore"].reads_labels()

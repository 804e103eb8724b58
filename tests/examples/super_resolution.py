"""A network that doubles the resolution of images, judged by a discriminator, in a loop of its own.

    python tests/examples/super_resolution.py [DATA [UPDATES]]

Relativistic and with a penalty on its slope at reals, which pairs of sharp and drawn images ask for.
"""

from __future__ import annotations

import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import gankit

SIZE, BATCH, UNSEEN = 32, 16, 500


class Doubler(nn.Module):
    """Images of twice the resolution: repeated pixels, and what a small network adds to them."""

    def __init__(self, channels: int = 24) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(1, channels, 3, padding=1), nn.LeakyReLU(0.2)),
            *(nn.Conv2d(channels, channels, 3, padding=1), nn.LeakyReLU(0.2)),
            *(nn.Conv2d(channels, 4, 3, padding=1), nn.PixelShuffle(2)),
        )

    def forward(self, small: Tensor) -> Tensor:
        """[N, 1, 2H, 2W] of [N, 1, H, W]."""
        return F.interpolate(small, scale_factor=2.0) + self.layers(small)


def judge() -> nn.Module:
    """One score an image."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(16, 32, 4, 2, 1), nn.LeakyReLU(0.2)),
        *(nn.Flatten(), nn.Linear(32 * (SIZE // 4) ** 2, 1)),
    )


def train(data: str = "fashion-mnist", updates: int = 2000) -> dict[str, float]:
    """Train for some updates and give how far drawn images and repeated pixels are from images never shown."""
    torch.manual_seed(0)
    images = torch.from_numpy(gankit.part(f"dataset/{data}").load(SIZE).images)
    unseen, images = images[:UNSEEN], images[UNSEEN:]
    doubler, discriminator = Doubler(), judge()
    adversary = gankit.Adversary(discriminator, "relativistic", regularizers=[{"use": "r1", "gamma": 0.1}])
    of_doubler = torch.optim.Adam(doubler.parameters(), 1e-3, (0.0, 0.99))
    of_discriminator = torch.optim.Adam(discriminator.parameters(), 1e-3, (0.0, 0.99))
    for update in range(updates):
        sharp = images[torch.randint(len(images), (BATCH,))].float() / 127.5 - 1
        drawn = doubler(F.avg_pool2d(sharp, 2))
        of_discriminator.zero_grad()
        adversary.discriminator_loss(sharp, drawn).backward()
        of_discriminator.step()
        adversary.updated()

        pixels, adversarial = F.l1_loss(drawn, sharp), adversary.generator_loss(drawn, sharp)
        of_doubler.zero_grad()
        (pixels + 0.01 * adversarial).backward()
        of_doubler.step()
        if update % 500 == 0:
            print(update, {name: value.item() for name, value in {"pixels": pixels, **adversary.logged}.items()})
    with torch.no_grad():
        sharp = unseen.float() / 127.5 - 1
        drawn, repeated = doubler(F.avg_pool2d(sharp, 2)), _repeated(sharp)
    gankit.as_picture(torch.cat([repeated[:8], drawn[:8], sharp[:8]]), columns=8).save("doubled.png")
    return {"pixels": F.l1_loss(drawn, sharp).item(), "repeated": F.l1_loss(repeated, sharp).item()}


def _repeated(sharp: Tensor) -> Tensor:
    """Images as they come to the doubler, pixels repeated."""
    return F.interpolate(F.avg_pool2d(sharp, 2), scale_factor=2.0)


if __name__ == "__main__":
    _, data, updates, *_ = [*sys.argv, *("fashion-mnist", "2000")[len(sys.argv) - 1 :]]
    train(data, int(updates))

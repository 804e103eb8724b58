"""A variational autoencoder whose pictures a discriminator judges, in a loop of its own.

    python tests/examples/vae_with_critic.py [DATA [UPDATES]]

As in a latent model's first stage (Esser et al. 2021, equations 5 to 7): pixels, the KL divergence of latents, and an
adversarial loss that weighs as much as the pixels' gradient at the decoder's last layer says.
"""

from __future__ import annotations

import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import gankit

SIZE, LATENT, BATCH = 32, 16, 16


class Autoencoder(nn.Module):
    """Means and log variances of latents, and images of latents."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *(nn.Conv2d(1, 16, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(16, 32, 4, 2, 1), nn.LeakyReLU(0.2)),
            *(nn.Flatten(), nn.Linear(32 * (SIZE // 4) ** 2, 2 * LATENT)),
        )
        self.last = nn.ConvTranspose2d(16, 1, 4, 2, 1)
        self.decoder = nn.Sequential(
            *(nn.Linear(LATENT, 32 * (SIZE // 4) ** 2), nn.Unflatten(1, (32, SIZE // 4, SIZE // 4)), nn.LeakyReLU(0.2)),
            *(nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.LeakyReLU(0.2), self.last),
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images again, and the mean KL divergence of their latents from standard normal ones."""
        mean, log_variance = self.encoder(images).chunk(2, 1)
        z = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
        return self.decoder(z).tanh(), divergence.mean()


def judge() -> nn.Module:
    """Scores of 8x8 patches."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(16, 32, 4, 2, 1), nn.LeakyReLU(0.2)),
        nn.Conv2d(32, 1, 3, padding=1),
    )


def train(data: str = "fashion-mnist", updates: int = 2000) -> dict[str, float]:
    """Train for some updates and give the last losses."""
    torch.manual_seed(0)
    images = torch.from_numpy(gankit.part(f"dataset/{data}").load(SIZE).images)
    autoencoder, discriminator = Autoencoder(), judge()
    adversary = gankit.Adversary(discriminator, "hinge", regularizers=[{"use": "r1", "gamma": 0.01, "every": 4}])
    averaged = gankit.Averaged(autoencoder, half_life=1000)
    of_autoencoder = torch.optim.Adam(autoencoder.parameters(), 1e-3)
    of_discriminator = torch.optim.Adam(discriminator.parameters(), 5e-4, (0.0, 0.99))
    last: dict[str, float] = {}
    for update in range(updates):
        real = images[torch.randint(len(images), (BATCH,))].float() / 127.5 - 1
        again, divergence = autoencoder(real)
        pixels, adversarial = F.l1_loss(again, real), adversary.generator_loss(again)
        weight = 0.5 * _slope(pixels, autoencoder) / (_slope(adversarial, autoencoder) + 1e-4)
        of_autoencoder.zero_grad()
        (pixels + 1e-3 * divergence + weight * adversarial).backward()
        of_autoencoder.step()
        averaged.update(BATCH)

        of_discriminator.zero_grad()
        adversary.discriminator_loss(real, again).backward()
        of_discriminator.step()
        adversary.updated()
        last = {"pixels": pixels.item(), "adversarial": adversarial.item(), "divergence": divergence.item()}
        if update % 500 == 0:
            print(update, last)
    first = images[:8].float() / 127.5 - 1
    gankit.as_picture(torch.cat([first, averaged.module(first)[0]]), columns=8).save("vae.png")
    return last


def _slope(loss: Tensor, autoencoder: Autoencoder) -> Tensor:
    """How long the gradient of a loss is at the decoder's last layer."""
    return torch.autograd.grad(loss, autoencoder.last.weight, retain_graph=True)[0].norm().detach()


if __name__ == "__main__":
    _, data, updates, *_ = [*sys.argv, *("fashion-mnist", "2000")[len(sys.argv) - 1 :]]
    train(data, int(updates))

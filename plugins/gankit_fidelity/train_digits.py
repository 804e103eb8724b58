"""Train the weights of the `digits` extractor again: python -m gankit_fidelity.train_digits [-o FILE].

Every fifth scan of scikit-learn's digits, from the first on, is held out: training never sees it, and the accuracy
that is printed at the end is measured on it alone. Equal versions of torch on equal processors give equal bytes;
others give other weights and with them another scale of FID, so the file that is shipped is named by its hash.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import torch  # noqa: TID253
import torch.nn.functional as F  # noqa: TID253
from safetensors.torch import save
from torch import Tensor  # noqa: TID253

from gankit.data import RealImages
from gankit_fidelity.modules import DigitsNetwork
from gankit_images.datasets import Digits

HELD_OUT_EVERY = 5
EPOCHS = 15
BATCH = 64
LEARNING_RATE = 2e-3
SHIFT = 1
"""Images are moved by up to so many pixels either way; nothing blurs or adds noise, which features should notice."""


def train(seed: int = 0) -> DigitsNetwork:
    """A classifier trained on the digits that are not held out; takes seconds.

    Args:
        seed: Decides the first weights, the order and the shifts; sets torch's global generator.
    """
    torch.manual_seed(seed)
    images, digits = scans(held_out=False)
    network = DigitsNetwork()
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    updates = EPOCHS * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(images)).split(BATCH)[: len(images) // BATCH]:
            loss = F.cross_entropy(network(shifted(images[chosen])).logits, digits[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def shifted(images: Tensor) -> Tensor:
    """Each image [N, C, H, W] moved by up to SHIFT pixels, black where nothing was."""
    height, width = images.shape[2:]
    padded = F.pad(images, (SHIFT,) * 4)
    corners = torch.randint(0, 2 * SHIFT + 1, (len(images), 2)).tolist()
    return torch.stack([image[:, y : y + height, x : x + width] for image, (y, x) in zip(padded, corners, strict=True)])


def scans(held_out: bool) -> tuple[Tensor, Tensor]:
    """The digits that are held out, or all others: images uint8 [N, 3, 16, 16] and what they show, int64 [N]."""
    reals = RealImages(Digits(labels=True), [16])
    assert reals.labels is not None
    chosen = (np.arange(reals.count) % HELD_OUT_EVERY == 0) == held_out
    images = torch.from_numpy(reals.at(16)[chosen]).repeat(1, 3, 1, 1)
    return images, torch.from_numpy(reals.labels[chosen])


@torch.no_grad()
def accuracy(network: DigitsNetwork) -> float:
    """Share of the held-out digits that are told right."""
    images, digits = scans(held_out=True)
    return (network(images).logits.argmax(1) == digits).double().mean().item()


def main() -> None:
    """Train, write the weights as float16, and print what they are worth."""
    parser = argparse.ArgumentParser(description="Train the weights of the digits extractor again.")
    parser.add_argument("-o", "--output", type=Path, default=Path("digits.safetensors"), help="where to write them")
    output = parser.parse_args().output
    torch.set_num_threads(1)  # the order of sums, and with it the last bits, depends on it
    torch.use_deterministic_algorithms(True)
    network = train()
    content = save({name: weight.half() for name, weight in network.state_dict().items()})
    output.write_bytes(content)
    print(f"held-out accuracy {accuracy(DigitsNetwork.of(content)):.4f}")
    print(f"sha256 {hashlib.sha256(content).hexdigest()}  {output}")


if __name__ == "__main__":
    main()

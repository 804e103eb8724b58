"""Statistics of batch norms in an averaged generator, whose activations are not those of the generator it follows."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # of all dimensions, as torch.optim.swa_utils.update_bn finds them

from gankit.data.images import images_at_a_time
from gankit.networks.generator import Generator
from gankit.training import randomness
from gankit.training.measuring import measuring
from gankit.training.sampler import draw_labels

LATENTS = 4096
"""How many latents statistics are estimated on."""


class NormStatistics(nn.Module):
    """Running means and variances of a network's batch norms, as if they were parameters, to be averaged like these."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._norms = batch_norms(network)  # in a list, so that they are not taken for modules of this one

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]:
        """The statistics themselves, to be changed in place."""
        for number, norm in enumerate(self._norms):
            yield f"{prefix}{number}.mean", norm.running_mean  # pyright: ignore[reportReturnType]
            yield f"{prefix}{number}.variance", norm.running_var  # pyright: ignore[reportReturnType]


def batch_norms(network: nn.Module) -> list[_BatchNorm]:
    """The batch norms of a network that keep running statistics."""
    return [module for module in network.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]


@torch.no_grad()
def estimate_statistics(generator: Generator, seed: int, device: torch.device, labels: Tensor | None = None) -> None:
    """Let the batch norms of a generator in eval mode hold the mean statistics of its own activations.

    They are those of `LATENTS` latents, batch by batch (Brock et al. 2019, section 4.1: standing statistics), and
    depend on `seed` and the weights alone; torch's generators are left as they were.

    Args:
        generator: The generator, grown as it will be used.
        seed: Decides the latents.
        device: Where the generator is.
        labels: Labels of reals, as often as which classes or vectors are asked for; None: see `draw_labels`.
    """
    norms, block = batch_norms(generator), images_at_a_time(generator.resolution)
    packs, generator.packs = generator.packs, generator.scales is not None  # so that those of all scales are met
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch then keeps the plain mean over all batches
        norm.train()
    try:
        with measuring():
            for number in range(LATENTS // block if norms else 0):
                randomness.seed(seed, "statistics", number)
                z = torch.randn(block, generator.context.latent, device=device)
                generator(z, draw_labels(generator, block, device, labels))
    finally:
        generator.packs = packs
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()

"""A plugin that makes every command wait for torch."""

import torch

from gankit import Loss, hookimpl


class Eager(Loss):
    """The hinge loss."""

    def discriminator(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        return (1 - real).relu().mean() + (1 + fake).relu().mean()

    def generator(self, fake: torch.Tensor, real: torch.Tensor | None) -> torch.Tensor:
        return -fake.mean()


@hookimpl
def gankit_register(register) -> None:
    register("imports-no-torch", Eager)

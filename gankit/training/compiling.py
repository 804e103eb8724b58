"""Networks compiled by torch, for passes that are derived once or not at all."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self, cast

import torch

from gankit.core.errors import UserError
from gankit.core.failures import warn
from gankit.core.processes import sparing_children
from gankit.core.progress import Progress
from gankit.networks.critics import Critics
from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator

BACKEND = "inductor"
RECOMPILATIONS = 256
"""A network is compiled anew for each resolution, fade and network that is updated; torch gives up after 8 else."""


class NetworkPair(NamedTuple):
    """Both networks as a step calls them."""

    generator: Generator
    discriminator: Discriminator | Critics

    def compiled(self, device: torch.device) -> Self:
        """The same weights, compiled when they are first called.

        Raises:
            UserError: if torch cannot compile here.
        """
        from torch._dynamo import config  # which takes a second, and nobody else needs

        config.recompile_limit = RECOMPILATIONS
        options: dict[str, Any] | None = (
            {"fallback_random": True} if BACKEND == "inductor" else None
        )  # the draws of the plain networks

        def compile_(network: torch.nn.Module) -> torch.nn.Module:
            return cast(torch.nn.Module, torch.compile(network, backend=BACKEND, dynamic=False, options=options))

        logging.getLogger("torch.utils.cpp_extension").addFilter(_is_of_concern)
        with sparing_children():  # threads that call compilers begin here
            _refuse_without_compiler(device)
        return self._replace(
            generator=cast(Generator, compile_(self.generator)),
            discriminator=cast(Discriminator, compile_(self.discriminator)),
        )


class Compilations:
    """Iterations of compiled networks, in which these are compiled wherever they have changed."""

    def __init__(self) -> None:
        self._compiled: tuple[int, bool] | None = None

    @contextmanager
    def iteration(self, at: Progress) -> Iterator[None]:
        """Within this context one is made that begins `at`; says if it will take long.

        Compilers are not ended by a signal to all processes of the command: the iteration is brought to its end.
        """
        if (phase := (at.resolution, at.alpha < 1)) != self._compiled:
            fading = " as they fade in" if at.alpha < 1 else ""
            warn(f"compiling the networks at {at.resolution}x{at.resolution}{fading}, which takes minutes")
            self._compiled = phase
        with sparing_children():
            yield


def _is_of_concern(record: logging.LogRecord) -> bool:
    """Whether to tell what torch has logged; that there are tools for GPUs and no GPU does not concern a CPU."""
    return not record.getMessage().startswith("No CUDA runtime is found")


def _refuse_without_compiler(device: torch.device) -> None:
    """Compile next to nothing, to notice before training that it fails.

    Raises:
        UserError: then, with what torch says.
    """
    try:
        torch.compile(torch.sin, backend=BACKEND)(torch.ones(2, device=device))
    except Exception as failure:
        said = " ".join(str(failure).split())
        raise UserError(
            f"training.compile: torch cannot compile for {device.type} here; set it to false, or install what it needs "
            f"(for a CPU a C++ compiler, for a GPU triton): {said:.300}"
        ) from failure

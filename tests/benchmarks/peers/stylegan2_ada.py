"""NVlabs/stylegan2-ada-pytorch: StyleGAN2 on a CPU, where it takes its reference operations, by its loss's phases."""

from __future__ import annotations

import copy
from typing import Any

import torch

from benchmarks.peers.checkout import imported, parameters, reals
from benchmarks.systems import BATCH
from benchmarks.work import Work

EVERY = {"G": 4, "D": 16}
"""Iterations between updates by path lengths, and by R1."""


class Phases(Work):
    """Its networks, loss and optimizers."""

    def __init__(self, networks: dict[str, Any], loss: Any, width: int, resolution: int) -> None:
        self._networks, self._loss, self._width = networks, loss, width
        self._average = copy.deepcopy(networks["G"]).eval()
        self._real = reals(BATCH, resolution)
        self._adams: dict[str, torch.optim.Adam] = {}
        for name, network in networks.items():
            share = EVERY[name] / (EVERY[name] + 1)
            self._adams[name] = torch.optim.Adam(network.parameters(), 2e-3 * share, (0.0, 0.99**share), 1e-8)

    def iterate(self, number: int) -> None:
        """The phases that are due, each an update, then the average's."""
        for name in self._networks:
            self._phase(name, "main", 1)
            if number % EVERY[name] == 0:
                self._phase(name, "reg", EVERY[name])
        with torch.no_grad():
            trained = self._networks["G"]
            for kept, parameter in zip(self._average.parameters(), trained.parameters(), strict=True):
                kept.copy_(parameter.lerp(kept, 0.5 ** (BATCH / 10_000)))
            for kept, buffer in zip(self._average.buffers(), trained.buffers(), strict=True):
                kept.copy_(buffer)

    def _phase(self, name: str, part: str, gain: int) -> None:
        network, adam = self._networks[name], self._adams[name]
        adam.zero_grad(set_to_none=True)
        network.requires_grad_(True)
        self._loss.accumulate_gradients(
            phase=f"{name}{part}",
            real_img=self._real,
            real_c=torch.zeros(BATCH, 0),
            gen_z=torch.randn(BATCH, self._width),
            gen_c=torch.zeros(BATCH, 0),
            sync=True,
            gain=gain,
        )
        network.requires_grad_(False)
        for parameter in network.parameters():
            if parameter.grad is not None:
                torch.nan_to_num(parameter.grad, nan=0, posinf=1e5, neginf=-1e5, out=parameter.grad)
        adam.step()

    def parameters(self) -> dict[str, int]:
        """Of both networks."""
        return parameters(generator=self._networks["G"], discriminator=self._networks["D"])


def work(path: str, width: int, resolution: int) -> Work:
    """Its networks at a width, in float32, without augmentation."""
    made = imported(path, "training.networks")
    channels = {"channel_base": width * resolution, "channel_max": width, "num_fp16_res": 0}
    shape = {"c_dim": 0, "img_resolution": resolution, "img_channels": 3}
    networks = {
        "G": made.Generator(
            z_dim=width, w_dim=width, mapping_kwargs={"num_layers": 8}, synthesis_kwargs=channels, **shape
        ),
        "D": made.Discriminator(**channels, epilogue_kwargs={"mbstd_group_size": 4}, **shape),
    }
    for network in networks.values():
        network.train().requires_grad_(False)
    loss = imported(path, "training.loss").StyleGAN2Loss(
        torch.device("cpu"), networks["G"].mapping, networks["G"].synthesis, networks["D"]
    )
    return Phases(networks, loss, width, resolution)

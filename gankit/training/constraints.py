"""Where weights are held after each update: by regularizers that constrain, and by norms of weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch.nn.utils import parametrize

from gankit.core.networks import NetworkName
from gankit.kinds import Regularizer
from gankit.networks.protocols import HoldsWeight
from gankit.training.critics import constrained


class Constraints:
    """Holds the trained weights of networks; those that are not trained stay as they are."""

    def __init__(
        self,
        regularizers: Iterable[Regularizer],
        networks: Mapping[NetworkName, nn.Module],
        trained: Mapping[NetworkName, Iterable[Parameter]],
    ) -> None:
        """Find what holds which weights.

        Args:
            regularizers: Of which some constrain the discriminator.
            networks: By name, one of them "discriminator".
            trained: The parameters of each that are trained.
        """
        ids = {name: {*map(id, parameters)} for name, parameters in trained.items()}
        self._held = {name: [*_held(network, ids[name])] for name, network in networks.items()}
        self._regularizers = [each for each in regularizers if type(each).constrain is not Regularizer.constrain]
        self._discriminator = networks["discriminator"]
        self._others = [each for each in self._discriminator.parameters() if id(each) not in ids["discriminator"]]

    @torch.no_grad()
    def hold(self, name: NetworkName) -> None:
        """Bring the weights of a network to where they are to be, after an update of it."""
        for holding, weight in self._held[name]:
            weight.copy_(holding.held(weight))
        if name != "discriminator" or not self._regularizers:
            return
        before = [(parameter, parameter.clone()) for parameter in self._others]
        for regularizer in self._regularizers:
            constrained(regularizer, self._discriminator)
        for parameter, weights in before:
            parameter.copy_(weights)


def _held(network: nn.Module, trained: set[int]) -> Iterator[tuple[HoldsWeight, Tensor]]:
    """The parametrizations that hold weights of a network, each with its weight."""
    for layer in network.modules():
        if isinstance(layer, parametrize.ParametrizationList) and id(weight := layer.original) in trained:
            assert isinstance(weight, Tensor)
            yield from ((each, weight) for each in layer if isinstance(each, HoldsWeight))

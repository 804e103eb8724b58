"""What components remember from update to update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from gankit.config.experiment import Experiment
from gankit.config.walk import components
from gankit.core.component import Component
from gankit.kinds import WeightAverage

OF_CRITIC = " of "
"""What stands between the path of a component and the critic that it remembers something of."""


class Memory(dict[str, dict[str, Tensor]]):
    """What each component remembers, by where the experiment names it; kept in checkpoints."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        self._paths = {id(component): ".".join(map(str, path)) for path, component in components(experiment)}
        self._of_averages = {
            self._paths[id(component)]
            for _, component in components(experiment)
            if isinstance(component, WeightAverage)
        }

    def of(self, component: Component, critic: str = "") -> dict[str, Tensor]:
        """What a component remembers, to be changed; of one of several discriminators what it does of that `critic`.

        Raises:
            LookupError: if the experiment does not name it.
        """
        if (path := self._paths.get(id(component))) is None:
            raise LookupError(f"memory is kept for components that the experiment names, not for {component!r}")
        return self.at(f"{path}{OF_CRITIC}{critic}" if critic else path)

    def at(self, path: str) -> dict[str, Tensor]:
        """What is remembered where the experiment names a component, to be changed."""
        return self.setdefault(path, {})

    def of_components(self) -> dict[tuple[str, str], Tensor]:
        """All that is remembered from update to update, by path and name; weight averages remember apart from it."""
        paths = {*self._paths.values()} - self._of_averages
        found = [path for path in self if path.partition(OF_CRITIC)[0] in paths]
        return {(path, name): kept for path in found for name, kept in self[path].items()}

    def put_back(self, before: Mapping[tuple[str, str], Tensor]) -> None:
        """Let components remember copies of what `of_components` gave before, and nothing since."""
        for path, name in self.of_components():
            del self[path][name]
        for (path, name), kept in before.items():
            if path in self:
                self[path][name] = kept.clone()

    def beside(self, device: torch.device) -> dict[str, list[str]]:
        """What of it lies on the CPU while a run is on another device, by path: counters that the host reads, say."""
        if device.type == "cpu":
            return {}
        names = {
            path: [name for name, each in kept.items() if each.device.type == "cpu"] for path, kept in self.items()
        }
        return {path: found for path, found in names.items() if found}

    def load(
        self,
        kept: Mapping[str, Mapping[str, Tensor]],
        device: torch.device,
        beside: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Remember copies of what was `kept`, on a device, and nothing else.

        What lay `beside` it is on the CPU again. Of a run on a CPU nothing tells, nor did checkpoints once.
        """
        self.clear()
        for path, tensors in kept.items():
            on_cpu = (beside or {}).get(path, ())
            self[path] = {
                name: tensor.to("cpu" if name in on_cpu else device, copy=True) for name, tensor in tensors.items()
            }

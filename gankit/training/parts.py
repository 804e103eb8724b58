"""A batch in parts: one after the other in a process, side by side in several, and both at once.

Each part begins as the others do: networks' buffers and what components remember are as they were before the update,
and what is drawn is a share of what the whole batch draws. What the parts leave is averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from gankit.training.draws import DrawsOfPart
from gankit.training.memory import Memory
from gankit.training.ranks import Ranks


@dataclass(frozen=True)
class BatchPart:
    """Some images of a batch."""

    number: int
    """Which part of the batch it is, counted from 0 over those of all processes."""
    parts: int
    """How many there are."""
    images: slice
    """Its images among those of the batch that this process has."""

    @property
    def is_all(self) -> bool:
        """Whether the batch has no other parts."""
        return self.parts == 1

    @property
    def count(self) -> int:
        """How many images it has."""
        return self.images.stop - self.images.start

    def draws(self) -> AbstractContextManager[object]:
        """Within it random draws are this part's."""
        return nullcontext() if self.is_all else DrawsOfPart(self.count, self.number, self.parts)


def parts_of(images: int, most: int | None, ranks: Ranks) -> list[BatchPart]:
    """The parts that a process computes.

    Args:
        images: Those of the batch that it has, as many as each of the others.
        most: How many are computed at a time; it divides `images` or is not less. None: all.
        ranks: The processes.
    """
    size = images if most is None else min(most, images)
    here = images // size
    return [
        BatchPart(ranks.number * here + i, ranks.count * here, slice(i * size, (i + 1) * size)) for i in range(here)
    ]


Place = tuple[str, str]
"""Where something is kept: a network or the path of a component, and its name there."""
Scalars = dict[str, Tensor]
"""Numbers of an update by name, tensors of no dimension."""


class Joint:
    """What parts of an update have in common: how they begin, and means of what they leave."""

    def __init__(self, networks: Iterable[nn.Module], memory: Memory, ranks: Ranks) -> None:
        self._memory, self.ranks = memory, ranks
        self._buffers = [
            ((f"network {number}", f"{path}.{name}"), module, name)
            for number, network in enumerate(networks)
            for path, module in network.named_modules()
            for name, _ in module.named_buffers(recurse=False)
        ]

    def of_each(self, parts: Sequence[BatchPart], compute: Callable[[BatchPart], Scalars]) -> Scalars:
        """Compute each part of one batch.

        Afterwards buffers of networks and what components remember are means over all parts, those of other processes
        too, if they are of floating point, else as the last part left them. What is the same in all stays so to the
        bit.

        Returns:
            Means of what `compute` returns; but for what not every part has.
        """
        if parts[0].is_all:
            return compute(parts[0])
        before = {place: kept.clone() for place, kept in self._kept().items()} if len(parts) > 1 else {}
        left: list[dict[Place, Tensor]] = []
        for part in parts:
            if left:
                self._put_back(before)
            with part.draws():
                scalars = compute(part)
            found = {**self._kept(), **{("", name): scalar for name, scalar in scalars.items()}}
            left.append({place: each.detach().clone() for place, each in found.items() if each.is_floating_point()})
        means = _means(left, self.ranks)
        with torch.no_grad():
            for place, kept in self._kept().items():
                if place in means:
                    kept.copy_(means[place])
        return {name: mean for (path, name), mean in means.items() if not path}

    def _kept(self) -> dict[Place, Tensor]:
        """All buffers and all that components remember, to be changed."""
        buffers = {place: module.get_buffer(name) for place, module, name in self._buffers}  # a module may put another
        return {**buffers, **self._memory.of_components()}

    def _put_back(self, before: dict[Place, Tensor]) -> None:
        """Let all be as it was."""
        self._memory.put_back(before)
        with torch.no_grad():
            for place, kept in self._kept().items():
                kept.copy_(before[place])


def _means(left: Sequence[dict[Place, Tensor]], ranks: Ranks) -> dict[Place, Tensor]:
    """Means over parts, those of all processes."""
    places = [place for place in left[0] if all(place in each for each in left)]
    means: dict[Place, Tensor] = {}
    kinds = {place: (left[0][place].dtype, left[0][place].device) for place in places}  # counters may be on the CPU
    for kind in dict.fromkeys(kinds.values()):
        these = [place for place in places if kinds[place] == kind]
        rows = ranks.gathered(torch.stack([torch.cat([each[place].reshape(-1) for place in these]) for each in left]))
        mean = rows[0] + (rows - rows[0]).mean(0)  # which is exact where all are the same
        sizes = [left[0][place].numel() for place in these]
        for place, piece in zip(these, mean.split(sizes), strict=True):
            means[place] = piece.view(left[0][place].shape)
    return means


def average_gradients(parameters: Iterable[Parameter], parts: int, ranks: Ranks) -> None:
    """Let gradients, which are sums over the parts that this process has computed, be means over all parts."""
    if parts == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    for dtype in dict.fromkeys(gradient.dtype for gradient in gradients):
        these = [gradient for gradient in gradients if gradient.dtype == dtype]
        if ranks.count > 1:
            flat = torch.cat([gradient.reshape(-1) for gradient in these])  # one message, in a fixed order
            ranks.add_up(flat)
            for gradient, piece in zip(these, flat.split([gradient.numel() for gradient in these]), strict=True):
                gradient.copy_(piece.view(gradient.shape))
        for gradient in these:
            gradient.div_(parts)

"""The order in which images are shown if those of every class are to come equally often."""

from __future__ import annotations

import numpy as np

EVEN = 2**31 + 1
"""Names these draws among all that depend on a seed."""


class EvenOrder:
    """Rounds of one image of every class that has any, in an order that is drawn for each round.

    Within a class every image comes once before one comes again. An epoch is the rounds that show about as many images
    as there are, and follows from (seed, epoch) alone; raw bits are sorted, as numpy promises those for all releases.
    """

    def __init__(self, labels: np.ndarray) -> None:
        """Find the images of each class among `labels`, int64 [N]."""
        numbers, counts = np.unique(labels, return_counts=True)
        members = np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])
        self._members = dict(zip(numbers.tolist(), members, strict=True))
        self._rounds = len(labels) // len(members)
        self._made: dict[tuple[int, int], np.ndarray] = {}

    @property
    def length(self) -> int:
        """Images in an epoch."""
        return self._rounds * len(self._members)

    def epoch(self, seed: int, epoch: int) -> np.ndarray:
        """Positions of the images in the order in which an epoch shows them, int64 [length]."""
        made = self._made.get((seed, epoch))  # asked for batch by batch, perhaps by two threads
        if made is None:
            made = self._drawn(seed, epoch)
            self._made = {(seed, epoch): made}
        return made

    def _drawn(self, seed: int, epoch: int) -> np.ndarray:
        rounds = np.stack([self._turns(seed, epoch, number) for number in self._members], axis=1)
        bits = _source(seed, epoch).random_raw(rounds.size).reshape(rounds.shape)
        return np.take_along_axis(rounds, np.argsort(bits, axis=1, kind="stable"), axis=1).ravel()

    def _turns(self, seed: int, epoch: int, number: int) -> np.ndarray:
        """Which image stands for a class in each round of an epoch, int64 [rounds]."""
        members, begin = self._members[number], epoch * self._rounds
        size = len(members)
        first, last = begin // size, (begin + self._rounds - 1) // size  # times that all of the class are gone through
        bits = _source(seed, number, 0).advance(first * size).random_raw((last - first + 1) * size)
        gone_through = members[np.argsort(bits.reshape(-1, size), axis=1, kind="stable")].ravel()
        return gone_through[begin - first * size :][: self._rounds]


def _source(seed: int, *place: int) -> np.random.PCG64:
    return np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(EVEN, *place)))

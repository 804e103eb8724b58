"""Batches of real images, read ahead of training."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from gankit.data.images import Batch, Pixels, RealImages

if TYPE_CHECKING:
    import torch

    from gankit.networks.scales import Scales


class _Place(NamedTuple):
    """Where in a run a batch comes, from which all that is in it follows."""

    resolution: int
    seed: int
    shown: int
    images: int


AHEAD = 4
"""Batches that are read before they are asked for: a disk that is not read in order answers in bursts."""


class Loader:
    """The batches of a run, of which a thread reads the next from the disk while networks are at the last.

    What was read ahead decides nothing: batches that were not foreseen, as at the start of a stage, are read when they
    are asked for. For a GPU they are pinned, so that the copy to it is not waited for.
    """

    def __init__(
        self, reals: RealImages, device: torch.device, even: bool = False, scales: Scales | None = None
    ) -> None:
        """Read nothing yet.

        Args:
            reals: The images.
            device: Where batches go.
            even: Show each class as often as the others.
            scales: Read each image at all of these, packed; None: at the resolution that is asked for alone.
        """
        self._reals, self._device, self._even, self._scales = reals, device, even, scales
        self._thread = ThreadPoolExecutor(1, "loader") if reals.on_disk else None
        self._ahead: dict[_Place, Future[Pixels]] = {}

    def batch(self, resolution: int, seed: int, shown: int, count: int, share: slice | None = None) -> Batch:
        """The images that `RealImages.indices` says, and their labels.

        Args:
            resolution: Their height.
            seed: Decides their order.
            shown: Images shown before.
            count: Images of the batch.
            share: Those of the batch that are wanted; None: all.
        """
        first, end = (0, count) if share is None else (share.start, share.stop)
        place = _Place(resolution, seed, shown + first, images=end - first)
        if self._thread is None:
            return self._read(place).to(self._device)
        places = [place._replace(shown=place.shown + count * later) for later in range(AHEAD + 1)]
        for unforeseen in self._ahead.keys() - {*places}:
            self._ahead.pop(unforeseen).cancel()
        for each in places:
            if each not in self._ahead:
                self._ahead[each] = self._thread.submit(self._read, each)
        return self._ahead.pop(place).result().to(self._device)

    def _read(self, place: _Place) -> Pixels:
        chosen = self._reals.indices(place.seed, place.shown, place.images, self._even)
        read = self._reals.pixels(place.resolution, chosen)
        if self._scales is not None:
            smaller = self._scales.resolutions[:-1]
            of_scales = {each: self._reals.pixels(each, chosen).images for each in smaller}
            read = read._replace(images=self._scales.pack({**of_scales, place.resolution: read.images}))
        return read.pinned() if self._device.type == "cuda" else read

"""Batches of real images, read ahead of training."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from gankit.data.images import Batch, Pixels, RealImages

if TYPE_CHECKING:
    import torch


class _Place(NamedTuple):
    """Where in a run a batch comes, from which all that is in it follows."""

    resolution: int
    seed: int
    shown: int
    images: int


class Loader:
    """The batches of a run, the next of which a thread reads from the disk while networks are at the last.

    What was read ahead decides nothing: a batch that was not foreseen, as at the start of a stage, is read when it is
    asked for. For a GPU they are pinned, so that the copy to it is not waited for.
    """

    def __init__(self, reals: RealImages, device: torch.device, even: bool = False) -> None:
        """Read nothing yet.

        Args:
            reals: The images.
            device: Where batches go.
            even: Show each class as often as the others.
        """
        self._reals, self._device, self._even = reals, device, even
        self._thread = ThreadPoolExecutor(1, "loader") if reals.on_disk else None
        self._ahead: tuple[_Place, Future[Pixels]] | None = None

    def batch(self, resolution: int, seed: int, shown: int, count: int) -> Batch:
        """The images that `RealImages.indices` says, and their labels."""
        place = _Place(resolution, seed, shown, images=count)
        read = self._ahead[1].result() if self._ahead and self._ahead[0] == place else self._read(place)
        if self._thread is not None:
            following = place._replace(shown=shown + count)
            self._ahead = following, self._thread.submit(self._read, following)
        return read.to(self._device)

    def _read(self, place: _Place) -> Pixels:
        chosen = self._reals.indices(place.seed, place.shown, place.images, self._even)
        read = self._reals.pixels(place.resolution, chosen)
        return read.pinned() if self._device.type == "cuda" else read

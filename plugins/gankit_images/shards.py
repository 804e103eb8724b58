"""The data set of WebDataset's shards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import AbsolutePath
from gankit_images.record_sets import RecordSet

if TYPE_CHECKING:
    from gankit_images.shard_files import Shards


class WebDataset(RecordSet):
    """Images out of the .tar shards of WebDataset, which stay packed.

    Neighbouring members whose names are the same up to the first dot are a sample: 000.jpg and 000.cls. Where in the
    shards images lie is looked up once and kept in the cache; then each is read alone, so shards are not compressed as
    a whole.
    """

    path: AbsolutePath
    """A .tar, a folder of them, or several as WebDataset names them, {000..012}, {a,b} and * included; a relative path
    starts from the current folder and is saved as an absolute one."""
    image: str | None = None
    """The ending of the images, all that comes after the first dot, such as jpg or left.png. Default: in each sample
    the first that it has of png, jpg, webp and the other formats that a folder may hold."""

    def _open(self) -> Shards:
        from gankit_images.shard_files import Shards

        return Shards(self.path, self.image)

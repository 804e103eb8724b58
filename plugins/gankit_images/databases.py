"""The data set of an LMDB database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import AbsolutePath
from gankit_images.record_sets import RecordSet

if TYPE_CHECKING:
    from gankit_images.lmdb_files import LmdbImages


class Lmdb(RecordSet):
    """Images that are the values of an LMDB database, as encoded files.

    Which they are is decided by its keys. With `length`, they are 256-00000, 256-00001, ... of the largest resolution
    that there is, as for StyleGAN2 in PyTorch; with `num-samples`, image-000000001, image-000000002, ...; else all, in
    the order of their keys, as in LSUN. In the first two, labels are under label-00000, ... or label-000000001, ...

    The database is checked once, page by page, before LMDB opens it, as a damaged one would crash that. It is opened
    for reading alone, without a lock: nothing should write to it meanwhile. It needs lmdb:
    pip install 'gankit[lmdb]'.
    """

    path: AbsolutePath
    """The folder of data.mdb, or such a file by any name; a relative path starts from the current folder and is saved
    as an absolute one."""

    package = "lmdb"
    extra = "lmdb"

    def _open(self) -> LmdbImages:
        from gankit_images.lmdb_files import LmdbImages

        return LmdbImages(self.path)

"""The data set of Hugging Face's library."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gankit import AbsolutePath, UserError
from gankit_images.record_sets import RecordSet

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment
    from gankit_images.huggingface_files import HuggingFaceImages


class HuggingFace(RecordSet):
    """Images of a data set of Hugging Face's `datasets`, from the disk.

    That is a folder that `save_to_disk` wrote, or .parquet or .arrow files. Only tables are read: no script of a data
    set is executed, and images are decoded like those of a folder. Nothing is asked of a network but with
    `download: true`. It needs datasets: pip install 'gankit[huggingface]'.
    """

    path: AbsolutePath
    """A folder or file; where several parts lie in it as .parquet or .arrow files, the names of these tell of them. A
    relative path starts from the current folder and is saved as an absolute one."""
    split: str | None = None
    """Which part. Default: train, or the only one."""
    image: str | None = None
    """The column of the images. Default: the only one that holds images."""
    label: str | None = None
    """The column of the classes for `labels: true`. Default: the only one of classes, or `label`."""
    name: str | None = None
    """What the set is called on the hub, for `download: true` alone."""
    config: str | None = None
    """Which of its configurations."""
    download: bool = False
    """Get the set called `name` from the hub as soon as anything is asked of it, and save it at `path`, unless there is
    something already."""

    package = "datasets"
    extra = "huggingface"

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Look for the name, and for images that have no class."""
        if self.download and self.name is None:
            yield "download: needs the `name` of the set"
        yield from super().problems(experiment)

    def _open(self) -> HuggingFaceImages:
        from gankit_images.huggingface_files import HuggingFaceImages, download

        if self.name is not None and not self.path.exists():
            if not self.download:
                raise UserError(f"there is no {self.path}; `download: true` gets {self.name} from the hub")
            download(self.name, self.config, self.path)
        return HuggingFaceImages(self.path, self.split, self.image, self.label)

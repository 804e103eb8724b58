"""A few images of another data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, PrivateAttr

from gankit import Dataset, LabelledImages, UserError
from gankit.core.options import Images

if TYPE_CHECKING:
    import numpy as np


class Few(Dataset):
    """A few images of another data set, drawn by a seed, as to see how training does with few.

    They are all there is to train on. Those that are left are its test part, unless the whole has one of its own:
    `evaluation: {reals: test}` compares with these. Which are drawn depends on the seed and on how many there are.
    """

    of: Dataset
    """The whole data set."""
    images: Annotated[Images, Field(ge=1)]
    """How many."""
    seed: int = Field(default=0, ge=0)
    """Decides which."""

    _left: bool = PrivateAttr(False)
    """Whether it is those that are left."""

    def image_channels(self) -> int:
        """Channels of the whole data set."""
        return self.of.image_channels()

    def own_height(self) -> int | None:
        """That of the whole data set."""
        return self.of.own_height()

    def aspect(self) -> float:
        """Aspect of the whole data set."""
        return self.of.aspect()

    def class_count(self) -> int:
        """Number of classes of the whole data set."""
        return self.of.class_count()

    def class_names(self) -> Sequence[str]:
        """Classes of the whole data set, of which some may have no image."""
        return self.of.class_names()

    def with_classes(self, names: Sequence[str] | None) -> Self:
        """A few of the whole with these classes."""
        return self.model_copy(update={"of": self.of.with_classes(names)})

    def describe(self) -> str:
        """How many of the whole."""
        whole = self.of.describe()
        return f"{self.images:,} images{f' of {whole}' if whole else ''}"

    def test_part(self) -> Dataset:
        """Images for testing of the whole data set, or those that are left over."""
        test = self.of.test_part()
        if test is not None:
            return test
        left = self.model_copy()
        left._left = True
        return left

    def load(self, resolution: int) -> LabelledImages:
        """Some images of the whole, in its order.

        Raises:
            UserError: if the whole cannot be read, or has no image beyond them.
        """
        from gankit_images.chosen import chosen_images

        loaded = self.of.load(resolution)
        count = len(loaded.images)
        if self.images >= count:
            raise UserError(f"images: expected fewer than all, of which there are {count:,}, not {self.images:,}")
        positions = self._positions(count)
        labels = None if loaded.labels is None else loaded.labels[positions]
        what = f"{len(positions):,} images of {type(self.of).__name__.lower()}"
        return chosen_images(loaded, positions, labels, what)

    def _positions(self, count: int) -> np.ndarray:
        """Of the images that it is, among so many."""
        import numpy as np

        from gankit.data.images import permutation

        order = permutation(count, self.seed, DRAW)
        return np.sort(order[self.images :] if self._left else order[: self.images])


DRAW = 7
"""Names the draw among all that depend on a seed."""

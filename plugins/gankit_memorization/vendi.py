"""The effective number of unlike images."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from gankit import Metric

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from gankit.config.experiment import Experiment
    from gankit.evaluation.images import Samples

BLOCK = 4096
"""Features that are held in float64 at a time."""


class Vendi(Metric):
    """The Vendi score: how many wholly unlike images would be as various (Friedman & Dieng 2023, definition 3.1).

    `vendi` is exp(-sum of l log l) over the eigenvalues l of K / n, where K holds the cosine similarities of the
    features of all n images. It is between 1, for images that are all alike, and n. Higher is more various, and the
    floor is what reals reach; it rises with the number of images, up to the number of features.

    It sees repeated images, collapse and missing classes, without a look at the reals. So it is blind to what images
    show: copies of the reals count as reals do, and bad images that are unlike each other as various. Features that are
    never negative, as of most extractors, are all somewhat alike, so that it is far below n of reals, too.
    """

    needs = frozenset({"features"})
    bootstraps = False
    higher_is_better = True
    has_floor = True

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """A single image is as various as it can be."""
        if experiment.evaluation.images < 2:
            yield "this compares generated images with each other, so evaluation.images must be at least 2"

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `vendi`."""
        return {"vendi": vendi_score(samples.generated.features)}


def vendi_score(features: Tensor) -> float:
    """The effective number of unlike ones among features [n, D]."""
    from scipy.stats import entropy

    shares = spectrum(features).clip(0)  # rounding brings those of 0 below it
    return math.exp(entropy(shares))


def spectrum(features: Tensor, block: int = BLOCK) -> np.ndarray:
    """The eigenvalues of the matrix of cosine similarities over n that may be other than 0, float64, in no order.

    That matrix, [n, n], has the eigenvalues of the one of products of directions, [D, D], so the smaller of the two is
    made. Features that are all 0 have no direction; they are alike to each other and to nothing else.

    Args:
        features: Features [n, D].
        block: How many are held in float64 at a time; the result does not depend on it.
    """
    import numpy as np
    import torch

    count, width = features.shape
    if count <= width:
        directions = _directions(features)
        products = directions @ directions.t()
    else:
        products = torch.zeros(width, width, dtype=torch.float64)
        for some in map(_directions, features.split(block)):
            products += some.t() @ some
    without = int((features == 0).all(1).sum())
    return np.append(np.linalg.eigvalsh(products.numpy() / count), without / count)


def _directions(features: Tensor) -> Tensor:
    """Features [n, D] in float64 at length 1, or 0 where they are 0."""
    import torch

    wide = features.double()
    return wide / torch.where((length := wide.norm(dim=1, keepdim=True)) == 0, 1, length)

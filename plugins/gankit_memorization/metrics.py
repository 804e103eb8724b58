"""Metrics."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from gankit import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.config.experiment import Experiment
    from gankit.evaluation.images import ImageSet, Samples


class NearestNeighbor(Metric):
    """How near generated images come to training images, next to how near images come that were never trained on.

    Distances are Euclidean in the space of features. `nn_distance` is the median distance of a generated image to its
    nearest training image, over the same median for held-out reals: near 1 as with unseen reals, near 0 for copies,
    above 1 for images unlike any training image. `nn_copies` is the share of generated images that are as near to a
    training image as only `quantile` of the held-out reals are; it is about `quantile` for unseen reals and 1 for
    copies.

    Training images are all that were trained on, mirrored too where training mirrors (training.mirror). Held-out reals
    of data without a test part are among them; a tenth of these at a time then stands for images that were not.

    It flags copies of the training images where FID praises them. It is blind to missing classes and repeated images
    as long as they are new, and bad images pass as new: they are far from all.
    """

    needs = frozenset({"features"})
    version = 2
    higher_is_better = frozenset({"nn_distance"})

    quantile: float = Field(default=0.01, gt=0, lt=1)
    """Share of the held-out reals that are allowed to be as near as a copy."""

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """Two numbers, `nn_distance` and `nn_copies`.

        The former is NaN if most held-out reals are copies of training images themselves.

        Raises:
            LookupError: if there are no held-out reals.
        """
        views = [[*_views(images, samples.mirrors)] for images in samples.trained_on]
        found = _distance_to(samples.generated.features, [view for each in views for view in each])
        expected = _distance_to(samples.held_out.features, views[0])
        for also in views[1:]:
            expected = expected.minimum(_distance_within(samples.held_out.features, also))
        usual = expected.quantile(0.5).item()
        return {
            "nn_distance": found.quantile(0.5).item() / usual if usual else math.nan,
            "nn_copies": copies(found, expected, self.quantile),
        }


class Authenticity(Metric):
    """How many generated images are farther from the training images than these are from each other (Alaa et al. 2022).

    Of each image the nearest training image is looked for, in the space of features, and of that one the nearest other
    training image: `authenticity` is the share of images that are farther from theirs than it is from its own. Higher
    is better: 0 for copies, and about 1/2 for unseen reals, which are as near to training images as these to each
    other. Training images are those of `nearest-neighbor`; the mirror image of one is no other image.

    It sees copies, exact or slightly changed, and unlike `nn_copies` it asks more of images where training images are
    dense. It is blind to missing classes and repeated images, and bad images pass as authentic: noise brings it to 1.
    So numbers near 1 say no more than those near 1/2.
    """

    needs = frozenset({"features"})
    higher_is_better = True

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `authenticity`; NaN if there is but one training image.

        Raises:
            LookupError: if no reals are known to have been trained on.
        """
        trained_on = [[*_views(images, samples.mirrors)] for images in samples.trained_on]
        if sum(len(views[0]) for views in trained_on) < 2:
            return {"authenticity": math.nan}
        generated = samples.generated.features
        found, number, image = _nearest_image(generated, trained_on)
        apart, _, _ = _nearest_image(image, trained_on, but=number)
        return {"authenticity": (found > apart).double().mean().item()}  # both are 0 of copies of repeated images


class Distinct(Metric):
    """How many of the generated images are not repetitions of others among them.

    `distinct` is the share that differ in some pixel from all before them, `distinct_near` the share that differ
    visibly: by more than `share` of the median distance between a real and its nearest neighbour among the reals, in
    the space of features. Higher is better, and at most 1; the floor is what reals reach.

    It sees collapse onto few images, which other metrics miss when these are good. It is blind to quality, and to
    copies of the training images and missing classes as long as no image comes twice.
    """

    needs = frozenset({"features", "images"})
    bootstraps = False
    higher_is_better = True
    has_floor = True

    share: float = Field(default=0.25, gt=0)
    """Of the usual distance between neighbouring reals, up to which two images look the same."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """A single image has nothing to repeat."""
        if experiment.evaluation.images < 2:
            yield "this compares generated images with each other, so evaluation.images must be at least 2"

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """Two numbers, `distinct` and `distinct_near`; the latter NaN if there is but one real."""
        from gankit_prdc.neighbors import radii

        generated, real = samples.generated, samples.real.features
        exact = distinct_images(generated.images) / generated.count
        if len(real) < 2:
            return {"distinct": exact, "distinct_near": math.nan}
        radius = self.share * radii(real, 1).quantile(0.5).item()
        return {"distinct": exact, "distinct_near": distinct_features(generated.features, radius) / generated.count}


PARTS = 10
"""Into how many parts reals that are trained on are divided, each in turn to stand for reals that are not."""


def _views(images: ImageSet, mirrors: bool) -> Iterator[Tensor]:
    """Features of images, and of the same mirrored left to right if training shows both."""
    yield images.features
    if mirrors:
        yield images.transformed("mirrored left to right", lambda shown: shown.flip(3)).features


def _distance_to(features: Tensor, others: Iterable[Tensor]) -> Tensor:
    """Distance of each of the features [N, D] to the nearest of all others, [N]."""
    import torch

    from gankit_prdc.neighbors import nearest

    return torch.stack([nearest(features, some, 1)[:, 0] for some in others]).amin(0)


def _distance_within(features: Tensor, views: Sequence[Tensor]) -> Tensor:
    """Distance of each of the features to the nearest in views of the same images, without those of its own part.

    Equal images come one after the other, so that hardly any is held against its own repetition.
    """
    import torch

    size = -(-len(features) // PARTS)
    distances = []
    for first in range(0, len(features), size):
        others = [torch.cat([view[:first], view[first + size :]]) for view in views]
        part = features[first : first + size]
        found = _distance_to(part, [some for some in others if len(some)]) if len(features) > size else None
        distances.append(torch.full((len(part),), torch.inf, dtype=torch.float64) if found is None else found)
    return torch.cat(distances)


def _nearest_image(
    features: Tensor, images: Sequence[Sequence[Tensor]], but: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Distance of each of the features [N, D] to the nearest image, [N], the image's number, and its features [N, D].

    Args:
        features: What is compared.
        images: Sets of images, numbered from the first of all on: views of each, of the same images in the same order.
        but: The number of the image that each of the features is not compared with; None: with all.
    """
    import torch

    from gankit_prdc.neighbors import numbered_nearest

    least = torch.full((len(features),), torch.inf, dtype=torch.float64)
    number, nearest = torch.full((len(features),), -1), torch.empty_like(features)
    first = 0
    for views in images:
        for view in views:
            apart, place = numbered_nearest(features, view, None if but is None else but - first)
            nearer = apart < least
            least[nearer], number[nearer] = apart[nearer], first + place[nearer]
            nearest[nearer] = view[place[nearer]]
        first += len(views[0])
    return least, number, nearest


def copies(nearest: Tensor, expected: Tensor, quantile: float) -> float:
    """Share of images that are as near to a training image as hardly any held-out image is.

    Args:
        nearest: Distance of each image to the nearest training image, [N].
        expected: The same for images that were held out, [M].
        quantile: How many of the held-out are at most that near, as a share.
    """
    return (nearest <= expected.quantile(quantile)).double().mean().item()


def distinct_images(images: Tensor) -> int:
    """How many of the images, uint8 [N, ...], differ in any pixel from all before them."""
    return len({hashlib.blake2b(image.numpy().tobytes(), digest_size=16).digest() for image in images})


def distinct_features(features: Tensor, radius: float, block: tuple[int, int] | None = None) -> int:
    """How many of the features [N, D] are farther than `radius` from all before them.

    Args:
        features: In the order that decides which one is the repetition.
        radius: Distance up to which two are the same.
        block: Rows and columns of the matrix of distances that are held at a time; the result does not depend on it.
    """
    import torch

    from gankit_prdc.neighbors import BLOCK, distances

    rows, columns = block or BLOCK
    numbers = torch.arange(len(features))
    repeated = torch.zeros(len(features), dtype=torch.bool)
    for late, some, mark in zip(numbers.split(rows), features.split(rows), repeated.split(rows), strict=True):
        for early, others in zip(numbers.split(columns), features.split(columns), strict=True):
            if early[0] < late[-1]:
                before = early < late[:, None]
                mark |= ((distances(some, others) <= radius) & before).any(1)
    return len(features) - int(repeated.sum())

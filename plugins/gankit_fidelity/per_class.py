"""FID class by class."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gankit import Metric

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment
    from gankit.evaluation.images import ImageSet, Samples
    from gankit.evaluation.statistics import Statistics


class IntraClassFrechetDistance(Metric):
    """The mean over all classes of the FID between their generated images and their reals (Miyato & Koyama 2018).

    It sees what `fid` is blind to: images of a class that is not the one asked for, and classes without variety, as
    long as all together look like the data. With few images a class it is far above 0 even between reals, as
    `fid_intra_floor` shows; classes of which there are fewer than two images on either side are left out. Lower is
    better.
    """

    needs = frozenset({"features"})
    has_floor = True

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """There must be classes, and images of them."""
        classes, images = experiment.data.class_count(), experiment.evaluation.images
        if not classes:
            yield "this compares class by class, but data gives no labels"
        elif images < 2 * classes:
            yield f"this needs two images a class, but evaluation.images are {images} for {classes} classes"

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `fid_intra`."""
        import numpy as np

        from gankit_fidelity.metrics import frechet_distance

        generated, real = by_class(samples.generated), by_class(samples.real)
        distances = [frechet_distance(generated[label], real[label]) for label in sorted(generated.keys() & real)]
        return {"fid_intra": float(np.mean(distances)) if distances else float("nan")}


def by_class(images: ImageSet) -> dict[int, Statistics]:
    """Statistics of the features of each class of which there are two images or more.

    Raises:
        LookupError: if the images have no labels.
    """
    import numpy as np
    import torch

    from gankit.evaluation.statistics import RunningStatistics

    labels, features = images.labels, images.features
    if labels is None:
        raise LookupError("these images have no labels")
    found: dict[int, Statistics] = {}
    for label, count in zip(*np.unique(labels, return_counts=True), strict=True):
        if count > 1:
            running = RunningStatistics()
            running.add(features[torch.from_numpy(labels == label)])
            found[int(label)] = running.result()
    return found

"""Metrics whose numbers have names that are easily mistaken."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gankit import Component, Metric, UserError, hookimpl

if TYPE_CHECKING:
    from gankit.evaluation.images import Samples


class Apart(Metric):
    """How far the mean features of generated images and of reals are apart, by a name that gankit's own may end in."""

    needs = frozenset({"features"})

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """Three numbers: `apart_error` is one of its own, `mean` and its spread `mean_std` are of features."""
        generated, real = samples.generated.features, samples.real.features
        apart = (generated.mean(0) - real.mean(0)).norm().item()
        return {"apart_error": apart, "mean": generated.mean().item(), "mean_std": generated.std().item()}


class ApartInClasses(Metric):
    """The same in each class, of images with labels only."""

    needs = frozenset({"features"})

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `apart_in_classes`."""
        generated, real = samples.generated, samples.real
        if generated.labels is None or real.labels is None:
            raise UserError("needs labels")
        apart = 0.0
        for number in range(10):
            means = [seen.features[seen.labels == number].mean(0) for seen in (generated, real)]
            apart += (means[0] - means[1]).norm().item()
        return {"apart_in_classes": apart}


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register both."""
    register("apart", Apart)
    register("apart-in-classes", ApartInClasses)

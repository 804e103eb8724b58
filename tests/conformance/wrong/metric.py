"""Metrics that are wrong, each under the name of the rule that it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from gankit import Component, Metric, UserError, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.evaluation.images import Samples


class Right(Metric):
    """How far the mean features of generated images and of reals are apart, on which the others go wrong."""

    needs = frozenset({"features"})

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `apart`."""
        return {"apart": self.apart(samples.generated.features, samples.real.features)}

    def apart(self, generated: Tensor, real: Tensor) -> float:
        """The distance between means."""
        return (generated.mean(0) - real.mean(0)).norm().item()


class Logarithm(Right):
    """Takes the logarithm of what may be zero."""

    def apart(self, generated: Tensor, real: Tensor) -> float:
        """The logarithm of the distance."""
        return (generated.mean(0) - real.mean(0)).norm().log().item()


class Overflows(Right):
    """Takes the exponential of what may be large."""

    def apart(self, generated: Tensor, real: Tensor) -> float:
        """The exponential of the distance."""
        return (1000 * (generated.mean(0) - real.mean(0)).norm()).exp().item()


class Unlike(Right):
    """Has names that depend on what it finds."""

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `apart_near` or `apart_far`."""
        found = super().evaluate(samples)["apart"]
        return {"apart_near" if found < 0.8 else "apart_far": found}


class Unsaid(Right):
    """Gives a number that it does not tell of."""

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `apart`."""
        return {**super().evaluate(samples), "spread": samples.generated.features.std().item()}


class Floor(Right):
    """Names a number as gankit names those among reals."""

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """Two numbers, `apart` and `apart_floor`."""
        found = super().evaluate(samples)
        return {**found, "apart_floor": found["apart"] / 2}


class Error(Right):
    """Estimates the error of a number itself, under the name of gankit's estimate."""

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """Two numbers, `apart` and `apart_error`."""
        found = super().evaluate(samples)
        return {**found, "apart_error": found["apart"] / 2}


class Misranked(Right):
    """Ranks by a number that it does not give."""

    higher_is_better: ClassVar[bool | frozenset[str]] = frozenset({"distance"})


class Unasked(Right):
    """Looks at more than it has said."""

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `apart`."""
        return {"apart": self.apart(samples.generated.logits, samples.real.logits)}


class Greedy(Right):
    """Has images kept that it does not look at."""

    needs = frozenset({"features", "images"})


class GreedyForLabels(Right):
    """Measures each class, refuses images without labels, and has images kept that it does not look at."""

    needs = frozenset({"features", "images"})

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `apart`."""
        generated, real = samples.generated, samples.real
        if generated.labels is None or real.labels is None:
            raise UserError("needs labels")
        features, reals = generated.features, real.features
        apart = [self.apart(features[generated.labels == each], reals[real.labels == each]) for each in range(10)]
        return {"apart": sum(apart)}


class Drawn(Right):
    """Measures along a direction that is drawn anew."""

    def apart(self, generated: Tensor, real: Tensor) -> float:
        """The distance of means along a random direction."""
        import torch

        return ((generated.mean(0) - real.mean(0)) @ torch.randn(generated.shape[1])).abs().item()


class Centred(Right):
    """Subtracts the mean where the features lie."""

    def apart(self, generated: Tensor, real: Tensor) -> float:
        """The distance between means."""
        centre = real.mean(0)
        real -= centre
        return (generated.mean(0) - centre).norm().item()


class Paired(Right):
    """Compares each generated image with the real of its number."""

    def apart(self, generated: Tensor, real: Tensor) -> float:
        """The mean distance in pairs."""
        return (generated - real).norm(dim=1).mean().item()


class Neighbours(Right):
    """Compares each generated image with the one after it, to see how much they vary."""

    def apart(self, generated: Tensor, real: Tensor) -> float:
        """The mean distance of neighbours."""
        return (generated[1:] - generated[:-1]).norm(dim=1).mean().item()


class FirstHalf(Right):
    """Saves time by looking at half of the images."""

    def apart(self, generated: Tensor, real: Tensor) -> float:
        """The distance between means of first halves."""
        some, others = generated[: len(generated) // 2], real[: len(real) // 2]
        return (some.mean(0) - others.mean(0)).norm().item() + some.std().item()


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register each under the rule that it breaks."""
    register("finite-numbers", Logarithm)
    register("finite-numbers.2", Overflows)
    register("stays-in-its-numbers", Unlike)
    register("stays-in-its-numbers.2", Unsaid)
    register("stays-in-its-numbers.3", Floor)
    register("stays-in-its-numbers.4", Error)
    register("stays-in-its-numbers.5", Misranked)
    register("needs-what-it-asks-for", Unasked)
    register("needs-what-it-asks-for.2", Greedy)
    register("needs-what-it-asks-for.3", GreedyForLabels)
    register("measures-the-same-again", Drawn)
    register("only-measures", Centred)
    register("order-says-nothing", Paired)
    register("order-says-nothing.2", Neighbours)
    register("order-says-nothing.3", FirstHalf)

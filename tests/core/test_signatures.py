"""Methods and `needs` that cannot do what a kind promises are refused when a class is defined or registered."""

# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import re
from typing import Any

import pytest
from support import wrong_parts

import gankit
from gankit.core.registry import register, restored


class GeneratorOfOne(wrong_parts.Right):
    def generator(self, fake): ...


class PenaltyOfNothing(gankit.Regularizer):
    def discriminator(self): ...


class EvaluatesNothing(gankit.Metric):
    def evaluate(self): ...


class BuildsAnywhere(gankit.Block):
    def build(self): ...


class NoCorrection(gankit.Optimizer):
    def build(self, parameters): ...

    def learning_rate(self, progress): ...


class MovesItself(gankit.WeightAverage):
    def move(self, average, current): ...


class ResizesOnCall(wrong_parts.OneVector):
    def resize(self): ...


class Takes(wrong_parts.Right):
    """What takes more than it must, or by other names, is right."""

    @staticmethod
    def discriminator(real, fake, *others): ...

    def generator(self, *scores): ...


@pytest.mark.parametrize(
    ("component", "said"),
    [
        (GeneratorOfOne, "GeneratorOfOne.generator(self, fake) is called as generator(self, fake, real)"),
        (PenaltyOfNothing, "PenaltyOfNothing.discriminator(self) is called as discriminator(self, step)"),
        (EvaluatesNothing, "EvaluatesNothing.evaluate(self) is called as evaluate(self, samples)"),
        (BuildsAnywhere, "BuildsAnywhere.build(self) is called as build(self, context)"),
        (NoCorrection, "NoCorrection.build(self, parameters) is called as build(self, parameters, correction=1.0)"),
        (MovesItself, "MovesItself.move(self, average, current) is called as move(self, average, current, progress, "),
        (ResizesOnCall, "ResizesOnCall.resize has to be a property: write @property above it"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_methods_that_cannot_be_called_are_refused_when_they_are_registered(component: Any, said: str) -> None:
    with restored(), pytest.raises(TypeError) as caught:
        register("mine", "mine", component)
    assert str(caught.value).startswith(said)


def test_methods_that_take_more_are_registered() -> None:
    with restored():
        register("mine", "mine", Takes)


@pytest.mark.parametrize(
    ("needs", "said"),
    [(frozenset({"feature"}), "needs names 'feature', which images do not have. Did you mean 'features'?"),
     ("features", "needs is 'features', not a set")],
)  # fmt: skip
def test_what_a_metric_needs_is_looked_at_when_it_is_defined(needs: Any, said: str) -> None:
    with pytest.raises(TypeError, match=re.escape(said)):
        type("Misspelt", (wrong_parts.Words,), {"needs": needs, "__module__": __name__})

"""Rules for metrics, tried on two sets of reals and generated images, all of ten kinds, no two alike."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import product
from operator import attrgetter

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor

from gankit.config.experiment import Experiment
from gankit.data.images import Batch, permutation
from gankit.evaluation.contracts import check_numbers
from gankit.evaluation.images import Extraction, Features, ImageSet, ImageSource, Need, Samples
from gankit.kinds import Dataset, Metric
from gankit.kinds.evaluation import MetricPreset
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape
from gankit.testing.experiments import experiment_with, tried_in
from gankit.testing.rules import Broken, Trial, rule
from gankit.testing.state import stir_randomness
from gankit.training import randomness

EVERYTHING: frozenset[Need] = frozenset({"statistics", "features", "logits", "images"})
EQUAL = 1e-4
"""How far numbers may be apart that differ by rounding, as a share of them."""
SURPRISE = 4.0
"""Standard deviations by which a draw at random hardly ever lies off, and never three times."""
ORDERS = 6
"""Random orders that show how much a metric owes to chance."""
COUNT = 30
"""Images of each set, three of each kind."""
CLASSES = 10
RESOLUTION = 8
"""Of the stage; the final one is twice that."""


@rule(Metric, examples=4)
def finite_numbers(trial: Trial[Metric]) -> None:
    """It gives finite numbers of images that vary: near the reals, the reals themselves, or far from them."""
    images = _tried(trial)
    for distance in (0.5, 0.0, 5.0):
        for name, number in _numbers(trial, images(distance)).items():
            if not math.isfinite(number):
                raise Broken(f"{name} is {number} of {COUNT} images, no two alike, and as many reals")


@rule(Metric, examples=4)
def stays_in_its_numbers(trial: Trial[Metric]) -> None:
    """Other images give numbers of the same names, which its docstrings explain."""
    images = _tried(trial)
    names = [set(_numbers(trial, images(distance))) for distance in (0.5, 5.0)]
    if not names[0] or names[0] != names[1]:
        raise Broken(f"its numbers are {sorted(names[0])} for some images and {sorted(names[1])} for others")
    component = type(trial.component)
    said = re.findall(r"`([^`]+)`", f"{component.__doc__} {component.evaluate.__doc__}")
    for name in names[0]:
        if not re.fullmatch(r"[a-z][a-z0-9_.-]*", name):
            raise Broken(f"{name!r} is no name for a number; use small letters, digits and _")
        if not any(name == word or (word.endswith("_") and name.startswith(word)) for word in said):
            raise Broken(
                f"its docstrings do not say what `{name}` is; name it there in backquotes, or `its_beginning_`"
            )
    high = component.higher_is_better
    if not isinstance(high, bool) and not high <= names[0]:
        raise Broken(f"`higher_is_better` names {sorted(high - names[0])}, which it does not give")


@rule(Metric, examples=4)
def needs_what_it_asks_for(trial: Trial[Metric]) -> None:
    """It asks the images for all that stands in `needs`, and for nothing else."""
    measured, needs = _tried(trial)(0.5), type(trial.component).needs
    try:
        _evaluated(trial, measured.samples(needs))
    except LookupError as lacking:
        raise Broken(f"{lacking}; `needs` is {set(needs) or '{}'}") from None
    for need in sorted(needs):
        try:
            trial.component.evaluate(measured.samples(needs - {need}))
        except LookupError:
            continue
        raise Broken(f"it never asks for {need!r}, which `needs` names, so that it is kept for nothing")


@rule(Metric, examples=4)
def measures_the_same_again(trial: Trial[Metric]) -> None:
    """The same images give the same numbers to the last bit, whatever random numbers were drawn before."""
    measured = _tried(trial)(0.5)
    stir_randomness(1)
    first = _numbers(trial, measured)
    stir_randomness(2)
    again = _numbers(trial, measured)
    if repr(first) != repr(again):
        raise Broken(f"the same images gave {first}, then {again}; draw by a seed of your own")


@rule(Metric, examples=4)
def only_measures(trial: Trial[Metric]) -> None:
    """What is kept of the images stays as it is, as other metrics measure it too."""
    samples = _tried(trial)(0.5).samples(EVERYTHING)
    names = [".".join(pair) for pair in product(["generated", "real", "held_out"], ["features", "logits", "images"])]
    kept = {name: attrgetter(name)(samples) for name in names}
    before = {name: tensor.clone() for name, tensor in kept.items()}
    _evaluated(trial, samples)
    for name, tensor in kept.items():
        if not torch.equal(tensor, before[name]):
            raise Broken(f"evaluate() writes to {name}; work on what is computed, or on a clone()")


@rule(Metric, examples=2, implied=("measures-the-same-again", "finite-numbers"))
def order_says_nothing(trial: Trial[Metric]) -> None:
    """The order of generated images and of reals does not show in its numbers; draws at random may."""
    images = _tried(trial)
    off = None
    for seed in range(3):  # what is drawn at random is off by chance, but not every time
        off = _off_in_order(trial, images(0.1, seed))
        if off is None:
            return
    raise Broken(f"{off}; treat all images alike, wherever they stand")


def _off_in_order(trial: Trial[Metric], measured: ImageSets) -> str | None:
    """What is unlike random orders when images and reals stand in the order of their brightness."""
    rising = [_numbers(trial, measured.by_brightness(opposed)) for opposed in (False, True)]
    others = rising[1] | _numbers(trial, measured)
    if all(math.isclose(rising[0][name], other, rel_tol=EQUAL, abs_tol=1e-6) for name, other in others.items()):
        return None
    drawn = [_numbers(trial, measured.shuffled(number)) for number in range(ORDERS)]
    for name in rising[0]:
        among = torch.tensor([numbers[name] for numbers in drawn], dtype=torch.float64)
        mean, spread = among.mean().item(), among.std().item()
        for numbers in rising:
            if abs(numbers[name] - mean) > SURPRISE * spread + EQUAL * abs(mean):
                return f"{name} is {numbers[name]:.6g} of images in the order of their brightness, {mean:.6g} of others"
    return None


def _tried(trial: Trial[Metric]) -> Callable[..., ImageSets]:
    """Draws images for the metric by their distance from reals and a seed; skips a metric that lacks something here."""
    trial.skip_if("it stands for others" if isinstance(trial.component, MetricPreset) else "")
    experiment = tried_in(trial, labels=trial.draw(st.booleans()), evaluation__images=COUNT)
    return partial(ImageSets.drawn, experiment)


def _numbers(trial: Trial[Metric], images: ImageSets) -> dict[str, float]:
    """What the metric gives, whatever it says that it needs."""
    return _evaluated(trial, images.samples(EVERYTHING))


def _evaluated(trial: Trial[Metric], samples: Samples) -> dict[str, float]:
    """What the metric gives; images that it refuses, as those without labels, are passed over."""
    return trial.accepted(lambda: check_numbers(trial.component.evaluate(samples)))


@dataclass(frozen=True)
class ImageSets:
    """What a metric is to measure: images, and a generator that has nothing to do with them."""

    sets: tuple[Batch, ...]
    """Generated images, reals, and reals that are held out, at twice the stage's resolution."""
    generator: Generator

    @classmethod
    def drawn(cls, experiment: Experiment, distance: float, seed: int = 0) -> ImageSets:
        """Images in network range, of the channels and with labels if the data of `experiment` has such.

        Args:
            experiment: Any.
            distance: How far generated images are from reals: 0, the reals themselves; above, so many parts of noise.
            seed: Decides the images.
        """
        draws, channels = torch.Generator().manual_seed(seed), experiment.data.image_channels()
        kinds = torch.randn(CLASSES, channels, 4, 4, generator=draws)
        classes = torch.arange(COUNT) % CLASSES
        labels = classes if experiment.data.class_count() else None

        def real() -> Tensor:
            shown = F.interpolate(kinds[classes], scale_factor=RESOLUTION // 2, mode="bilinear")
            detail = torch.randn(shown.shape, generator=draws)
            return (0.2 * shown + 0.1 * detail + 0.4 * torch.randn(COUNT, 1, 1, 1, generator=draws)).clamp(-1, 1)

        reals, others, generated = real(), real(), real()
        noise = torch.rand(generated.shape, generator=draws) * 2 - 1
        generated = (generated + distance * noise) / (1 + distance) if distance else reals
        generator = _generator(experiment.data)  # pyright: ignore[reportArgumentType]: digits can be hashed
        return cls(tuple(Batch(images, labels) for images in (generated, reals, others)), generator)

    def by_brightness(self, opposed: bool) -> ImageSets:
        """The same images, each set in the order of their brightness, generated ones in the opposite if asked for."""
        bright = [images.mean((1, 2, 3)) for images, _ in self.sets]
        return self._ordered([each.argsort(descending=opposed and each is bright[0], stable=True) for each in bright])

    def shuffled(self, seed: int) -> ImageSets:
        """The same images, each set in an order of its own."""
        return self._ordered([torch.from_numpy(permutation(COUNT, seed, number).copy()) for number in range(3)])

    def _ordered(self, orders: Sequence[Tensor]) -> ImageSets:
        pairs = zip(self.sets, orders, strict=True)
        sets = (Batch(images[order], None if labels is None else labels[order]) for (images, labels), order in pairs)
        return replace(self, sets=tuple(sets))

    def samples(self, keep: frozenset[Need]) -> Samples:
        """The images as a metric gets them that has named `keep` as its needs."""
        extraction = Extraction(_extract, {}, keep)

        def seen(batch: Batch, full: bool = False) -> ImageSet:
            images = batch.images if full else F.avg_pool2d(batch.images, 2)
            source = ImageSource(len(images), images.shape[2], lambda: iter([Batch(images, batch.labels)]))
            return ImageSet(source, extraction)

        generated, real, held_out = map(seen, self.sets)
        return Samples(generated, real, seen(self.sets[1], full=True), held_out, real, self.generator)


def _extract(images: Tensor) -> Features:
    """Six features and ten logits, which are mixtures of colours here and there; far fewer than there are images."""
    small = F.adaptive_avg_pool2d(images.float(), 4).flatten(1) / 64
    draws = torch.Generator().manual_seed(0)
    features = small @ torch.randn(small.shape[1], 6, generator=draws)
    return Features(features, features @ torch.randn(6, CLASSES, generator=draws))


@cache
def _generator(data: Dataset) -> Generator:
    """A generator for `data` as it is before training, in eval mode."""
    experiment = experiment_with(data)
    with randomness.untouched():
        randomness.seed("a generator to measure")
        generator = Generator(experiment.generator, ImageShape.of(experiment))
    generator.grow(RESOLUTION, 1.0)
    return generator.eval().requires_grad_(False)

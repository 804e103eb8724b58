"""Rules for metrics."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import torch
from hypothesis import strategies as st

from gankit.evaluation.images import Need, Samples
from gankit.evaluation.names import mistaken_name
from gankit.kinds import Metric
from gankit.testing.experiments import complaints, experiment_with
from gankit.testing.keeping import stir_randomness
from gankit.testing.populations import COUNT, Compared
from gankit.testing.rules import Broken, Trial, rule

EVERYTHING: frozenset[Need] = frozenset({"statistics", "features", "logits", "images"})
EQUAL = 1e-4
"""How far numbers may be apart that differ by rounding, as a share of them."""
SURPRISE = 4.0
"""Standard deviations by which a draw at random hardly ever lies off, and never three times."""
ORDERS = 6
"""Random orders that show how much a metric owes to chance."""


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
    if mistake := mistaken_name(names[0]):
        raise Broken(mistake)
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
    populations = {"generated": samples.generated, "real": samples.real, "held_out": samples.held_out}
    kept = [
        (f"{which}.{need}", getattr(population, need))
        for which, population in populations.items()
        for need in ("features", "logits", "images")
    ]
    before = [tensor.clone() for _, tensor in kept]
    _evaluated(trial, samples)
    for (name, tensor), was in zip(kept, before, strict=True):
        if not torch.equal(tensor, was):
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


def _off_in_order(trial: Trial[Metric], measured: Compared) -> str | None:
    """What is unlike random orders when images and reals stand in the order of their brightness."""
    rising = [_numbers(trial, measured.by_brightness(opposed)) for opposed in (False, True)]
    if all(_near(rising[0][name], number) for name, number in (rising[1] | _numbers(trial, measured)).items()):
        return None
    drawn = [_numbers(trial, measured.shuffled(number)) for number in range(ORDERS)]
    for name in rising[0]:
        among = torch.tensor([numbers[name] for numbers in drawn], dtype=torch.float64)
        mean, spread = among.mean().item(), among.std().item()
        for numbers in rising:
            if abs(numbers[name] - mean) > SURPRISE * spread + EQUAL * abs(mean):
                return f"{name} is {numbers[name]:.6g} of images in the order of their brightness, {mean:.6g} of others"
    return None


def _near(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=EQUAL, abs_tol=1e-6)


def _tried(trial: Trial[Metric]) -> Callable[..., Compared]:
    """Draws images for the metric by their distance from reals and a seed; skips a metric that lacks something here."""
    experiment = experiment_with(trial.component, labels=trial.draw(st.booleans()), evaluation__images=COUNT)
    if complained := complaints(trial.component, experiment):
        trial.pass_over(complained[0])
    if lacking := trial.component.missing(experiment):
        trial.skip(lacking)

    def images(distance: float, seed: int = 0) -> Compared:
        return Compared.drawn(distance, seed, experiment)

    return images


def _numbers(trial: Trial[Metric], images: Compared) -> dict[str, float]:
    """What the metric gives, whatever it says that it needs."""
    return _evaluated(trial, images.samples(EVERYTHING))


def _evaluated(trial: Trial[Metric], samples: Samples) -> dict[str, float]:
    """What the metric gives; images that it refuses, as those without labels, are passed over."""
    found = trial.accepted(lambda: trial.component.evaluate(samples))
    return {name: float(number) for name, number in found.items()}

"""Checks of a run's health: what can go wrong in training, and how it shows."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import torch  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253

from gankit.kinds.callbacks import RunContext

ITERATIONS = 1000
"""Scalars of so many iterations are kept at most before they are looked at."""
SKIPPED = "skipped."
"""Begins the names of scalars that count the updates of a network that were skipped."""
IN_A_ROW = 50
"""Iterations that each skip updates: by then the scale of losses has been halved as often."""
LOOKS = 10
"""Looks within a stage after which it is known what is usual."""
SAMPLES = 64
"""Images whose distances are measured."""
DETAIL = 32
"""Images are compared at a size of so many pixels, or the next above it that halving leads to."""


class Finding(NamedTuple):
    """What a check has found wrong."""

    value: float
    """The number that gives it away."""
    note: str
    """What it is, in words."""


class HealthCheck(ABC):
    """Looks for one thing that can go wrong in training."""

    state: dict[str, Any]
    """What later looks depend on, as plain values; part of checkpoints."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self.stage_started()

    def stage_started(self) -> None:
        """A stage begins."""
        return

    def updated(self, images: int, scalars: Mapping[str, Tensor]) -> None:
        """An iteration ended at `images`; must not wait for the device."""
        return

    @abstractmethod
    def look(self, run: RunContext) -> Finding | None:
        """What is wrong now; None if nothing is."""

    def state_dict(self) -> dict[str, Any]:
        """A copy of the state."""
        return deepcopy(self.state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.state = deepcopy(state)


class NotFinite(HealthCheck):
    """A scalar of any iteration since the last look, or a weight, is NaN or infinite.

    Where an update in float16 was skipped, scalars of its iteration may be; that this happens time after time is wrong.
    """

    def __init__(self) -> None:
        self._iterations: list[tuple[int, Mapping[str, Tensor]]] = []
        self.state = {"first": None, "skipped": {}, "in_a_row": {}}

    def updated(self, images: int, scalars: Mapping[str, Tensor]) -> None:
        """Keep the scalars where they are."""
        self._iterations.append((images, scalars))
        if len(self._iterations) == ITERATIONS:
            self._read()

    def look(self, run: RunContext) -> Finding | None:
        """The first scalar that was not finite, then weights: they go wrong an iteration before scalars show it."""
        self._read()
        first, self.state["first"] = self.state["first"], None
        if first is not None:
            images, name, value = first
            if name.startswith(SKIPPED):
                what = f"an update of the {name.removeprefix(SKIPPED)} was skipped in each of {IN_A_ROW} iterations"
                return Finding(value, f"{what} up to {images:,} images, as its gradients overflow in float16")
            return Finding(value, f"{name} was {value} at {images:,} images")
        for name, network in run.networks.items():
            if not all_finite(network):
                return Finding(math.nan, f"weights of the {name} were not finite at {run.progress.images:,} images")
        return None

    def state_dict(self) -> dict[str, Any]:
        """The first scalar that was not finite."""
        self._read()
        return super().state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._iterations = []
        super().load_state_dict({"first": None, "skipped": {}, "in_a_row": {}, **state})

    def _read(self) -> None:
        """Fetch all scalars that were kept, in one go."""
        kept = [value.reshape(()).float() for _, scalars in self._iterations for value in scalars.values()]
        numbers = iter(torch.stack(kept).tolist() if kept else [])
        for images, scalars in self._iterations:
            self._judge(images, {name: next(numbers) for name in scalars})
        self._iterations = []

    def _judge(self, images: int, numbers: Mapping[str, float]) -> None:
        """Look at the scalars of one iteration."""
        totals = {name: number for name, number in numbers.items() if name.startswith(SKIPPED)}
        before, in_a_row = self.state["skipped"], self.state["in_a_row"]
        grown = [name for name, total in totals.items() if total > before.get(name, 0.0)]
        self.state["skipped"], self.state["in_a_row"] = totals, {name: in_a_row.get(name, 0) + 1 for name in grown}
        wrong = [name for name in grown if self.state["in_a_row"][name] >= IN_A_ROW]
        wrong += [name for name, number in numbers.items() if not (grown or math.isfinite(number))]
        if wrong and self.state["first"] is None:
            self.state["first"] = images, wrong[0], numbers[wrong[0]]


class Usual:
    """The geometric mean of a positive number over the looks of a stage at which nothing was wrong with it."""

    def __init__(self, state: dict[str, Any] | None = None) -> None:
        self.state = {"logarithms": 0.0, "looks": 0} if state is None else state

    @property
    def value(self) -> float | None:
        """The mean; None until there were enough looks."""
        return math.exp(self.state["logarithms"] / self.state["looks"]) if self.state["looks"] >= LOOKS else None

    def add(self, number: float) -> None:
        """Take one more look into account; a zero is left out."""
        if number > 0:
            self.state["logarithms"] += math.log(number)
            self.state["looks"] += 1


class Gradients(HealthCheck):
    """The gradient of a network's last update is `threshold` times as large as usual, or not finite."""

    _skips = False

    def stage_started(self) -> None:
        """Networks have other layers at another resolution, and other gradients."""
        self.state = {name: Usual().state for name in ("generator", "discriminator")}

    def updated(self, images: int, scalars: Mapping[str, Tensor]) -> None:
        """Remember whether losses are scaled: then a gradient that is not finite has moved nothing."""
        self._skips = any(name.startswith(SKIPPED) for name in scalars)

    def look(self, run: RunContext) -> Finding | None:
        """The first network whose gradient has exploded."""
        findings = [
            self._of(name, gradient_norm(run.networks[name]), Usual(usual)) for name, usual in self.state.items()
        ]
        return next((finding for finding in findings if finding is not None), None)

    def _of(self, name: str, norm: float, usual: Usual) -> Finding | None:
        if not math.isfinite(norm):
            return None if self._skips else Finding(norm, f"the gradient of the {name} has norm {norm}")
        if usual.value is not None and norm > self._threshold * usual.value:
            times = norm / usual.value
            return Finding(norm, f"the gradient of the {name} has norm {norm:.3g}, {times:,.0f} times what was usual")
        usual.add(norm)
        return None


class Saturation(HealthCheck):
    """The gradient of the generator's last update is below `threshold` of what is usual.

    Whatever the loss: where the discriminator is sure of itself beyond the reach of the generator, nothing comes back.
    """

    def stage_started(self) -> None:
        """The generator has other layers at another resolution, and another gradient."""
        self.state = Usual().state

    def look(self, run: RunContext) -> Finding | None:
        """The gradient that has vanished."""
        norm, usual = gradient_norm(run.networks["generator"]), Usual(self.state)
        if usual.value is not None and norm < self._threshold * usual.value:
            before = f"{usual.value:.3g} was usual"
            return Finding(norm, f"the generator's gradient has vanished: its norm is {norm:.3g}, and {before}")
        if math.isfinite(norm):
            usual.add(norm)
        return None


class Collapse(HealthCheck):
    """Samples of the averaged generator differ less than `threshold` of what reals do, a while into a stage."""

    def stage_started(self) -> None:
        """An average that has just begun says nothing of the generator yet."""
        self.state = {"looks": 0}

    def look(self, run: RunContext) -> Finding | None:
        """How much samples differ, if that is too little."""
        self.state["looks"] += 1
        if self.state["looks"] <= LOOKS:
            return None
        shown = run.reals(SAMPLES, 0)
        if len(shown) < 2:  # which the guard has said as it began
            return None
        samples, reals = (mean_distance(images) for images in (run.sample(SAMPLES, 0), shown))
        if samples >= self._threshold * reals:
            return None
        return Finding(samples / reals, f"samples differ by {samples / reals:.2g} of what reals do")


def all_finite(network: nn.Module) -> bool:
    """Whether no parameter holds a NaN or an infinite value; what buffers may hold only their modules know."""
    return bool(torch.stack([parameter.isfinite().all() for parameter in network.parameters()]).all())


def gradient_norm(network: nn.Module) -> float:
    """The L2 norm of the gradient of all parameters that took part in the last update."""
    norms = [parameter.grad.norm() for parameter in network.parameters() if parameter.grad is not None]
    return float(torch.stack(norms).norm())


def mean_distance(images: np.ndarray) -> float:
    """The mean L2 distance of two images, uint8 [N, H, W, C] with N at least 2.

    They are halved by means of 2x2 pixels down to `DETAIL`, which bounds the work and evens out noise within an image.
    """
    pixels = images.astype(np.float32)
    while pixels.shape[1] > DETAIL and pixels.shape[1] % 2 == pixels.shape[2] % 2 == 0:
        count, height, width, channels = pixels.shape
        pixels = pixels.reshape(count, height // 2, 2, width // 2, 2, channels).mean((2, 4))
    flat = pixels.reshape(len(pixels), -1)
    distances = [np.linalg.norm(flat[i + 1 :] - flat[i], axis=1) for i in range(len(flat) - 1)]
    return float(np.concatenate(distances).mean())

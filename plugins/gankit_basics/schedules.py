"""Numbers that move as a run goes on."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from gankit import Images, Progress, Schedule, Scheduled
from gankit.core.options import parse_images
from gankit.kinds.schedules import number_at


def _number_or_images(value: Any) -> Any:
    """Read a number of images such as 10k as a number; leave anything else as it is."""
    return float(parse_images(value)) if isinstance(value, str) else value


Amount = Annotated[float, BeforeValidator(_number_or_images, json_schema_input_type=float | str)]
"""A number, which of images may be written as 10k or 1.2M."""


Over = Annotated[Images, Field(ge=1)] | Literal["run", "stage"]
"""What a change takes: so many images from the beginning of the run, all of the run, or each stage anew."""


def share_over(over: int | Literal["run", "stage"], progress: Progress) -> float:
    """How much of what a change takes is over, from 0 to 1."""
    if over == "run":
        return progress.share
    if over == "stage":
        return progress.stage_share
    return min(1.0, progress.images / over)


class Constant(Schedule):
    """The same number all the time, which is what a number alone means too."""

    number: Amount
    """The number."""

    def value(self, progress: Progress) -> float:
        """The number."""
        return self.number


class Linear(Schedule):
    """Evenly from one number to another, which then holds."""

    start: Amount
    """The number at the beginning."""
    end: Amount
    """The number at the end."""
    over: Over = "run"
    """How long the change takes: so many images from the beginning of the run, all of the `run`, or each `stage`."""

    def value(self, progress: Progress) -> float:
        """(1 - share) start + share end."""
        share = share_over(self.over, progress)
        return self.start * (1 - share) + self.end * share


class Cosine(Linear):
    """From one number to another along half a cosine, slowly at both ends (Loshchilov and Hutter 2017)."""

    def value(self, progress: Progress) -> float:
        """Start + (1 - (1 + cos(pi share)) / 2) (end - start)."""
        decay = 0.5 * (1 + math.cos(math.pi * share_over(self.over, progress)))
        return self.start + (1 - decay) * (self.end - self.start)


class WarmUp(Schedule):
    """Rises evenly from zero to a number, or to what a schedule gives, and then is that."""

    to: Scheduled[Amount]
    """The number, or its schedule."""
    over: Over
    """How long it rises: so many images from the beginning of the run, all of the `run`, or each `stage`."""

    def value(self, progress: Progress) -> float:
        """The share that is over, times the number."""
        return share_over(self.over, progress) * number_at(self.to, progress)


class Steps(Schedule):
    """One number after another, each from some point on."""

    points: list[tuple[Amount, Amount]] = Field(min_length=1, examples=[[[0, 1.0], [1000, 0.5]]])
    """[point, number] for each, the first at 0; points are images of the run, or shares from 0 to 1 as `of` says."""
    of: Literal["images", "run", "stage"] = "images"
    """What points count: images shown, or shares of the `run` or of each `stage`."""

    @model_validator(mode="after")
    def _begins_at_zero(self) -> Self:
        points = [point for point, _ in self.points]
        if points[0] != 0:
            raise ValueError(f"gives no number for the beginning: the first point is {points[0]:g}, not 0")
        if any(after <= before for before, after in pairwise(points)):
            raise ValueError("each point must come after the one before")
        if self.of != "images" and points[-1] > 1:
            raise ValueError(f"points are shares of the {self.of}, from 0 to 1, not {points[-1]:g}")
        return self

    def here(self, progress: Progress) -> float:
        """Where the run stands, as points count."""
        return progress.images if self.of == "images" else share_over(self.of, progress)

    def value(self, progress: Progress) -> float:
        """The number of the last point that is reached."""
        here = self.here(progress)
        return [number for point, number in self.points if point <= here][-1]


class Piecewise(Steps):
    """Evenly from one number to the next; the last one stays."""

    def value(self, progress: Progress) -> float:
        """Between the numbers of the two points around."""
        here = self.here(progress)
        for (point, number), (later, next_number) in pairwise(self.points):
            if here < later:
                share = (here - point) / (later - point)
                return number * (1 - share) + next_number * share
        return self.points[-1][1]

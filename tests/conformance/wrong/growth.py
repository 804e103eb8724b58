"""Growth schedules that are wrong, each under the name of the rule that it breaks."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Annotated, ClassVar

from pydantic import Field, field_validator

from gankit import Component, Growth, Images, Stage, hookimpl


class Drawn(Growth):
    """Draws how long it stays at each resolution."""

    def stages(self) -> list[Stage]:
        """Other ones every time."""
        return [Stage(resolution, random.randint(1000, 9999)) for resolution in (4, 8)]


class Used(Growth):
    """Hands out the stages that are left, as if it were asked once."""

    left: ClassVar[list[Stage]] = [Stage(4, 100), Stage(8, 100), Stage(16, 100)]

    def stages(self) -> list[Stage]:
        """All of them, the first time; later the last alone."""
        given = list(self.left)
        del self.left[:-1]
        return given


class Tripling(Growth):
    """Grows to three times the resolution."""

    def stages(self) -> list[Stage]:
        """Stages at 4 and 12."""
        return [Stage(4, 100), Stage(12, 100)]


class Shrinking(Growth):
    """Has its stages in the wrong order."""

    def stages(self) -> list[Stage]:
        """Stages at 8 and 4."""
        return [Stage(8, 100), Stage(4, 100)]


class Nothing(Growth):
    """Leaves out the resolution that it ends at, and so all of them."""

    def stages(self) -> list[Stage]:
        """None."""
        return [Stage(4 << doubling, 100) for doubling in range(0)]


class SmallOnes(Growth):
    """Has been thought of for small images only, and allows others."""

    start: int = Field(default=4, ge=1, le=64)
    """The first resolution."""

    @field_validator("start")
    @classmethod
    def _even(cls, start: int) -> int:
        if start % 2:
            raise ValueError("must be even")
        return start

    def stages(self) -> list[Stage]:
        """Stages up to 32."""
        return [Stage(resolution, 100) for resolution in (self.start, 2 * self.start) if resolution <= 32]


class ByDefault(Growth):
    """Is right with the default alone, and allows no small numbers."""

    images: Annotated[Images, Field(ge=1000)] = 3000
    """Images of all stages."""

    def stages(self) -> list[Stage]:
        """As many as there are thousands."""
        return [Stage(4 << number, 1000) for number in range(self.images // 1000 if self.images % 1000 == 0 else 0)]


class Divided(Growth):
    """Divides the images among the stages and leaves fractions."""

    def stages(self) -> list[Stage]:
        """Two stages of 333.3 images."""
        images: int = 1000 / 3  # pyright: ignore[reportAssignmentType]
        return [Stage(4, images), Stage(8, images)]


class Empty(Growth):
    """Shows no image at the first resolution."""

    def stages(self) -> list[Stage]:
        """A stage without images, and one with some."""
        return [Stage(4, 0), Stage(8, 100)]


class LongFade(Growth):
    """Counts the fade beside the images of its stage."""

    def stages(self) -> list[Stage]:
        """A second stage that is over before its fade is."""
        return [Stage(4, 100), Stage(8, 100, fade=200)]


class Nameless(Growth):
    """Goes on at one resolution with another batch, and calls both stages the same."""

    def stages(self) -> list[Stage]:
        """Two stages at 8."""
        return [Stage(8, 100), Stage(8, 100, batch=4)]


class FadeOfNothing(Growth):
    """Fades in a stage whose layers are there already."""

    def stages(self) -> list[Stage]:
        """A second stage at 8 that fades in."""
        return [Stage(8, 100), Stage(8, 100, fade=50, name="fine-tuning")]


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register each under the rule that it breaks."""
    register("stages-follow-from-options", Drawn)
    register("stages-follow-from-options.2", Used)
    register("resolutions-double", Tripling)
    register("resolutions-double.2", Shrinking)
    register("resolutions-double.3", Nothing)
    register("resolutions-double.4", SmallOnes)
    register("resolutions-double.5", ByDefault)
    register("resolutions-double.6", Nameless)
    register("stages-are-possible", Divided)
    register("stages-are-possible.2", Empty)
    register("stages-are-possible.3", LongFade)
    register("stages-are-possible.4", FadeOfNothing)

"""Growth schedules."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from gankit import Growth, Images, PerResolution, PerResolutionAboveFirst, Stage, at
from gankit.core.options import parse_images


def _share_or_images(value: Any) -> Any:
    """Leave a share from 0 to 1 as it is; read anything else as a number of images."""
    is_share = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    try:
        return value if is_share else parse_images(value)
    except PydanticCustomError:
        raise PydanticCustomError(
            "fade", "expected a share of the stage from 0 to 1, such as 0.5, or a number of images, such as 600k"
        ) from None


Fade = Annotated[float, BeforeValidator(_share_or_images, json_schema_input_type=float | str), Field(ge=0)]
"""A share of a stage from 0 to 1, or a number of images above 1."""


class Fixed(Growth):
    """One stage at one resolution."""

    resolution: int = Field(ge=1)
    """Height of the images in pixels."""
    images: Annotated[Images, Field(ge=1)]
    """Real images shown in all."""

    def stages(self) -> list[Stage]:
        """The only stage."""
        return [Stage(self.resolution, self.images)]


class Progressive(Growth):
    """Doubles the resolution from `start` to `final` (Karras et al. 2018).

    Each resolution but the first begins with a fade, in which its layers' weight rises from 0 to 1, and goes on stable.
    The paper's schedule is {4: 600k, 8: 1200k} with a fade of 0.5.
    """

    start: int = Field(default=4, ge=1)
    """The first resolution, in pixels."""
    final: int = Field(ge=1)
    """The last resolution: `start` times a power of two."""
    images: PerResolution[Annotated[Images, Field(ge=1)]]
    """Real images shown at each resolution, its fade included."""
    fade: PerResolutionAboveFirst[Fade] = {0: 0.5}
    """How long new layers fade in: a share of the stage from 0 to 1, or a number of images; 0 switches at once."""

    @model_validator(mode="after")
    def _is_a_schedule(self) -> Self:
        doublings = (self.final // self.start).bit_length() - 1
        if self.final < self.start or self.start << doublings != self.final:
            raise ValueError(
                f"final must be start times a power of two; from {self.start} that is "
                f"{', '.join(str(self.start << i) for i in range(max(doublings, 0), max(doublings, 0) + 3))}, ..., "
                f"not {self.final}"
            )
        if min(self.images) > self.start:
            raise ValueError(f"images gives no value for {self.start}, the first resolution")
        if self.final > self.start and min(self.fade) > 2 * self.start:
            raise ValueError(f"fade gives no value for {2 * self.start}, the first resolution that fades in")
        for stage in self.stages():
            if stage.fade > stage.images:
                raise ValueError(
                    f"the fade at {stage.resolution} takes {stage.fade} images, but its stage has only {stage.images}"
                )
        return self

    def stages(self) -> list[Stage]:
        """One stage a resolution; the first does not fade."""
        stages, resolution = [], self.start
        while resolution <= self.final:
            images = at(self.images, resolution)
            fade = at(self.fade, resolution) if resolution > self.start else 0
            stages.append(Stage(resolution, images, round(fade * images if fade <= 1 else fade)))
            resolution *= 2
        return stages

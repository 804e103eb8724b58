"""Growth schedules."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from gankit import Growth, Images, Options, PerResolution, PerResolutionAboveFirst, Stage, at
from gankit.config.experiment import NAME
from gankit.core.options import parse_images
from gankit.core.progress import stage_mistakes


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


def _in_images(fade: float, images: int) -> int:
    """How many of a stage's images a fade takes."""
    return round(fade * images if fade <= 1 else fade)


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
            stages.append(Stage(resolution, images, _in_images(fade, images)))
            resolution *= 2
        return stages


class AllScales(Growth):
    """One stage in which images of all resolutions from `start` to `final` are trained at once (Karnewar & Wang 2020).

    The generator makes an image out of the features of each resolution, and the discriminator takes all of them, each
    where its features are as high: by a join such as `concatenate` or `sum`. What is measured is measured at each.
    """

    start: int = Field(default=4, ge=1)
    """The smallest scale, in pixels of height."""
    final: int = Field(ge=2)
    """The largest: `start` times a power of two, at least twice as much."""
    images: Annotated[Images, Field(ge=1)]
    """Real images shown in all, each at every scale."""

    @model_validator(mode="after")
    def _has_scales(self) -> Self:
        if self.final < 2 * self.start or self.start << self._doublings() != self.final:
            likely = [self.start << self._doublings(), self.start << self._doublings() + 1]
            named = ", ".join(str(each) for each in likely if each > self.start)
            raise ValueError(
                f"final must be start times 2, 4, 8, ...; from {self.start} that is {named}, ..., not {self.final}"
            )
        return self

    def _doublings(self) -> int:
        return max(0, (self.final // self.start).bit_length() - 1)

    def stages(self) -> list[Stage]:
        """The only stage."""
        return [Stage(self.final, self.images)]

    def scales(self) -> list[int]:
        """Each resolution from the first to the last."""
        return [self.start << i for i in range(self._doublings() + 1)]


class StageOptions(Options):
    """One stage of `stages`."""

    later_options: ClassVar[tuple[str, ...]] = ("fade", "name", "batch", "rate")  # so that plans are short to read

    resolution: int = Field(ge=1)
    """Height of the images in pixels: that of the stage before, or twice as much."""
    images: Annotated[Images, Field(ge=1)]
    """Real images shown in the stage, its fade included."""
    fade: Fade = 0.0
    """How long new layers fade in: a share of the stage from 0 to 1, or a number of images; 0 switches at once."""
    name: Annotated[str, Field(pattern=NAME)] | None = None
    """Tells the stage from others at its resolution, in tables and pictures."""
    batch: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Real images a discriminator update; null: as `training.batch` says."""
    rate: float = Field(default=1.0, gt=0, le=1_000)
    """Factor on the learning rates of both networks."""

    def stage(self) -> Stage:
        """The stage itself."""
        fade = _in_images(self.fade, self.images)
        return Stage(self.resolution, self.images, fade, self.name or "", self.batch, self.rate)


def _is_a_plan(plan: list[StageOptions]) -> list[StageOptions]:
    """Refuse stages that no run can go through, each where it is written."""
    details = [
        InitErrorDetails(type=PydanticCustomError("plan", "{reason}", {"reason": said}), loc=(at, option), input=plan)
        for at, option, said in stage_mistakes([each.stage() for each in plan])
    ]
    if details:
        raise ValidationError.from_exception_data("plan", details)
    return plan


class Stages(Growth):
    """Stages as they are listed: several at one resolution too, as for burn-in, another batch or fine-tuning.

    Each doubles the resolution of the one before or keeps it; those at one resolution have names unlike each other, of
    which one may be left out. A stage may have a batch of its own, and a factor on the learning rates.
    """

    plan: Annotated[list[StageOptions], Field(min_length=1), AfterValidator(_is_a_plan)] = Field(
        examples=[
            [{"resolution": 4, "images": 64}, {"resolution": 8, "images": 64, "fade": 0.5}],
            [
                {"resolution": 8, "images": 40, "name": "burn-in", "batch": 4},
                {"resolution": 8, "images": 64},
                {"resolution": 8, "images": 40, "name": "fine-tuning", "rate": 0.1},
            ],
        ]
    )
    """The stages in order. Each has a `resolution` and `images`, and may have a `fade`, if it doubles the resolution (a
    share of its images or a number of them; default 0), a `name`, a `batch` in place of `training.batch`, and a `rate`,
    by which the learning rates of both networks are multiplied there (default 1)."""

    def stages(self) -> list[Stage]:
        """Those of the plan."""
        return [each.stage() for each in self.plan]

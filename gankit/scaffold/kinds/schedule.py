from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from gankit import Images, Schedule, hookimpl
from pydantic import Field

if TYPE_CHECKING:
    from gankit import Progress


class ExampleSchedule(Schedule):
    """Falls by half again and again."""

    start: float = Field(default=1.0, ge=0, le=1e6)
    """The number at the beginning."""
    half_life: Annotated[Images, Field(ge=1)] = 10_000
    """Images after which it has halved."""

    def value(self, progress: Progress) -> float:
        """The start, halved as often as the images shown say."""
        return self.start * 0.5 ** (progress.images / self.half_life)


@hookimpl
def gankit_register(register):
    register("example", ExampleSchedule)

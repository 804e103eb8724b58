from typing import Annotated

from gankit import Growth, Images, Stage, hookimpl
from pydantic import Field


class ExampleGrowth(Growth):
    """Doubles the resolution from 4x4 on, and shows twice as many images at each as at the one before."""

    doublings: int = Field(default=2, ge=0, le=8)
    """How often the resolution is doubled."""
    images: Annotated[Images, Field(ge=1)] = 10_000
    """Real images shown at 4x4."""

    def stages(self) -> list[Stage]:
        """One stage a resolution; each but the first fades in over its first half."""
        images = [self.images << step for step in range(self.doublings + 1)]
        return [Stage(4 << step, shown, fade=shown // 2 if step else 0) for step, shown in enumerate(images)]


@hookimpl
def gankit_register(register):
    register("example", ExampleGrowth)

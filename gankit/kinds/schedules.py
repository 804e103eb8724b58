"""Numbers that move as a run goes on."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

from gankit.core.component import Component

if TYPE_CHECKING:
    from gankit.core.progress import Progress

Number = TypeVar("Number")


class Schedule(Component):
    """A number that moves as a run goes on; stands in place of any option that is `Scheduled`."""

    kind: ClassVar[str] = "schedule"

    @abstractmethod
    def value(self, progress: Progress) -> float:
        """The number in force where the run stands, a function of that alone."""


if TYPE_CHECKING:
    Scheduled = Annotated[Number, "or a schedule"]
else:

    class Scheduled:
        """An option that is a number, or a schedule: `gamma: Scheduled[float] = 10.0`.

        Wherever a component acts in training, its schedules have given way to the numbers that they give where the run
        stands. So methods read `self.gamma` as the number it is, at the time of use: what a module keeps of it when it
        is built does not move.
        """

        def __class_getitem__(cls, number: Any) -> Any:
            return number | Schedule


def number_at(number: Any, progress: Progress) -> Any:
    """What a number that may be a schedule is where the run stands; schedules made of others need it."""
    return number.value(progress) if isinstance(number, Schedule) else number

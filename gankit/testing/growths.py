"""Rules for growth schedules."""

from __future__ import annotations

from itertools import pairwise

from gankit.core.progress import Stage
from gankit.kinds import Growth
from gankit.testing.rules import Broken, Trial, rule
from gankit.testing.state import stir_randomness


def _stages(growth: Growth) -> list[Stage]:
    return [Stage(*stage) for stage in growth.stages()]


@rule(Growth)
def stages_follow_from_options(trial: Trial[Growth]) -> None:
    """The same options give the same stages, however often and wherever they are asked for."""
    stir_randomness(1)
    first = _stages(trial.component)
    stir_randomness(2)
    again = _stages(trial.component)
    other = _stages(type(trial.component).model_validate(trial.component.model_dump()))
    if not first == again == other:
        raise Broken(f"stages() gave {first}, then {again}, and of a copy {other}; use nothing but the options")


@rule(Growth)
def resolutions_double(trial: Trial[Growth]) -> None:
    """There is a stage, and each has twice the resolution of the one before."""
    resolutions = [stage.resolution for stage in _stages(trial.component)]
    if not resolutions:
        raise Broken("stages() is empty")
    if any(type(resolution) is not int or resolution < 1 for resolution in resolutions):
        raise Broken(f"resolutions are {resolutions}; each must be a whole number of pixels, an int above 0")
    if any(after != 2 * before for before, after in pairwise(resolutions)):
        raise Broken(f"resolutions are {resolutions}; each must be twice the one before")


@rule(Growth)
def stages_are_possible(trial: Trial[Growth]) -> None:
    """Every stage shows images, whole numbers of them, and its fade is over when it ends."""
    for stage in _stages(trial.component):
        if type(stage.images) is not int or type(stage.fade) is not int:
            raise Broken(f"{stage}: images and fade must be whole numbers, ints; round what is computed")
        if stage.images < 1:
            raise Broken(f"{stage}: a stage must show an image at least")
        if not 0 <= stage.fade <= stage.images:
            raise Broken(f"{stage}: the fade must take from 0 to {stage.images} images, all that the stage shows")

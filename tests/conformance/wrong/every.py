"""Components that break the rules for every kind, each registered under the name of the rule that it breaks."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, field_serializer

from gankit import Growth, Stage, hookimpl


class OneStage(Growth):
    """All images at 8x8."""

    def stages(self) -> list[Stage]:
        return [Stage(8, 100, 0)]


class UndocumentedOption(OneStage):
    """Says what it is, not what its option is."""

    speed: float = 1.0


class Undocumented(Growth):
    def stages(self) -> list[Stage]:
        return [Stage(8, 100, 0)]


class Forgets(OneStage):
    """Writes its option rounded."""

    speed: float = 0.25
    """How fast."""

    @field_serializer("speed")
    def _short(self, speed: float) -> float:
        return round(speed)


class AnythingGoes(OneStage):
    """Takes whatever is given."""

    speed: Any = 1
    """How fast."""


class Thawed(OneStage):
    """Can be changed while a run goes on."""

    model_config = ConfigDict(frozen=False)

    speed: float = 1.0
    """How fast."""


@hookimpl
def gankit_register(register) -> None:
    register("documented", UndocumentedOption)
    register("documented.2", Undocumented)
    register("survives-yaml", Forgets)
    register("has-a-schema", AnythingGoes)
    register("is-frozen", Thawed)

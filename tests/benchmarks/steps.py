"""An iteration of each system: how long, how many images a second, what share of the peak, how much memory."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.effort import Effort
from benchmarks.rows import Iteration, Row
from benchmarks.systems import SYSTEMS, job
from benchmarks.turns import Turns, in_turn

JOBS = (
    ("pggan", 8),
    ("pggan", 16),
    ("pggan", 32),
    ("pggan", 64),
    ("sngan", 32),
    ("stylegan", 32),
    ("stylegan2", 32),
    ("r3gan", 32),
    ("dcgan", 32),
)
"""Systems and resolutions."""
PEAK_GOAL = 0.85
"""Share of the peak that PGGAN is to reach from 16x16 on."""


def measure(effort: Effort) -> Iterator[Row | Iteration]:
    """Each system by itself, as `gankit run` starts it."""
    for system, resolution in JOBS[1:2] if effort.few else JOBS:
        turns = in_turn([job(system, effort.width, resolution)], effort, peaks=True)
        iteration = of_side(turns, 0, "gankit", system, resolution, effort.width)
        yield iteration
        if system == "pggan" and resolution > 8:
            what = f"PGGAN at {resolution}x{resolution}, share of the convolution peak"
            yield Row(what, iteration.of_peak, PEAK_GOAL)


def of_side(turns: Turns, side: int, code: str, system: str, resolution: int, width: int) -> Iteration:
    """What a table says of one side."""
    made = SYSTEMS[system](width)
    return Iteration(
        system=made.about,
        code=code,
        resolution=resolution,
        width=width,
        milliseconds=turns.median(side) * 1e3,
        images=made.images,
        gigaflops=turns.flops[side] / 1e9,
        of_peak=turns.of_peak(side),
        megabytes=turns.memory[side] / 1e6,
        parameters=turns.parameters[side],
    )

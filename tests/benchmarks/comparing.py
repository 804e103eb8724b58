"""gankit beside a peer's code: the same system, width, batch and number of threads, iterating in turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.peers import known
from benchmarks.rows import Iteration, Row
from benchmarks.sides import AS_STARTED, TUNED, working
from benchmarks.spreads import Spread
from benchmarks.steps import of_side
from benchmarks.systems import job
from benchmarks.turns import in_turn

EQUAL = {
    "pggan": {8: 1.25, 16: 1.35, 32: 1.35, 64: 1.35},
    "sngan": {32: 1.6},
    "stylegan": {32: 1.45},
    "stylegan2": {32: 1.2},
}
"""How many times as fast as its peer a system is to be, when both have the same allocator."""
STARTED = {"pggan": {32: 1.6, 64: 1.9}}
"""How many times, each as it is started."""
MEMORY = 1.0
"""The share of the peer's memory that is to be enough."""


def profiles(system: str, resolution: int, paths: Iterable[Path], effort: Effort) -> Iterator[str]:
    """Where the time of each kind of iteration goes: of gankit, and of those peers that train the same system."""
    jobs = {"gankit": job(system, effort.width, resolution)}
    for path in paths:
        if (peer := known(path)).system == system:
            jobs[peer.name] = peer.job(path, effort.width, resolution)
    with working(*jobs.values(), allocator=TUNED) as sides:
        for name, side in zip(jobs, sides, strict=True):
            side.once()
            for number in side.job.numbers:
                kind = f", iteration {number}" if len(side.job.numbers) > 1 else ""
                yield f"{name}: {system} {resolution}x{resolution}{kind}\n{side.ask('profile', [number])}\n"


def measure(path: Path, resolutions: list[int], effort: Effort) -> Iterator[Row | Iteration]:
    """One peer.

    Args:
        path: Its checkout.
        resolutions: Of those at which it is compared; none: all.
        effort: How much.
    """
    peer = known(path)
    for resolution in resolutions or peer.resolutions:
        if resolution > effort.highest and resolution != min(peer.resolutions):
            continue
        jobs = job(peer.system, effort.width, resolution), peer.job(path, effort.width, resolution)
        what = f"{peer.system} {resolution}x{resolution} over {peer.name}"
        equal = in_turn(jobs, effort, TUNED, peaks=True)
        started = in_turn(jobs, effort, AS_STARTED)
        equal.memory = started.memory
        for side, code in enumerate(("gankit", peer.name)):
            yield of_side(equal, side, code, peer.system, resolution, effort.width)
        yield Row(f"{what}, equal allocator", equal.ratio(1, 0), EQUAL.get(peer.system, {}).get(resolution))
        yield Row(f"{what}, as started", started.ratio(1, 0), STARTED.get(peer.system, {}).get(resolution))
        ours, theirs = started.memory
        share = Spread.of([[ours / theirs]])
        note = f"{ours / 1e6:.0f} of {theirs / 1e6:.0f} MB over the base"
        yield Row(f"{what}, memory", share, MEMORY, "lower", note=note)

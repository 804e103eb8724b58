"""What was profiled of a phase as tables and as JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from gankit.costs.attribution import Owner
from gankit.costs.parts import WatchedPart
from gankit.costs.profile import PhaseProfile
from gankit.costs.profiling import WHOLE
from gankit.results.tables import Column, Report, Section

LEAST_SHARE = 0.005
"""The share of an iteration below which a part has no row of its own."""
OF_NETWORKS = ("mapping", "stem", "block", "norm", "head", "join", "regularizer", "loss")
"""The kinds of parts that stand in networks or around them, whose work is the loss's unless it is a penalty's."""
ORDERS = ("forward", "backward", "second")
"""What was done forward, derivatives, and derivatives of derivatives."""

Times = Mapping[Owner, float]


def times_of(profile: PhaseProfile, on_gpu: bool) -> Times:
    """Seconds of an iteration by what they were for: of the GPU if there is one, and what it was idle for nobody."""
    spent = profile.spent()
    if not on_gpu:
        return {owner: times.host / 1e9 for owner, times in spent.items()}
    times = {owner: times.device / 1e9 for owner, times in spent.items()}
    nobody = Owner(WHOLE)
    return times | {nobody: times.get(nobody, 0.0) + max(0.0, profile.seconds - sum(times.values()))}


def profile_report(profile: PhaseProfile, on_gpu: bool) -> Report:
    """A table by part, and one by purpose."""
    times = times_of(profile, on_gpu)
    whole = sum(times.values())
    said = (
        f"{profile.label}: {1000 * profile.seconds:.4g} ms an iteration, of {profile.profiled} profiled"
        f"{' on the GPU' if on_gpu else ''}"
    )
    if (unprofiled := profile.seconds_unprofiled) is not None:
        said += f"; {1000 * unprofiled:.4g} ms without the profiler"
    return Report(said, [_by_part(times, whole), _by_purpose(times, whole)])


def _by_part(times: Times, whole: float) -> Section:
    rows: dict[str, list[float]] = defaultdict(lambda: [0.0] * len(ORDERS))
    for owner, seconds in times.items():
        rows[label_of(owner.part)][min(owner.order, len(ORDERS) - 1)] += seconds
    large = {name: row for name, row in rows.items() if sum(row) >= LEAST_SHARE * whole or name == label_of(None)}
    small = [row for name, row in rows.items() if name not in large]
    shown = sorted(large.items(), key=lambda named: -sum(named[1]))
    if small:
        shown.append(
            (f"{len(small)} parts below {LEAST_SHARE:.1%}", [sum(column) for column in zip(*small, strict=True)])
        )
    columns = [Column("part", is_number=False), *map(Column, ("forward", "backward", "second", "ms", "share"))]
    cells = [
        [name, *(_ms(each) if each else "" for each in row), _ms(sum(row)), _share(sum(row), whole)]
        for name, row in shown
    ]
    note = "ms of an iteration; second: derivatives of derivatives; other: Python, autograd and what no part asked for"
    return Section("by part", columns, cells, [note])


def _by_purpose(times: Times, whole: float) -> Section:
    rows: dict[str, float] = defaultdict(float)
    for owner, seconds in times.items():
        rows[_purpose(owner)] += seconds
    shown = sorted(rows.items(), key=lambda named: -named[1])
    columns = [Column("purpose", is_number=False), Column("ms"), Column("share")]
    return Section("by purpose", columns, [[name, _ms(seconds), _share(seconds, whole)] for name, seconds in shown])


def label_of(part: WatchedPart | None) -> str:
    """What a part is called in tables."""
    return "other" if part is None or part == WHOLE else part.label


def _purpose(owner: Owner) -> str:
    if owner.penalty is not None:
        return owner.penalty.label
    if owner.part is not None and owner.part.kind in OF_NETWORKS:
        return "networks, for the loss"
    return label_of(owner.part)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.3g}" if seconds < 1 else f"{1000 * seconds:.0f}"


def _share(seconds: float, whole: float) -> str:
    return f"{seconds / whole:.1%}"


def profile_as_json(profile: PhaseProfile, on_gpu: bool, **about: Any) -> dict[str, Any]:
    """All of it in plain values: seconds of an iteration by part, order of derivatives and penalty."""
    parts = [
        {
            "part": label_of(owner.part),
            "kind": "other" if owner.part is None or owner.part == WHOLE else owner.part.kind,
            "name": "" if owner.part is None else owner.part.name,
            "network": "" if owner.part is None else owner.part.network,
            "resolution": 0 if owner.part is None else owner.part.resolution,
            "pass": ORDERS[min(owner.order, len(ORDERS) - 1)],
            "penalty": "" if owner.penalty is None else owner.penalty.name,
            "seconds": seconds,
        }
        for owner, seconds in times_of(profile, on_gpu).items()
    ]
    return {
        **about,
        "label": profile.label,
        "profiled": profile.profiled,
        "seconds": profile.seconds,
        "seconds_unprofiled": profile.seconds_unprofiled,
        "parts": sorted(parts, key=lambda part: -part["seconds"]),
    }

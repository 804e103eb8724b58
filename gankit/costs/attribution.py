"""Which part of an experiment each moment of an iteration was spent for, told from what torch's profiler noted.

The profiler notes operations that lie within each other, and among them ranges that tell of parts. What lies within a
range is its part's. What autograd does for a node of the graph is that operation's which made the node: the profiler
notes the number of the node on both. So derivatives are put to the part whose forward pass they are of, also those of
derivatives, as penalties on gradients ask for. Each moment of a thread counts for the innermost operation, once.
Threads that neither open ranges nor do derivatives, such as those that talk to other processes, work while one of these
goes on or waits for them: their moments are its already.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gankit.costs.parts import WatchedPart

NODE = "autograd::engine::evaluate_function"
"""How the names begin of what autograd does for a node."""


class Event(NamedTuple):
    """Something that the profiler noted."""

    name: str
    start: int
    """When it began, in ns."""
    end: int
    """When it ended, in ns."""
    thread: int
    """On which thread."""
    node: int
    """Of an operation the node that it makes, if it makes one; of what autograd does, the node in question; else -1."""
    made_by: int
    """The thread whose node that is, if autograd does it; else 0."""
    device: int = 0
    """ns that a GPU worked for it, without what lies within it."""


class Owner(NamedTuple):
    """What a moment was spent for."""

    part: WatchedPart | None
    """The innermost part; None for what no part has asked for."""
    penalty: WatchedPart | None = None
    """The penalty for which it was, if it was for one."""
    order: int = 0
    """0 for what was done forward, 1 for derivatives, 2 for derivatives of these."""


class Spent(NamedTuple):
    """How long."""

    host: int = 0
    """ns of the threads that ask for operations, and on a CPU do them."""
    device: int = 0
    """ns of a GPU."""


NOBODY = Owner(None)


class Owned(NamedTuple):
    """An event and what it was for."""

    event: Event
    owner: Owner
    own: int
    """ns that it took without what lies within it."""


def spent(events: Iterable[Event], parts: Mapping[str, WatchedPart]) -> dict[Owner, Spent]:
    """How long was spent for what; for the arguments see `owned`."""
    noted = list(events)
    asking = {event.thread for event in noted if event.made_by or event.name in parts}
    found: dict[Owner, list[int]] = defaultdict(lambda: [0, 0])
    for event, owner, own in owned(noted, parts):
        found[owner][0] += own if event.thread in asking else 0
        found[owner][1] += event.device
    return {owner: Spent(*times) for owner, times in found.items()}


def owned(events: Iterable[Event], parts: Mapping[str, WatchedPart]) -> list[Owned]:
    """Each event with what it was for, in the order in which they began.

    Args:
        events: All that was noted, in any order.
        parts: The parts by the names of their ranges.
    """
    makers: dict[tuple[int, int], Owner] = {}
    found: list[Owned] = []
    open_by_thread: dict[int, list[int]] = defaultdict(list)
    for event in sorted(events, key=lambda event: (event.start, -event.end)):
        around = open_by_thread[event.thread]
        while around and found[around[-1]].event.end <= event.start:
            around.pop()
        outer = found[around[-1]] if around else None
        owner = _owner(event, NOBODY if outer is None else outer.owner, parts, makers)
        if not event.made_by and event.node >= 0:
            makers[event.thread, event.node] = owner
        if outer is not None:
            inside = min(event.end, outer.event.end) - event.start
            found[around[-1]] = outer._replace(own=outer.own - inside)
        around.append(len(found))
        found.append(Owned(event, owner, event.end - event.start))
    return found


def _owner(
    event: Event, outer: Owner, parts: Mapping[str, WatchedPart], makers: Mapping[tuple[int, int], Owner]
) -> Owner:
    """What an event was for, within one that was for `outer`."""
    part = parts.get(event.name)
    if part is not None:
        return outer._replace(part=part, penalty=part if part.kind == "penalty" else outer.penalty)
    if event.made_by and (maker := makers.get((event.made_by, event.node))) is not None:
        return maker._replace(order=maker.order + 1)
    return outer

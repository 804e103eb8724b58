"""How fast a run trains just now."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW = 15.0
"""Seconds of training over which the pace is taken."""


class Pace:
    """Images a second over the last seconds of training, without pauses; tells when that may be said again."""

    def __init__(self, period: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Say it once in `period` seconds at most."""
        self._period, self._clock = period, clock
        self._next = 0.0
        self._points: deque[tuple[float, int]] = deque()  # seconds and images since the last pause

    def pause(self) -> None:
        """Leave out the time until `due` is asked again."""
        self._points.clear()

    def due(self, images: int) -> bool:
        """Whether it is time to say how fast it goes, now that so many images were shown, and that can be told."""
        now = self._clock()
        if self._points and now < self._next:
            return False
        self._points.append((now, images))
        self._next = now + self._period
        while len(self._points) > 2 and now - self._points[1][0] > WINDOW:
            self._points.popleft()
        return len(self._points) > 1

    @property
    def images_per_second(self) -> float:
        """The pace; 0 until it can be told."""
        if not self._points:
            return 0.0
        (start, before), (end, after) = self._points[0], self._points[-1]
        return (after - before) / (end - start) if end > start else 0.0

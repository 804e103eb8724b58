"""A GPU's iterations are timed by what it does, and not by when the host is done with launching it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gankit.costs import profiling
from gankit.costs.machine import Machine
from gankit.costs.profiling import Profiling
from gankit.costs.timer import Timer


class Queue:
    """A GPU: what it is given takes time, on its own clock, and the host is told of none before it waits."""

    def __init__(self) -> None:
        self.given, self.passed, self.waited = 0.0, 0.0, 0

    def mark(self) -> QueueMark:
        return QueueMark(self)


class QueueMark:
    def __init__(self, queue: Queue) -> None:
        self.queue, self.at = queue, 0.0

    def record(self) -> None:
        self.at = self.queue.given

    def query(self) -> bool:
        return self.queue.passed >= self.at

    def synchronize(self) -> None:
        self.queue.waited += 1
        self.queue.passed = max(self.queue.passed, self.at)

    def elapsed_time(self, end_event: Any, /) -> float:
        assert isinstance(end_event, QueueMark)
        assert end_event.query()
        return 1000 * (end_event.at - self.at)


def test_iterations_on_a_gpu_are_timed_by_its_own_clock_and_nobody_waits_for_it_before_the_stage_ends() -> None:
    queue = Queue()
    timer, often, seldom = Timer(torch.device("cuda"), queue.mark), list[float](), list[float]()
    for seconds, found in ((2.0, often), (7.0, seldom), (3.0, often)):
        with timer.timing(found):
            queue.given += seconds
    assert (often, seldom, queue.waited) == ([], [], 0)

    queue.passed = 9.0
    with timer.timing(often):
        queue.given += 4.0
    assert (often, seldom, queue.waited) == ([2.0], [7.0], 0), "what is done anyway is read"
    timer.read()
    assert (often, seldom) == ([2.0, 3.0, 4.0], [7.0])


def test_a_gpu_that_has_failed_does_not_hide_why(monkeypatch: pytest.MonkeyPatch) -> None:
    queue, found = Queue(), list[float]()
    timer = Timer(torch.device("cuda"), queue.mark)
    with timer.timing(found):
        queue.given += 1.0

    def failing(self: QueueMark) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(QueueMark, "synchronize", failing)
    timer.read()
    assert found == []


def test_on_devices_without_a_clock_of_their_own_nothing_is_timed() -> None:
    timer, found = Timer(torch.device("mps")), list[float]()
    with timer.timing(found):
        pass
    timer.read()
    assert found == []


def test_what_a_gpu_has_yet_to_do_is_of_no_iteration_that_is_profiled(monkeypatch: pytest.MonkeyPatch) -> None:
    left, passed = [30.0], [0.0]

    def wait(machine: Machine) -> None:
        passed.extend(left)
        left.clear()

    monkeypatch.setattr(Machine, "wait", wait)
    monkeypatch.setattr(profiling.time, "perf_counter", lambda: sum(passed))
    profiled = Profiling(torch.device("cpu"))
    with profiled.whole():
        left.append(2.0)
    assert profiled.seconds == 2.0

"""Memory that a process has freed is used again if it is to be, and the system is left alone if not."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest
from support.tiny import tiny

from gankit.runs import components
from gankit.runs.components import RunComponents

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="there is no mallopt")

PAGES = """
from resource import RUSAGE_SELF, getrusage
from gankit.core.memory import keep_freed_memory
keep = {keep}
print(keep_freed_memory() if keep else None)
for _ in range(2):
    before = getrusage(RUSAGE_SELF).ru_minflt
    for _ in range(5):
        b"x" * (40 << 20)
print(getrusage(RUSAGE_SELF).ru_minflt - before)
"""


def pages_asked_for(keep: bool, **environment: str) -> tuple[str, int]:
    """What is said of it, and how often the system had to give a page for memory that was there before."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_", "LD_"))}
    code = [sys.executable, "-c", PAGES.format(keep=keep)]
    said = subprocess.run(code, env=plain | environment, capture_output=True, text=True, check=True).stdout.split()
    return said[0], int(said[1])


def test_what_is_freed_is_used_again() -> None:
    (_, without), (kept, with_it) = pages_asked_for(False), pages_asked_for(True)
    assert kept == "True"
    assert with_it < without / 4


def test_who_has_set_the_allocator_is_left_alone() -> None:
    assert pages_asked_for(True, MALLOC_ARENA_MAX="2")[0] == "False"


@pytest.mark.parametrize(
    ("resolution", "options", "keeps"), [(64, {}, 1), (32, {}, 0), (64, {"allocator": "system"}, 0)]
)
def test_it_is_done_for_large_maps_unless_it_is_not_to_be(
    resolution: int, options: dict[str, str], keeps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[bool] = []
    monkeypatch.setattr(components, "keep_freed_memory", lambda: done.append(True))
    growth = {"use": "fixed", "resolution": resolution, "images": 8}
    data = {"use": "shapes", "images": 16}
    RunComponents.of(tiny(growth=growth, data=data, training={"batch": 4, "device": "cpu", **options}))
    assert len(done) == keeps

"""Where it was measured: without that a number says nothing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

SETS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2")
"""Instructions by which convolutions differ in speed, the fastest first."""


def description(threads: int = 1) -> str:
    """Processor, cores, versions, and how busy the machine is."""
    processor, flags = platform.processor(), ""
    if (info := Path("/proc/cpuinfo")).exists():
        facts = [line.partition(":") for line in info.read_text().splitlines()]
        named = {name.strip(): value.strip() for name, _, value in facts}
        processor, flags = named.get("model name", processor), named.get("flags", "")
    fastest = next((name for name in SETS if name in flags.split()), "")
    said = [
        " ".join(filter(None, (processor, fastest, f"{len(os.sched_getaffinity(0))} cores"))),
        f"{platform.system()}, {'-'.join(filter(None, platform.libc_ver()))}",
        f"Python {platform.python_version()}, torch {version('torch')}",
        f"{threads} thread{'s' * (threads > 1)}, float32",
        f"load {os.getloadavg()[0]:.1f} before",
    ]
    return "; ".join(said)

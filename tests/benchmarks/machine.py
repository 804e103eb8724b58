"""Where it was measured: without that a number says nothing."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def description(threads: int = 1) -> str:
    """Processor, cores, versions, and how busy the machine is."""
    import torch

    processor = platform.processor()
    if (info := Path("/proc/cpuinfo")).exists():
        named = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        processor = named[0] if named else processor
    facts = [
        f"{processor} ({torch.backends.cpu.get_cpu_capability()}), {len(os.sched_getaffinity(0))} cores",
        f"{platform.system()}, {'-'.join(filter(None, platform.libc_ver()))}",
        f"Python {platform.python_version()}, torch {torch.__version__}",
        f"{threads} thread{'s' * (threads > 1)}, float32",
        f"load {os.getloadavg()[0]:.1f} before",
    ]
    return "; ".join(facts)

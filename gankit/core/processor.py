"""What this machine's processor computes in by itself, as Linux tells it, and whether there may be a GPU; no torch."""

from __future__ import annotations

import sys
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
FLOAT16 = frozenset({"avx512_fp16", "amx_fp16", "avx_ne_convert", "asimdhp"})
"""What Linux calls the means of x86 and ARM to compute in float16."""
BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""And in bfloat16."""
GPUS = tuple(map(Path, ("/dev/nvidiactl", "/dev/nvmap", "/dev/kfd", "/dev/dxg")))
"""What there is on Linux with a driver of NVIDIA's or AMD's GPUs, of NVIDIA's boards, or of either under Windows."""


def processor_features() -> frozenset[str] | None:
    """What the processor can do, by Linux's short names; None if the system does not tell."""
    try:
        lines = CPUINFO.read_text().splitlines()
    except (OSError, ValueError):
        return None
    told = [
        words for name, _, words in (line.partition(":") for line in lines) if name.strip() in ("flags", "Features")
    ]
    return frozenset(told[0].split()) if told else None


def may_have_gpu() -> bool:
    """Whether torch may find a GPU here."""
    return sys.platform != "linux" or any(device.exists() for device in GPUS)

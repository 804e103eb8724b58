"""What a part of a run takes: time, work of CPUs, and energy where the machine counts it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gankit.core.energy import EnergyMeter, nvml_counters, rapl_counters
from gankit.runs.launched import local_count

if TYPE_CHECKING:
    import torch


class Stopwatch:
    """Measures from when it is made."""

    def __init__(self, meter: EnergyMeter) -> None:
        self._meter = meter
        self._began = time.perf_counter(), time.process_time(), meter.joules()

    def taken(self) -> dict[str, float]:
        """What has been taken since, as times.jsonl has it.

        Seconds that have passed; those that the CPUs have worked for this process, all its threads together; joules of
        the machine's processors and of the run's GPUs, whoever used them, as far as they are counted.
        """
        wall, cpu, joules = self._began
        spent = {name: value - joules[name] for name, value in self._meter.joules().items()}
        return {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu, **spent}


def energy_meter(device: torch.device, processes: int) -> EnergyMeter:
    """Counts the energy of a run that trains on `device`; nothing if it is spread over machines, as one sees a part."""
    if local_count(processes) != processes:
        return EnergyMeter([])
    return EnergyMeter([*rapl_counters(), *(nvml_counters(_gpus(device, processes)) if device.type == "cuda" else [])])


def _gpus(device: torch.device, processes: int) -> list[str]:
    """The GPUs that a run uses, as NVML knows them."""
    import torch

    own = torch.cuda.current_device() if device.index is None else device.index
    numbers = range(processes) if processes > 1 else [own]
    return [f"GPU-{torch.cuda.get_device_properties(number).uuid}" for number in numbers]

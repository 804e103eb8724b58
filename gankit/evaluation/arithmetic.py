"""What decides the last bits of what an extractor gives, beside what it says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gankit.core.registry import registries
from gankit.discovery.manager import plugins

if TYPE_CHECKING:
    import torch

    from gankit.kinds import Extractor


def arithmetic(extractor: Extractor, device: torch.device) -> dict[str, Any]:
    """Its code, which an author may change without a new identity, torch's version, and how the device computes.

    What was seen of reals is kept under these too, so that it is what would be seen again.
    """
    import torch

    found: dict[str, Any] = {"device": device.type, "torch": torch.__version__}
    if device.type == "cpu":
        found |= {"instructions": torch.backends.cpu.get_cpu_capability(), "threads": torch.get_num_threads()}
    elif device.type == "cuda":
        found |= {"gpu": torch.cuda.get_device_name(device), "cudnn": torch.backends.cudnn.version()}
    try:
        origin = plugins.origin(registries[extractor.kind].entry_of(type(extractor)).plugin)
    except LookupError:  # of no plugin
        return found
    return {**found, "code": origin.sha256}

"""Whether this machine has the device that an experiment asks for, and computes in its precision; without torch."""

from __future__ import annotations

from collections.abc import Iterator

from gankit.config.experiment import Experiment
from gankit.config.walk import Problem
from gankit.core.processor import BFLOAT16, FLOAT16, may_have_gpu, processor_features


def description_of_precision(experiment: Experiment, device: str | None = None) -> str | None:
    """Say that a CPU has to emulate float16, which no option makes fast; None if it need not, or a GPU trains.

    Args:
        experiment: What is trained.
        device: What it is trained on, cpu or another; None: what `training.device` most probably takes.
    """
    training = experiment.training
    if device is None:
        device = "cpu" if training.device == "auto" and not may_have_gpu() else training.device
    features = processor_features()
    if training.precision != "fp16" or device != "cpu" or (features is not None and features & FLOAT16):
        return None
    whose = "most CPUs do not compute in float16 but emulate it"
    if features is not None:
        whose = "this CPU does not compute in float16 but emulates it"
    faster = "bf16 and fp32 are" if features is not None and features & BFLOAT16 else "fp32 is"
    return (
        f"training.precision: {whose}, which makes fp16 several times slower than fp32, "
        f"about ten times with large maps; {faster} faster here"
    )


def missing_gpu(experiment: Experiment) -> Iterator[Problem]:
    """Problems if a GPU is asked for and there certainly is none here; what torch finds of one is for it to tell."""
    training = experiment.training
    if may_have_gpu() or training.device not in ("auto", "cuda"):
        return
    if training.device == "cuda":
        yield ("training", "device"), "there is no cuda on this machine, as it has no GPU; usable here: auto, cpu"
    if training.precision == "tf32":
        yield (
            ("training", "precision"),
            "tf32 is how NVIDIA's GPUs may multiply, and this machine has none; fp32, bf16 and fp16 are for all",
        )

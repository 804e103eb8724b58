"""Updates by several processes beside those by one, started by torchrun: prints how far they are apart, as JSON.

torchrun --nproc-per-node 2 ranked.py EXPERIMENT float64 50
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from typing import Any

import torch
from support.parts import double_precision, largest_difference, unmixed, with_training

from gankit.config.loader import load_experiment
from gankit.data.images import RealImages
from gankit.training.process_group import ProcessGroup
from gankit.training.trainer import Trainer


def made(experiment: Any) -> Trainer:
    reals = RealImages(experiment.data, [stage.resolution for stage in experiment.stages()])
    return Trainer(experiment, reals, torch.device("cpu"))


def gradients_apart(one: Trainer, other: Trainer) -> float:
    """The largest difference between the gradients of the first updates, as a share of the largest gradient."""
    worst = 0.0
    for name in ("discriminator", "generator"):
        for trainer in (one, other):
            trainer._update(name, trainer._batch())
        pairs = [
            (ours.grad, theirs.grad)
            for ours, theirs in zip(one.trained[name], other.trained[name], strict=True)
            if ours.grad is not None and theirs.grad is not None
        ]
        largest = max(float(theirs.abs().max()) for _, theirs in pairs)
        worst = max(worst, *(float((ours - theirs).abs().max()) / largest for ours, theirs in pairs))
    return worst


def speeds(group: ProcessGroup, experiment: Any, iterations: int) -> dict[str, Any]:
    """Images/s of all processes and of the first alone."""
    together, alone = made(with_training(experiment, processes=group.count)), made(experiment)
    together.join(group)
    of_all: list[float] = []
    of_one: list[float] = []
    for turn in range(8):
        for trainer, found in ((together, of_all), (alone, of_one)):
            group.exchanged(turn)
            began, before = time.perf_counter(), trainer.images
            for _ in range(iterations if trainer is together or group.number == 0 else 0):
                trainer.iteration()
            group.exchanged(turn)
            found.append((trainer.images - before) / (time.perf_counter() - began))
    ratios = [all_ / one for all_, one in zip(of_all[1:], of_one[1:], strict=True)] if group.number == 0 else [0.0]
    return {"all": median(of_all[1:]), "one": median(of_one[1:]), "ratio": median(ratios), "ratios": ratios}


def main() -> None:
    file, precision, steps = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    torch.set_num_threads(1)
    settings = ["training.device=cpu", "training.batch=8", "evaluation.metrics=[]"]
    group = ProcessGroup()
    if precision == "speed":
        found = speeds(group, load_experiment(file, [*settings[:1], *sys.argv[4:]]), steps)
        if group.number == 0:
            print(json.dumps(found))
        group.close()
        return
    experiment = unmixed(load_experiment(file, settings))
    with double_precision() if precision == "float64" else nullcontext():
        together = made(with_training(experiment, processes=group.count))
        together.join(group)
        alone = made(experiment)
        found = {"gradients": gradients_apart(together, alone)}
        for _ in range(steps):
            together.iteration()
            alone.iteration()
        found["weights"] = largest_difference(together, alone)
    if group.number == 0:
        print(json.dumps(found))
    group.close()


if __name__ == "__main__":
    main()

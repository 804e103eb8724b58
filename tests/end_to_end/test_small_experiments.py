"""Every small experiment learns: it ends far nearer to the reals than its untrained generator is."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
import torch
from support.command import gankit, rows

from gankit.config.experiment import Experiment
from gankit.config.loader import load_experiment
from gankit.core.progress import progress_in
from gankit.data.images import RealImages
from gankit.evaluation.evaluator import Evaluator
from gankit.kinds.callbacks import Row
from gankit.training.sampler import GeneratorSampler
from gankit.training.trainer import Trainer

SMALL = sorted((Path(__file__).parents[2] / "experiments" / "small").glob("*.yaml"))
CPU = torch.device("cpu")
MINUTES = 6


def untrained(experiment: Experiment) -> Row:
    """`fid_full` of the averaged generator at the final resolution before any training."""
    stages = experiment.growth.stages()
    reals = RealImages(experiment.data, [stage.resolution for stage in stages])
    trainer = Trainer(experiment, reals, CPU)
    now = progress_in(stages, len(stages), 0)
    trainer.grow(now)
    measured = Evaluator(experiment.evaluation, reals, CPU).evaluate(GeneratorSampler(trainer.average, CPU), now)
    return next(row for row in measured if row.name == "fid_full")


def processor_seconds() -> float:
    """What the commands so far have used; on a machine with nothing else to do that is how long one thread takes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.slow
@pytest.mark.parametrize("file", SMALL, ids=lambda file: file.stem)
def test_it_halves_the_fid_of_its_untrained_generator(file: Path, tmp_path: Path) -> None:
    since = processor_seconds()
    run = gankit(["run", file, "--out", "run"], tmp_path)
    seconds = processor_seconds() - since
    assert run.returncode == 0, run.stderr
    trained = [row for row in rows(tmp_path / "run") if row["name"] == "fid_full"][-1]
    before = untrained(load_experiment(tmp_path / "run" / "experiment.yaml"))
    print(f"{file.stem}: fid_full {before.value:.1f} untrained, {trained['value']:.3f} trained, {seconds:.0f} s")
    assert trained["protocol"] == before.protocol
    assert trained["value"] <= before.value / 2
    assert seconds <= MINUTES * 60


def test_there_are_small_experiments() -> None:
    assert len(SMALL) >= 5

"""Activations that are made again in the backward pass change no gradient, no draw and no statistic, in less memory."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
import torch.nn.functional as F
from support.discriminators import discriminator_options
from support.slow import slow_but
from support.systems import stir
from support.tiny import tiny, trainer
from torch import Tensor, nn

from gankit.config.experiment import Experiment
from gankit.config.loader import load_experiment
from gankit.networks.recomputing import recomputed
from gankit.networks.reuse import reused, weights_reused
from gankit.testing.state import bits, first_differing
from gankit.training.parameters import acts_on
from gankit.training.trainer import Trainer
from gankit.training.update import Moment

SMALL = sorted((Path(__file__).parents[2] / "experiments" / "small").glob("*.yaml"))
SYSTEMS = ("pggan-digits", "stylegan2-digits", "sngan-digits")
Name = Literal["generator", "discriminator"]


@pytest.fixture
def double_precision() -> Any:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def small(file: Path, recomputes: bool) -> Experiment:
    return load_experiment(
        file,
        [f"training.activation_checkpointing={str(recomputes).lower()}", "training.batch=4", "training.device=cpu"],
    )


def stirred(experiment: Experiment) -> Trainer:
    """In the midst of its last fade, if it has one."""
    made = trainer(experiment)
    torch.manual_seed(0)
    for network in made.networks.values():
        stir(network)
    last = made.stages[-1]
    made.images = made.ends[-1] - last.images + last.fade // 2
    made._follow_growth()
    return made


def gradients(made: Trainer, name: Name) -> list[Tensor | None]:
    """Of all weights of a network, by the loss and all regularizers, as if all were due."""
    for each, parameters in made.trained.items():
        for parameter in parameters:
            parameter.requires_grad_(each == name)
    real, labels, _ = made._batch()
    step = made.updater.step(name, real.to(torch.get_default_dtype()), labels, Moment(0, 0, 0, made.now))
    loss = made.updater.loss(step)
    for regularizer in made.experiment.regularizers:
        if acts_on(regularizer, name) and (penalty := made.updater.penalty(regularizer, step, {})) is not None:
            loss = loss + penalty
    return list(torch.autograd.grad(loss, made.trained[name], allow_unused=True))


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("file", slow_but([f for f in SMALL if f.stem in SYSTEMS], SMALL), ids=lambda file: file.stem)
def test_gradients_and_statistics_are_those_of_keeping_all(file: Path) -> None:
    """Penalties and the lengths of paths, too, which are derived twice; noise, mixing and augmentation are as drawn."""
    kept, recomputed = (stirred(small(file, recomputes)) for recomputes in (False, True))
    for name in ("discriminator", "generator"):
        expected, found = (gradients(made, name) for made in (kept, recomputed))
        assert any(gradient is not None and gradient.any() for gradient in expected)
        for ours, plain in zip(found, expected, strict=True):
            assert (ours is None) == (plain is None)
            if ours is not None and plain is not None:
                torch.testing.assert_close(ours, plain, rtol=1e-10, atol=1e-10 * max(1.0, float(plain.abs().max())))
    states = [{name: network.state_dict() for name, network in made.networks.items()} for made in (kept, recomputed)]
    assert first_differing(*map(bits, states)) is None


@pytest.mark.costly
@pytest.mark.parametrize(
    "file", slow_but([f for f in SMALL if f.stem in ("pggan-digits", "stylegan2-digits")], SMALL), ids=lambda f: f.stem
)
def test_small_experiments_come_to_the_same_bits(file: Path) -> None:
    """Whole iterations in float32, the first with all penalties: gradients are summed in one order."""
    states = []
    for recomputes in (False, True):
        made = stirred(small(file, recomputes))
        for _ in range(3):
            made.iteration()
        states.append(bits(made.state_dict()))
    assert first_differing(*states) is None


@pytest.mark.costly
def test_parts_of_a_batch_draw_what_they_drew() -> None:
    """Noise inside the generator: of each part its share of what the whole batch draws."""
    (file,) = (file for file in SMALL if file.stem == "stylegan2-digits")
    states = []
    for recomputes in ("false", "true"):
        settings = [f"training.activation_checkpointing={recomputes}", "training.batch=8", "training.micro_batch=4"]
        made = trainer(load_experiment(file, [*settings, "training.device=cpu"]))
        for _ in range(2):
            made.iteration()
        states.append(bits(made.state_dict()))
    assert first_differing(*states) is None


def test_a_formed_weight_is_not_formed_again() -> None:
    """Not even where the backward pass has threads of its own, as on a GPU; outside of the block each call forms it."""
    layer, formed = nn.Linear(3, 3), 0

    def form(weight: Tensor) -> Tensor:
        nonlocal formed
        formed += 1
        return weight.square()  # which remembers its input

    def run(x: Tensor) -> Tensor:
        return F.linear(x, reused(form, layer, layer.weight)).sin()

    def counted() -> int:
        nonlocal formed
        formed = 0
        y = recomputed(layer, run, torch.ones(2, 3)) + recomputed(layer, run, torch.ones(2, 3))
        with ThreadPoolExecutor(1) as thread:
            thread.submit(y.sum().backward).result()
        return formed

    with weights_reused():
        assert counted() == 1
    assert counted() == 4


def test_a_run_has_the_same_bits() -> None:
    """Whole iterations, in float32: draws, moments and averages."""
    states = []
    discriminator = discriminator_options(tiny()).model_dump() | {"norm": "spectral"}
    for recomputes in (False, True):
        training = {"batch": 8, "device": "cpu", "activation_checkpointing": recomputes}
        made = trainer(tiny(training=training, discriminator=discriminator))
        for _ in range(7):
            made.iteration()
        states.append(bits(made.state_dict()))
    assert first_differing(*states) is None


MEASURE = """
import sys
import torch
import torch._dynamo  # torch loads its compiler when activations are made again for the first time: 150 MB
from support.tiny import tiny, trainer

def peak():  # of this program alone; what getrusage says begins at that of the process it was started from
    (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(line.split()[1])

torch.set_num_threads(1)
network = {"block": "stylegan2", "rgb": "stylegan2-rgb", "norm": "equalized", "channels": {4: 64}}
made = trainer(tiny(
    data={"use": "shapes", "images": 64}, growth={"use": "fixed", "resolution": 64, "images": 1000},
    generator=network | {
        "mapping": {"use": "stylegan2", "layers": 1, "width": 32}, "stem": "stylegan2", "latent": 32, "join": "sum"
    },
    discriminator=network | {"block": {"use": "stylegan2", "residual": True}, "head": "stylegan2"},
    loss="non-saturating", regularizers=[{"use": "r1", "every": 2}, {"use": "path-length", "every": 2}],
    training={"batch": 8, "activation_checkpointing": sys.argv[1] == "True"},
))
before = peak()
made.iteration()
print((peak() - before) / 1024)
"""


@pytest.mark.slow
def test_an_iteration_takes_less_memory() -> None:
    """Peak over what the process had before, in MB: StyleGAN2 at 64x64, penalties and all."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "OMP_NUM_THREADS": "1",
        "MALLOC_MMAP_THRESHOLD_": "65536",
    }
    kept, recomputed = (
        float(
            subprocess.run(
                [sys.executable, "-c", MEASURE, str(recomputes)],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for recomputes in (False, True)
    )
    print(f"{kept:.0f} MB, recomputed {recomputed:.0f} MB")
    assert recomputed < 0.9 * kept

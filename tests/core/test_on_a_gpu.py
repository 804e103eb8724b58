"""What only an NVIDIA GPU can show: pytest -m gpu."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from gankit.config.loader import load_experiment
from gankit.data.images import RealImages
from gankit.testing.state import bits, first_differing, through_checkpoint
from gankit.training.trainer import Trainer

pytestmark = pytest.mark.gpu

SMALL = sorted((Path(__file__).parents[2] / "experiments" / "small").glob("*.yaml"))
PRECISIONS = ("fp32", "tf32", "bf16", "fp16")
COMPILED = ("sngan-digits", "stylegan2-digits", "pggan-digits")


def made(file: Path, *settings: str, device: str = "cuda") -> Trainer:
    """At the beginning of its last stage, which it has yet to fade into if it does."""
    experiment = load_experiment(file, [f"training.device={device}", "training.batch=8", *settings])
    reals = RealImages(experiment.data, [stage.resolution for stage in experiment.growth.stages()])
    found = Trainer(experiment, reals, torch.device(device))
    found.images = found.ends[-1] - found.stages[-1].images
    return found


@contextmanager
def without_waiting() -> Iterator[None]:
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("file", SMALL, ids=lambda file: file.stem)
def test_it_trains_without_waiting_and_resumes_to_the_same_bits(file: Path, precision: str) -> None:
    setting = f"training.precision={precision}"
    at_once, left = made(file, setting), made(file, setting)
    for _ in range(6):
        at_once.iteration()
    for _ in range(3):
        left.iteration()
    resumed = made(file, setting)
    resumed.load_state_dict(through_checkpoint(left.state_dict()))
    for _ in range(3):
        resumed.iteration()
    assert first_differing(bits(at_once.state_dict()), bits(resumed.state_dict())) is None
    assert all(bool(parameter.isfinite().all()) for parameter in at_once.generator.parameters())
    with without_waiting():
        at_once.iteration()
        at_once.iterations = 0  # all lazy regularizers are due
        at_once.iteration()


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
@pytest.mark.parametrize("devices", [("cuda", "cpu"), ("cpu", "cuda")], ids=str)
def test_a_run_in_fp16_goes_on_on_another_device(devices: tuple[str, str], optimizer: str) -> None:
    file = next(file for file in SMALL if file.stem == "dcgan-digits")
    settings = "training.precision=fp16", f"training.optimizer={optimizer}", "training.average=power"
    left, resumed = (made(file, *settings, device=device) for device in devices)
    left.iteration()
    resumed.load_state_dict(through_checkpoint(left.state_dict()))
    for _ in range(2):
        resumed.iteration()
    if resumed.device.type == "cuda":
        with without_waiting():
            resumed.iteration()
    assert all(bool(parameter.isfinite().all()) for parameter in resumed.generator.parameters())


@pytest.mark.parametrize("file", SMALL, ids=lambda file: file.stem)
def test_activations_made_again_give_the_same_bits(file: Path) -> None:
    states = []
    for recomputes in ("false", "true"):
        trainer = made(file, f"training.activation_checkpointing={recomputes}")
        for _ in range(2):
            trainer.iteration()
        states.append(bits(trainer.state_dict()))
    assert first_differing(*states) is None


def test_fp32_is_not_tf32() -> None:
    """torch by itself would convolve in TF32."""
    file = next(file for file in SMALL if file.stem == "dcgan-digits")
    losses = {}
    for precision in ("fp32", "tf32"):
        trainer = made(file, f"training.precision={precision}")
        trainer.iteration()
        losses[precision] = bits(trainer.discriminator.state_dict())
    again = made(file)
    again.iteration()
    assert first_differing(losses["fp32"], bits(again.discriminator.state_dict())) is None
    assert first_differing(losses["fp32"], losses["tf32"]) is not None


@pytest.mark.parametrize("file", [file for file in SMALL if file.stem in COMPILED], ids=lambda file: file.stem)
def test_compiled_networks_train_as_plain_ones(file: Path) -> None:
    """To what other kernels make of the last bits."""
    records = []
    for compiles in ("false", "true"):
        trainer = made(file, f"training.compile={compiles}")
        records.append(trainer.iteration())
        trainer.iteration()
        with without_waiting():
            trainer.iteration()
    assert records[0].keys() == records[1].keys()
    for name, scalar in records[0].items():
        torch.testing.assert_close(records[1][name], scalar, rtol=0.02, atol=1e-3)

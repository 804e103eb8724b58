"""Numbers beyond reason end in one line that names the option: before anything is begun where it can be known."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from support.command import QUICKSTART, SMALL, gankit_here
from support.tiny import tiny

from gankit.cli import main
from gankit.config.loader import load_experiment
from gankit.core import memory
from gankit.core.errors import ComponentError, RunError, UserError
from gankit.evaluation.features import FeatureStore
from gankit.kinds import Loss
from gankit.runs.attribution import attributing_errors
from gankit.runs.start import begin

pytestmark = pytest.mark.costly

TOO_MUCH = {
    "training.batch": "1000000000000",
    "training.generator_batches": "1000000000",
    "training.discriminator_steps": "1000000000",
    "training.threads": "1000000",
    "generator.channels": "1000000000",
    "generator.latent": "1000000000",
    "evaluation.images": "1000000000000",
    "evaluation.quick.images": "1000000000000",
    "evaluation.seeds": "1000000000",
    "evaluation.bootstrap": "1000000000",
    "training.optimizer.lr": "1e300",
    "training.optimizer.eps": "1e300",
}


@pytest.mark.parametrize("option", TOO_MUCH)
def test_what_no_run_can_have_is_refused_at_once(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.process_time()
    assert main(["run", str(QUICKSTART), "--set", f"{option}={TOO_MUCH[option]}"]) == 2
    assert time.process_time() - began < 5
    said = capsys.readouterr().err
    assert f"{option}: must be at most" in said
    assert len(said.splitlines()) == 1


def test_so_is_a_resolution(capsys: pytest.CaptureFixture[str]) -> None:
    began = time.process_time()
    growth = f"growth={{use: fixed, resolution: {10**12}, images: 1k}}"
    assert main(["validate", str(QUICKSTART), "--set", growth]) == 2
    assert time.process_time() - began < 5
    assert f"the growth ends at {10**12}x{10**12}" in capsys.readouterr().err


def test_so_is_a_mapping_of_a_million_layers(capsys: pytest.CaptureFixture[str]) -> None:
    mapping = "generator.mapping={use: style, lr_multiplier: 1, layers: 1000000}"
    assert main(["run", str(QUICKSTART), "--set", mapping]) == 2
    assert "generator.mapping: layers must be at most 1,000, not 1,000,000" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "option"),
    [
        ("observers={use: sample-grid, count: 1000000000000}", "observers.count"),
        ("discriminator.norm={use: spectral, iterations: 1000000000000}", "discriminator.norm.iterations"),
    ],
)
def test_so_is_what_would_keep_a_run_in_one_iteration(
    setting: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", str(QUICKSTART), "--set", setting]) == 2
    assert f"{option}: must be at most 1" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "option"), [("weight-clipping", "limit"), ("gradient-penalty", "target")])
def test_a_number_that_is_too_large_for_torch_is_told_by_its_option(name: str, option: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"^option 'regularizers\.0' has a number that is too large") as caught:
        begin(tiny(regularizers=[{"use": name, option: 1e300}]), tmp_path / "run").train()
    assert type(caught.value) is RunError, "which has no traceback to print"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("training.batch=2000", "2,000 images of 16x16"),
        (
            "training.generator_batches=100",
            "32 images of 16x16 and 100 times as many fakes, as generator_batches says,",
        ),
    ],
)
def test_a_batch_that_this_machine_cannot_hold_is_refused_at_once(
    setting: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["run", str(QUICKSTART), "--set", "growth={use: fixed, resolution: 16, images: 64}", "--set", setting]
    monkeypatch.setattr(memory, "memory_size", lambda: 10**6)
    done = gankit_here(command, tmp_path)
    assert done.returncode == 2
    assert f"training.batch: {said} take " in done.stderr
    assert "of memory, but there are 1.0 MB" in done.stderr
    assert not Path("runs").exists()
    monkeypatch.setattr(memory, "memory_size", lambda: None)
    assert gankit_here(["validate", *command[1:]], tmp_path).returncode == 0


@pytest.mark.parametrize("kept", ["features", "images"])
def test_images_of_which_more_is_kept_than_there_is_room_for_are_refused_before_any_is(kept: str) -> None:
    part = torch.zeros(4, 2048) if kept == "features" else torch.zeros(4, 3, 512, 512, dtype=torch.uint8)
    said = "what is kept of 1,000,000,000 images .* on the disk of .*; lower evaluation.images"
    with pytest.raises(UserError, match=said):
        FeatureStore(10**9).add(4, {kept: part})


@pytest.mark.slow
def test_memory_that_runs_out_is_said_in_one_line(tmp_path: Path) -> None:
    done = gankit_here(["run", QUICKSTART, *SMALL, "--set", "generator.channels=1000000"], tmp_path)
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    assert said.startswith("gankit: memory ran out in option 'generator.")
    assert said.endswith(
        "lower training.micro_batch or batch (16), generator.channels, discriminator.channels or the resolution"
    )


@pytest.mark.parametrize(
    "failure",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_so_it_is_whoever_says_it(failure: Exception) -> None:
    experiment = load_experiment(QUICKSTART)
    with pytest.raises(RunError, match="memory ran out: "), attributing_errors(experiment):
        raise failure
    with pytest.raises(RuntimeError, match="something else"), attributing_errors(experiment):
        raise RuntimeError("something else")


@pytest.mark.parametrize(
    ("failure", "is_late"),
    [
        (torch.AcceleratorError("CUDA error: device-side assert triggered"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_what_a_gpu_reports_late_is_blamed_on_a_component_with_reserve(
    failure: Exception, is_late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = load_experiment(QUICKSTART)

    def failing(self: Loss, step: Any) -> None:
        raise failure

    monkeypatch.setattr(type(experiment.loss), "generator", failing)
    with pytest.raises(ComponentError) as caught, attributing_errors(experiment):
        cast("Any", experiment.loss).generator(None)
    said = str(caught.value)
    assert str(failure) in said
    assert ("CUDA_LAUNCH_BLOCKING=1" in said) is ("the place is uncertain" in said) is is_late

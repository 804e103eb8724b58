"""Compiled networks have the gradients of plain ones, and are used where no gradient is derived twice."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from support.slow import slow_but
from support.systems import stir
from support.tiny import tiny, trainer

from gankit.checkpoints import store
from gankit.config.checks import problems
from gankit.config.loader import load_experiment
from gankit.core.errors import Interrupted, UserError
from gankit.core.progress import progress_at
from gankit.runs.start import begin
from gankit.training import compiling
from gankit.training.trainer import Trainer
from gankit.training.update import Moment

SMALL = sorted((Path(__file__).parents[2] / "experiments" / "small").glob("*.yaml"))


def made(file: Path, compiles: bool) -> Trainer:
    settings = [f"training.compile={str(compiles).lower()}", "training.batch=4", "training.device=cpu"]
    found = trainer(load_experiment(file, settings))
    torch.manual_seed(0)
    for network in found.networks.values():
        stir(network)
    found.images = found.ends[-1] - found.stages[-1].images // 2
    found._follow_growth()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["inductor"])
@pytest.mark.parametrize("file", [f for f in SMALL if f.stem == "stylegan2-digits"], ids=lambda file: file.stem)
def test_by_the_compiler_itself(file: Path, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "BACKEND", backend)
    same(file, monkeypatch)


@pytest.mark.parametrize(
    "file", slow_but([f for f in SMALL if f.stem == "sngan-digits"], SMALL), ids=lambda file: file.stem
)
def test_gradients_are_those_of_plain_networks(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As traced: all that the compiler does but its kernels. What penalties derive twice is taken of plain networks."""
    monkeypatch.setattr(compiling, "BACKEND", "aot_eager")
    same(file, monkeypatch)


def same(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, compiled = (made(file, compiles) for compiles in (False, True))
    for name in ("discriminator", "generator"):
        records: list[Any] = []
        for each in (plain, compiled):
            for optimizer in each.optimizers.values():
                monkeypatch.setattr(optimizer, "step", lambda: None)  # so that both stay where they are
            each.iterations = 0  # lazy regularizers are due
            records.append(each.updater.update(name, each._batch(), Moment(0, each.images, 0, each.now)))
        assert records[0].keys() == records[1].keys()
        for scalar, value in records[0].items():
            torch.testing.assert_close(records[1][scalar], value, rtol=1e-3, atol=1e-4)
        gradients = [[parameter.grad for parameter in each.trained[name]] for each in (plain, compiled)]
        assert any(gradient is not None and gradient.any() for gradient in gradients[0])
        for found, expected in zip(gradients[1], gradients[0], strict=True):
            assert (found is None) == (expected is None)
            if found is not None and expected is not None:
                torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()) + 1e-8)


def test_a_machine_without_a_compiler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: Any) -> None:
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(compiling, "BACKEND", broken)
    with pytest.raises(UserError, match=r"training\.compile: torch cannot compile for cpu here; .*no C\+\+ compiler"):
        trainer(tiny(training={"batch": 8, "compile": True}))


def test_it_does_not_go_with_activations_that_are_made_again() -> None:
    [(path, said)] = problems(tiny(training={"batch": 8, "compile": True, "activation_checkpointing": True}))
    assert path == ("training", "compile")
    assert said.startswith("does not go with activation_checkpointing")


CHILD = "import signal; signal.raise_signal(signal.SIGINT); signal.raise_signal(signal.SIGTERM); print('alive')"


@pytest.mark.costly
def test_a_signal_to_all_processes_lets_compilers_go_on_and_ends_the_run_after_the_iteration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    signals: list[int] = []

    def compiler(graph: Any, _: Any) -> Any:
        """As inductor does it begins another process, which is not to hear of a signal, and waits for it."""
        if signal.getsignal(signal.SIGTERM) != signal.SIG_DFL and not signals:
            signals.append(signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
        found = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True)
        said.append(found.stdout)
        return graph.forward

    monkeypatch.setattr(compiling, "BACKEND", compiler)
    training = begin(tiny(training={"batch": 8, "device": "cpu", "compile": True}, regularizers=[]), tmp_path / "run")
    with pytest.raises(Interrupted):
        training.train()
    assert {*said} == {"alive\n"}
    assert store.found(tmp_path / "run" / "checkpoints")[-1].name.endswith("8")
    told = capfd.readouterr().err.splitlines()
    assert told.count("gankit: compiling the networks at 4x4, which takes minutes") == 1
    assert sum("SIGTERM: saving a checkpoint" in line for line in told) == 1


def test_it_is_said_when_networks_are_compiled(capsys: pytest.CaptureFixture[str]) -> None:
    stages, compilations = tiny().stages(), compiling.Compilations()
    for images in range(0, 96, 8):
        with compilations.iteration(progress_at(stages, images)):
            pass
    says = "gankit: compiling the networks at {}, which takes minutes"
    assert capsys.readouterr().err.splitlines() == [says.format(each) for each in ("4x4", "8x8 as they fade in", "8x8")]


def test_of_tools_for_gpus_it_is_not_told_that_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "_refuse_without_compiler", lambda device: None)
    trainer(tiny(training={"batch": 8, "compile": True}))
    logger, told = logging.getLogger("torch.utils.cpp_extension"), list[str]()
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lambda record: told.append(record.getMessage()))
    logger.addHandler(handler)
    logger.warning("No CUDA runtime is found, using CUDA_HOME='%s'", "/usr/local/cuda")
    logger.warning("Something else")
    logger.removeHandler(handler)
    assert told == ["Something else"]

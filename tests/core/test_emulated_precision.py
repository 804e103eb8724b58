"""That a CPU emulates float16 is said once, before anything trains, by run, validate and estimate."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command import TWO_UPDATES, gankit_here
from support.parts import with_training
from support.tiny import tiny

from gankit.config.precision import description_of_precision
from gankit.core import processor

SAID = "training.precision: this CPU does not compute in float16 but emulates it"
FP16 = ["--set", "training.precision=fp16"]


@pytest.fixture
def features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the system tells what the processor can do."""
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx512f\n")
    monkeypatch.setattr(processor, "CPUINFO", file)
    monkeypatch.setattr(processor, "GPUS", (tmp_path / "gpu",))
    monkeypatch.setattr(processor.sys, "platform", "linux")
    return file


@pytest.mark.parametrize(
    ("command", "quickly"), [("run", ["--no-rehearsal"]), ("validate", []), ("estimate", ["--budget", "1e-6"])]
)
def test_it_is_said_once_by_each_command(command: str, quickly: list[str], features: Path, tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(TWO_UPDATES)
    done = gankit_here([command, "two.yaml", *FP16, *quickly], tmp_path)

    assert done.returncode == 0, done.stderr
    assert (done.stdout if command == "validate" else done.stderr).count(SAID) == 1
    assert (done.stdout + done.stderr).count(SAID) == 1


def test_it_is_said_of_what_the_processor_lacks_and_nothing_else(features: Path) -> None:
    half = with_training(tiny(), precision="fp16")
    said = description_of_precision(half)
    assert said is not None
    assert said.startswith(SAID)
    assert said.endswith("fp32 is faster here")
    assert description_of_precision(half, "cuda") is None
    assert all(description_of_precision(with_training(tiny(), precision=name)) is None for name in ("fp32", "bf16"))

    features.write_text("Features\t: fp asimd bf16\n")
    assert (description_of_precision(half) or "").endswith("bf16 and fp32 are faster here")
    for line in ("flags\t\t: avx512f avx512_fp16 amx_tile\n", "Features\t: fp asimd fphp asimdhp\n"):
        features.write_text(line)
        assert description_of_precision(half) is None
    features.unlink()
    assert "most CPUs do not compute in float16 but emulate it" in (description_of_precision(half) or "")


def test_where_there_may_be_a_gpu_auto_takes_it(features: Path, tmp_path: Path) -> None:
    anywhere = with_training(tiny(), precision="fp16", device="auto")
    assert description_of_precision(anywhere) is not None
    (tmp_path / "gpu").touch()
    assert description_of_precision(anywhere) is None

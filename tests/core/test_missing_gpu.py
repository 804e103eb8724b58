"""A GPU that an experiment asks for and this machine lacks is told where it is asked for, before torch is imported."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command import TWO_UPDATES, gankit_here

from gankit.config.study import Study
from gankit.config.study_loader import load_study
from gankit.core import processor
from gankit.core.errors import UserError

TF32 = "tf32 is how NVIDIA's GPUs may multiply, and this machine has none"
NO_CUDA = "there is no cuda on this machine"


@pytest.fixture(autouse=True)
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What would tell that there may be a GPU."""
    monkeypatch.setattr(processor, "GPUS", (tmp_path / "gpu",))
    monkeypatch.setattr(processor.sys, "platform", "linux")
    (tmp_path / "two.yaml").write_text(TWO_UPDATES.replace("device: cpu", "device: auto"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "gpu"


@pytest.mark.parametrize(("setting", "said"), [("training.precision=tf32", TF32), ("training.device=cuda", NO_CUDA)])
def test_it_is_told_with_its_place(setting: str, said: str, gpu: Path) -> None:
    asked = ["two.yaml", "--set", "training.device=auto", "--set", setting]
    valid = gankit_here(["validate", *asked], Path.cwd())
    assert valid.returncode == 0, valid.stderr
    wanted = f"--set {setting}: {setting.partition('=')[0]}: {said}"
    assert wanted in valid.stdout.partition("this machine still lacks:")[2]

    refused = gankit_here(["run", *asked], Path.cwd())
    assert refused.returncode == 2
    assert wanted in refused.stderr
    assert not Path("runs").exists()

    gpu.touch()
    assert "lacks" not in gankit_here(["validate", *asked], Path.cwd()).stdout


def test_a_study_may_be_started_from_a_machine_without_one() -> None:
    Path("study.yaml").write_text("extends: two.yaml\ntraining: {device: cuda}\nmatrix: {seed: [0, 1]}\n")
    read = load_study(Path("study.yaml"))  # a launcher may take its runs elsewhere

    assert isinstance(read, Study)
    with pytest.raises(UserError, match=NO_CUDA):
        load_study(Path("study.yaml"), only=read.runs[0].name)

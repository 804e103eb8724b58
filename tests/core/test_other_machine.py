"""A run that goes on where bits come out otherwise says so; where it can compute as before, it does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from support.tiny import tiny

from gankit import UserError
from gankit.evaluation.background import EvaluatorProcess
from gankit.runs.folder import RunFolder
from gankit.runs.start import begin, resume

pytestmark = pytest.mark.costly


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that was begun with one thread."""
    torch.set_num_threads(1)
    RunFolder.create(tmp_path / "run", tiny()).close()
    return tmp_path / "run"


def tell(run: Path, **other: Any) -> None:
    """Let provenance.json say something else."""
    known = json.loads((run / "provenance.json").read_text())
    (run / "provenance.json").write_text(json.dumps(known | other))


def go_on(run: Path, strict: bool = False) -> None:
    resumed = resume(run, strict=strict)
    assert resumed is not None
    resumed._record.close()


def test_it_goes_on_with_as_many_threads_as_it_began_with(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.set_num_threads(2)
    go_on(run, strict=True)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(2)
    go_on(run, strict=True)
    assert torch.get_num_threads() == 1, "the second time too"
    assert "warning" not in capsys.readouterr().err


def test_an_experiment_that_names_its_threads_has_these(tmp_path: Path) -> None:
    fixed = tiny(training={"batch": 8, "device": "cpu", "threads": 2})
    RunFolder.create(tmp_path / "run", fixed).close()
    tell(tmp_path / "run", threads=1)
    with pytest.raises(UserError, match="the number of threads is 2 now and was 1"):
        resume(tmp_path / "run", strict=True)


def test_all_that_decides_bits_is_compared(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = json.loads((run / "provenance.json").read_text())
    tell(
        run,
        versions=known["versions"] | {"torch": "1.0"},
        hardware=known["hardware"] | {"cpu": "Abacus"},
        computing=known["computing"] | {"device": "cuda", "instructions": "MMX", "precision": "half", "tf32": True},
    )
    differences = (
        f"torch is {torch.__version__} now and was 1.0",
        "the device is cpu now and was cuda",
        f"the CPU is {known['hardware']['cpu']} now and was Abacus",
        f"the set of instructions is {known['computing']['instructions']} now and was MMX",
        f"the precision is {known['computing']['precision']} now and was half",
    )
    before = (run / "provenance.json").read_bytes()
    with pytest.raises(UserError, match="--strict: the code or the machine is not that which") as refused:
        resume(run, strict=True)
    assert [line.strip() for line in str(refused.value).splitlines()[1:]] == list(differences)
    assert (run / "provenance.json").read_bytes() == before
    capsys.readouterr()
    go_on(run)
    said = capsys.readouterr().err
    for difference in differences:
        assert f"warning: {difference}; the run will not be to the bit what it would have been" in said
    go_on(run, strict=True)


def test_what_an_older_gankit_has_not_noted_is_not_known_to_differ(run: Path) -> None:
    known = json.loads((run / "provenance.json").read_text())
    del known["computing"], known["threads"]
    (run / "provenance.json").write_text(json.dumps(known))
    go_on(run, strict=True)


def test_the_process_that_evaluates_has_as_many_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    def send(_: EvaluatorProcess, message: Any) -> None:
        sent.append(message)
        raise UserError("enough")

    monkeypatch.setattr(EvaluatorProcess, "send", send)
    torch.set_num_threads(3)
    with pytest.raises(UserError, match="enough"):
        begin(tiny(evaluation={"metrics": [], "extractor": "digits", "images": 16, "background": True}), tmp_path / "r")
    assert "threads: 3" in sent[0][0]

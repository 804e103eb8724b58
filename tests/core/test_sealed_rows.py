"""metrics.jsonl is compared and reported only as far as the newest checkpoint bears it out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.recorded import measured, recorded, study

from gankit.checkpoints.integrity import manifest_text
from gankit.cli import main
from gankit.kinds.callbacks import Row
from gankit.results import load_numbers
from gankit.results.run_results import read_run
from gankit.runs.folder import RunFolder

pytestmark = pytest.mark.costly


def seal(run: Path, images: int = 3000, interrupted: bool = False) -> Path:
    """A checkpoint of the run as it is, as far as its record goes."""
    content = (run / "metrics.jsonl").read_bytes()
    checkpoint = run / "checkpoints" / f"{images:012d}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "metrics.jsonl").write_bytes(content)
    about = {"format": 1, "images": images, "interrupted": interrupted}
    sums = {"metrics.jsonl": hashlib.sha256(content).hexdigest()}
    (checkpoint / "manifest.json").write_bytes(manifest_text({**about, "files": sums}))
    return checkpoint


@pytest.fixture
def losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study whose runs have checkpoints."""
    monkeypatch.chdir(tmp_path)
    folder = study(Path("losses"), {"hinge": [5.0], "wgan": [4.0]})
    for run in folder.glob("*/*"):
        seal(run)
    return folder


def flattered(content: bytes) -> bytes:
    return content.replace(b'"value": 4.0', b'"value": 1.0')


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a digit": (flattered, "metrics.jsonl:3 is not what the run had recorded"),
    "the end": (lambda content: content[: content.index(b"\n") + 1], "ends in line 2, and the run had recorded 3"),
    "all": (lambda content: b"", "ends in line 1, and the run had recorded 3"),
    "its form": (lambda content: b"{}\n" + content, "metrics.jsonl:1 is not what the run had recorded"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_was_sealed_is_compared_instead_and_that_is_said(
    losses: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(losses)]) == 0
    before = capsys.readouterr().out
    change, said = DAMAGE[damage]
    file = losses / "loss=wgan/seed-0/metrics.jsonl"
    file.write_bytes(change(file.read_bytes()))
    why = f"{said}; its rows are taken from checkpoint 000000003000, which is whole"
    assert main(["compare", str(losses)]) == 1
    shown = capsys.readouterr()
    assert str(file) in shown.err
    assert why in shown.err
    assert why in shown.out
    assert shown.out.startswith(before[: before.index("How it was measured")]), "the numbers are those of before"
    assert main(["report", str(losses), "-o", "page.html"]) == 1
    assert said in capsys.readouterr().err
    assert said in Path("page.html").read_text()
    assert main(["compare", str(losses), "--format", "json"]) == 1
    (restored,) = json.loads(capsys.readouterr().out)["restored"]
    assert restored["folder"] == str(file.parent)
    assert main(["runs", "losses"]) == 0
    assert said in capsys.readouterr().out
    load_numbers("losses")
    assert said in capsys.readouterr().err


def test_so_it_is_if_the_file_cannot_be_read(losses: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = losses / "loss=wgan/seed-0/metrics.jsonl"
    file.unlink()
    assert main(["compare", str(losses)]) == 1
    assert f"{file} cannot be read: No such file or directory; its rows are taken" in capsys.readouterr().err


def test_what_came_after_the_checkpoint_counts(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", measured(1000, 1, 4, fid=1.0))
    seal(run, 1000)
    folder = RunFolder(run)
    folder.record(measured(3000, 2, 8, fid=2.0))
    folder.close()
    assert read_run(run, check=True) == read_run(run)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"images": "many"}, "images: expected a whole number from 0"),
        ({"images": 10**400}, "images: expected a whole number from 0"),
        ({"stage": True}, "stage: expected a whole number from 1"),
        ({"name": 7}, "name: expected text"),
        ({"value": 10**400}, "too large to convert to float"),
        ({"protocol": [1]}, "protocol: expected an object"),
        ({"images": 900}, "fid at 900 images stands after one at 1,000"),
        ({"stage": 1, "note": []}, "note: expected text"),
    ],
)
def test_what_came_after_it_counts_only_if_a_run_can_have_recorded_it(
    tmp_path: Path, changes: dict[str, object], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = recorded(tmp_path / "run", measured(1000, 1, 4, fid=1.0))
    row = {"images": 3000, "stage": 2, "resolution": 8, "name": "fid", "value": 2.0, "protocol": {}, **changes}
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    for command in ("runs", "compare"):
        assert main([command, str(run)]) in (0, 2)  # without a checkpoint all of it is believed, or nothing
    sealed = recorded(tmp_path / "sealed", measured(1000, 1, 4, fid=1.0))
    seal(sealed, 1000)
    (sealed / "metrics.jsonl").write_bytes((run / "metrics.jsonl").read_bytes())
    read = read_run(sealed, check=True)
    assert [row.images for row in read.rows] == [1000]
    assert read.restored is not None
    assert "metrics.jsonl:2: " in read.restored
    assert said in read.restored


def test_events_and_background_evaluations_may_be_of_before(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", measured(1000, 1, 4, fid=1.0))
    seal(run, 1000)
    folder = RunFolder(run)
    folder.record([Row(1500, 1, 4, "spike", 1, note="seen"), Row(1200, 1, 4, "loss.generator", 1.0)])
    folder.record(measured(1100, 1, 4, fid=2.0))
    folder.close()
    assert read_run(run, check=True) == read_run(run)


def test_a_damaged_checkpoint_bears_nothing_out(losses: Path) -> None:
    run = losses / "loss=wgan/seed-0"
    seal(run, 5000).joinpath("manifest.json").write_text("{}")
    seal(run, 6000).joinpath("metrics.jsonl").write_text("")
    assert read_run(run, check=True).restored is None
    (run / "metrics.jsonl").write_bytes(flattered((run / "metrics.jsonl").read_bytes()))
    restored = read_run(run, check=True).restored
    assert restored is not None
    assert "000000003000" in restored


def test_a_run_may_have_gone_back_behind_an_interruption(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run", measured(1000, 1, 4, fid=1.0))
    seal(run, 1000)
    before = (run / "metrics.jsonl").read_bytes()
    folder = RunFolder(run)
    folder.record(measured(2000, 2, 8, fid=2.0))
    seal(run, 2000, interrupted=True)
    folder.rewind(before)
    restored = read_run(run, check=True).restored
    assert restored is not None, "the end is lost"
    folder.record([Row(1000, 1, 4, "rolled-back", 1, note="diverged")])
    folder.close()
    assert read_run(run, check=True).restored is None

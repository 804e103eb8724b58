"""Checkpoint files are either what was written or known not to be."""

from __future__ import annotations

import json
import pickle
import random
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support.tiny import tiny, trainer

from gankit import UserError
from gankit.checkpoints import store
from gankit.checkpoints.integrity import CorruptCheckpointError, manifest_text, remove_leftovers
from gankit.checkpoints.store import found, newest, read, save
from gankit.cli import main
from gankit.core.errors import RunError
from gankit.runs.folder import RunFolder
from gankit.runs.recorded import DECISIVE
from gankit.runs.start import begin, resume
from gankit.runs.status import RunState, state_of


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with checkpoints at 0, 32, 64 and 96 images."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    begin(tiny(checkpoints={"every": 64, "keep": 9}), folder).train()
    assert [int(path.name) for path in found(folder / "checkpoints")] == [0, 32, 64, 96]
    return folder


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return shutil.copytree(run, tmp_path / "run")


def damaged(content: bytes, draw: random.Random) -> bytes:
    """Something else than `content`: cut off, or with a byte changed, or a byte too many."""
    place = draw.randrange(len(content))
    kinds = (
        content[:place],
        content[:place] + bytes([content[place] ^ (1 << draw.randrange(8))]) + content[place + 1 :],
        content[:place] + bytes([draw.randrange(256)]) + content[place:],
    )
    return draw.choice(kinds)


@pytest.mark.parametrize("places", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_damage_is_always_noticed(copy: Path, places: int) -> None:
    draw = random.Random(0)
    last, before = found(copy / "checkpoints")[:-3:-1]
    files = [path for path in sorted(last.iterdir()) if path.stat().st_size]
    whole = {path: path.read_bytes() for path in files}
    for number in range(places):
        file = files[number % len(files)]
        file.write_bytes(damaged(whole[file], draw))
        said: list[str] = []
        found_instead = newest(copy / "checkpoints", said.append)
        assert found_instead is not None
        assert found_instead.path == before
        assert len(said) == 1
        assert f"checkpoint {last} is damaged and not used: {file.name}" in said[0]
        file.write_bytes(whole[file])
    assert read(last).manifest["images"] == 96


def test_a_missing_file_is_noticed(copy: Path) -> None:
    last = found(copy / "checkpoints")[-1]
    for file in sorted(last.iterdir()):
        content = file.read_bytes()
        file.unlink()
        with pytest.raises(CorruptCheckpointError, match=file.name):
            read(last)
        file.write_bytes(content)


def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(
    run: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = found(copy / "checkpoints")[-1]
    (last / "training.pt").write_bytes(b"")
    resumed = resume(copy)
    assert resumed is not None
    said = capsys.readouterr().err
    assert f"checkpoint {last.absolute()} is damaged and not used: training.pt is not what was written" in said
    resumed.train()
    for path in sorted((run / "checkpoints").rglob("*.*")):
        assert path.read_bytes() == (copy / path.relative_to(run)).read_bytes()


def test_a_disk_without_room_for_a_checkpoint_stops_a_run_until_there_is(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save_on_a_small_disk(folder: Path, *rest: Any) -> Path:
        if len(found(folder)) == 2:
            raise OSError(28, "No space left on device")
        return save(folder, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(store, "save", save_on_a_small_disk)
        said = (
            r"cannot write a checkpoint to .*/checkpoints: No space left on device; make room, then go on from the last"
        )
        with pytest.raises(RunError, match=said):
            begin(tiny(checkpoints={"every": 64, "keep": 9}), tmp_path / "run").train()
    resumed = resume(tmp_path / "run")
    assert resumed is not None
    resumed.train()
    for path in sorted((run / "checkpoints").rglob("*.*")):
        assert path.read_bytes() == (tmp_path / "run" / path.relative_to(run)).read_bytes()


def test_a_run_with_nothing_but_damaged_checkpoints_is_left_as_it_is(copy: Path) -> None:
    for path in found(copy / "checkpoints"):
        (path / "manifest.json").write_text("{}")
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="no checkpoint can be read"):
        resume(copy)
    assert before == {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}


def test_an_experiment_that_weights_do_not_fit_is_told_before_anything_is_noted(copy: Path) -> None:
    shutil.rmtree(copy / "checkpoints" / "000000000096")
    manifest = copy / "checkpoints" / "000000000064" / "manifest.json"
    about = {
        name: value for name, value in json.loads(manifest.read_text()).items() if name not in (DECISIVE, "sha256")
    }
    manifest.write_bytes(manifest_text(about))  # as those of gankit 0.1 are, and whoever sends a folder may seal it
    file, noted = copy / "experiment.yaml", (copy / "provenance.json").read_bytes()
    before = file.read_text()
    assert before.count("channels: {4: 8, 8: 4}") == 2
    file.write_text(before.replace("channels: {4: 8, 8: 4}", "channels: {4: 8, 8: 6}"))
    with pytest.raises(UserError) as caught:
        resume(copy)
    assert re.fullmatch(
        r".*experiment\.yaml does not fit .*064; put back what the run began with: RuntimeError: .* size mismatch .*",
        str(caught.value),
    )
    assert (copy / "provenance.json").read_bytes() == noted
    file.write_text(before)
    assert resume(copy) is not None


class Bomb:
    """Leaves a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol 5")  # torch says so before it refuses
@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("name", ["training.pt", "average.safetensors", "manifest.json"])
def test_a_planted_pickle_is_refused_without_running(copy: Path, name: str, protocol: int, sealed: bool) -> None:
    trace = copy / "trace"
    pickle.loads(pickle.dumps(Bomb(trace)))
    assert trace.exists()
    trace.unlink()
    last = found(copy / "checkpoints")[-1]
    planted = pickle.dumps({"weights": Bomb(trace)}, protocol)
    (last / name).write_bytes(planted)
    if sealed and name != "manifest.json":  # whoever plants a file can seal it too
        from hashlib import sha256

        manifest = json.loads((last / "manifest.json").read_text())
        manifest["files"][name] = sha256(planted).hexdigest()
        del manifest["sha256"]
        (last / "manifest.json").write_bytes(manifest_text(manifest))
    with pytest.raises(CorruptCheckpointError, match=name):
        read(last)
    assert not trace.exists()


def test_torch_loads_the_training_state_without_running_code(run: Path) -> None:
    state = torch.load(found(run / "checkpoints")[-1] / "training.pt", weights_only=True)
    assert {"optimizers", "memory", "images", "due"} <= set(state)


def test_equal_states_give_equal_files_whatever_objects_they_are_made_of(tmp_path: Path) -> None:
    first, second = trainer(tiny()), trainer(tiny())
    for _ in range(3):
        first.iteration()
    second.iteration()
    (tmp_path / "c").mkdir()
    save(tmp_path, first.state_dict(), b"row\n", {"images": 5})
    second.load_state_dict(read(tmp_path / "000000000005").state)
    (tmp_path / "other").mkdir()
    save(tmp_path / "other", second.state_dict(), b"row\n", {"images": 5})
    for path in (tmp_path / "000000000005").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / "000000000005" / path.name).read_bytes()


def test_what_is_no_plain_value_is_refused_when_it_is_saved(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="plain values and tensors, not PosixPath"):
        save(tmp_path, {"weights": {}, "memory": {"path": tmp_path}}, b"", {"images": 0})
    assert list(tmp_path.iterdir()) == []


def test_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    metrics = {"metrics": ["fid"], "extractor": "digits", "images": 64, "every": 8}
    keep = {"every": None, "keep": 2, "best": "fid"}
    begin(tiny(evaluation=metrics, checkpoints=keep), tmp_path / "run").train()
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    fids = {row["images"]: row["value"] for row in rows if row["name"] == "fid" and row["resolution"] == 8}
    best = min(fids, key=lambda images: (fids[images], images))
    kept = [int(path.name) for path in found(tmp_path / "run" / "checkpoints")]
    assert best in kept
    assert kept[-1] == 96
    assert len(kept) == 3 - (best in kept[-2:])
    assert int(store.chosen(tmp_path / "run", best=True).name) == best


def test_what_a_kill_in_the_last_prune_left_is_cleared_away(copy: Path) -> None:
    checkpoints = copy / "checkpoints"
    first = found(checkpoints)[0]
    for aside in (".000000000064.removed", ".000000000096.partial"):
        shutil.copytree(first, checkpoints / aside)
    before = found(checkpoints)
    assert resume(copy) is None, "it is finished"
    assert sorted(checkpoints.iterdir()) == before


@pytest.mark.parametrize("content", [None, b"", b"junk\n", b'{"images": 1}\n'])
def test_the_record_of_a_finished_run_is_put_back(
    copy: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    file = copy / "metrics.jsonl"
    before = file.read_bytes()
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    assert main(["resume", str(copy)]) == 0
    assert "metrics.jsonl was not what the run had recorded and is put back" in capsys.readouterr().err
    assert file.read_bytes() == before
    kept = copy / "metrics.jsonl.damaged"
    assert (kept.read_bytes() if kept.exists() else None) == content
    assert resume(copy) is None
    assert "put back" not in capsys.readouterr().err


def test_what_a_kill_left_of_a_file_as_the_run_was_begun_is_cleared_away(tmp_path: Path) -> None:
    for name in (".lock", ".experiment.yaml.4711"):
        (tmp_path / name).touch()
    RunFolder.create(tmp_path, tiny()).close()
    assert not (tmp_path / ".experiment.yaml.4711").exists()


def test_a_run_that_was_interrupted_as_it_was_begun_can_be_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "_write_experiment", interrupted)
        with pytest.raises(KeyboardInterrupt):
            RunFolder.create(tmp_path / "run", tiny())
    RunFolder.create(tmp_path / "run", tiny()).close()


def test_a_kill_while_a_checkpoint_takes_the_place_of_another_loses_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run without background evaluation writes none twice; one with it does at its end, and may keep only that."""
    state = trainer(tiny()).state_dict()
    save(tmp_path, state, b"first\n", {"images": 5})
    rename = Path.rename

    def killed(path: Path, target: Path) -> Path:
        if path.suffix == ".partial":
            raise SystemError("as by SIGKILL")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(SystemError):
        save(tmp_path, state, b"second\n", {"images": 5})
    (only,) = found(tmp_path)
    assert read(only).metrics == b"first\n", "what could not be written is as it was"
    monkeypatch.undo()
    (tmp_path / "other").mkdir()
    save(tmp_path / "other", state, b"second\n", {"images": 5})
    (tmp_path / "other" / only.name).rename(tmp_path / f".{only.name}.partial")
    only.rename(tmp_path / f".{only.name}.removed")
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name != "other"] == [only.name]
    assert read(only).metrics == b"second\n"


def test_only_a_whole_manifest_says_that_a_run_is_finished(copy: Path) -> None:
    (copy / "times.jsonl").unlink()
    assert state_of(copy) is RunState.FINISHED
    manifest = found(copy / "checkpoints")[-1] / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"images": 96', '"images": 97'))
    assert state_of(copy) is RunState.CUT_SHORT


def with_best(run: Path, folder: Path, **best: int | None) -> Path:
    """A run that kept its best checkpoints: each of `best` says which, by their images."""
    for images, named in best.items():
        about = {"images": int(images.removeprefix("at_")), "best": None if named is None else {"images": named}}
        save(folder / "checkpoints", {"weights": {}}, b"", about)
    (folder / "experiment.yaml").write_bytes((run / "experiment.yaml").read_bytes())
    return folder


@pytest.mark.parametrize("file", ["manifest.json", "training.pt"])
def test_the_best_is_known_though_the_newest_is_damaged(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    (tmp_path / "checkpoints").mkdir()
    folder = with_best(run, tmp_path, at_8=8, at_16=8, at_24=8)
    newest = found(folder / "checkpoints")[-1]
    (newest / file).write_bytes(b"{}")
    assert store.chosen(folder, best=True).name == f"{8:012d}"
    told = f"gankit: checkpoint {newest} is damaged; the best is the one that {16:012d} names\n"
    assert capsys.readouterr().err == (told if file == "manifest.json" else "")


def test_it_is_said_why_the_best_is_not_known(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "checkpoints").mkdir()
    folder = with_best(run, tmp_path, at_8=None, at_16=16, at_24=16)
    sample = ["sample", str(folder), "--best", "-o", str(tmp_path / "grid.png")]
    first, best, newest = found(folder / "checkpoints")
    shutil.rmtree(best)
    assert main(sample) == 2
    assert capsys.readouterr().err == f"{folder}: the best checkpoint cannot be told: {best} is gone\n"
    for lost in (newest, first):
        (lost / "manifest.json").unlink()
        assert main(sample) == 2
        assert capsys.readouterr().err == f"{folder}: the best checkpoint cannot be told: {newest} is damaged\n"


def test_samples_of_a_checkpoint_and_of_the_best(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, path in enumerate([run, *found(run / "checkpoints")]):
        assert main(["sample", str(path), "-o", str(tmp_path / f"{number}.png"), "-n", "4"]) == 0
    pictures = {number: np.asarray(Image.open(tmp_path / f"{number}.png")) for number in (0, 3, 4)}
    assert np.array_equal(pictures[0], pictures[4])
    assert not np.array_equal(pictures[0], pictures[3])
    assert main(["sample", str(run), "-o", str(tmp_path / "best.png"), "--best"]) == 2
    assert "keeps no best checkpoint; name a metric under checkpoints.best" in capsys.readouterr().err
    assert main(["sample", str(tmp_path), "-o", str(tmp_path / "none.png")]) == 2
    assert "neither a run's folder nor a checkpoint" in capsys.readouterr().err

"""A user's mistake ends in one clear message and exit code 2, before any training, with nothing overwritten."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.command import QUICKSTART, SMALL, gankit, gankit_here

from gankit.cli import main

MISTAKES = {
    "an unknown option": (["training.bach=8"], "training.bach: unknown option. Did you mean 'batch'?"),
    "an unknown component": (["loss=wgn"], "no loss is called 'wgn'. Did you mean 'wgan'?"),
    "a wrong type": (["training.batch=many"], "training.batch: expected"),
    "a penalty a sample at a time on a batch norm": (["discriminator.norm=batch"], "mixes the samples"),
    "a final resolution out of reach": (["growth.final=20"], "start times a power of two"),
    "images only from the second resolution up": (["growth.images=1k", "growth.images={8: 1k}"], "no value for 4"),
    "channels only from the second resolution up": (
        ["generator.channels=4", "generator.channels={8: 4}"],
        "no value for resolution 4",
    ),
    "a fade beyond the whole stage": (
        ["growth.fade=1.5"],
        "expected a share of the stage from 0 to 1",
    ),
    "weights of an extractor left out": (["evaluation.extractor=classifier"], "evaluation.extractor.weights: required"),
    "a resolution that is none": (["training.batch={4: 64, 7: 3}"], "training.batch.7: 7 is never reached"),
    "several metrics in one text": (["evaluation.metrics=fid,kid"], "several are a list: [fid, kid]"),
    "a batch of broken groups": (["training.batch=10"], "does not split into groups of 4"),
    "digits larger than they are": (["growth.final=32"], "digits are scans"),
    "a label for none": (["name=bad/name"], "name"),
    "a name that no folder can have": (["name=" + "x" * 201], "in 200 characters at most"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("command", ["validate", "run"])
def test_mistakes_end_before_anything_begins(
    mistake: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, expected = MISTAKES[mistake]
    monkeypatch.chdir(tmp_path)
    code = main([command, str(QUICKSTART), *(part for setting in settings for part in ("--set", setting))])
    message = capsys.readouterr().err
    assert code == 2
    assert expected in message
    assert "Traceback" not in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["validate", "a.yaml", "-" + "x" * 5000], "unknown argument '-xxx"),
        (["validate", "a.yaml", "\x1b[31m"], "unknown argument '\\x1b[31m'"),
        (["x" * 5000], "there is no command 'xxx"),
    ],
)
def test_odd_arguments_are_answered_in_lines_that_can_be_read(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    assert leaving.value.code == 2
    message = capsys.readouterr().err
    assert expected in message
    assert all(len(line) < 600 and line.isprintable() for line in message.splitlines())


def test_a_terminal_without_the_letters_is_no_obstacle(tmp_path: Path) -> None:
    missing = ["validate", QUICKSTART, "--set", "data={use: folder, path: Größe}"]
    done = gankit(missing, tmp_path, {**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "Gr\\xf6\\xdfe" in done.stdout


def test_an_unreadable_image_is_named_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    images = tmp_path / "images"
    images.mkdir()
    (images / "broken.png").write_bytes(b"not a picture")
    assert main(["run", str(QUICKSTART), "--set", f"data={{use: folder, path: {images}}}"]) == 2
    assert "broken.png" in capsys.readouterr().err
    assert [entry.name for entry in tmp_path.iterdir()] == ["images"]


def test_a_folder_that_holds_a_run_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    assert gankit_here(["run", QUICKSTART, *SMALL, "--out", "run"], tmp_path).returncode == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")}
    refused = gankit_here(["run", QUICKSTART, *SMALL, "--out", "run"], tmp_path)
    assert refused.returncode == 2
    assert "already holds a run" in refused.stderr
    assert "--out" in refused.stderr
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")} == before
    nowhere = gankit_here(["sample", "run", "-o", "run/experiment.yaml/grid.png"], tmp_path)
    assert nowhere.returncode == 2
    assert nowhere.stderr == "-o: cannot write run/experiment.yaml/grid.png: File exists\n"


@pytest.mark.slow
def test_equal_experiments_write_equal_files(tmp_path: Path) -> None:
    for name, command in (("one", gankit), ("other", gankit_here)):
        done = command(["run", QUICKSTART, *SMALL, "--set", "training.threads=1", "--out", name], tmp_path)
        assert done.returncode == 0, done.stderr
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    compared = [file for file in files if file.name not in ("times.jsonl", "provenance.json")]
    assert any(file.suffix == ".safetensors" for file in compared)
    for file in compared:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes(), file

"""gankit from Python: what the commands do, with the same numbers and the same words."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny import tiny

import gankit
from gankit import UserError
from gankit.cli import main
from gankit.config.loader import load_experiment
from gankit.data.images import to_uint8
from gankit.generators.exported import write_export

MEASURED = {"metrics": ["fid", "is"], "extractor": "digits", "images": 40}
FILE = """\
name: small
data: digits
growth: {use: fixed, resolution: 8, images: 32}
generator: {stem: pggan, block: conv, rgb: rgb, channels: 4, latent: 8}
discriminator: {block: conv, rgb: rgb, head: pggan, channels: 4}
loss: wgan
training: {batch: 8, device: cpu, optimizer: {use: adam, lr: 1e-3}}
observers: [{use: progress, enabled: false}, {use: guard, enabled: false}]
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment in the current folder, a fresh one."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(FILE)
    return Path("small.yaml")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs that were measured."""
    folder = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        gankit.train(tiny(seed=seed, evaluation=MEASURED), folder / f"seed-{seed}", rehearsal=False)
    return folder


def test_an_experiment_is_read_as_the_command_reads_it(file: Path) -> None:
    experiment = gankit.Experiment.read(file, seed=3, training={"batch": 16}, **{"training.optimizer.lr": 0.5})

    assert experiment == load_experiment(file, ["seed=3", "training.batch=16", "training.optimizer.lr=0.5"])
    assert experiment.training.device == "cpu"  # what lies beside what was changed stays
    Path("again.yaml").write_text(experiment.to_yaml())
    assert gankit.Experiment.read("again.yaml") == experiment


def test_an_experiment_comes_from_plain_values(file: Path) -> None:
    options = {"extends": "small.yaml", "name": "other", "growth": {"images": "1k"}}

    experiment = gankit.Experiment.from_dict(options, loss="least-squares")

    assert experiment == load_experiment(file, ["name=other", "growth.images=1k", "loss=least-squares"])


@pytest.mark.parametrize(
    "arguments", [["small.yaml", "--set", "sed=3"], ["small.yaml", "--set", "loss=wgn"], ["no.yaml"]]
)
def test_a_mistake_raises_what_the_command_prints(
    file: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", *arguments]) == 2
    printed = capsys.readouterr().err
    settings = {
        name: int(value) if value.isdecimal() else value
        for name, value in (setting.split("=") for setting in arguments[2:])
    }

    with pytest.raises(UserError) as caught:
        gankit.Experiment.read(arguments[0], **settings)

    assert f"{caught.value}\n" == printed.replace("--set ", "")  # nobody has typed that


def test_mistakes_in_plain_values_are_told_with_their_options(file: Path) -> None:
    for said, options in (
        ("options:1:1: nam", {"nam": "x"}),
        ("options are plain values, as YAML has them: ", {"name": object()}),
        ("no loss is called 'wgn'. Did you mean 'wgan'?", {"extends": "small.yaml", "loss": "wgn"}),
        ("no-such.yaml: no such file", {"extends": "no-such.yaml"}),
    ):
        with pytest.raises(UserError) as caught:
            gankit.Experiment.from_dict(options)
        assert said in str(caught.value)


def test_training_is_what_the_command_does(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = gankit.train(gankit.Experiment.read(file), rehearsal=False)

    assert run == Path("runs/small")
    assert main(["run", "small.yaml", "--out", "by-command", "--no-rehearsal"]) == 0
    for name in ("experiment.yaml", "metrics.jsonl", "checkpoints/000000000032/generator.safetensors"):
        assert (run / name).read_bytes() == (Path("by-command") / name).read_bytes()
    with pytest.raises(UserError, match="runs/small"):
        gankit.train(gankit.Experiment.read(file))
    assert gankit.train(gankit.Experiment.read(file), resume=True) == run
    with pytest.raises(UserError):
        gankit.train(gankit.Experiment.read(file, seed=1), resume=True)


def test_a_generator_measures_as_its_run_does(runs: Path, tmp_path: Path) -> None:
    run, export = runs / "seed-0", tmp_path / "generator.safetensors"
    recorded = {row["name"]: row["value"] for row in map(json.loads, (run / "metrics.jsonl").open())}
    write_export(export, gankit.load(run))

    for what in (run, gankit.load(run), export):
        numbers = gankit.evaluate(what)
        assert numbers["fid"].value == pytest.approx(recorded["fid"], rel=1e-9)
        assert numbers["is"].value == pytest.approx(recorded["is"], rel=1e-9)
        assert numbers["fid"].protocol is not None
        assert numbers["fid"].protocol["images"] == 40
    assert gankit.evaluate(run, metrics="is", images=30).keys() == {"is", "is_std"}


def test_images_in_memory_measure_as_those_in_a_folder(runs: Path, tmp_path: Path) -> None:
    assert main(["sample", str(runs / "seed-0"), "-n", "40", "-o", str(tmp_path / "images")]) == 0
    images = gankit.load(runs / "seed-0").sample(40)
    asked = {"data": "digits", "metrics": ["fid", "is"], "extractor": "digits"}

    in_folder = gankit.evaluate(tmp_path / "images", **asked)

    assert len(in_folder) > 2
    for given in (images, to_uint8(images).numpy()):
        numbers = gankit.evaluate(given, **asked)
        assert {name: row.value for name, row in numbers.items()} == {
            name: row.value for name, row in in_folder.items()
        }
        assert numbers["fid"].protocol == in_folder["fid"].protocol


def test_what_cannot_be_measured_is_told(runs: Path) -> None:
    images = torch.zeros(4, 1, 8, 8)
    for said, wrong in (
        ("data: say which real images to compare these with", lambda: gankit.evaluate(images)),
        ("images: there are 4, not 5", lambda: gankit.evaluate(images, "digits", images=5)),
        (
            "images: expected [N, 1, 8, 8], as the real ones are, not [4, 3, 8, 8]",
            lambda: gankit.evaluate(images.expand(-1, 3, -1, -1), "digits"),
        ),
        ("images: expected [N, C, H, W], uint8 from 0", lambda: gankit.evaluate(images[0], "digits")),
        ("images: expected [N, C, H, W], uint8 from 0", lambda: gankit.evaluate(images.int(), "digits")),
        ("no finite numbers", lambda: gankit.evaluate(images / 0, "digits")),
        ("no metric is called 'fidd'. Did you mean 'fid'?", lambda: gankit.evaluate(images, "digits", "fidd")),
        ("metrics=fidd: metrics: ", lambda: gankit.evaluate(images, "digits", "fidd")),
        ("extractor=digts: extractor: ", lambda: gankit.evaluate(images, "digits", "fid", extractor="digts")),
        ("no-such", lambda: gankit.evaluate("no-such")),
        ("mtrics", lambda: gankit.evaluate(images, "digits", mtrics="fid")),
    ):
        with pytest.raises(UserError) as caught:
            wrong()
        assert said in str(caught.value)
        assert "--" not in str(caught.value)


def test_a_comparison_is_the_commands(runs: Path, tmp_path: Path) -> None:
    table = gankit.compare(runs, ["fid", "is"])

    assert main(["compare", str(runs), "--metric", "fid", "--metric", "is", "-o", str(tmp_path / "table.csv")]) == 0
    with (tmp_path / "table.csv").open() as opened:
        rows = list(csv.DictReader(opened))
    assert len(table) == len(rows) == 4
    assert [f"{value}" for value in table["mean"]] == [row["mean"] for row in rows]
    assert table["is_baseline"].all()
    assert {*rows[0]} == {*table.columns} - {"stage"}
    with pytest.raises(UserError, match="no-such"):
        gankit.compare([tmp_path / "no-such"])


def test_images_are_laid_out_for_notebooks(runs: Path) -> None:
    images = gankit.load(runs / "seed-0").sample(6)

    picture = gankit.as_picture(images, columns=3, scale=1)

    assert picture.size == (3 * 8 + 2 * 2, 2 * 8 + 2)
    np.testing.assert_array_equal(np.asarray(picture)[:8, :8], to_uint8(images)[0, 0].numpy())
    assert gankit.as_picture(to_uint8(images), names=["one"]).size[0] > gankit.as_picture(images).size[0]

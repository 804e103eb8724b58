"""A run keeps number, names and order of its classes, whatever becomes of the folders that they were found in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support.crashing import files
from support.slow import slow_but
from support.tiny import tiny

from gankit.checkpoints import store
from gankit.checkpoints.integrity import MANIFEST, manifest_text
from gankit.cli import main
from gankit.results.page.drawn import draw, draw_reals
from gankit.results.run_results import read_run
from gankit.runs.start import begin, resume

pytestmark = pytest.mark.costly

NAMES = ["2", "10", "b"]


def fill(folder: Path, names: list[str] = NAMES, each: int = 6) -> Path:
    """A folder of noise in classes, each brighter than the one before."""
    draws = np.random.default_rng(0)
    for number, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for image in range(each):
            pixels = draws.integers(60 * number, 60 * number + 60, (8, 8), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{image}.png")
    return folder


def labelled(images: Path, **changes: Any) -> Any:
    """A conditional experiment on the classes in a folder."""
    network = {"block": "conv", "rgb": "rgb", "channels": {4: 8, 8: 4}, "norm": "equalized"}
    options = {
        "data": {"use": "folder", "path": str(images), "channels": 1, "labels": True},
        "discriminator": network | {"head": {"use": "pggan", "labels": "select"}},
        "evaluation": {"metrics": ["is"], "extractor": "digits", "images": 16},
        "checkpoints": {"every": 24, "keep": 9},
    }
    return tiny(**(options | changes))


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the images and a finished run."""
    folder = tmp_path_factory.mktemp("origin")
    begin(labelled(fill(folder / "images")), folder / "run").train()
    return folder


@pytest.fixture
def place(origin: Path, tmp_path: Path) -> Path:
    """The same, to be changed; the images lie where the run expects them."""
    shutil.copytree(origin, tmp_path / "copy")
    experiment = tmp_path / "copy/run/experiment.yaml"
    experiment.write_text(experiment.read_text().replace(str(origin), str(tmp_path / "copy")))
    return tmp_path / "copy"


def older(run: Path) -> Path:
    """As an earlier gankit left it: no checkpoint tells of classes."""
    for checkpoint in store.found(run / "checkpoints"):
        manifest = store.manifest_of(checkpoint)
        del manifest["classes"]
        (checkpoint / MANIFEST).write_bytes(manifest_text(manifest))
    return run


def cut(run: Path) -> Path:
    """As a kill left it, right after its second checkpoint."""
    for checkpoint in store.found(run / "checkpoints")[2:]:
        shutil.rmtree(checkpoint)
    return run


def sampled(run: Path, output: Path, *more: str) -> bytes:
    assert main(["sample", str(run), "-o", str(output), "-n", "4", *more]) == 0
    if output.suffix != ".png":
        return output.read_bytes()
    with Image.open(output) as picture:  # each says by which command it was made
        return picture.tobytes()


def test_every_checkpoint_keeps_the_names_in_their_order(origin: Path) -> None:
    assert all(store.manifest_of(path)["classes"] == NAMES for path in store.found(origin / "run/checkpoints"))


FATES = ["moved", "one more", "one less", "as many others"]


@pytest.mark.parametrize("before", [False, True], ids=["new", "older"])
@pytest.mark.parametrize("fate", slow_but(["moved", "as many others"], FATES))
def test_images_are_drawn_measured_and_shown_whatever_became_of_the_folder(
    origin: Path, place: Path, fate: str, before: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    images, run = place / "images", older(place / "run") if before else place / "run"
    if fate == "moved":
        images.rename(place / "elsewhere")
    elif fate == "one more":
        fill(images, ["a"])
    else:
        shutil.rmtree(images / "b")
        if fate == "as many others":
            fill(images, ["a"])
    assert sampled(run, place / "new.npy") == sampled(origin / "run", place / "old.npy")
    assert np.array_equal(draw(run, 4).images, draw(origin / "run", 4).images)
    capsys.readouterr()
    assert main(["evaluate", str(run), "--json"]) == 0
    numbers = {row["name"]: row["value"] for row in json.loads(capsys.readouterr().out)["measurements"][0]["rows"]}
    recorded = {row.name: row.value for row in read_run(origin / "run").rows}
    if fate in ("moved", "one more"):  # otherwise classes are drawn as often as the images that are left have them
        assert numbers["is"] == recorded["is"]


def test_what_needs_reals_names_them_where_they_are_gone(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "images").rename(place / "elsewhere")
    assert main(["evaluate", str(place / "run"), "--metrics", "fid"]) == 2
    assert f"there is no folder {place / 'images'}" in (said := capsys.readouterr().err)
    assert "--data" in said
    assert main(["evaluate", str(place / "run"), "--metrics", "[fid, is]", "--json"]) == 0
    out, said = capsys.readouterr()
    assert {row["name"] for row in json.loads(out)["measurements"][0]["rows"]} == {"is", "is_std"}
    assert "metric fidelity/fid failed" in said
    data = f"{{use: folder, path: {place / 'elsewhere'}, channels: 1, labels: true}}"
    assert main(["evaluate", str(place / "run"), "--metrics", "[fid, is]", "--data", data]) == 0


def test_a_run_goes_on_with_its_classes_beside_new_ones(
    origin: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(place / "images", ["a"])
    (place / "images/empty").mkdir()
    assert main(["resume", str(cut(place / "run"))]) == 0
    assert "images: passed over 6 images of other classes: a" in capsys.readouterr().err
    assert equal_weights(origin / "run", place / "run")
    shutil.rmtree(place / "images/b")
    assert main(["resume", str(cut(place / "run"))]) == 2
    assert "data: the images are not those that the run began with" in capsys.readouterr().err


def equal_weights(one: Path, other: Path) -> bool:
    """Whether the networks of two runs are the same to the bit."""
    states = [store.read(store.found(run / "checkpoints")[-1]).state["weights"] for run in (one, other)]
    return all(
        torch.equal(tensor, states[1][network][name])
        for network, weights in states[0].items()
        for name, tensor in weights.items()
    )


@pytest.mark.parametrize("junk", slow_but([["__MACOSX"]], [[], ["__MACOSX"]]))
def test_a_run_from_before_goes_on_with_the_order_that_it_was_trained_with(
    tmp_path: Path, junk: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = labelled(fill(tmp_path / "images", [*NAMES, *junk]))
    (tmp_path / "images/empty").mkdir()
    as_then = experiment.model_copy(update={"data": experiment.data.with_classes(None)})
    begin(as_then, tmp_path / "whole").train()
    assert read_run(tmp_path / "whole")
    (by_text,) = {tuple(store.manifest_of(path)["classes"]) for path in store.found(tmp_path / "whole/checkpoints")}
    assert list(by_text) == sorted([*NAMES, *junk])
    shutil.copytree(tmp_path / "whole", tmp_path / "run")
    assert main(["resume", str(cut(older(tmp_path / "run")))]) == 0
    assert files(tmp_path / "run")["metrics.jsonl"] == files(tmp_path / "whole")["metrics.jsonl"]
    assert equal_weights(tmp_path / "whole", tmp_path / "run")
    assert store.manifest_of(store.found(tmp_path / "run/checkpoints")[-1])["classes"] == list(by_text)


@pytest.mark.slow
def test_the_report_shows_reals_of_a_run_whose_folder_has_grown(place: Path) -> None:
    run = read_run(place / "run")
    before = draw_reals(run, 8, 4)
    fill(place / "images", ["a"])
    assert np.array_equal(draw_reals(run, 8, 4), before)


def test_weights_for_other_classes_are_told(origin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training = {"batch": 8, "device": "cpu", "start_from": str(origin / "run")}
    more = fill(tmp_path / "more", [*NAMES, "c"])
    begin(labelled(more, training=training), tmp_path / "more-classes")
    newest = store.found(origin / "run/checkpoints")[-1]
    assert (
        f"weights are taken from {newest}, which was trained with 3 classes (0=2, 1=10, 2=b) where the data here has "
        "4 classes (0=2, 1=10, 2=b, 3=c); these are not, and begin as without it:"
    ) in capsys.readouterr().err
    begin(tiny(training=training), tmp_path / "none")
    assert "was trained with 3 classes (0=2, 1=10, 2=b) where the data here has no classes;" in capsys.readouterr().err
    begin(labelled(fill(tmp_path / "others", ["x", "y", "z"]), training=training), tmp_path / "run")
    assert "the classes were 0=2, 1=10, 2=b in" in capsys.readouterr().err


def test_a_run_numbers_its_classes_as_the_weights_know_them_that_it_starts_from(
    origin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = labelled(origin / "images")
    as_then = experiment.model_copy(update={"data": experiment.data.with_classes(None)})
    begin(as_then, tmp_path / "then").train()
    training = {"batch": 8, "device": "cpu", "start_from": str(older(tmp_path / "then"))}
    begin(labelled(origin / "images", training=training), tmp_path / "run").train()
    newest = store.found(tmp_path / "run/checkpoints")[-1]
    assert store.manifest_of(newest)["classes"] == ["10", "2", "b"]
    assert resume(tmp_path / "run") is None


def test_moved_images_do_not_end_a_run(origin: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, elsewhere = place / "run", place / "elsewhere"
    (place / "images").rename(elsewhere)
    assert main(["resume", str(run)]) == 0  # which is finished and needs no data
    assert main(["resume", str(cut(run))]) == 2
    assert f"there is no folder {place / 'images'}; if the images were moved, go on with: " in capsys.readouterr().err
    assert main(["resume", str(run), "--set", f"data.path={fill(place / 'others', each=7)}"]) == 2
    assert "data: the images are not those that the run began with" in capsys.readouterr().err
    assert main(["resume", str(run), "--set", f"data.path={elsewhere}", "--set", "data.broken=skip"]) == 2
    said = capsys.readouterr().err
    assert "data.path may be changed, but these were too:\n  data.broken: stop in the run, skip now" in said
    assert str(place / "images") in (run / "experiment.yaml").read_text()
    assert main(["resume", str(run), "--set", f"data.path={elsewhere}"]) == 0
    assert equal_weights(origin / "run", run)
    (changed,) = json.loads((run / "provenance.json").read_text())["resumed"]
    assert changed["changed"] == {"data.path": {"before": str(place / "images"), "now": str(elsewhere)}}
    assert main(["resume", str(cut(run))]) == 0


@pytest.mark.slow
def test_a_study_goes_on_with_images_that_were_moved(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "study.yaml").write_text(
        f"extends: {place / 'run/experiment.yaml'}\nname: study\nmatrix: {{seed: [0, 1]}}\n"
    )

    def run(name: str, images: str) -> int:
        settings = ["--set", f"data.path={place / images}", "--set", "training.threads=1"]
        return main(["run", str(place / "study.yaml"), *settings, "--out", str(place / "all"), *name.split()])

    assert run("--run base/seed-0", "images") == 0
    (place / "images").rename(place / "elsewhere")
    assert run("--run base/seed-1", "elsewhere") == 0
    shutil.copytree(place / "elsewhere", place / "others")
    (place / "others/b/0.png").unlink()
    capsys.readouterr()
    assert run("", "others") == 2
    assert "seed-0 was begun as another experiment than the study's" in capsys.readouterr().err
    assert run("", "elsewhere") == 0
    assert "\nbase        2 " in capsys.readouterr().out  # one variant of two seeds


def test_a_class_is_asked_for_by_name_or_number(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = {label: sampled(place / "run", place / f"{label}.png", "--label", label) for label in ("b", "0", "2", "10")}
    assert drawn["2"] == drawn["0"] != drawn["b"]  # the first class is called 2, and its name goes first
    assert drawn["10"] not in (drawn["0"], drawn["b"])
    capsys.readouterr()
    for label, said in (
        ("3", "the classes are 0=2, 1=10, 2=b."),
        ("-1", "the classes are 0=2, 1=10, 2=b."),
        ("B", "there is no class B; the classes are 0=2, 1=10, 2=b."),
    ):
        assert main(["sample", str(place / "run"), "-o", str(place / "none.png"), f"--label={label}"]) == 2
        assert said in capsys.readouterr().err


def test_styles_are_pulled_towards_the_mean_of_their_class(
    origin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = {"block": "conv", "rgb": "rgb", "channels": {4: 8, 8: 4}, "norm": ["equalized", "pixel"], "latent": 8}
    mapping = {"use": "style", "layers": 2, "width": 8, "lr_multiplier": 1}
    styled = labelled(origin / "images", generator=network | {"mapping": mapping, "stem": "pggan"}, checkpoints={})
    begin(styled, tmp_path / "run").train()
    fully = [sampled(tmp_path / "run", tmp_path / f"{k}.png", "--label", str(k), "--truncation", "0") for k in (0, 1)]
    assert fully[0] != fully[1]
    picture = np.asarray(Image.open(tmp_path / "0.png"))
    assert np.array_equal(picture[:64, :64], picture[66:, 66:])
    as_is = sampled(tmp_path / "run", tmp_path / "as_is.png", "--label", "0")
    assert sampled(tmp_path / "run", tmp_path / "one.png", "--label", "0", "--truncation", "1") == as_is
    for psi in ("nan", "-1", "1e9", "inf"):
        assert main(["sample", str(tmp_path / "run"), "-o", str(tmp_path / "none.png"), f"--truncation={psi}"]) == 2
        assert "--truncation: expected a number from 0 to 2, not" in capsys.readouterr().err


def test_a_metric_that_gave_no_number_is_named_where_the_best_is_asked_for(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, command = place / "run/experiment.yaml", ["sample", str(place / "run"), "--best", "-o", str(place / "a.png")]
    assert main(command) == 2
    assert "name a metric under checkpoints.best" in capsys.readouterr().err
    file.write_text(file.read_text().replace("best: null", "best: is"))
    assert main(command) == 2
    assert "its evaluations have given no is so far that is a number" in capsys.readouterr().err

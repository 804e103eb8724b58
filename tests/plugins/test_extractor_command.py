"""gankit extractor train: an extractor of one's own, from labelled images to a measurement."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load, save
from support.answers import check
from support.tiny import CPU, tiny

from gankit import UserError
from gankit.cli import main
from gankit.cli.json_output import answer_schema
from gankit.config.checks import problems
from gankit.data.images import RealImages
from gankit_fidelity.answers import ExtractorTrainAnswer
from gankit_fidelity.classifier_file import KEY, Card, read_card
from gankit_fidelity.classifier_trainer import Pictures, chance_accuracy, divided, doubt_of, widths_for
from gankit_fidelity.extractors import Digits, TrainedClassifier
from gankit_images import datasets


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder; features of reals are kept below it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path


def draw(folder: Path, colours: dict[str, tuple[int, int, int]], count: int) -> None:
    """One folder a class, of noise around a colour."""
    noise = np.random.default_rng(0)
    for name, colour in colours.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = noise.normal(colour, 20, (16, 24, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


def train(*arguments: str) -> int:
    with torch.random.fork_rng():
        return main(["extractor", "train", *arguments])


def test_an_extractor_is_trained_and_used_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--data", "digits", "--size", "16", "--epochs", "3", "-o", "own.safetensors") == 0
    said, error = capsys.readouterr()
    assert error == ""
    assert "training on 1,618 images of 10 classes at 16 pixels, 3 epochs" in said
    assert "held out: 179 images, a tenth by their hash" in said
    assert "epoch 3 of 3: loss 0." in said

    card = read_card(folder / "own.safetensors")
    assert (card.size, card.widths, card.classes, card.channels) == (16, (32, 64, 128), 10, 1)
    assert (card.epochs, card.seed) == (3, 0)
    reals = RealImages(datasets.Digits(labels=True), [16])
    assert card.data == reals.fingerprint
    held_out = reals.order_by_hash(0)[:179]
    assert reals.labels is not None
    use = yaml.safe_load(said.partition("into an experiment:\n")[2])
    experiment = tiny(evaluation=use["evaluation"] | {"metrics": "fid", "images": 50})
    extractor = experiment.evaluation.extractor
    assert not problems(experiment)
    assert extractor.missing(experiment) is None
    seen = extractor.load(CPU)(torch.from_numpy(reals.at(16)[held_out]).repeat(1, 3, 1, 1))
    assert seen.pooled.shape == (179, 128)
    right = (seen.logits.argmax(1).numpy() == reals.labels[held_out]).mean()
    assert right == pytest.approx(card.accuracy)
    assert right >= 0.9
    assert f"held-out accuracy {right:.4f}" in said

    draw(folder / "images", {"all": (128, 128, 128)}, 20)
    measure = ["evaluate", "images", "--data", "digits", "--extractor", yaml.safe_dump(use["evaluation"]["extractor"])]
    assert main(measure) == 0
    assert extractor.identity() in capsys.readouterr().out


def test_the_seed_decides_every_byte(folder: Path) -> None:
    draw(folder / "colours", {"red": (180, 60, 60), "blue": (60, 60, 180)}, 20)
    data = ["--data", "colours", "--epochs", "2", "--size", "8"]
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        assert train(*data, "--seed", seed, "-o", name) == 0
    assert Path("a").read_bytes() == Path("b").read_bytes()
    assert TrainedClassifier(weights=Path("a")).identity() != TrainedClassifier(weights=Path("c")).identity()
    assert not list(folder.glob(".*"))


def test_colours_are_seen_if_the_data_have_them(folder: Path) -> None:
    """Two classes of equal brightness, wider than high: told apart by colour alone, or not at all."""
    draw(folder / "colours", {"red": (180, 60, 60), "blue": (60, 60, 180)}, 100)
    assert train("--data", "colours", "--epochs", "3", "--size", "8", "-o", "rgb") == 0
    coloured = read_card(Path("rgb"))
    assert (coloured.channels, coloured.accuracy) == (3, 1.0)
    grey = "{use: folder, path: colours, channels: 1, shape: [2, 3], labels: false}"
    assert train("--data", grey, "--epochs", "1", "--size", "8", "-o", "grey") == 0
    assert read_card(Path("grey")).channels == 1
    images = torch.full((2, 3, 8, 8), 60, dtype=torch.uint8)
    images[0, 0], images[1, 2] = 180, 180
    with torch.no_grad():
        assert TrainedClassifier(weights=Path("rgb")).load(CPU)(images).logits.argmax(1).tolist() == [1, 0]
        seen = TrainedClassifier(weights=Path("grey")).load(CPU)(images).pooled
    torch.testing.assert_close(seen[0], seen[1])


def test_a_classifier_that_cannot_tell_the_classes_apart_is_warned_of(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(folder / "alike", {"a": (120, 60, 60), "b": (120, 60, 60)}, 100)
    assert train("--data", "alike", "--epochs", "1", "--size", "8", "-o", "vain") == 0
    said, error = capsys.readouterr()
    assert "by chance)" in said
    assert "gankit: a held-out accuracy of 0." in error
    assert "is not told from chance, 0." in error
    assert "give or take 0." in error
    assert "numbers measured with it say little: give it more images, --epochs or a larger --size" in error
    assert Path("vain").exists()


def test_programs_are_told_what_it_is_worth(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(folder / "colours", {"red": (180, 60, 60), "blue": (60, 60, 180)}, 100)
    draw(folder / "alike", {"a": (120, 60, 60), "b": (120, 60, 60)}, 100)
    for data, epochs, in_vain in (("colours", "3", False), ("alike", "1", True)):
        assert train("--data", data, "--epochs", epochs, "--size", "8", "-o", "own", "--json") == 0
        said, error = capsys.readouterr()
        told = json.loads(said)
        check([told], ExtractorTrainAnswer)
        assert (told["wrote"], told["accuracy"]) == ("own", read_card(Path("own")).accuracy)
        assert 0.5 <= told["chance"] < 0.8
        assert told["doubt"] is None if not in_vain else "is not told from chance" in told["doubt"]
        assert f"held-out accuracy {told['accuracy']:.4f} ({told['chance']:.4f} by chance)" in error, "to people"


def test_programs_are_told_what_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--data", "digit", "-o", "own", "--json") == 2
    told = json.loads(capsys.readouterr().out)
    check([told], ExtractorTrainAnswer)
    (mistake,) = told["error"]["mistakes"]
    assert (told["error"]["exit_code"], mistake["hint"]) == (2, "digits")
    with pytest.raises(SystemExit, match="0"):
        train("--json-schema")
    assert json.loads(capsys.readouterr().out) == answer_schema(ExtractorTrainAnswer)


@pytest.mark.parametrize(
    ("accuracy", "chance", "images", "expected"),
    [
        (0.60, 0.5, 50, "is not told from chance, 0.50 give or take 0.14 on 50 images"),
        (0.60, 0.5, 10_000, "is nearer to chance, 0.50, than to 1: below 0.75"),
        (0.30, 0.1, 1_000, "is nearer to chance, 0.10, than to 1: below 0.55"),
        (0.90, 0.9, 1_000, "is not told from chance, 0.90 give or take 0.02 on 1,000 images"),
        (1.00, 0.5, 4, "is not told from chance, 0.50 give or take 0.50 on 4 images"),
        (0.91, 0.1, 10_000, None),
        (0.76, 0.5, 1_000, None),
    ],
)
def test_accuracy_is_held_against_chance_and_a_floor(
    accuracy: float, chance: float, images: int, expected: str | None
) -> None:
    doubt = doubt_of(accuracy, chance, images)
    assert doubt == (expected and f"a held-out accuracy of {accuracy:.2f} {expected}")


def test_chance_is_to_name_the_commonest_class() -> None:
    classes = torch.tensor([0] * 6 + [1] * 3 + [3])
    assert chance_accuracy(Pictures(torch.zeros(10, 3, 8, 8, dtype=torch.uint8), classes)) == pytest.approx(0.6)


def test_training_never_sees_what_is_held_out() -> None:
    reals = RealImages(datasets.Digits(labels=True), [8])
    division = divided(reals)
    both = torch.cat([division.train.images, division.held_out.images])
    assert len(division.held_out.images) == 179
    assert sorted(map(bytes, both[:, 0].numpy())) == sorted(map(bytes, reals.at(8)[:, 0]))
    assert torch.cat([division.train.classes, division.held_out.classes]).bincount().tolist() == (
        np.bincount(reals.labels if reals.labels is not None else []).tolist()
    )


def test_the_data_sets_own_test_part_is_held_out() -> None:
    train_split = datasets.FashionMnist(labels=True)
    if reason := train_split.missing(tiny()):
        pytest.skip(reason)
    test = train_split.test_part()
    assert test is not None
    assert test == datasets.FashionMnist(split="test", labels=True)
    assert test.test_part() is None
    division = divided(RealImages(train_split, [8]))
    assert division.how == "10,000 images, the data set's own test part"
    assert (len(division.train.images), len(division.held_out.images)) == (60_000, 10_000)


def test_larger_images_pass_through_more_convolutions() -> None:
    assert [len(widths_for(size)) for size in (8, 16, 32, 33, 64, 128, 256)] == [3, 3, 3, 4, 4, 5, 6]
    assert {widths_for(size)[-1] for size in (8, 32, 256)} == {128}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "digit"], "no dataset is called 'digit'. Did you mean 'digits'?"),
        (["--data", "{use: digits"], "this bracket is never closed"),
        (["--data", "one"], "two classes or more, but this data set has 1"),
        (["--data", "few"], "12 images are too few to learn from; 20 are the least"),
        (["--data", "loose"], "lies in no folder that could be its class"),
        (["--data", "fashion-mnist", "--size", "24"], "--size: images of 32x32 cannot be reduced to a height of 24"),
        (["--data", "digits", "--size", "4"], "--size 4: size: must be at least 8"),
        (["--data", "digits", "--epochs", "x"], "--epochs x: epochs: expected a whole number"),
        (["--data", "digits", "-o", "gone/file"], "-o: there is no folder"),
        (["--data", "few", "-o", "taken"], "12 images are too few"),
    ],
)
def test_mistakes_are_told_before_training(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    if "fashion-mnist" in arguments and datasets.FashionMnist(labels=True).missing(tiny()):
        pytest.skip("Fashion-MNIST is not installed")
    draw(folder / "one", {"red": (180, 60, 60)}, 20)
    draw(folder / "few", {"red": (180, 60, 60), "blue": (60, 60, 180)}, 6)
    draw(folder, {"loose": (0, 0, 0)}, 2)
    (folder / "taken").write_text("mine")
    assert train(*["-o", "out"], *arguments) == 2
    said, error = capsys.readouterr()
    assert (said, error.count("\n")) == ("", 1)
    assert message in error
    assert not (folder / "out").exists()
    assert (folder / "taken").read_text() == "mine"


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    gone = TrainedClassifier(weights=tmp_path / "own.safetensors")
    experiment = tiny(evaluation={"extractor": gone, "metrics": "fid", "images": 10})
    said = f"there is no file of weights {tmp_path / 'own.safetensors'}; train one: gankit extractor train --data DATA"
    assert str(gone.missing(experiment)).startswith(said)
    assert gone.missing(tiny(evaluation={"extractor": gone})) is None
    with pytest.raises(UserError, match=r"own\.safetensors; train one"):
        gone.load(CPU)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    weights = load(Digits.file.read_bytes())
    for content in (b"", b"not a file", Digits.file.read_bytes(), save(weights, {KEY: "{}"})):
        path.write_bytes(content)
        other = TrainedClassifier(weights=path)
        (problem,) = [said for _, said in problems(tiny(evaluation={"extractor": other}))]
        assert "own.safetensors: this is no file that `gankit extractor train` wrote" in problem
        with pytest.raises(UserError, match="this is no file that `gankit extractor train` wrote"):
            other.load(CPU)
    shape: dict[str, Any] = {"size": 16, "widths": (16, 32), "classes": 10, "channels": 1}
    card = Card(**shape, data="", held_out="", accuracy=1.0, epochs=1, seed=0)
    path.write_bytes(save(weights, {KEY: card.model_dump_json()}))
    with pytest.raises(UserError, match="its weights are not those of its description"):
        TrainedClassifier(weights=path).load(CPU)


@pytest.mark.slow
def test_clothing_is_learned_in_ten_minutes(folder: Path) -> None:
    if reason := datasets.FashionMnist(labels=True).missing(tiny()):
        pytest.skip(reason)
    start = time.process_time()
    assert train("--data", "fashion-mnist", "-o", "clothing") == 0
    assert time.process_time() - start < 600
    assert read_card(Path("clothing")).accuracy >= 0.91

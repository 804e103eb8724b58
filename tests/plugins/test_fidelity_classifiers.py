"""The classifiers that come with gankit: what they recognize, how images reach them, and how they were trained."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load
from support.tiny import CPU, tiny

from gankit import UserError
from gankit.core.registry import registries
from gankit.data.images import RealImages, to_network_range
from gankit.evaluation.passes import for_extractor
from gankit_fidelity import train_classifier
from gankit_fidelity.classifier_trainer import accuracy, shifted, train
from gankit_fidelity.extractors import BundledClassifier, Digits, FashionMnist
from gankit_fidelity.modules import Classifier
from gankit_fidelity.train_classifier import RECIPES, pictures
from gankit_images import datasets


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def clothing() -> None:
    """Skip where Fashion-MNIST is not installed."""
    reason = datasets.FashionMnist(split="test", labels=True).missing(tiny())
    if reason:
        pytest.skip(reason)


both = pytest.mark.parametrize("classifier", [Digits(), FashionMnist()], ids=["digits", "fashion-mnist"])


def test_held_out_digits_are_classified() -> None:
    images, digits = pictures("digits", held_out=True)
    assert len(images) == 360
    assert (Digits().load(CPU)(images).logits.argmax(1) == digits).double().mean() >= 0.98


@pytest.mark.usefixtures("clothing")
def test_held_out_clothing_is_classified() -> None:
    images, classes = pictures("fashion-mnist", held_out=True)
    assert len(images) == 10_000
    guesses = FashionMnist().load(CPU)(images[::8]).logits.argmax(1)
    assert (guesses == classes[::8]).double().mean() >= 0.9


def test_training_never_sees_the_held_out_digits() -> None:
    held_out, others = (pictures("digits", held_out=part).images for part in (True, False))
    assert len(held_out) + len(others) == 1797
    everything = RealImages(tiny().data, [16]).at(16)
    np.testing.assert_array_equal(held_out[:, :1].numpy(), everything[::5])
    np.testing.assert_array_equal(others[:, :1].numpy(), np.delete(everything, np.s_[::5], axis=0))


@pytest.mark.usefixtures("clothing")
def test_training_sees_the_train_split_and_holds_out_the_test_split() -> None:
    for held_out, split in ((True, "test"), (False, "train")):
        images, classes = pictures("fashion-mnist", held_out)
        there = datasets.FashionMnist.model_validate({"split": split, "labels": True}).load(32)
        np.testing.assert_array_equal(images[:, :1].numpy(), there.images)
        np.testing.assert_array_equal(classes.numpy(), there.labels)


@pytest.mark.slow
def test_training_gives_the_digits_that_are_shipped() -> None:
    with torch.random.fork_rng():
        again = train(RECIPES["digits"], pictures("digits", held_out=False))
    assert accuracy(again, pictures("digits", held_out=True)) >= 0.98
    for name, shipped in load(Digits.file.read_bytes()).items():
        weight = again.state_dict()[name].half()
        assert (weight - shipped).float().norm() <= 0.05 * shipped.float().norm(), "equal here, nearly so elsewhere"


def test_training_without_its_images_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(datasets, "FashionMnist", partial(datasets.FashionMnist, path=tmp_path))
    with pytest.raises(SystemExit) as exit:
        train_classifier.main(["fashion-mnist", "-o", str(tmp_path / "weights.safetensors")])
    assert exit.value.code == 2
    assert "apt-get install dataset-fashion-mnist" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_shifted_images_keep_what_stays_inside() -> None:
    images = noise(64, 3, 8, 8)
    padded = torch.nn.functional.pad(images, (1,) * 4)
    with torch.random.fork_rng():
        moved = shifted(images)
    places = [(y, x) for y in range(3) for x in range(3)]
    found = [
        [place for place in places if torch.equal(one, wide[:, place[0] : place[0] + 8, place[1] : place[1] + 8])]
        for one, wide in zip(moved, padded, strict=True)
    ]
    assert all(len(matches) == 1 for matches in found)
    assert {matches[0] for matches in found} == set(places)


@both
def test_the_identity_is_the_hash_of_the_weights(
    classifier: BundledClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, name = classifier.file.read_bytes(), classifier.file.stem
    assert classifier.identity() == f"{name}-{hashlib.sha256(weights).hexdigest()[:12]}"
    assert registries["extractor"].find(name).component is type(classifier)
    monkeypatch.setattr(type(classifier), "file", tmp_path / f"{name}.safetensors")
    classifier.file.write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    with pytest.raises(UserError, match="not the file that gankit came with"):
        classifier.load(CPU)


def test_numbers_through_the_digits_stay_comparable() -> None:
    assert Digits().identity() == "digits-99087405e240", "published tables rest on these weights"
    assert Digits().resize == "bilinear up or mean down to 16x16"


def test_the_networks_are_as_small_as_they_say() -> None:
    for classifier, count in ((Digits(), 24_058), (FashionMnist(), 94_186)):
        assert sum(parameter.numel() for parameter in Classifier(classifier.shape).parameters()) == count


@both
def test_images_of_any_size_are_brought_to_the_networks(classifier: BundledClassifier) -> None:
    extract, size = classifier.load(CPU), classifier.shape.size
    assert classifier.resize == f"bilinear up or mean down to {size}x{size}"
    images = noise(5, 3, size, size)
    expected = extract(images)
    assert expected.pooled.shape == (5, classifier.shape.widths[-1])
    assert expected.logits.shape == (5, 10)
    wide = images.repeat_interleave(2, 3)
    torch.testing.assert_close(extract(wide), expected)
    torch.testing.assert_close(extract(wide.repeat_interleave(2, 2)), expected)
    large, small, oblong = noise(5, 3, 2 * size, 2 * size), noise(5, 3, size // 2, size // 2), noise(5, 3, 8, 2 * size)
    means = torch.nn.functional.avg_pool2d(large.float(), 2)
    halved = torch.nn.functional.avg_pool2d(oblong.float(), (1, 2))
    for given, same in ((large, means), (small, bilinear(small.float(), size)), (oblong, bilinear(halved, size))):
        torch.testing.assert_close(extract(given).pooled, extract(same.round().byte()).pooled, atol=0.05, rtol=0.05)


def bilinear(images: torch.Tensor, size: int) -> torch.Tensor:
    return torch.nn.functional.interpolate(images, (size, size), mode="bilinear", align_corners=False)


@both
def test_images_of_any_channels_are_seen_as_grey(classifier: BundledClassifier) -> None:
    extract, size = classifier.load(CPU), classifier.shape.size
    grey = noise(4, 1, size, size).clamp(60, 180)
    coloured = torch.cat([grey - 60, grey, grey + 60], 1)
    opacity = noise(4, 1, size, size)
    expected = extract(for_extractor(to_network_range(grey)))
    for images in (coloured, torch.cat([coloured, opacity], 1)):
        torch.testing.assert_close(extract(for_extractor(to_network_range(images))), expected)
    assert (extract(for_extractor(to_network_range(coloured // 2))).pooled - expected.pooled).abs().max() > 0.1


@both
def test_each_image_is_seen_alone(classifier: BundledClassifier) -> None:
    extract = classifier.load(CPU)
    images = noise(6, 3, 16, 16)
    torch.testing.assert_close(extract(images).pooled[2:3], extract(images[2:3]).pooled)


@both
def test_loading_draws_no_random_numbers(classifier: BundledClassifier) -> None:
    before = torch.get_rng_state()
    classifier.load(CPU)
    assert torch.equal(before, torch.get_rng_state())

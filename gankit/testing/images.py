"""Rules for what loads, augments and looks at images: data sets, augmentations and extractors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from gankit.core.errors import UserError
from gankit.data.images import RealImages
from gankit.evaluation.contracts import check_features
from gankit.evaluation.images import Features
from gankit.kinds import Augmentation, Dataset, Extractor
from gankit.networks.contracts import check_finite
from gankit.testing.experiments import complaints, experiment_with
from gankit.testing.rules import Broken, Trial, rule
from gankit.testing.state import stir_randomness
from gankit.training.contracts import check_augmented
from gankit.training.step import BEGINNING, AugmentedBatch

RESOLUTIONS = (8, 4, 16)
"""Where a data set is tried, as far as it can be had there."""
PATIENCE = 0.5
"""Seconds of processor time; a data set that takes longer to load is tried at one resolution only."""
MOST_IN_COMMON = 0.1
"""Share of the images for testing that may be among the others, as small ones may look the same by chance."""
ROUNDING = 1e-3
"""How far features may be apart that differ by rounding, as a share of the largest."""
UNTRAINABLE = ("remembers-in-tensors", "goes-on-to-the-bit")
"""The rules that are tried in training, which wrong augmentations may stop."""


@rule(Dataset, examples=2, implied=("loads-the-same-again", "tests-on-other-images"))
def loads_what_it_says(trial: Trial[Dataset]) -> None:
    """At each resolution it loads uint8 images of the channels and size that it says, and the labels."""
    for resolution in _resolutions(trial):
        try:
            loaded = trial.once(_loaded, resolution)
        except UserError as wrong:
            raise Broken(f"at resolution {resolution}: {wrong}") from None
        if not loaded.at(resolution).size:
            raise Broken(f"its images {[*loaded.at(resolution).shape]} have no channels")


@rule(Dataset, examples=2)
def loads_the_same_again(trial: Trial[Dataset]) -> None:
    """Loaded again it gives the same images and labels in the same order, to the last bit."""
    for resolution in _resolutions(trial):
        first = trial.once(_loaded, resolution)
        stir_randomness(2)
        images, labels = _copy(trial.component).load(resolution)
        if not np.array_equal(images, first.at(resolution)):
            raise Broken(
                f"at resolution {resolution} other images, or others first, came the second time; sort files by their "
                "paths, and draw by a seed that is an option"
            )
        if labels is not None and first.labels is not None and not np.array_equal(labels, first.labels):
            raise Broken(f"at resolution {resolution} other labels came the second time")


@rule(Dataset, examples=2)
def tests_on_other_images(trial: Trial[Dataset]) -> None:
    """Its test part, if it has one, has the same form and hardly an image in common with it."""
    test = trial.component.test_part()
    if test is None:
        return
    own, other = (
        (part.image_channels(), part.aspect(), part.class_count(), [*part.attribute_names()])
        for part in (trial.component, test)
    )
    if own != other:
        raise Broken(f"channels, aspect, classes and attributes are {own}, those of its test part {other}")
    for resolution in list(_resolutions(trial))[:1]:
        images = {image.tobytes() for image in trial.once(_loaded, resolution).at(resolution)}
        tested = RealImages(test, [resolution]).at(resolution)
        common = sum(image.tobytes() in images for image in tested)
        if common > MOST_IN_COMMON * len(tested):
            raise Broken(f"{common} of the {len(tested)} images of test_part() are among those that are trained on")


def _resolutions(trial: Trial[Dataset]) -> Iterator[int]:
    """The resolutions at which a data set can be had, the first alone if that takes long; skips what is not here."""
    since = time.process_time()  # a machine that does something else is no slow data set
    for resolution in RESOLUTIONS:
        experiment = experiment_with(trial.component, growth__final=resolution)
        trial.skip_if(trial.component.missing(experiment))
        if not complaints(trial.component, experiment):
            yield resolution
        if time.process_time() - since > PATIENCE:
            return


def _loaded(data: Dataset, resolution: int) -> RealImages:
    """A data set at one resolution, which is checked as it is for training."""
    stir_randomness(1)
    return RealImages(data, [resolution])


def _copy(component: Any) -> Any:
    """Another component with the same options."""
    return type(component).model_validate_json(component.model_dump_json())


@rule(Augmentation, examples=20, implied=("gradients-pass", *UNTRAINABLE))
def augmented_are_images(trial: Trial[Augmentation]) -> None:
    """Augmented images have the shape and type of those that came in, and are finite, call after call."""
    images, batch = _in_network_range(trial), _batch()
    for _ in range(3):
        check_augmented(images, augmented := trial.component.apply(images, batch))
        check_finite(f"of images {list(images.shape)} from -1 to 1 what apply() made is", augmented)


@rule(Augmentation, examples=20, implied=UNTRAINABLE)
def gradients_pass(trial: Trial[Augmentation]) -> None:
    """Gradients reach the images, finite, and can be differentiated again, as gradient penalties do."""
    images = _in_network_range(trial).requires_grad_()
    check_augmented(images, augmented := trial.component.apply(images, _batch()))
    gradient = torch.autograd.grad(augmented.square().sum(), images, create_graph=True)[0]
    again = torch.autograd.grad(gradient.square().sum(), images)[0]
    check_finite("the gradient through apply() is", gradient, again)


@rule(Augmentation)
def augments_a_copy(trial: Trial[Augmentation]) -> None:
    """The images that come in stay as they are."""
    images = _in_network_range(trial)
    before = images.clone()
    trial.component.apply(images, _batch())
    if not torch.equal(before, images):
        raise Broken("apply() writes to the images that it is given; others use them too: work on what is computed")


def _batch() -> AugmentedBatch:
    """What there is to know of images without labels."""
    return AugmentedBatch(None, True, BEGINNING, {}, lambda name, value: None)


def _in_network_range(trial: Trial[Any]) -> Tensor:
    """Images as data sets have them, float64 [N, C, H, W]; some pixels are black or white."""
    count, channels = trial.draw(st.integers(1, 5)), trial.draw(st.sampled_from([1, 3, 4, 2, 5]))
    return (_uniform(trial, count, channels, [4, 8, 16]).double() * 3 - 1.5).clamp(-1, 1)


def _uniform(trial: Trial[Any], count: int, channels: int, heights: list[int]) -> Tensor:
    """Numbers from 0 to 1 of the size of images [N, C, H, W], which may be twice as wide as high."""
    height, aspect = trial.draw(st.sampled_from(heights)), trial.draw(st.sampled_from([1, 2]))
    draws = torch.Generator().manual_seed(trial.draw(st.integers(0, 99)))
    return torch.rand(count, channels, height, aspect * height, generator=draws)


@rule(Extractor, examples=3, implied=("sees-each-image-alone",))
def gives_features(trial: Trial[Extractor]) -> None:
    """Of N images it gives finite features [N, D] and logits [N, K], where K is 0 exactly if it knows no classes."""
    extract, images = _extract_and_images(trial)
    pooled, logits = check_features(_seen(extract, images), len(images))
    for name, part in (("features", pooled), ("logits", logits)):
        if not part.is_floating_point():
            raise Broken(f"of images {list(images.shape)} its {name} are {part.dtype}")
        check_finite(f"its {name} are", part)
    if not pooled.shape[1]:
        raise Broken("it gives no features")
    if bool(logits.shape[1]) != trial.component.classifies:
        raise Broken(f"its logits are {list(logits.shape)}, but `classifies` is {trial.component.classifies}")


@rule(Extractor, examples=3)
def sees_each_image_alone(trial: Trial[Extractor]) -> None:
    """What it sees in an image depends neither on its place in the batch nor on the images beside it."""
    extract, images = _extract_and_images(trial)
    together = _seen(extract, images)
    alone = zip(*(_seen(extract, image[None]) for image in images), strict=True)
    for others, what in (
        ([part.flip(0) for part in _seen(extract, images.flip(0))], "when the batch is reversed"),
        ([torch.cat(parts) for parts in alone], "when it is seen by itself"),
    ):
        for name, one, another in zip(Features._fields, together, others, strict=True):
            check_finite(f"the {name} of images are", one, another)
            apart = (one - another).abs().max().item() if one.numel() else 0.0
            if one.numel() and not apart <= ROUNDING * one.abs().max().clamp_min(1e-6).item():
                raise Broken(f"the {name} of an image differ by {apart:.3g} {what}; is the network in eval mode?")


@rule(Extractor, examples=3)
def only_looks(trial: Trial[Extractor]) -> None:
    """The images that it sees stay as they are, as several metrics share them."""
    extract, images = _extract_and_images(trial)
    before = images.clone()
    with torch.no_grad():
        extract(images)
    if not torch.equal(before, images):
        raise Broken("it writes to the images that it is given; work on what is computed, as images.float()")


@rule(Extractor, examples=3)
def is_what_it_says(trial: Trial[Extractor]) -> None:
    """Loaded again it has the same identity and sees the same, whatever random numbers were drawn before."""
    extract, images = _extract_and_images(trial)
    again = _copy(trial.component)
    named = [(each.identity(), each.resize) for each in (trial.component, again)]
    if named[0] != named[1] or not all(text and isinstance(text, str) for text in named[0]):
        raise Broken(f"identity and resize are {named[0]}, and of another with the same options {named[1]}")
    stir_randomness(2)
    seen = _seen(extract, images), _seen(again.load(torch.device("cpu")), images)
    for name, one, another in zip(Features._fields, *seen, strict=True):
        if not torch.equal(one, another):
            raise Broken(f"its {name} differ when it is loaded again, though its identity is the same: {named[0][0]}")


Extract = Callable[[Tensor], Features]


def _extract_and_images(trial: Trial[Extractor]) -> tuple[Extract, Tensor]:
    """The network, loaded once, and unlike images, uint8 [N, 3, H, W]; skips one whose weights are not here."""
    lacking, extract = trial.once(_network)
    trial.skip_if(lacking)
    bright = torch.linspace(0.2, 1, 4)[:, None, None, None]
    return extract, (256 * bright * _uniform(trial, 4, 3, [8, 4, 16, 32])).to(torch.uint8)


def _network(extractor: Extractor) -> tuple[str, Any]:
    """Why an extractor's network cannot be had here, and the network."""
    try:
        if lacking := extractor.missing(experiment_with(extractor)):
            return lacking, None
        stir_randomness(1)
        return "", extractor.load(torch.device("cpu"))
    except UserError as lacking:
        return str(lacking), None


def _seen(extract: Extract, images: Tensor) -> Features:
    """What is seen in a copy of the images."""
    with torch.no_grad():
        return Features(*extract(images.clone()))

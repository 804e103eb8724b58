"""Rules for extractors."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from hypothesis import strategies as st
from torch import Tensor

from gankit.core.errors import UserError
from gankit.core.registry import RegistryEntry
from gankit.evaluation.images import Features
from gankit.kinds import Extractor
from gankit.testing.experiments import experiment_with
from gankit.testing.keeping import stir_randomness
from gankit.testing.rules import Broken, Trial, check_finite, rule

Extract = Callable[[Tensor], Features]
ROUNDING = 1e-3
"""How far features may be apart that differ by rounding, as a share of the largest."""


@rule(Extractor, examples=3, implied=("sees-each-image-alone",))
def gives_features(trial: Trial[Extractor]) -> None:
    """Of N images it gives finite features [N, D] and logits [N, K], where K is 0 exactly if it knows no classes."""
    extract, images = _extract(trial), _images(trial)
    pooled, logits = _seen(extract, images)
    for name, part in (("features", pooled), ("logits", logits)):
        if part.ndim != 2 or len(part) != len(images) or not part.is_floating_point():
            raise Broken(f"of images {list(images.shape)} its {name} are {part.dtype} {list(part.shape)}")
        if not torch.isfinite(part).all():
            raise Broken(f"its {name} are not finite")
    if not pooled.shape[1]:
        raise Broken("it gives no features")
    if bool(logits.shape[1]) != trial.component.classifies:
        raise Broken(f"its logits are {list(logits.shape)}, but `classifies` is {trial.component.classifies}")


@rule(Extractor, examples=3)
def sees_each_image_alone(trial: Trial[Extractor]) -> None:
    """What it sees in an image depends neither on its place in the batch nor on the images beside it."""
    extract, images = _extract(trial), _images(trial)
    together, order = _seen(extract, images), torch.arange(len(images) - 1, -1, -1)
    for other, what in (
        (Features(*(part[order] for part in _seen(extract, images[order]))), "when the batch is reversed"),
        (_joined([_seen(extract, image[None]) for image in images]), "when it is seen by itself"),
    ):
        for name, one, another in zip(Features._fields, together, other, strict=True):
            check_finite(f"the {name} of images are", one, another)
            apart = (one - another).abs().max().item() if one.numel() else 0.0
            if not apart <= ROUNDING * one.abs().max().clamp_min(1e-6).item() if one.numel() else False:
                raise Broken(f"the {name} of an image differ by {apart:.3g} {what}; is the network in eval mode?")


@rule(Extractor, examples=3)
def only_looks(trial: Trial[Extractor]) -> None:
    """The images that it sees stay as they are, as several metrics share them."""
    extract, images = _extract(trial), _images(trial)
    before = images.clone()
    with torch.no_grad():
        extract(images)
    if not torch.equal(before, images):
        raise Broken("it writes to the images that it is given; work on what is computed, as images.float()")


@rule(Extractor, examples=3)
def is_what_it_says(trial: Trial[Extractor]) -> None:
    """Loaded again it has the same identity and sees the same, whatever random numbers were drawn before."""
    extract, images = _extract(trial), _images(trial)
    again = type(trial.component).model_validate(trial.component.model_dump())
    named = [(each.identity(), each.resize) for each in (trial.component, again)]
    if named[0] != named[1] or not all(text and isinstance(text, str) for text in named[0]):
        raise Broken(f"identity and resize are {named[0]}, and of another with the same options {named[1]}")
    stir_randomness(2)
    for name, one, another in zip(
        Features._fields, _seen(extract, images), _seen(again.load(torch.device("cpu")), images), strict=True
    ):
        if not torch.equal(one, another):
            raise Broken(f"its {name} differ when it is loaded again, though its identity is the same: {named[0][0]}")


def _extract(trial: Trial[Extractor]) -> Extract:
    """The network, loaded once; skips one whose weights are not here."""
    lacking, extract = _loaded(trial.entry, trial.component.model_dump_json())
    if extract is None:
        trial.skip(lacking)
    return extract


@lru_cache(maxsize=4)
def _loaded(entry: RegistryEntry, options: str) -> tuple[str, Extract | None]:
    """An extractor's network, or why it cannot be had here."""
    component = entry.component.model_validate_json(options)
    assert isinstance(component, Extractor)
    try:
        if lacking := component.missing(experiment_with(component)):
            return lacking, None
        stir_randomness(1)
        return "", component.load(torch.device("cpu"))
    except UserError as lacking:
        return str(lacking), None


def _images(trial: Trial[Extractor]) -> Tensor:
    """Images as extractors get them, uint8 [N, 3, H, W], all unlike each other."""
    height, aspect = trial.draw(st.sampled_from([8, 4, 16, 32])), trial.draw(st.sampled_from([1, 2]))
    draws = torch.Generator().manual_seed(trial.draw(st.integers(0, 99)))
    bright = torch.linspace(0.2, 1, 4)[:, None, None, None]
    return (256 * bright * torch.rand(4, 3, height, aspect * height, generator=draws)).to(torch.uint8)


def _seen(extract: Extract, images: Tensor) -> Features:
    """What is seen in a copy of the images."""
    with torch.no_grad():
        return Features(*extract(images.clone()))


def _joined(parts: list[Features]) -> Features:
    """What was seen in several batches."""
    return Features(torch.cat([part.pooled for part in parts]), torch.cat([part.logits for part in parts]))

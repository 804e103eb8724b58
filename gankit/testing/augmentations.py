"""Rules for augmentations."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from gankit.kinds import Augmentation
from gankit.testing.rules import Broken, Trial, rule

UNTRAINABLE = ("remembers-in-tensors", "goes-on-to-the-bit")
"""The rules that are tried in training, which wrong augmentations may stop."""


def _images_of(trial: Trial[Any]) -> Tensor:
    """Images in network range, float64 [N, C, H, W], as data sets have them; some pixels are black or white."""
    count, channels = trial.draw(st.integers(1, 5)), trial.draw(st.sampled_from([1, 3, 4]))
    height, aspect = trial.draw(st.sampled_from([4, 8, 16])), trial.draw(st.sampled_from([1, 2]))
    draws = torch.Generator().manual_seed(trial.draw(st.integers(0, 99)))
    images = torch.rand(count, channels, height, aspect * height, generator=draws).double() * 3 - 1.5
    return images.clamp(-1, 1)


@rule(Augmentation, examples=20, implied=("gradients-pass", *UNTRAINABLE))
def augmented_are_images(trial: Trial[Augmentation]) -> None:
    """Augmented images have the shape and type of those that came in, and are finite, call after call."""
    images, memory = _images_of(trial), {}
    for _ in range(3):
        augmented = trial.component.apply(images, memory)
        if augmented.shape != images.shape or augmented.dtype != images.dtype:
            shapes = f"{list(augmented.shape)} {augmented.dtype}", f"{list(images.shape)} {images.dtype}"
            raise Broken(f"apply() made {shapes[0]} of {shapes[1]}")
        if not torch.isfinite(augmented).all():
            raise Broken(f"apply() made values that are not finite of images {list(images.shape)} from -1 to 1")


@rule(Augmentation, examples=20, implied=UNTRAINABLE)
def gradients_pass(trial: Trial[Augmentation]) -> None:
    """Gradients reach the images, finite, and can be differentiated again, as gradient penalties do."""
    images = _images_of(trial).requires_grad_()
    augmented = trial.component.apply(images, {})
    if not augmented.requires_grad:
        raise Broken("no gradient passes apply(); the generator would learn nothing: do without detach() and numpy")
    gradient = torch.autograd.grad(augmented.square().sum(), images, create_graph=True)[0]
    again = torch.autograd.grad(gradient.square().sum(), images)[0]
    if not torch.isfinite(gradient).all() or not torch.isfinite(again).all():
        raise Broken("the gradient through apply() is not finite")


@rule(Augmentation)
def augments_a_copy(trial: Trial[Augmentation]) -> None:
    """The images that come in stay as they are."""
    images = _images_of(trial)
    before = images.clone()
    trial.component.apply(images, {})
    if not torch.equal(before, images):
        raise Broken("apply() writes to the images that it is given; others use them too: work on what is computed")

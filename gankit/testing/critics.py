"""Rules for critics."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from gankit.kinds import Critic
from gankit.networks.context import BuildContext
from gankit.networks.contracts import check_finite, check_scores
from gankit.networks.critics import Judge
from gankit.networks.discriminator import DiscriminatorOutput
from gankit.testing.experiments import tried_in
from gankit.testing.parts import CLASSES, stir
from gankit.testing.rules import Broken, Trial, rule
from gankit.testing.state import stir_randomness
from gankit.training import randomness

BATCH = 3


def _place(trial: Trial[Critic]) -> BuildContext:
    """Where a critic may stand: in an experiment that grows from 4x4 to 8x8."""
    classes = trial.draw(st.sampled_from([0, CLASSES]))
    channels = trial.draw(st.sampled_from([1, 3]))
    tried_in(trial)
    return BuildContext(
        "discriminator", 8, channels, 1, resolutions=(4, 8), outermost=True, image_channels=channels, classes=classes
    )


def _built(trial: Trial[Critic], context: BuildContext, seed: int) -> nn.Module:
    """The critic's module, its weights drawn with `seed`."""
    randomness.seed(seed)
    return trial.accepted(lambda: trial.component.build(context))


def _images(trial: Trial[Critic], context: BuildContext) -> tuple[Tensor, Tensor | None]:
    """Images of one of the stages, and labels if there are classes."""
    height = trial.draw(st.sampled_from(context.resolutions))
    randomness.seed(1)
    images = torch.randn(BATCH, context.image_channels, height, height).clamp(-1, 1)
    return images, torch.arange(BATCH) % context.classes if context.classes else None


@rule(Critic, examples=6)
def judges_every_image(trial: Trial[Critic]) -> None:
    """Of images of every stage it gives finite scores, each of which has a gradient at its own image."""
    context = _place(trial)
    module = _built(trial, context, 0)
    stir(module)
    images, labels = _images(trial, context)
    images.requires_grad_()
    said = module(images) if labels is None else module(images, labels)
    if not isinstance(said, DiscriminatorOutput):
        check_scores(said, BATCH, images.shape)
    score = Judge(module)(images, labels).score
    check_finite("of images in [-1, 1] its scores are", score)
    (gradient,) = torch.autograd.grad(score.sum(), images)
    if not bool(gradient.flatten(1).abs().amax(1).gt(0).all()):
        raise Broken(
            "its scores do not depend on all of the images; is something detached, or one image judged for all?"
        )


@rule(Critic, examples=6)
def keeps_its_state(trial: Trial[Critic]) -> None:
    """A fresh module that loads the state of another one says the same, as after a run is resumed."""
    context = _place(trial)
    module, fresh = (_built(trial, context, seed) for seed in (4, 5))
    stir(module)
    try:
        fresh.load_state_dict(module.state_dict())
    except RuntimeError as failure:
        raise Broken(f"a fresh module cannot load its state: {' '.join(str(failure).split())}") from None
    images, labels = _images(trial, context)
    said: list[Tensor] = []
    for each in (module, fresh):
        stir_randomness(2)
        said.append(Judge(each.eval())(images, labels).score)
    if not torch.equal(*said):
        raise Broken("says something else after its state was loaded into a fresh module; keep what decides it there")

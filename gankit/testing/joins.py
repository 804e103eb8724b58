"""Rules for joins."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from gankit.core.networks import NETWORKS
from gankit.kinds import Join
from gankit.networks.context import BuildContext
from gankit.networks.contracts import check_finite
from gankit.networks.layers import JoinModule
from gankit.networks.protocols import out_channels_of
from gankit.testing.parts import CHANNELS
from gankit.testing.rules import Broken, Trial, rule
from gankit.testing.state import stir_randomness


def _joined(trial: Trial[Join]) -> tuple[JoinModule, BuildContext, Tensor, Tensor, Tensor | None]:
    """A join's module in float64, its place, and what is joined there: older and newer, and a weight or none."""
    of_scales = trial.component.where == "scales"
    channels, network = trial.draw(CHANNELS), trial.draw(st.sampled_from(NETWORKS[1:] if of_scales else NETWORKS))
    context = BuildContext(
        network, 16, channels, channels, resolutions=(4, 8, 16), aspect=trial.draw(st.sampled_from([1.0, 2.0]))
    )
    stir_randomness(trial.draw(st.integers(0, 99)))
    module: Any = trial.accepted(lambda: trial.component.build(context))
    if not isinstance(module, JoinModule):
        raise Broken(f"build() gives {module!r:.60}, not a gankit.networks.layers.JoinModule")
    height = 16 if network == "generator" else 8
    older, newer = torch.randn(2, 3, channels, height, round(height * context.aspect), dtype=torch.float64)
    if network == "discriminator" and trial.component.joins_images():
        older = torch.randn(3, context.image_channels, *newer.shape[2:], dtype=torch.float64)
    alpha = trial.draw(st.sampled_from([None, 0.25, 1.0]))
    return module.double(), context, older, newer, None if alpha is None else torch.tensor(alpha, dtype=torch.float64)


@rule(Join, examples=20)
def joins_into_one(trial: Trial[Join]) -> None:
    """Of two images, or two feature maps, it makes one of the shape of the newer, and leaves both as they are."""
    module, _, older, newer, alpha = _joined(trial)
    before = older.clone(), newer.clone()
    joined = module(older, newer, alpha)
    wanted = list(newer.shape)
    if trial.component.where == "scales":
        wanted[1] = out_channels_of(module, wanted[1])
    if not isinstance(joined, Tensor) or list(joined.shape) != wanted or joined.dtype != newer.dtype:
        both = f"{list(older.shape)} and {list(newer.shape)}"
        raise Broken(f"of {both} it makes {getattr(joined, 'shape', joined)}, not {wanted}")
    if not (torch.equal(before[0], older) and torch.equal(before[1], newer)):
        raise Broken("it writes to what it is given, which is used elsewhere too: work on what is computed")
    check_finite("what it makes of finite maps is", joined)


@rule(Join, examples=20)
def resamples_images(trial: Trial[Join]) -> None:
    """Its `resample` gives images twice as high and wide in a generator, half so in a discriminator."""
    module, context, *_ = _joined(trial)
    height, width = context.size
    images = torch.randn(2, 3, height, width, dtype=torch.float64)
    resampled = module.resample(images)
    wanted = (2, 3, height * 2, width * 2) if context.network == "generator" else (2, 3, height // 2, width // 2)
    if tuple(resampled.shape) != wanted:
        raise Broken(f"resample() makes {list(resampled.shape)} of {list(images.shape)} in a {context.network}")


@rule(Join, examples=20)
def older_counts_at_first(trial: Trial[Join]) -> None:
    """New layers that have no weight yet change nothing, so that the step to a higher resolution is none."""
    module, _, older, newer, _ = _joined(trial)
    if trial.component.where in ("never", "scales"):  # where nothing fades in
        return
    joined = module(older, newer, torch.zeros((), dtype=torch.float64))
    if not torch.allclose(joined, older):
        raise Broken("with a weight of 0 the new changes what comes past it; a fade would begin with a jump")


@rule(Join, examples=20)
def gradients_reach_both(trial: Trial[Join]) -> None:
    """Gradients reach what is joined and its own weights, finite, and can be taken again."""
    module, _, older, newer, _ = _joined(trial)
    if trial.component.where == "never":
        return
    entering = [older.requires_grad_(), newer.requires_grad_(), *module.parameters()]
    for parameter in module.parameters():
        nn.init.constant_(parameter, 0.5)
    joined = module(older, newer, torch.tensor(0.5, dtype=torch.float64))
    gradients = torch.autograd.grad(joined.square().sum(), entering, create_graph=True, allow_unused=True)
    if any(gradient is None for gradient in gradients):
        raise Broken("no gradient reaches one of what is joined, or a weight of its own; detach nothing")
    check_finite("gradients through it are", *[gradient for gradient in gradients if gradient is not None])

"""The step of a whole batch that was computed in parts, for what is decided by all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from gankit.networks.discriminator import DiscriminatorOutput
from gankit.training.ranks import Ranks
from gankit.training.step import Step

SEEN = ("real_images", "labels", "real", "fake", "on_real", "on_fake")
"""What of a step is of its images."""


def without_graph(step: Step) -> Step:
    """A discriminator's step as it was scored, which keeps neither graphs nor feature maps in memory."""
    seen = replace(step, logged={})
    kept = {"fake": step.fake.detach(), "on_real": _scores(step.on_real), "on_fake": _scores(step.on_fake)}
    vars(seen).update(kept)  # where cached properties keep what they give
    return seen


def _scores(output: DiscriminatorOutput) -> DiscriminatorOutput:
    classes = None if output.classes is None else output.classes.detach()
    return DiscriminatorOutput(output.score.detach(), classes, features={})


class WholeStep(Step):
    """The steps of all parts as one, joined when something is asked for, by all processes alike."""

    _parts: Sequence[Step]
    _ranks: Ranks

    @classmethod
    def of(cls, parts: Sequence[Step], ranks: Ranks) -> Self:
        """The step of which `parts` are those that this process has computed."""
        whole = cls.__new__(cls)
        vars(whole).update({name: value for name, value in vars(parts[0]).items() if name not in SEEN})
        whole._parts, whole._ranks, whole.logged = parts, ranks, {}
        return whole

    @cached_property
    def real_images(self) -> Tensor:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Reals [N, channels, H, W]."""
        return self._joined([step.real_images for step in self._parts])

    @cached_property
    def labels(self) -> Tensor | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Labels of the reals, see `Step.labels`."""
        labels = [step.labels for step in self._parts if step.labels is not None]
        return self._joined(labels) if labels else None

    @cached_property
    def fake(self) -> Tensor:
        """Generated images [N, channels, H, W]."""
        return self._joined([step.fake for step in self._parts])

    @cached_property
    def on_real(self) -> DiscriminatorOutput:
        """Scores of the reals, without feature maps."""
        return self._outputs([step.on_real for step in self._parts])

    @cached_property
    def on_fake(self) -> DiscriminatorOutput:
        """Scores of the fakes, without feature maps."""
        return self._outputs([step.on_fake for step in self._parts])

    def _outputs(self, outputs: Sequence[DiscriminatorOutput]) -> DiscriminatorOutput:
        classes = [output.classes for output in outputs if output.classes is not None]
        scores = self._joined([output.score for output in outputs])
        return DiscriminatorOutput(scores, self._joined(classes) if classes else None, features={})

    def _joined(self, parts: Sequence[Tensor]) -> Tensor:
        return self._ranks.gathered(torch.cat([*parts]))

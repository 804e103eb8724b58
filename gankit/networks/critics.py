"""Several discriminators side by side, of which each judges the same images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gankit.config.experiment import Experiment
from gankit.kinds import Critic
from gankit.networks.context import BuildContext
from gankit.networks.discriminator import Discriminator, DiscriminatorOutput, Judgement
from gankit.networks.growing import ImageShape, TrainedNetwork
from gankit.networks.layers import built

OWN = "discriminator"
"""What the network of the experiment's `discriminator` is called among others."""


def judging(experiment: Experiment, shape: ImageShape) -> Discriminator | Critics:
    """What judges images in an experiment: its discriminator alone, or with critics beside it or in its place."""
    acting = [each for each in experiment.regularizers if each.critics is None or OWN in each.critics]
    own = None if experiment.discriminator is None else Discriminator(experiment.discriminator, shape, acting)
    return own if own is not None and not experiment.critics else Critics(own, experiment.critics, shape)


class Critics(TrainedNetwork):
    """A discriminator that may be missing, and critics by name."""

    def __init__(self, own: Discriminator | None, critics: Mapping[str, Critic], shape: ImageShape) -> None:
        super().__init__()
        self.stage_resolutions, self.resolution = shape.resolutions, shape.resolutions[-1]
        context = BuildContext(
            network="discriminator",
            resolution=self.resolution,
            in_channels=shape.channels,
            out_channels=1,
            resolutions=shape.resolutions,
            aspect=shape.aspect,
            outermost=True,
            image_channels=shape.channels,
            classes=shape.classes,
            attributes=shape.attributes,
        )
        self._weights = {OWN: 1.0} | {name: critic.weight for name, critic in critics.items()}
        if own is not None:
            self.add_module(OWN, own)
        for name, critic in critics.items():
            self.add_module(f"critic_{name}", built(critic, context))  # a name alone might be that of a method

    def judges(self) -> Iterator[tuple[str, nn.Module]]:
        """Each discriminator by its name, that of the experiment first."""
        return ((name.removeprefix("critic_"), module) for name, module in self.named_children())

    def judge(self, name: str) -> Judge:
        """One of them, to be called as all are."""
        return Judge(dict(self.judges())[name])

    @property
    def own(self) -> Discriminator | None:
        """The network of the experiment's `discriminator`, if there is one."""
        module = self._modules.get(OWN)
        return module if isinstance(module, Discriminator) else None

    def part(self, name: str) -> nn.Module:
        """A part of the discriminator, or a critic as `critics.NAME`."""
        kind, _, critic = name.partition(".")
        return self.get_submodule(f"critic_{critic}" if kind == "critics" else f"{OWN}.{name}")

    def grow(self, resolution: int, alpha: float) -> None:
        """Judge images of `resolution`; the discriminator's newest layers have a weight of `alpha`."""
        self.resolution = resolution
        if self.own is not None:
            self.own.grow(resolution, alpha)

    def new_parameters(self, resolution: int) -> list[nn.Parameter]:
        """Those of the discriminator; critics are whole from the beginning."""
        return [] if self.own is None else self.own.new_parameters(resolution)

    def parameters_in_force(self) -> list[nn.Parameter]:
        """All but those of the discriminator's resolutions that have yet to take part."""
        of_critics = [each for name, judge in self.judges() if name != OWN for each in judge.parameters()]
        return [*([] if self.own is None else self.own.parameters_in_force()), *of_critics]

    def forward(self, images: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        """What each says of images [N, channels, H, W]; class logits and feature maps are the discriminator's."""
        said = {name: Judge(module)(images, labels) for name, module in self.judges()}
        scores = torch.cat([each.score.reshape(len(images), -1) for each in said.values()], 1)
        several = tuple(
            Judgement(each.score, each.weight * self._weights[name])
            for name, output in said.items()
            for each in output.judgements
        )
        classes, features = (said[OWN].classes, said[OWN].features) if OWN in said else (None, {})
        return DiscriminatorOutput(scores[:, 0] if scores.shape[1] == 1 else scores, classes, features, said, several)


class Judge:
    """Any module that judges images, as a step calls a discriminator."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __call__(self, images: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        """What it says of images [N, channels, H, W]."""
        said = self.module(images) if labels is None else self.module(images, labels)
        return output_of(said, len(images))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)


def output_of(said: Any, images: int) -> DiscriminatorOutput:
    """What a module says of so many images: scores [N, ...], a list of such, either with class logits, or a verdict."""
    if isinstance(said, DiscriminatorOutput):
        return said
    score, classes = said if isinstance(said, tuple) else (said, None)
    scores = [each.reshape(images, -1) for each in ([score] if isinstance(score, Tensor) else score)]
    flat = [each[:, 0] if each.shape[1] == 1 else each for each in scores]
    several = tuple(Judgement(each, 1.0) for each in flat) if len(flat) > 1 else ()
    return DiscriminatorOutput(torch.cat(scores, 1) if several else flat[0], classes, {}, several=several)

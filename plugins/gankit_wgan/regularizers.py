"""What keeps a Wasserstein critic Lipschitz and near zero."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from gankit import Regularizer, Scheduled

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gankit.config.experiment import Experiment
    from gankit.training.step import Step


class SampleGradientPenalty(Regularizer):
    """A penalty on the gradient that the score of each sample has at its image."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """A norm across the batch makes the gradient of one sample depend on the others."""
        own = experiment.discriminator if self.critics is None or "discriminator" in self.critics else None
        if own is not None and any(norm.mixes_samples for norms in own.norm.values() for norm in norms):
            yield (
                "a gradient penalty is taken a sample at a time, but discriminator.norm mixes the samples of a "
                "batch; use a norm that does not, or another regularizer"
            )
        for name, critic in experiment.critics.items():
            if critic.mixes_samples and (self.critics is None or name in self.critics):
                yield (
                    f"a gradient penalty is taken a sample at a time, but critics.{name} mixes the samples of a batch; "
                    "use norms there that do not, or let it act on others by its option critics"
                )


class GradientPenalty(SampleGradientPenalty):
    """Holds the norm of the critic's gradient at `target`, on random points between reals and fakes.

    weight / target^2 * mean((||grad D(x)|| - target)^2), the norm over all of an image (Gulrajani et al. 2017,
    equation 3; the target of Karras et al. 2018, appendix A.2). Of several scales at once it is the mean over these.
    """

    weight: Scheduled[Annotated[float, Field(ge=0)]] = 10.0
    """Lambda."""
    target: Scheduled[Annotated[float, Field(gt=0)]] = 1.0
    """Gamma, the norm aimed at."""

    def discriminator(self, step: Step) -> Tensor:
        """The penalty on points drawn uniformly on the line from each real to its fake."""
        return self.weight / self.target**2 * distance_to_norm(step, points_between(step), self.target)


class Drift(Regularizer):
    """Keeps scores of reals from drifting away: weight * mean(D(real)^2) (Karras et al. 2018, appendix A.1)."""

    derives_twice: ClassVar[bool] = False

    weight: Scheduled[Annotated[float, Field(ge=0)]] = 1e-3
    """Epsilon of the paper."""

    def discriminator(self, step: Step) -> Tensor:
        """The mean of the squared scores of reals."""
        return self.weight * step.on_real.score.square().mean()


class WeightClipping(Regularizer):
    """Holds every trained parameter of the critic between -limit and limit (Arjovsky et al. 2017, algorithm 1).

    Scales and shifts of norms are clipped too, as in the authors' code; under a norm of weights it is the stored weight
    that is clipped, not the one in use.
    """

    limit: Scheduled[Annotated[float, Field(gt=0)]] = 0.01
    """The paper's c."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """It is no penalty that could be lazy."""
        if self.every != 1:
            yield "clips after each update of the discriminator, so every must be 1"

    def constrain(self, discriminator: nn.Module) -> None:
        """Clip the parameters in place, but for those that are frozen."""
        for parameter in discriminator.parameters():
            if parameter.requires_grad:
                parameter.clamp_(-self.limit, self.limit)


def points_between(step: Step) -> Tensor:
    """Points [N, C, H, W], drawn uniformly on the line from each real of a step to its fake."""
    import torch

    share = step.per_sample(torch.rand, 1, 1, 1)
    return torch.lerp(step.real.detach(), step.fake.detach(), share.to(step.real.dtype))


def distance_to_norm(step: Step, points: Tensor, norm: float) -> Tensor:
    """Batch mean of (||grad D(x)|| - norm)^2 at `points` [N, C, H, W], the norm over all of an image.

    Where samples are images of several scales, the mean of what that is at each (Karnewar & Wang 2020, section 3).
    """
    return (gradient_norms(step, points) - norm).square().mean()


def gradient_norms(step: Step, points: Tensor) -> Tensor:
    """||grad D(x)|| [N] at each of `points` [N, C, H, W], over all of an image; of S scales, over each [S * N].

    If a head judges patches, D(x) is the sum of their scores.
    """
    import torch

    points = points.requires_grad_()
    gradient = step.gradient(step.critic(points, step.labels).score, points)
    return torch.cat([torch.linalg.vector_norm(each.flatten(1), dim=1) for each in step.by_scale(gradient)])

"""Penalties on the distance between scores of the same with and without a change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from gankit import Augmentation, Regularizer, Scheduled

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.config.experiment import Experiment
    from gankit.training.step import Step

MIRRORED_AND_MOVED: Any = {"use": "ada/stochastic", "transforms": ["flip", "translate-int"], "p": 1}
"""As in the paper, whose shifts are of up to 4 pixels of 32."""


class TransformedConsistency(Regularizer):
    """A penalty on what a transform of images changes in their scores.

    What `augment` of the experiment and the discriminator itself draw at random is the same with the transform and
    without, so that it alone makes a difference.
    """

    derives_twice: ClassVar[bool] = False

    transform: Augmentation = Field(default=MIRRORED_AND_MOVED, validate_default=True)
    """What should not matter: any augmentation but those that adapt themselves. The default mirrors and moves, which is
    wrong for digits and letters: {use: stochastic, transforms: translate-int, p: 1} only moves."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """No transform is told how updates go."""
        if type(self.transform).adapt is not Augmentation.adapt:
            yield "transform cannot adapt itself, which only what stands under augment does; use one that does not"

    def _distances(self, step: Step, *of: Literal["real", "fake"]) -> list[Tensor]:
        """Batch means of (D(x) - D(T(x)))^2, of reals, fakes or both."""
        moved = {  # all of them before scores are drawn anew, so that none repeats the draws of another
            which: step.augmented(self.transform, getattr(step, which).detach(), step.labels, which == "real")
            for which in of
        }
        distances: list[Tensor] = []
        for which, images in moved.items():
            score: Tensor = getattr(step, f"on_{which}").score
            step.seed(which)
            distances.append((step.critic(images, step.labels, which == "real").score - score).square().mean())
        return distances


class Consistency(TransformedConsistency):
    """CR: what a transform changes in the scores of reals, weight * mean((D(x) - D(T(x)))^2) (Zhang et al. 2020)."""

    weight: Scheduled[Annotated[float, Field(ge=0)]] = 10.0
    """Lambda."""

    def discriminator(self, step: Step) -> Tensor:
        """The penalty on this step's reals."""
        (real,) = self._distances(step, "real")
        return self.weight * real


class BalancedConsistency(TransformedConsistency):
    """bCR: what a transform changes in the scores of reals and of fakes (Zhao et al. 2020, section 3.1).

    real_weight * mean((D(x) - D(T(x)))^2) + fake_weight * mean((D(G(z)) - D(T(G(z))))^2): where it is reals alone, what
    the transform leaves behind in them may show in fakes.
    """

    real_weight: Scheduled[Annotated[float, Field(ge=0)]] = 10.0
    """Weight of the distance of reals."""
    fake_weight: Scheduled[Annotated[float, Field(ge=0)]] = 10.0
    """Weight of the distance of fakes."""

    def discriminator(self, step: Step) -> Tensor:
        """The penalty on this step's reals and fakes."""
        real, fake = self._distances(step, "real", "fake")
        return self.real_weight * real + self.fake_weight * fake


class LatentConsistency(Regularizer):
    """zCR: a step in the latent should change the image, but not its score (Zhao et al. 2020, section 3.2).

    The discriminator is penalized by discriminator_weight * mean((D(G(z)) - D(G(z + e)))^2), the generator
    rewarded by generator_weight * mean((G(z) - G(z + e))^2), over all pixels, where e is normal noise. Noise of the
    generator's own is the same in both. The paper's ICR is this and `balanced-consistency` together.
    """

    derives_twice: ClassVar[bool] = False

    sigma: Scheduled[Annotated[float, Field(gt=0)]] = 0.05
    """Standard deviation of e, where latents are drawn with 1."""
    discriminator_weight: Scheduled[Annotated[float, Field(ge=0)]] = 5.0
    """Weight in the discriminator's step."""
    generator_weight: Scheduled[Annotated[float, Field(ge=0)]] = 0.5
    """Weight in the generator's step, of what is taken from what it minimizes."""

    def discriminator(self, step: Step) -> Tensor:
        """The penalty on the scores of this step's fakes."""
        import torch

        z = self._moved(step)
        step.seed("generator")
        with torch.no_grad():
            moved = step.generator(z, step.labels)
        score = step.on_fake.score
        step.seed("fake")
        return self.discriminator_weight * (step.critic(moved, step.labels).score - score).square().mean()

    def generator(self, step: Step) -> Tensor:
        """The reward, below 0, for the distance of this step's fakes."""
        fake, z = step.fake, self._moved(step)
        step.seed("generator")
        return -self.generator_weight * (step.generator(z, step.labels) - fake).square().mean()

    def _moved(self, step: Step) -> Tensor:
        import torch

        z = step.z
        return z + self.sigma * step.per_sample(torch.randn, *z.shape[1:])

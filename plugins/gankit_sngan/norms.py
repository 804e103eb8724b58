"""Spectral normalization of weights, and batch normalization that knows the class."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from gankit import BuildContext, Norm, UserError

if TYPE_CHECKING:
    from torch import nn

    from gankit.config.experiment import Experiment


class Spectral(Norm):
    """Divides each weight by its largest singular value, estimated by power iteration (Miyato et al. 2018, section 2).

    The iteration goes on by `iterations` in every forward pass in training mode and stands still in evaluation. A
    layer that starts at zero (gain 0) has no singular value to divide by and is left alone.
    """

    iterations: int = Field(default=1, ge=1, le=1_000)
    """Power iterations a forward pass."""

    def apply(self, layer: nn.Module) -> None:
        """Divide the layer's weight by its largest singular value from now on."""
        from torch import nn
        from torch.nn.utils import parametrize

        from gankit.networks.protocols import gain_of
        from gankit_sngan.modules import SpectralNorm

        if gain_of(layer):
            weight = getattr(layer, "weight")  # noqa: B009  (as earlier norms leave it)
            norm = SpectralNorm(weight, isinstance(layer, nn.ConvTranspose2d), self.iterations)
            parametrize.register_parametrization(layer, "weight", norm)


class ConditionalBatch(Norm):
    """Batch normalization with a scale and a shift for each class (Miyato and Koyama 2018; de Vries et al. 2017).

    gamma[label] * BN(x) + beta[label], where the tables start at one and at zero. Norms of weights leave them alone.
    In the block that makes the image it is the same for all classes, as in the code of SNGAN's and of SAGAN's authors.
    """

    mixes_samples: ClassVar[bool] = True

    eps: float = Field(default=1e-5, gt=0)
    """Added to the variance."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """There must be classes."""
        with suppress(UserError):  # the data cannot be read here, which is said elsewhere
            if experiment.data.class_count() == 0 and not experiment.data.attribute_names():
                yield "needs classes, but the data has none; set data.labels: true, or use the norm batch"

    def build(self, context: BuildContext) -> nn.Module:
        """A batch norm of `context.out_channels` maps, conditioned on the label unless the image comes next."""
        from torch import nn

        from gankit_sngan.modules import ConditionalBatchNorm

        if context.network == "generator" and context.outermost:
            return nn.BatchNorm2d(context.out_channels, eps=self.eps)
        return ConditionalBatchNorm(context.out_channels, context.classes, self.eps)

    def reads_labels(self) -> bool:
        """Scale and shift are the label's."""
        return True

"""Orthogonal regularization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from gankit import Regularizer, Scheduled

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.training.step import Step


class OrthogonalRegularization(Regularizer):
    """Keeps the filters of each of the generator's layers orthogonal to each other, of whatever length.

    weight * sum over layers of ||W^T W * (1 - I)||_F^2, where the columns of W are the filters of a convolution or the
    outputs of a linear layer (Brock et al. 2019, equation 3). Of weights as they are stored, before norms of weights,
    and not of embeddings, as in the authors' code, which moves weights by half the gradient of that.
    """

    derives_twice: ClassVar[bool] = False

    weight: Scheduled[Annotated[float, Field(ge=0)]] = 1e-4
    """Beta."""

    def generator(self, step: Step) -> Tensor | None:
        """The penalty on the layers that take part; None if there are none."""
        import torch

        from gankit_biggan.modules import non_orthogonality, regularized_weights

        found = [non_orthogonality(matrix) for matrix in regularized_weights(step.generator)]
        return self.weight * torch.stack(found).sum() if found else None

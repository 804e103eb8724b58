"""The augmentation pipe in torch: 18 differentiable transforms, each of which befalls an image or does not.

Their distributions, order and composition are those of Karras et al. 2020, "Training Generative Adversarial Networks
with Limited Data", appendix B. All but the sampling of positions are products with matrices, so that gradients of any
order pass, and images of any size will do.
"""

from __future__ import annotations

from torch import Tensor

from gankit_ada.pipe.bands import filtered
from gankit_ada.pipe.color import recolored
from gankit_ada.pipe.corruption import cut_out, noisy
from gankit_ada.pipe.draws import Draws
from gankit_ada.pipe.geometry import warped

STEPS = (warped, recolored, filtered, noisy, cut_out)


def augmented(images: Tensor, draws: Draws) -> Tensor:
    """Images [N, C, H, W], each transformed as drawn; those that nothing befalls stay as they are, to the bit."""
    for step in STEPS:
        images = step(images, draws)
    return images

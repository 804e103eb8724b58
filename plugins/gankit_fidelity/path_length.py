"""Perceptual path length."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from gankit import Metric, UserError
from gankit_fidelity.weights import answers, hub_folder

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.config.experiment import Experiment
    from gankit.evaluation.images import Samples

FILES = {
    "weights-vgg16-lpips.pth": "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-vgg16-lpips.pth",
    "vgg16-397923af.pth": "https://download.pytorch.org/models/vgg16-397923af.pth",
}
"""What LPIPS is made of, and where torch-fidelity and torchvision have it from."""


class PerceptualPathLength(Metric):
    """How much images change along short steps through the latent space (Karras et al. 2019, section 4.1).

    The mean squared-step-normalized distance between the images of two points a step of `epsilon` apart, without the
    lowest and highest 1%. Lower is smoother. It sees abrupt changes; it is blind to whether images look real: a
    generator of one constant image has 0. Numbers by LPIPS and by pixels are on unlike scales.
    """

    space: Literal["w", "z"] = "w"
    """Where the path lies: among styles, straight; or among latents, along the arc between them."""
    sampling: Literal["end", "full"] = "end"
    """Measure at the beginning of each path, as StyleGAN2's authors do, or anywhere on it."""
    distance: Literal["lpips", "pixels"] = "lpips"
    """lpips: by VGG16 as torch-fidelity has it, whose weights must be had; pixels: mean square in network range."""
    epsilon: float = Field(default=1e-4, gt=0)
    """Length of a step, as a share of the path."""
    paths: int = Field(default=10_000, ge=1)
    """How many paths are measured."""

    def missing(self, experiment: Experiment) -> str | None:
        """The weights of LPIPS, unless they are there or can be had."""
        if self.distance == "pixels":
            return None
        lacking = [url for name, url in FILES.items() if not (hub_folder() / "checkpoints" / name).is_file()]
        if all(map(answers, lacking)):
            return None
        return (
            f"LPIPS lacks weights in {hub_folder() / 'checkpoints'}, and the network does not answer; "
            f"download {' and '.join(lacking)} into it, or measure with distance: pixels"
        )

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `ppl_` and the space and the sampling.

        Raises:
            UserError: if the images come from no generator, or the weights of LPIPS cannot be had.
        """
        from gankit_fidelity.path_length_modules import path_lengths, trimmed_mean

        if samples.generator is None:
            raise UserError("perceptual-path-length needs a generator, and folders of images have none")
        lengths = path_lengths(samples.generator, self, self._distance())
        return {f"ppl_{self.space}_{self.sampling}": trimmed_mean(lengths)}

    def _distance(self) -> Callable[[Tensor, Tensor], Tensor]:
        from gankit_fidelity.path_length_modules import lpips, squared

        if self.distance == "pixels":
            return squared
        try:
            return lpips()
        except OSError as problem:
            raise UserError(f"the weights of LPIPS cannot be had ({problem}): {' and '.join(FILES.values())}") from None

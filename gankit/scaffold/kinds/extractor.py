from gankit import Extractor, hookimpl
from pydantic import Field


class ExampleExtractor(Extractor):
    """A random projection of small versions of the images, always the same: it sees layout, and knows no classes."""

    classifies = False

    features: int = Field(default=32, ge=1, le=4096)
    """How many numbers are made of an image."""

    def identity(self) -> str:
        """Its name and all that decides the projection."""
        return f"example-{self.features}"

    @property
    def resize(self) -> str:
        """Means of areas."""
        return "area, 8x8"

    def load(self, device):
        """From uint8 [N, 3, H, W] to features [N, features] and logits [N, 0]."""
        import torch
        from gankit.evaluation.images import Features
        from torch.nn.functional import adaptive_avg_pool2d

        projection = torch.randn(3 * 8 * 8, self.features, generator=torch.Generator().manual_seed(0)).to(device)

        def extract(images: torch.Tensor) -> Features:
            small = adaptive_avg_pool2d(images.float() / 255, 8).flatten(1)
            return Features(small @ projection, small[:, :0])

        return extract


@hookimpl
def gankit_register(register):
    register("example", ExampleExtractor)

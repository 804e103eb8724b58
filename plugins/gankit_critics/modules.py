"""Views of images, and networks that judge them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gankit.networks.discriminator import Discriminator, DiscriminatorOutput


class Cropped(nn.Module):
    """Windows of images at random places, resized."""

    def __init__(self, height: int, aspect: float, share: float) -> None:
        super().__init__()
        self.size, self.share = (height, max(1, round(height * aspect))), share

    def forward(self, images: Tensor) -> Tensor:
        """From [N, C, H, W] to [N, C, height, width]; places are drawn uniformly, in whole pixels."""
        height, width = (max(1, round(self.share * side)) for side in images.shape[2:])
        if (height, width) != images.shape[2:]:
            free = torch.tensor([images.shape[2] - height + 1, images.shape[3] - width + 1], device=images.device)
            corners = (torch.rand(len(images), 2, device=images.device) * free).long()
            rows = corners[:, :1] + torch.arange(height, device=images.device)
            columns = corners[:, 1:] + torch.arange(width, device=images.device)
            number = torch.arange(len(images), device=images.device)[:, None, None]
            images = images.permute(0, 2, 3, 1)[number, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
        if images.shape[2:] == self.size:
            return images
        shrinks = height > self.size[0] or width > self.size[1]
        return F.interpolate(images, size=self.size, mode="bilinear", align_corners=False, antialias=shrinks)


class ViewingCritic(nn.Module):
    """A discriminator of what a view makes of images."""

    def __init__(self, view: nn.Module, network: Discriminator) -> None:
        super().__init__()
        self.view, self.network = view, network

    def forward(self, images: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        """What it says of images [N, C, H, W]."""
        return self.network(self.view(images), labels)

"""Draws docs/images/transforms.png: one photograph under each transform of the augmentation pipe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch  # noqa: TID253
from PIL import Image
from sklearn.datasets import load_sample_image

from gankit.data.pictures import grid, save_png
from gankit_ada.augmentations import GROUPS
from gankit_ada.pipe import augmented
from gankit_ada.pipe.draws import Draws

SIZE = 48
DRAWS = 8


def main() -> None:
    """One row a transform, each image by a draw of its own, then all of ADA's default at p = 0.6."""
    photograph = Image.fromarray(load_sample_image("china.jpg")).crop((106, 0, 533, 427))
    real = np.array(photograph.resize((SIZE, SIZE), Image.Resampling.LANCZOS))
    images = (torch.from_numpy(real).permute(2, 0, 1) / 127.5 - 1).expand(DRAWS, -1, -1, -1)
    singles = {name: {name: 1.0} for group in GROUPS.values() for name in group}
    default = dict.fromkeys([name for group in ("blit", "geom", "color") for name in GROUPS[group]], 0.6)
    rows = {"as it is": {}, **singles, "blit, geom, color at 0.6": default}
    torch.manual_seed(0)
    made = torch.cat([augmented(images, Draws(images, chances)) for chances in rows.values()])
    pixels = ((made.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    picture = grid(pixels, DRAWS, scale=1, names=list(rows))
    save_png(Path(__file__).with_name("images") / "transforms.png", picture)


if __name__ == "__main__":
    main()

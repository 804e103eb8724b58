"""Grids of samples and the files they are saved in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gankit.data.pictures import NEUTRAL, grid, save_png


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_images_stand_in_rows_with_a_gap() -> None:
    images = noise(5, 3, 4, 3)
    laid = grid(images, columns=3, gap=1, scale=2)
    assert laid.shape == (2 * 6 + 1, 3 * 8 + 2, 3)
    assert np.array_equal(laid[:6:2, :8:2], images[0])
    assert np.array_equal(laid[1:6:2, 19:26:2], images[2])
    assert np.array_equal(laid[7::2, 9:17:2], images[4])
    assert (laid[6] == NEUTRAL).all()
    assert (laid[:, 8] == NEUTRAL).all()
    assert (laid[7:, 18:] == NEUTRAL).all(), "the place of a sixth image"


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 1, 1), (2, 1, 2), (5, 2, 3), (9, 3, 3), (64, 8, 8)])
def test_grids_are_nearly_square(count: int, rows: int, columns: int) -> None:
    assert grid(noise(count, 1, 1, 1), gap=0, scale=1).shape == (rows, columns, 1)


@pytest.mark.parametrize(("size", "shown"), [(4, 64), (16, 64), (48, 96), (64, 64), (256, 256)])
def test_small_images_are_enlarged_to_be_readable(size: int, shown: int) -> None:
    assert grid(noise(1, size, size, 1)).shape == (shown, shown, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_saved_picture_is_read_back(tmp_path: Path, channels: int) -> None:
    image = noise(5, 7, channels)
    save_png(tmp_path / "a.png", image)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")).reshape(image.shape), image)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_equal_pictures_are_equal_files(tmp_path: Path) -> None:
    for name in "ab":
        save_png(tmp_path / name, noise(9, 9, 3))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("image", [noise(4, 4), noise(4, 4, 2), noise(4, 4, 3) / 255])
def test_what_is_no_picture_is_refused(tmp_path: Path, image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a picture is uint8"):
        save_png(tmp_path / "a.png", image)
    assert not list(tmp_path.iterdir())

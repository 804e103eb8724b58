"""Folders of images that are not square."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from support.tiny import tiny

from gankit.config.checks import problems
from gankit.config.yaml.writer import dump_experiment
from gankit.data.images import RealImages
from gankit_images.folder import Folder
from gankit_images.pictures import middle_box, read

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def test_images_may_be_wider_than_high_or_higher_than_wide(tmp_path: Path) -> None:
    picture = Image.new("RGB", (40, 40), RED)
    picture.paste(GREEN, (0, 10, 40, 30))
    picture.save(tmp_path / "a.png")
    wide = Folder(path=tmp_path, shape=(4, 8))
    assert wide.aspect() == 2
    reals = RealImages(wide, [4, 8])
    assert reals.at(8).shape == (1, 3, 8, 16)
    assert reals.at(4).shape == (1, 3, 4, 8)
    assert (reals.at(8).transpose(0, 2, 3, 1) == GREEN).all()
    high = Folder(path=tmp_path, shape=(2, 1)).load(8).images
    assert high.shape == (1, 3, 8, 4)
    assert (high[0, 0, [0, -1]] == 255).all(), "red above and below"
    assert Folder(path=tmp_path).aspect() == 1


@pytest.mark.parametrize(
    ("picture", "shape", "box"),
    [
        ((30, 10), (1, 1), (10, 0, 20, 10)),
        ((10, 30), (1, 1), (0, 10, 10, 20)),
        ((31, 10), (1, 1), (10, 0, 20, 10)),
        ((40, 40), (4, 8), (0, 10, 40, 30)),
        ((40, 10), (1, 2), (10, 0, 30, 10)),
        ((40, 20), (8, 16), (0, 0, 40, 20)),
        ((7, 7), (2, 3), (0, 1, 7, 6)),
        ((1, 1), (1, 100), (0, 0, 1, 1)),
    ],
)
def test_the_largest_box_in_the_middle_is_cut(
    picture: tuple[int, int], shape: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    assert middle_box(picture, shape) == box


def test_wide_pictures_are_resized_with_lanczos(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    expected = Image.fromarray(pixels).resize((16, 8), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(read(tmp_path / "a.png", (8, 16), 3).transpose(1, 2, 0), np.asarray(expected))


@pytest.mark.parametrize("shape", [[0, 1], [1], [1, 2, 3], [1.5, 1], 2, [True, 1]])
def test_a_shape_is_two_whole_numbers(shape: Any) -> None:
    with pytest.raises(ValidationError, match="shape"):
        Folder.model_validate({"path": "x", "shape": shape})


def test_a_shape_is_saved(tmp_path: Path) -> None:
    experiment = tiny(data={"use": "folder", "path": str(tmp_path), "shape": [4, 8]})
    assert "shape: [4, 8]" in dump_experiment(experiment)
    assert Folder.model_validate(experiment.data.model_dump(mode="json")) == experiment.data


def test_a_shape_without_whole_pixels_is_told_of_those_next_to_it(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40), RED).save(tmp_path / "a.png")

    def said(shape: list[int]) -> list[Any]:
        return problems(tiny(data={"use": "folder", "path": str(tmp_path), "shape": shape}))

    ((path, message),) = said([7, 9])
    assert path == ("data",)
    assert message.endswith("a shape (height and width) that has is [4, 5] or [2, 3]")
    assert said([4, 5]) == said([2, 3]) == []
    assert said([9, 2])[0][1].endswith("that has is [4, 1]")
    assert said([4, 1]) == []


# --- classes, and what is wrong ---------------------------------------------------------------------------------------

"""Emoji out of a folder that is laid out as npm's package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.tiny import tiny

from gankit import UserError
from gankit.config.checks import missing, problems
from gankit_emoji.datasets import Emoji


def emoji(image: str, category: str, **more: Any) -> dict[str, Any]:
    return {"name": image.upper(), "image": f"{image}.png", "category": category, "has_img_twitter": True, **more}


INDEX = [
    emoji("1f600", "Smileys & Emotion"),
    emoji("1f44b", "People & Body", skin_variations={"1F3FB": {"image": "1f44b-1f3fb.png", "has_img_twitter": True}}),
    emoji("1f34e", "Food & Drink"),
    emoji("1f34f", "Food & Drink", has_img_twitter=False),
]
FILES = ("1f600", "1f44b", "1f44b-1f3fb", "1f34e")


@pytest.fixture(name="package")
def _package(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    pictures = folder / "img" / "twitter" / "64"
    pictures.mkdir(parents=True)
    for number, name in enumerate(FILES):
        pixels = np.zeros((64, 64, 4), np.uint8)
        pixels[16:48, 16:48] = (200, 50 * number, 0, 255)
        pixels[0, 0] = (0, 0, 0, 128)
        Image.fromarray(pixels).save(pictures / f"{name}.png")
    (folder / "emoji.json").write_text(json.dumps(INDEX))
    return folder


def test_pictures_are_laid_on_white_in_the_order_of_the_index(package: Path) -> None:
    images, labels = Emoji(path=package).load(64)
    assert (images.shape, images.dtype, labels) == ((4, 3, 64, 64), np.uint8, None)
    assert images[:, 1, 32, 32].tolist() == [0, 50, 100, 150]
    assert images[:, :, 60, 60].min() == 255
    assert 126 <= images[0, 0, 0, 0] <= 128
    small = Emoji(path=package, background=0).load(16).images
    assert small[0, :, 15, 15].tolist() == [0, 0, 0]
    assert small[0, :, 8, 8].tolist() == [200, 0, 0]


def test_categories_are_classes_and_can_be_chosen(package: Path) -> None:
    data = Emoji(path=package, labels=True)
    assert data.class_names() == ["Food & Drink", "People & Body", "Smileys & Emotion"]
    _, labels = data.load(8)
    assert labels is not None
    assert labels.tolist() == [2, 1, 1, 0]
    assert data.describe() == "4 emoji: 1 Smileys & Emotion, 2 People & Body, 1 Food & Drink"
    chosen = Emoji(path=package, labels=True, categories=["People & Body"], variations=False)
    assert (chosen.class_count(), len(chosen.load(8).images)) == (1, 1)


def lacking(**options: Any) -> str:
    return " ".join(message for _, message in missing(tiny(data={"use": "emoji", **options})))


def test_what_is_missing_and_how_to_get_it(package: Path, tmp_path: Path) -> None:
    assert lacking(path=str(package)) == ""
    assert f"did you mean {package}?" in lacking(path=str(tmp_path))
    assert "npm pack emoji-datasource-twitter" in lacking(path=str(tmp_path / "none"))
    (package / "img" / "twitter" / "64" / "1f34e.png").unlink()
    assert "1 of 4 pictures are not there" in lacking(path=str(package))
    (package / "emoji.json").write_text('[{"image": "a.png"}]')
    assert "is no index of emoji as the package has it: KeyError('category')" in lacking(path=str(package))
    with pytest.raises(UserError, match="no index of emoji"):
        Emoji(path=package).load(8)


def test_an_unknown_category_and_a_broken_picture_are_told(package: Path) -> None:
    found = [
        message for _, message in problems(tiny(data={"use": "emoji", "path": str(package), "categories": ["Food"]}))
    ]
    assert "categories: there is none 'Food'." in " ".join(found)
    broken = package / "img" / "twitter" / "64" / "1f600.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"1f600\.png: cannot read this image: its content is none of PNG"):
        Emoji(path=package).load(8)

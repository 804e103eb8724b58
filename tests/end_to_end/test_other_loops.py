"""docs/other-loops.md and its examples: adversarial training without gankit's trainer."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "other-loops.md").read_text()
FASHION = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture(autouse=True)
def beside_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "examples"))
    monkeypatch.chdir(tmp_path)


def test_all_that_the_page_shows_works() -> None:
    told: dict[str, Any] = {}
    exec("\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)), told)

    assert {"loss.generator", "ada.p"} <= {*told["adversary"].logged}
    assert told["images"].shape == (1797, 1, 32, 32)


@pytest.mark.parametrize(("example", "picture"), [("vae_with_critic", "vae.png"), ("super_resolution", "doubled.png")])
def test_an_example_learns(example: str, picture: str) -> None:
    module = import_module(example)

    few, more = module.train("digits", 1), module.train("digits", 80)

    assert more["pixels"] < 0.8 * few["pixels"]
    with Image.open(picture) as shown:
        assert shown.size[0] == 8 * 64 + 7 * 2


@pytest.mark.slow
@pytest.mark.skipif(not FASHION.is_dir(), reason="apt-get install dataset-fashion-mnist")
def test_the_doubler_is_nearer_than_repeated_pixels_on_fashion_mnist() -> None:
    last = import_module("super_resolution").train("fashion-mnist", 600)

    assert last["pixels"] < 0.9 * last["repeated"]  # 0.86 with two seeds

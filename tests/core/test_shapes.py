"""Images that are not square or have opacity: in data, networks, measurement and pictures."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support.measuring import Made
from support.slow import slow_but
from support.tiny import tiny, trainer

from gankit import Dataset, LabelledImages, UserError
from gankit.config.checks import missing, problems
from gankit.core.registry import register, restored
from gankit.data.pictures import grid, save_png
from gankit.evaluation.evaluator import Evaluator
from gankit.evaluation.passes import for_extractor
from gankit.runs.start import begin

pytestmark = pytest.mark.costly


class Flags(Dataset):
    """Random images of two colours."""

    shape: float = 2.0
    channels: int = 4
    gone: bool = False

    def image_channels(self) -> int:
        return self.channels

    def aspect(self) -> float:
        return self.shape

    def missing(self, experiment: Any) -> str | None:
        return "the flags are gone" if self.gone else None

    def load(self, resolution: int) -> LabelledImages:
        rng = np.random.default_rng(0)
        colours = rng.integers(0, 256, (40, self.channels, 1, 1), dtype=np.uint8)
        images = colours.repeat(resolution, 2).repeat(round(resolution * self.shape), 3)
        images[:, :, : resolution // 2] //= 2
        return LabelledImages(images, None)


@pytest.mark.parametrize(
    ("channels", "aspect"), slow_but([(1, 2.0), (3, 0.5), (4, 1.5)], product([1, 3, 4], [2.0, 0.5, 1.5]), together=True)
)
def test_a_run_of_images_of_any_shape_and_channels(tmp_path: Path, channels: int, aspect: float) -> None:
    with restored():
        register("images", "flags", Flags)
        metrics = {"metrics": ["fid", "fid_blurred"], "extractor": "digits", "images": 16}
        experiment = tiny(data=Flags(shape=aspect, channels=channels), evaluation=metrics)
        assert not problems(experiment)
        run = begin(experiment, tmp_path / "run")
        run.train()
        assert run.sample(3, seed=0).shape == (3, 8, round(8 * aspect), channels)
        assert '"fid"' in (tmp_path / "run" / "metrics.jsonl").read_text()


def test_a_width_that_is_no_whole_number_of_pixels_is_refused() -> None:
    with restored():
        register("images", "flags", Flags)
        found = problems(tiny(data=Flags(shape=9 / 7)))
        proposed = [problems(tiny(data=Flags(shape=wide / high))) for high, wide in ((4, 5), (2, 3))]
        large = {"use": "fixed", "resolution": 8, "images": 32}
        of_base = problems(tiny(data=Flags(shape=9 / 8), growth=large))
    assert found == [
        (
            ("data",),
            "images 1.28571 times as wide as high have no whole pixels where networks begin, 4 high or that halved; "
            "a shape (height and width) that has is [4, 5] or [2, 3]",
        )
    ]
    assert proposed == [[], []]
    expected = "must make whole pixels, but at 1.125 times as wide 4 are 4.5; 8 would do"
    assert of_base == [(("generator", "base"), expected), (("discriminator", "base"), expected)]


def test_what_is_missing_is_told_with_its_place() -> None:
    with restored():
        register("images", "flags", Flags)
        experiment = tiny(data=Flags(gone=True))
        assert not problems(experiment)
        assert missing(experiment) == [(("data",), "the flags are gone")]


def test_what_is_missing_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may mean to walk a large folder, or to ask the network."""
    asked: list[str] = []
    monkeypatch.setattr(Flags, "missing", lambda self, experiment: asked.append("data"))
    with restored():
        register("images", "flags", Flags)
        experiment = tiny(data=Flags())
        assert not [*problems(experiment), *missing(experiment)]
    assert asked == ["data"]


def test_data_of_another_shape_than_it_says_is_refused() -> None:
    class Square(Flags):
        """Says that it is wide."""

        def aspect(self) -> float:
            return 3.0

    with restored():
        register("images", "square", Square)
        with pytest.raises(UserError, match=r"instead of uint8 \[N, 4, 8, 24\]"):
            trainer(tiny(data=Square()))


def test_images_with_opacity_are_measured_on_black() -> None:
    """Their colours are multiplied by opacity already, so what is seen on black is the colours alone."""
    images = torch.rand(3, 4, 5, 7) * 2 - 1
    assert torch.equal(for_extractor(images), for_extractor(images[:, :3]))


def test_pictures_keep_opacity_and_shape(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 8, 4), dtype=np.uint8)
    images[:, :, :, :3] = images[:, :, :, :3] * (images[:, :, :, 3:] / 255.0)
    save_png(tmp_path / "grid.png", grid(images, columns=2, gap=1, scale=1))
    with Image.open(tmp_path / "grid.png") as picture:
        assert (picture.mode, picture.size) == ("RGBA", (17, 4))
        pixels = np.asarray(picture)
    np.testing.assert_array_equal(pixels[:, :8, 3], images[0, :, :, 3])
    on_black = pixels[:, :8, :3] * (pixels[:, :8, 3:] / 255.0)
    assert abs(on_black - images[0, :, :, :3]).max() <= 1
    assert (pixels[:, 8] == [128, 128, 128, 255]).all()


def test_generated_images_of_the_wrong_shape_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with restored():
        register("images", "flags", Flags)
        metrics = {"metrics": "fid", "extractor": "digits", "images": 16}
        made = trainer(experiment := tiny(data=Flags(), evaluation=metrics))
        evaluator = Evaluator(experiment.evaluation, made.reals, made.device)
        from gankit.core.progress import Progress

        now = Progress(96, 96, 2, 2, 8, 1.0, 64)
        assert evaluator.evaluate(Made(lambda first, count: torch.zeros(count, 4, 8, 8)), now) == []
        assert "expected generated images [16, 4, 8, 16], not [16, 4, 8, 8]" in capsys.readouterr().err

"""Grey images of more than 8 bits: which numbers are black and white is known, said, or asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from support.tiny import tiny

from gankit import UserError
from gankit.config.yaml.writer import dump_experiment
from gankit.runs.recorded import allowed_changes
from gankit_images.folder import Folder

STEPS = np.repeat(np.linspace(0, 1, 4), 4).reshape(4, 4)
"""From black to white in four rows."""


def save(folder: Path, numbers: np.ndarray, name: str = "a.tif", **options: Any) -> Path:
    folder.mkdir(exist_ok=True)
    Image.fromarray(numbers).save(folder / name, **options)
    return folder


def rows(folder: Path, **options: Any) -> list[int]:
    """The grey of each row of the first image."""
    return Folder(path=folder, channels=1, **options).load(4).images[0, 0, :, 0].tolist()


def test_32_bit_numbers_of_8_bits_are_refused_until_their_range_is_said(tmp_path: Path) -> None:
    folder = save(tmp_path, np.rint(STEPS * 255).astype(np.int32))
    with pytest.raises(
        UserError, match=r"a\.tif.*32-bit numbers, at most 255, of which 255 or 65535 .*range: \[0, 255\]"
    ):
        rows(folder)
    assert rows(folder, range=[0, 255]) == [0, 85, 170, 255]


@pytest.mark.parametrize(
    ("numbers", "said", "levels"),
    [
        (STEPS.astype(np.float32), r"floating-point numbers; .*range: \[0, 1\]", (0, 1)),
        ((STEPS * 100_000).astype(np.int32), r"from 0 to 100000; .*range: \[0, 100000\]", (0, 100_000)),
        ((STEPS * 300 - 150).astype(np.int32), "from -150 to 150; ", (-150, 150)),
    ],
)
def test_what_is_no_16_bits_needs_a_range(tmp_path: Path, numbers: np.ndarray, said: str, levels: Any) -> None:
    with pytest.raises(UserError, match=said):
        rows(save(tmp_path, numbers))
    assert rows(tmp_path, range=levels) == pytest.approx([0, 85, 170, 255], abs=1)


@pytest.mark.parametrize(
    ("most", "white", "full"), [(300, "511 or 65535", 511), (4095, "4095 or 65535", 4095), (60_000, "65535", 65535)]
)
def test_32_bit_numbers_that_may_be_of_fewer_bits_are_refused_too(
    tmp_path: Path, most: int, white: str, full: int
) -> None:
    folder = save(tmp_path, np.rint(STEPS * most).astype(np.int32))
    with pytest.raises(
        UserError, match=rf"32-bit numbers, at most {most}, of which {white} may .*range: \[0, {full}\]"
    ):
        rows(folder)
    assert rows(folder, range=[0, most]) == [0, 85, 170, 255]


def test_a_run_that_read_them_before_goes_on_with_their_range(tmp_path: Path) -> None:
    data = {"use": "folder", "path": str(tmp_path)}
    before, now = tiny(data=data), tiny(data=data | {"range": [0, 65535]})
    assert allowed_changes(before, now) == {"data.range": {"before": None, "now": [0, 65535]}}
    with pytest.raises(UserError, match=r"data\.channels: 3 in the run, 1 now"):
        allowed_changes(before, tiny(data=data | {"channels": 1}))


def test_32_bit_numbers_up_to_the_last_of_16_bits_are_read_as_ever(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rows(save(tmp_path, np.rint(STEPS * 65535).astype(np.int32))) == [0, 85, 170, 255]
    assert capsys.readouterr().err == ""


def test_12_bits_in_16_are_told_of_and_scaled_by_their_range(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save(tmp_path, np.rint(STEPS * 4095).astype(np.uint16), "a.png")
    assert rows(folder) == [0, 5, 11, 16]
    assert capsys.readouterr().err == (
        f"gankit: {folder}: all images together use the levels from 0 to 16 of 0 to 255; if their files hold more than "
        "8 bits, `range` says which numbers are black and white\n"
    )
    assert rows(folder, range=[0, 4095]) == [0, 85, 170, 255]
    assert rows(folder, range=[0, 1365]) == [0, 255, 255, 255], "what lies beyond is cut off"
    assert capsys.readouterr().err == ""
    save(folder, np.full((4, 4), 65535, np.uint16), "b.png")
    rows(folder)
    assert capsys.readouterr().err == "", "one dark image among others is no wonder"


def test_opacity_is_no_contrast(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Folder(path=save(tmp_path, np.rint(STEPS * 4095).astype(np.uint16)), channels=4).load(4)
    assert "from 0 to 16 of 0 to 255" in capsys.readouterr().err


def test_transparency_of_16_bits_is_heeded(tmp_path: Path) -> None:
    numbers = np.rint(STEPS * 65535).astype(np.uint16)
    folder = save(tmp_path, numbers, "a.png", transparency=65535)
    assert rows(folder) == [0, 85, 170, 0]
    opacity = Folder(path=folder, channels=4).load(4).images[0, 3, :, 0]
    assert opacity.tolist() == [255, 255, 255, 0]


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    save(tmp_path, np.array([[0, np.nan]], np.float32))
    with pytest.raises(UserError, match="numbers that are not finite"):
        rows(tmp_path, range=[0, 1])


def test_a_range_is_two_numbers_that_differ() -> None:
    for wrong in ([1, 1], [0], [0, "x"], [0, float("nan")]):
        with pytest.raises(ValidationError, match="range"):
            Folder.model_validate({"path": "x", "range": wrong})


def test_runs_with_and_without_the_new_options_are_one_variant(tmp_path: Path) -> None:
    said = dump_experiment(tiny(data={"use": "folder", "path": str(tmp_path)}))
    assert "range" not in said
    assert "max_megapixels" not in said
    said = dump_experiment(tiny(data={"use": "folder", "path": str(tmp_path), "range": [0, 4095]}))
    assert "range: [0" in said

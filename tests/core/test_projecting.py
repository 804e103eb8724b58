"""gankit project: an image found again; what is looked for, and what it is kept from."""

from __future__ import annotations

import json
import math
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.tiny import tiny
from torch import nn

from gankit.cli import main
from gankit.config.loader import load_experiment
from gankit.generators.loading import load
from gankit.pictures.noise_maps import NoiseMaps, normalize, pattern_loss
from gankit.pictures.projecting import projected, rate_at, read_target
from gankit.pictures.sampling import as_pixels
from gankit.runs.start import begin

STYLED = Path(__file__).parents[2] / "experiments/small/stylegan-r1-digits.yaml"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def nearness(one: np.ndarray, other: np.ndarray) -> float:
    """PSNR of bytes in decibels."""
    return 10 * math.log10(255**2 / max(1e-9, float(np.square(one.astype(float) - other).mean())))


@pytest.mark.parametrize("space", ["w", *(pytest.param(space, marks=pytest.mark.slow) for space in ("w+", "z"))])
def test_an_image_of_a_generator_is_found_again(space: str, grown: Path) -> None:
    generator = load(grown, device="cpu")
    target = generator.of_seeds([3], noise="fixed").clamp(-1, 1)
    start = projected(generator, target, space, 1, optimize_noise=False)  # pyright: ignore[reportArgumentType]
    found = projected(generator, target, space, 60, optimize_noise=False)  # pyright: ignore[reportArgumentType]
    assert found.psnr > start.psnr + 2
    assert not found.noise
    assert (found.latent is not None) == (space == "z")
    assert found.styles.shape == (1, 6, 8)
    again = generator.synthesize(found.styles, noise="fixed")
    torch.testing.assert_close(again, found.image)
    if space == "w":
        assert bool((found.styles == found.styles[:, :1]).all())
    if space == "w+":
        assert found.psnr > projected(generator, target, "w", 60, optimize_noise=False).psnr - 1


@pytest.mark.slow
def test_a_trained_generator_finds_its_own_images_at_more_than_25_decibels(tmp_path: Path) -> None:
    settings = ["growth.images={4: 3k, 8: 6k, 16: 6k}", "observers=[guard]", "evaluation.metrics=[]"]
    begin(load_experiment(STYLED, settings), tmp_path / "run").train()
    generator = load(tmp_path / "run", device="cpu")
    for seed in (3, 4):
        target = generator.of_seeds([seed], noise="fixed").clamp(-1, 1)
        assert projected(generator, target, steps=300, optimize_noise=False).psnr > 25
    Image.fromarray(as_pixels(generator.of_seeds([3]))[0, ..., 0]).save("image.png")
    assert main(["project", str(tmp_path / "run"), "image.png", "-o", "found", "--steps", "300"]) == 0
    target, result = (np.asarray(Image.open(f"found/{name}.png")) for name in ("target", "result"))
    assert nearness(target, result) > 25


def test_a_folder_holds_what_was_found_and_how(grown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(grown), "--seeds", "3", "-o", "seeds"]) == 0
    command = ["project", str(grown), "seeds/seed000003.png", "--steps", "20", "-o", "found"]
    assert main(command) == 0
    assert "wrote found: PSNR " in capsys.readouterr().err
    assert sorted(file.name for file in Path("found").iterdir()) == [
        "both.png",
        "found.npz",
        "result.png",
        "target.png",
    ]
    with Image.open("found/result.png") as picture:
        result, told = np.asarray(picture), dict(picture.info)
    assert told["Command"] == f"gankit project {grown} seeds/seed000003.png --steps 20"
    assert float(told["PSNR"].removesuffix(" dB")) == pytest.approx(
        nearness(np.asarray(Image.open("found/target.png")), result), abs=0.2
    )
    with np.load("found/found.npz") as found:
        assert json.loads(str(found["about"]))["PSNR"] == told["PSNR"]
        maps = [torch.from_numpy(found[f"noise.{number}"]) for number in range(6)]
        styles = torch.from_numpy(found["styles"])
    assert [noise.shape[2] for noise in maps] == [4, 4, 8, 8, 16, 16]
    for noise in maps:
        assert float(noise.mean()) == pytest.approx(0, abs=1e-5)
        assert float(noise.square().mean()) == pytest.approx(1, abs=1e-4)
    generator, noise = load(grown, device="cpu"), NoiseMaps()
    with noise:
        generator.network.synthesize(styles)
    noise.maps = maps
    with noise:
        np.testing.assert_array_equal(as_pixels(generator.network.synthesize(styles))[0, ..., 0], result)


def test_noise_that_is_optimized_stays_noise() -> None:
    rng = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 1, 32, 32, generator=rng)
    stripes = torch.ones(32, 32)
    stripes[::2] = -1
    assert float(pattern_loss([noise])) < 0.05
    assert float(pattern_loss([stripes[None, None]])) == pytest.approx(2.0)  # of one scale: the next are all zero
    assert float(pattern_loss([torch.ones(1, 1, 4, 4)])) == pytest.approx(2.0)
    flat = torch.ones(1, 1, 32, 32)  # 1, 2 and 4 at its three scales, whose neighbours' products are 1, 4 and 16
    assert float(pattern_loss([flat, flat])) == pytest.approx(2 * 2 * (1 + 16 + 256))
    blurred = nn.functional.interpolate(noise[..., :8, :8], scale_factor=4)
    assert float(pattern_loss([blurred / blurred.std()])) > 0.5
    normalize([shifted := 3 * noise + 1])
    torch.testing.assert_close(shifted, (noise - noise.mean()) / noise.std(correction=0))


def test_maps_are_drawn_once_and_gradients_reach_them() -> None:
    maps = NoiseMaps()
    with maps:
        first = torch.randn(1, 1, 4, 4) + torch.randn_like(torch.ones(1, 2, 4, 4))
        torch.randn(5)
    assert [each.shape for each in maps.maps] == [(1, 1, 4, 4), (1, 2, 4, 4)]
    maps.maps[1].requires_grad_()
    with maps:
        second = torch.randn(1, 1, 4, 4) + torch.randn_like(torch.ones(1, 2, 4, 4))
    torch.testing.assert_close(first, second)
    second.sum().backward()
    torch.testing.assert_close(maps.maps[1].grad, torch.ones(1, 2, 4, 4))


def test_the_rate_rises_and_falls_as_in_the_paper() -> None:
    assert rate_at(0) == 0
    assert rate_at(0.025) == pytest.approx(0.05)
    assert rate_at(0.05) == rate_at(0.75) == pytest.approx(0.1)
    assert rate_at(0.875) == pytest.approx(0.05)
    assert rate_at(1) == pytest.approx(0)


def test_an_extractor_is_looked_through(grown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(grown), "--seeds", "3", "-o", "seeds"]) == 0
    results = []
    for extractor in ([], ["--extractor", "digits"]):
        folder = f"found{len(extractor)}"
        command = ["project", str(grown), "seeds/seed000003.png", "--steps", "5", "-o", folder, *extractor]
        assert main(command) == 0
        results.append((Path(folder) / "result.png").read_bytes())
    assert "by pixels and what digits sees" in capsys.readouterr().err
    assert results[0] != results[1]
    assert main(["project", str(grown), "seeds/seed000003.png", "-o", "new", "--extractor", "digit"]) == 2
    assert "--extractor: " in (err := capsys.readouterr().err)
    assert "digits" in err
    assert len(err.splitlines()) == 1


def test_the_middle_of_an_image_is_looked_for(tmp_path: Path) -> None:
    pixels = np.zeros((8, 24, 3), np.uint8)
    pixels[:, 8:16] = 255
    Image.fromarray(pixels).save("wide.png")
    target = read_target(Path("wide.png"), (1, 8, 8))
    torch.testing.assert_close(target, torch.ones(1, 1, 8, 8))
    assert read_target(Path("wide.png"), (3, 4, 12)).shape == (1, 3, 4, 12)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\xff" * 17, b"GIF89a"])
def test_files_that_are_no_images_are_refused_in_a_line(
    content: bytes, grown: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("image.png").write_bytes(content)
    assert main(["project", str(grown), "image.png", "-o", "new"]) == 2
    assert "image.png" in (err := capsys.readouterr().err)
    assert len(err.splitlines()) == 1
    assert not Path("new").exists()


def test_an_image_of_too_many_pixels_is_not_decoded(grown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = BytesIO()
    Image.new("1", (8, 8)).save(content, "PNG")
    header = b"IHDR" + (100_000).to_bytes(4, "big") * 2 + content.getvalue()[24:29]
    image = content.getvalue()[:12] + header + zlib.crc32(header).to_bytes(4, "big") + content.getvalue()[33:]
    Path("huge.png").write_bytes(image)
    assert main(["project", str(grown), "huge.png", "-o", "new"]) == 2
    assert "huge.png" in (err := capsys.readouterr().err)
    assert "100000x100000 pixels" in err
    assert len(err.splitlines()) == 1


def test_what_cannot_be_is_refused_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labelled = tiny(data={"use": "digits", "labels": True}, growth={"use": "fixed", "resolution": 4, "images": 16})
    begin(labelled, tmp_path / "run").train()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save("image.png")
    Path("there").write_text("")
    capsys.readouterr()
    for options, said in {
        "-o new": "--label: expected the class of the image, as this generator has classes",
        "-o new --label 2 --in w+": "--in: the mapping of this run's generator keeps no mean of styles",
        "-o new --label 2 --steps 0": "--steps: expected one step or more, not 0",
        "-o there --label 2": "-o: there is there already; name a new folder",
        "-o new --label 2 --extractor nothing": "--extractor: ",
    }.items():
        assert main(["project", "run", "image.png", *options.split()]) == 2
        assert said in (err := capsys.readouterr().err)
        assert len(err.splitlines()) == 1
    assert main(["project", "run", "lost.png", "-o", "new", "--label", "2"]) == 2
    assert "lost.png" in capsys.readouterr().err
    assert main(["project", "run", "image.png", "-o", "new", "--label", "2", "--steps", "3"]) == 0
    with np.load("new/found.npz") as found:
        assert np.linalg.norm(found["latent"]) == pytest.approx(8**0.5, rel=1e-5)

"""gankit interpolate and gankit film, and the files that frames are written to."""

from __future__ import annotations

import builtins
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.styled import styled_run

from gankit.cli import main
from gankit.core.errors import UserError
from gankit.generators.loading import load
from gankit.pictures.animations import write_film
from gankit.pictures.growing_film import captioned, grown_frames, images_at, recorded_frames, recorded_grids
from gankit.pictures.interpolating import great_circle, interpolated_images
from gankit.pictures.sampling import as_pixels


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def frames_of(file: Path) -> list[np.ndarray]:
    """The frames of a GIF as it shows them, one for each moment."""
    frames = []
    with Image.open(file) as film:
        for number in range(getattr(film, "n_frames", 1)):
            film.seek(number)
            frames += [np.asarray(film.convert("L"))] * (film.info["duration"] // 40)
    return frames


def test_a_way_goes_through_its_seeds_and_back_to_the_first(grown: Path) -> None:
    generator = load(grown, device="cpu")
    images = [*interpolated_images(generator, [1, 5, 9], steps=4)]
    assert len(images) == 12
    own = as_pixels(torch.cat([generator.of_seeds([seed], noise="fixed") for seed in (1, 5, 9)]))
    for number, image in enumerate(own):
        np.testing.assert_array_equal(images[4 * number], image)
    styles = generator.map(generator.latents([9, 1]))
    between = generator.synthesize(torch.lerp(styles[:1], styles[1:], 0.75), noise="fixed")
    np.testing.assert_array_equal(images[-1], as_pixels(between)[0])


def test_latents_go_along_the_sphere() -> None:
    one, other = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    half = great_circle(one, other, 0.5)
    torch.testing.assert_close(half, torch.full((1, 2), 3 / 2**0.5))
    torch.testing.assert_close(great_circle(one, other, 0.0), one)
    torch.testing.assert_close(great_circle(one, other, 1.0), other, atol=1e-6, rtol=0)
    torch.testing.assert_close(great_circle(one, one, 0.3), one)


def test_a_gif_plays_over_and_over_and_says_what_made_it(grown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["interpolate", str(grown), "--seeds", "1,5", "--steps", "3", "-o", "film.gif", "--rate", "25"]) == 0
    assert capsys.readouterr().err == "wrote film.gif: 6 frames between 2 seeds in w\n"
    assert main(["interpolate", str(grown), "--seeds", "1,5", "--steps", "3", "-o", "frames"]) == 0
    with Image.open("film.gif") as film:
        assert film.info["loop"] == 0
        told = json.loads(film.info["comment"])
    assert told["Command"] == f"gankit interpolate {grown} --seeds 1,5 --steps 3 --rate 25"
    files = [np.asarray(Image.open(file)) for file in sorted(Path("frames").iterdir())]
    np.testing.assert_array_equal(frames_of(Path("film.gif")), files)


def test_an_mp4_holds_every_frame(grown: Path) -> None:
    av = pytest.importorskip("av")
    assert main(["interpolate", str(grown), "--seeds", "1,5", "--steps", "3", "--in", "z", "-o", "film.mp4"]) == 0
    with av.open("film.mp4") as film:
        shown = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert "gankit interpolate" in film.metadata["comment"]
        assert film.streams.video[0].average_rate == 24
    images = interpolated_images(load(grown, device="cpu"), [1, 5], 3, "z")
    assert len(shown) == 6
    for frame, image in zip(shown, images, strict=True):
        assert np.abs(frame[::4, ::4, 0].astype(int) - image[..., 0]).mean() < 12


def test_frames_of_an_odd_size_have_a_row_more_in_an_mp4() -> None:
    av = pytest.importorskip("av")
    colours = np.zeros((5, 7, 3), np.uint8)
    colours[..., 0] = 200
    assert write_film(Path("odd.mp4"), [colours] * 3, 10) == 3
    with av.open("odd.mp4") as film:
        shown = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert [frame.shape for frame in shown] == [(6, 8, 3)] * 3
    assert np.abs(shown[0].astype(int) - [200, 0, 0]).max() < 30


def test_without_pyav_the_command_to_install_it_is_said(
    grown: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    imported = builtins.__import__

    def without(name: str, *arguments: object, **named: object) -> object:
        if name == "av":
            raise ImportError(name)
        return imported(name, *arguments, **named)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(builtins, "__import__", without)
    assert main(["interpolate", str(grown), "--seeds", "1,5", "-o", "film.mp4"]) == 2
    assert capsys.readouterr().err == "-o: MP4 is written by PyAV, which is missing: pip install 'gankit[video]'\n"


def test_growing_starts_from_the_stage_before_and_ends_at_the_next(grown: Path) -> None:
    generator, seeds = load(grown, device="cpu"), [3, 4]
    for before, after in ((4, 8), (8, 16)):
        small = images_at(generator, before, 1.0, seeds, final=16)
        np.testing.assert_array_equal(images_at(generator, after, 0.0, seeds, final=16), small)
        full = images_at(generator, after, 1.0, seeds, final=16)
        assert np.abs(full.astype(int) - small).max() > 2
    np.testing.assert_array_equal(full, as_pixels(load(grown, device="cpu").of_seeds(seeds, noise="fixed")))


def test_a_film_of_growth_has_each_stage_and_each_fade(grown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [*grown_frames(load(grown, device="cpu"), [3], steps=3)]
    captions = [frame.caption for frame in frames]
    assert captions[:6] == ["4x4"] * 3 + ["8x8, alpha 0.00", "8x8, alpha 0.50", "8x8"]
    np.testing.assert_array_equal(frames[2].pixels, frames[3].pixels)
    assert {frame.pixels.shape for frame in frames} == {(64, 64, 1)}
    assert main(["film", str(grown), "--growth", "--seeds", "3", "--steps", "3", "-o", "film"]) == 0
    assert capsys.readouterr().err == f"wrote film: {len(frames)} frames\n"
    np.testing.assert_array_equal(np.asarray(Image.open("film/000004.png")), captioned(frames[4])[..., 0])


def test_a_film_of_a_run_shows_its_grids_in_their_order(grown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grids = recorded_grids(grown)
    assert [one.images for one in grids] == [16, 32, 48, 64, 80]
    frames = [*recorded_frames(grids)]
    for frame, one in zip(frames, grids, strict=True):
        np.testing.assert_array_equal(frame.pixels[..., 0], np.asarray(Image.open(one.file)))
    assert frames[0].caption == "16 images, 4x4"
    assert main(["film", str(grown), "-o", "film", "--no-captions"]) == 0
    assert capsys.readouterr().err == "wrote film: 5 frames\n"
    with Image.open("film/000004.png") as picture:
        assert picture.info["Run"] == "styled"


def test_a_run_whose_checkpoints_are_gone_can_still_be_filmed(grown: Path) -> None:
    shutil.copytree(grown, "copy", ignore=shutil.ignore_patterns("checkpoints"))
    assert main(["film", "copy", "-o", "film.gif"]) == 0


def test_smaller_grids_are_enlarged_to_the_last_by_repeating_pixels() -> None:
    from gankit.data.pictures import grid, save_png

    Path("samples").mkdir()
    rng, names = np.random.default_rng(0), ["cat", "dog"]
    small, large = rng.integers(0, 256, (6, 64, 64, 1), np.uint8), rng.integers(0, 256, (6, 256, 256, 1), np.uint8)
    save_png(Path("samples/00000010-64x64.png"), grid(small, 3, names=names))
    save_png(Path("samples/00000020-256x256.png"), grid(large, 3, names=names))
    first, last = recorded_frames(recorded_grids(Path()))
    wanted = grid(small.repeat(4, axis=1).repeat(4, axis=2), 3, names=names)
    np.testing.assert_array_equal(first.pixels, wanted)
    np.testing.assert_array_equal(last.pixels, grid(large, 3, names=names))


def test_what_makes_no_film_is_refused_in_a_line(
    grown: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixed = {"use": "fixed", "resolution": 4, "images": 16}
    still = styled_run(tmp_path / "still", growth=fixed, observers=["guard"])
    Path("used").mkdir()
    Path("used/000009.png").touch()
    capsys.readouterr()
    for command, said in {
        f"film {still} -o a.gif": "keeps no grids of samples, and a film takes two or more, which the observer",
        f"film {still} -o a.gif --growth": "--growth: this generator has not grown, but is at 4x4",
        f"film {grown} -o a.gif --seeds 3": "--seeds: is for --growth; the grids that a run kept are as they are",
        f"film {grown} -o a.gif --growth --steps 1": "--steps: expected two frames or more from stage to stage, not 1",
        f"film {grown} -o a.gif --at 4": "--at: a film goes through all stages; leave it out",
        f"film {grown} -o a.gif --growth --seeds 0-9999999": "--seeds: 10,000,000 images in one frame take",
        f"interpolate {grown} -o a.gif --seeds 3": "--seeds: expected two or more to go between, such as 1,5,9, not 1",
        f"interpolate {grown} -o a.gif --seeds 3,4 --steps 0": "--steps: expected one image or more",
        f"interpolate {grown} -o a.avi --seeds 3,4": "-o: expected a file name that ends in .gif or .mp4, or a",
        f"interpolate {grown} -o a.gif --seeds 3,4 --rate nan": "--rate: expected a number of frames a second",
        f"interpolate {grown} -o used --seeds 3,4": "-o: the folder used is not empty; name a new one",
        f"interpolate {grown} -o used/000009.png/a.gif --seeds 3,4": "-o: cannot write used/000009.png/a.gif: ",
        f"interpolate {grown} -o a.gif --seeds 3,4 --label 1": "--label: this generator was trained without labels",
    }.items():
        assert main(command.split()) == 2, command
        assert said in (err := capsys.readouterr().err)
        assert len(err.splitlines()) == 1
    assert not Path("a.gif").exists()


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
def test_a_grid_that_is_damaged_is_named(content: bytes, grown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(grown, "copy")
    file = recorded_grids(Path("copy"))[1].file
    file.write_bytes(content)
    assert main(["film", "copy", "-o", "a.gif"]) == 2
    assert str(file) in (err := capsys.readouterr().err)
    assert len(err.splitlines()) == 1
    assert not Path("a.gif").exists()


def test_a_mistake_leaves_no_folder_of_frames_behind(grown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["interpolate", str(grown), "--seeds", "1", "-o", "new/way"]) == 2
    assert capsys.readouterr().err.count("--seeds: expected two or more") == 1
    assert not Path("new").exists()


@pytest.mark.parametrize("name", ["none", "none.gif"])
def test_a_film_of_no_frames_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="frames: expected one or more"):
        write_film(name, [], 24)
    assert not Path(name).exists()


def test_files_of_no_size_are_no_grids(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    for name in ("00000001-0x0.png", "00000002-4x0.png", "00000003-4x4.png"):
        Image.new("L", (64, 64)).save(tmp_path / "samples" / name)
    assert [grid.images for grid in recorded_grids(tmp_path)] == [3]

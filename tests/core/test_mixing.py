"""gankit mix: tables of images that have styles of two seeds; which styles belong to which resolution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.tiny import tiny

from gankit.cli import main
from gankit.generators.loading import load
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape
from gankit.pictures.mixing import bands_of, chosen_styles, mixed_images, style_resolutions
from gankit.pictures.sampling import as_pixels
from gankit.runs.start import begin


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose layers have no styles."""
    folder = tmp_path_factory.mktemp("plain") / "run"
    begin(tiny(growth={"use": "fixed", "resolution": 4, "images": 16}), folder).train()
    return folder


def test_styles_belong_to_the_layers_that_read_them(grown: Path) -> None:
    generator = load(grown, device="cpu")
    assert style_resolutions(generator.network) == [4, 4, 8, 8, 16, 16]
    assert bands_of(generator.network) == {"coarse": [4], "middle": [8], "fine": [16]}
    assert [one.styles for one in chosen_styles(generator.network, "coarse,8-16,4x4")] == [[0, 1], [2, 3, 4, 5], [0, 1]]


def test_a_conversion_into_an_image_may_read_a_style_of_its_own() -> None:
    network = {"block": "stylegan2", "rgb": "stylegan2-rgb", "channels": 4, "join": "sum", "norm": "equalized"}
    options = tiny(
        generator=network | {"mapping": {"use": "stylegan2", "width": 8}, "stem": "stylegan2", "latent": 8},
        join="sum",
    ).generator
    generator = Generator(options, ImageShape((4, 8, 16), 1))
    assert style_resolutions(generator) == [4, 8, 8, 16, 16, 16]
    assert len(style_resolutions(generator)) == generator.styles


def test_a_large_network_is_split_as_in_the_paper(grown: Path) -> None:
    options = load(grown, device="cpu").experiment.generator
    generator = Generator(options, ImageShape((4, 8, 16, 32, 64, 128), 1))
    assert bands_of(generator) == {"coarse": [4, 8], "middle": [16, 32], "fine": [64, 128]}
    generator = Generator(options, ImageShape((4, 8, 16, 32), 1))
    assert bands_of(generator) == {"coarse": [4, 8], "middle": [16], "fine": [32]}


def test_sources_are_the_images_of_their_seeds_and_all_styles_or_none_give_them_again(grown: Path) -> None:
    command = f"mix {grown} --rows 1,2 --columns 3,4,5 --from coarse,middle,fine -o table.png"
    assert main(command.split()) == 0
    with Image.open("table.png") as picture:
        table, told = np.asarray(picture), dict(picture.info)
    assert told["Description"].startswith("coarse: styles 0 to 1, of 4x4; middle: styles 2 to 3, of 8x8; fine: ")
    assert told["Command"] == f"gankit {command.removesuffix(' -o table.png')}"
    margin = table.shape[1] - (4 * 66 - 2)
    generator = load(grown, device="cpu")
    own = {seed: as_pixels(generator.of_seeds([seed]))[0, ..., 0] for seed in (1, 2, 3, 4, 5)}

    def cell(row: int, column: int) -> np.ndarray:
        top, left = 66 * row, margin + 66 * column
        return table[top : top + 64 : 4, left : left + 64 : 4]

    for column, seed in enumerate((3, 4, 5), 1):
        np.testing.assert_array_equal(cell(0, column), own[seed])
    for row, seed in enumerate((1, 2) * 3, 1):
        np.testing.assert_array_equal(cell(row, 0), own[seed])
    fine = mixed_images(generator, [1, 2], [3, 4, 5], [4, 5])
    np.testing.assert_array_equal(cell(6, 2), fine[1, 1, ..., 0])
    np.testing.assert_array_equal(mixed_images(generator, [1], [3], [])[0, 0, ..., 0], own[3])
    whole = mixed_images(generator, [1], [3], range(6))[0, 0]
    noise_of_column = generator.synthesize(generator.map(generator.latents([1])), noise=[3])
    np.testing.assert_array_equal(whole, as_pixels(noise_of_column)[0])


def test_a_style_changes_its_own_layers_alone(grown: Path) -> None:
    """Of an image before the second block nothing changes by the styles after it."""
    generator = load(grown, device="cpu")
    styles = generator.map(generator.latents([1]))
    other = styles.clone()
    other[:, [2, 3, 4, 5]] = generator.map(generator.latents([2]))[:, [2, 3, 4, 5]]
    small = generator.at(resolution=4)
    one, two = (small.synthesize(each[:, :2], noise="fixed") for each in (styles, other))
    np.testing.assert_array_equal(as_pixels(one), as_pixels(two))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            "--from corse",
            "--from: expected coarse, middle, fine or resolutions, such as 4-8, not 'corse'. Did you mean",
        ),
        ("--from 4-32", "--from: the resolutions of this generator go from 4 to 16, not 4-32"),
        ("--from 8-4", "--from: the resolutions of this generator go from 4 to 16, not 8-4"),
        ("--styles 2-6", "--styles: the largest style is 5, not 6"),
        ("--styles 1 --from fine", "--styles: says the same as --from; leave one out"),
        ("--rows 1-", "--rows: expected whole numbers and ranges of them"),
        ("--columns 0-9999999", "--columns: a table of 30,000,003 images take"),
        ("--cutoff 2", "--cutoff: expected a number of styles, 1 or more, beside --truncation"),
        ("-o table.gif", "-o: expected a file name that ends in .png, not table.gif"),
    ],
)
def test_mistakes_are_one_line(grown: Path, options: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(f"mix {grown} --rows 1,2 --columns 3 -o table.png {options}".split()) == 2
    assert said in (err := capsys.readouterr().err)
    assert len(err.splitlines()) == 1
    assert not Path("table.png").exists()


def test_what_has_no_styles_is_refused_in_a_line(plain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(f"mix {plain} --rows 1,2 --columns 3 -o table.png".split()) == 2
    said = "--from: no layers of this run's generator have styles of their own; there is nothing to mix\n"
    assert capsys.readouterr().err == said
    assert main(f"interpolate {plain} --seeds 1,2 --steps 2 -o way.gif".split()) == 0
    assert "4 frames between 2 seeds in z" in capsys.readouterr().err
    assert main(f"sample {plain} --seeds 1,2 --truncation 0.5 -o new".split()) == 2
    assert "keeps no mean of styles to pull towards" in capsys.readouterr().err

"""gankit directions: ways to change images, by weights and by components of styles."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.tiny import tiny

from gankit.cli import main
from gankit.generators.loading import load
from gankit.pictures.directions import first_weight, found_directions, moved_images, style_weights
from gankit.pictures.sampling import as_pixels
from gankit.runs.start import begin


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_weights_are_those_of_the_layers_that_read_styles(grown: Path) -> None:
    generator = load(grown, device="cpu")
    weights = style_weights(generator)
    assert [tuple(weight.shape) for weight in weights] == [(16, 8)] * 4 + [(8, 8)] * 2
    affine = generator.network.blocks["16"].get_submodule("norm1.affine")
    torch.testing.assert_close(weights[5], affine.weight)
    torch.testing.assert_close(style_weights(generator, [5, 2])[1], weights[5])


def test_the_first_direction_is_the_one_that_weights_change_most_by(grown: Path) -> None:
    generator = load(grown, device="cpu")
    found, stacked = found_directions(generator, "weights", 8), torch.cat(style_weights(generator))
    torch.testing.assert_close(found.vectors @ found.vectors.T, torch.eye(8), atol=1e-5, rtol=0)
    changes = (stacked @ found.vectors.T).square().sum(0)
    torch.testing.assert_close(changes, found.strengths, rtol=1e-4, atol=1e-6)
    random = torch.nn.functional.normalize(torch.randn(100, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    assert float((stacked @ random.T).square().sum(0).max()) <= float(changes[0])
    assert bool((changes.diff() <= 0).all())


def test_components_are_those_of_styles(grown: Path) -> None:
    generator = load(grown, device="cpu")
    found = found_directions(generator, "components", 3)
    styles = generator.map(torch.randn(4000, 8, generator=torch.Generator().manual_seed(1)))[:, 0]
    spread = (styles @ found.vectors.T).std(0)
    torch.testing.assert_close(spread, found.unit, rtol=0.1, atol=0)
    assert found.vectors.shape == (3, 8)


def test_a_generator_without_styles_is_moved_by_its_first_layer(tmp_path: Path) -> None:
    begin(tiny(growth={"use": "fixed", "resolution": 4, "images": 16}), tmp_path / "run").train()
    generator = load(tmp_path / "run", device="cpu")
    weight, z = first_weight(generator), generator.latents([0])
    layer = next(each for each in generator.network.stem.modules() if isinstance(each, torch.nn.Linear))
    torch.testing.assert_close(weight, layer.weight)
    found = found_directions(generator, "weights", 2)
    assert not found.of_styles
    moved = moved_images(generator, 0, found, steps=3, strength=2.0)
    step = 2 * found.vectors[1] * found.unit[1]
    np.testing.assert_array_equal(moved[1, 2], as_pixels(generator(z + step, noise=[0]))[0])
    assert main(["directions", "run", "-o", "strips.png", "--by", "components"]) == 2
    assert main(["directions", "run", "-o", "strips.png", "--count", "2"]) == 0
    with Image.open("strips.png") as picture:
        assert picture.height == 2 * 66 - 2


def test_convolutions_that_read_a_latent_count_too(tmp_path: Path) -> None:
    begin(
        tiny(
            growth={"use": "fixed", "resolution": 8, "images": 16},
            generator={
                "mapping": "identity",
                "stem": "dcgan",
                "block": "conv",
                "rgb": "rgb",
                "channels": 4,
                "latent": 6,
            },
        ),
        tmp_path / "run",
    ).train()
    generator = load(tmp_path / "run", device="cpu")
    weight = first_weight(generator)
    assert weight.shape == (4 * 4 * 4, 6)
    layer = next(each for each in generator.network.stem.modules() if isinstance(each, torch.nn.ConvTranspose2d))
    assert float(weight[:, 2].square().sum()) == pytest.approx(float(layer.weight[2].square().sum()))


def test_the_middle_of_a_strip_is_the_image_of_the_seed(grown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator = load(grown, device="cpu")
    moved = moved_images(generator, 5, found_directions(generator, "components", 2), steps=5, truncation=0.7)
    own = as_pixels(generator.of_seeds([5], truncation=0.7))[0]
    for strip in moved:
        np.testing.assert_array_equal(strip[2], own)
        assert np.abs(strip[4].astype(int) - strip[0]).max() > 2
    untouched = moved_images(generator, 5, found_directions(generator, "components", 1), styles=[])
    assert (untouched == untouched[:, :1]).all()
    assert main(f"directions {grown} -o strips.png --seed 5 --truncation 0.7".split()) == 0
    assert capsys.readouterr().err == "wrote strips.png: 5 by weights, 5 by components\n"
    with Image.open("strips.png") as picture:
        strips = np.asarray(picture)
        assert picture.info["Command"] == f"gankit directions {grown} --seed 5 --truncation 0.7"
    assert strips.shape[0] == 10 * 66 - 2
    left = strips.shape[1] - (7 * 66 - 2) + 3 * 66
    np.testing.assert_array_equal(strips[5 * 66 : 5 * 66 + 64 : 4, left : left + 64 : 4], own[..., 0])


def test_directions_are_kept_as_arrays(grown: Path) -> None:
    assert main(f"directions {grown} -o ways.npz --count 3 --from fine".split()) == 0
    generator = load(grown, device="cpu")
    with np.load("ways.npz") as ways:
        wanted = found_directions(generator, "weights", 3, [4, 5])
        np.testing.assert_allclose(ways["weights"], wanted.vectors, atol=1e-6)
        assert ways["components.unit"].shape == (3,)
        assert json.loads(str(ways["about"]))["Generator"] == "average"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--steps 4", "--steps: expected an odd number of images in a row, 3 or more, not 4"),
        ("--count 0", "--count: expected one direction or more, not 0"),
        ("--strength inf", "--strength: expected a number above 0, not inf"),
        (
            "--from fin",
            "--from: expected coarse, middle, fine or resolutions, such as 4-8, not 'fin'. Did you mean 'fine'",
        ),
        ("--label 3", "--label: this generator was trained without labels"),
        ("-o ways.gif", "-o: expected a file name that ends in .png or .npz, not ways.gif"),
    ],
)
def test_mistakes_are_one_line(grown: Path, options: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(f"directions {grown} -o strips.png {options}".split()) == 2
    assert said in (err := capsys.readouterr().err)
    assert len(err.splitlines()) == 1
    assert not Path("strips.png").exists()

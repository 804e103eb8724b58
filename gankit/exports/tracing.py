"""A generator as exporters trace it: tensors in, images out, of any number, and nothing drawn within.

What modules draw, they draw by torch.randn and the like, whoever wrote them; so it is found by a first pass, which
notes each draw, and put in the place of the same draws where the exporters look on.
"""

from __future__ import annotations

import builtins
import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import Parameter, Signature
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.overrides import TorchFunctionMode

from gankit.core.errors import RunError, UserError
from gankit.core.failures import in_short
from gankit.generators.noise import drawn
from gankit.generators.trained import TrainedGenerator
from gankit.networks.generator import Generator
from gankit.networks.protocols import CanTruncate
from gankit.training.draws import DRAWS, INTO_A_TENSOR

BakedNoise: TypeAlias = Literal["fixed", "input", "none"]
"""fixed: the same for every image, kept with the weights; input: tensors noise0, noise1, ... that are handed in; none:
zeros."""

EXAMPLES = 3
"""Images of the first pass: few, and a number that no size is by chance."""
BATCHES = (1, 4)
"""Batches on which what was exported is held against the network."""
CLOSE = 1e-4
"""How far the two are apart at most, as a share of the range of the images, if they add alike."""
FAR = 1e-2
"""How far they may be where another library adds in another order: a network that normalizes maps that are all but
constant, as one that was hardly trained may, amplifies what is rounded."""


class Baked(NamedTuple):
    """What becomes part of an exported program, as it has no such arguments."""

    truncation: float | None = None
    """How far styles are pulled towards their mean, as `TrainedGenerator.map` does; None: not at all."""
    cutoff: int | None = None
    """How many of the styles; None: all."""
    noise: BakedNoise = "fixed"


class TracedGenerator(nn.Module):
    """The network of a trained generator at the stage where it stands, without what only other stages need.

    Images [N, C, H, W] of latents z [N, latent], of labels, int64 [N] if there are classes and float32 [N,
    attributes] if there are attributes, and of noise0, noise1, ...,
    as they are drawn one after the other, if noise is an input.
    """

    means: Tensor

    def __init__(self, generator: TrainedGenerator, baked: Baked) -> None:
        """Note what the generator draws."""
        super().__init__()
        self.baked, self.classes, self.latent = baked, len(generator.classes), generator.latent
        self.attributes = len(generator.attributes)
        self.network = _in_force(generator.network)
        self.register_buffer("means", self._means(generator))
        self.draws = _draws_of(self.network, baked, *self.example())
        for number, draw in enumerate(self.draws):
            if baked.noise != "input" or not _is_of_images(draw):
                self.register_buffer(f"noise{number}", draw[:1] if _is_of_images(draw) else draw)
        self.forward = _with_names(self.forward, self.inputs)

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """What an image is made of, in the order of arguments, each with its shape beside the first dimension, N."""
        noise = {f"noise{number}": (*draw.shape[1:],) for number, draw in self._noise_inputs()}
        labels = {"labels": (self.attributes,) if self.attributes else ()} if self.classes or self.attributes else {}
        return {"z": (self.latent,), **labels, **noise}

    def example(self, count: int = EXAMPLES, seed: int = 0) -> tuple[Tensor, Tensor | None]:
        """Latents and labels of a seed for so many images."""
        draws = torch.Generator().manual_seed(seed)
        z = torch.randn(count, self.latent, generator=draws)
        if self.attributes:
            return z, torch.randn(count, self.attributes, generator=draws)
        return z, torch.randint(self.classes, (count,), generator=draws) if self.classes else None

    def example_inputs(self, count: int = EXAMPLES, seed: int = 0) -> dict[str, Tensor]:
        """All that `inputs` names, of a seed for so many images."""
        z, labels = self.example(count, seed)
        given = {"z": z} if labels is None else {"z": z, "labels": labels}
        draws = torch.Generator().manual_seed(seed + 1)
        noise = {
            f"noise{number}": torch.randn(count, *draw.shape[1:], generator=draws).to(draw.dtype)
            for number, draw in self._noise_inputs()
        }
        return given | noise

    def forward(self, *given: Tensor) -> Tensor:
        """The images of `inputs`, one argument each."""
        inputs = dict(zip(self.inputs, given, strict=True))
        z, labels = inputs["z"], inputs.get("labels")
        styles = self.network.map(z, labels)
        psi, cutoff = self.baked.truncation, self.baked.cutoff
        if psi is not None and not self.classes:
            styles = cast(CanTruncate, self.network.mapping).truncated(styles, psi, cutoff)
        elif psi is not None:
            pulled = torch.lerp(self.means[labels], styles, psi)
            styles = pulled if cutoff is None else torch.cat([pulled[:, :cutoff], styles[:, cutoff:]], 1)
        with _Replayed([self._draw(number, inputs, z.shape[0]) for number in range(len(self.draws))]):
            return self.network.synthesize(styles, labels)

    def _draw(self, number: int, inputs: Mapping[str, Tensor], count: int) -> Tensor:
        """Draw of a number for so many images."""
        name = f"noise{number}"
        draw = inputs[name] if name in inputs else cast(Tensor, getattr(self, name))
        return draw.expand(count, *draw.shape[1:]) if _is_of_images(self.draws[number]) else draw

    def _noise_inputs(self) -> Iterator[tuple[int, Tensor]]:
        if self.baked.noise == "input":
            yield from ((number, draw) for number, draw in enumerate(self.draws) if _is_of_images(draw))

    def _means(self, generator: TrainedGenerator) -> Tensor | None:
        """The mean styles [classes, styles, width] towards which those of each class are pulled."""
        if self.baked.truncation is None or not self.classes:
            return None
        numbers = torch.arange(self.classes)
        return generator.map(torch.zeros(self.classes, self.latent), numbers, truncation=0.0).cpu()


def traced_program(traced: TracedGenerator, form: str) -> ExportedProgram:
    """The program of a generator for batches of any size.

    Args:
        traced: What is traced.
        form: What it is for, as --to names it, for messages.

    Raises:
        UserError: if torch.export cannot follow it.
    """
    given, batch = traced.example_inputs(), Dim("batch", min=1)
    try:
        with _lengths_may_vary(), torch.no_grad():
            shapes = {name: {0: batch} for name in given}
            program = torch.export.export(traced, (*given.values(),), dynamic_shapes=shapes, strict=False)
    except Exception as failure:  # torch raises many kinds, of its own and whatever modules do
        raise UserError(f"--to {form}: torch.export cannot follow this generator: {_first_line(failure)}") from failure
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # which names files of this machine
    return program


def held_against(
    traced: TracedGenerator, run: Callable[[dict[str, Tensor]], Tensor], what: str, most: float = CLOSE
) -> float:
    """How far what was exported is from the network at most, as a share of the range of the images.

    Args:
        traced: The network.
        run: Images of what was exported.
        what: It, for messages.
        most: How far it may be.

    Raises:
        RunError: if it is further away.
    """
    worst = 0.0
    for count in BATCHES:
        inputs = traced.example_inputs(count, seed=count)
        with torch.no_grad():
            wanted = traced(*inputs.values())
        got, span = run(inputs), float(wanted.max() - wanted.min())
        apart = float((got - wanted).abs().max()) if got.shape == wanted.shape else float("inf")
        share = apart / span if span else apart
        if not share <= most:  # NaN is none
            raise RunError(f"{what} gives other images than the generator, {share:.3g} of their range apart")
        worst = max(worst, share)
    return worst


def _with_names(function: Callable[..., Tensor], names: Iterable[str]) -> Callable[..., Tensor]:
    """A function of some arguments, which exporters know by these names."""

    def named(*given: Tensor) -> Tensor:
        return function(*given)

    parameters = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    named.__signature__ = Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    return named


class _Noted(TorchFunctionMode):
    """Notes what is drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.draws: list[Tensor] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in DRAWS:
            self.draws.append(result.detach().clone())
        return result


class _Replayed(TorchFunctionMode):
    """Gives what was noted, draw by draw."""

    def __init__(self, draws: Sequence[Tensor]) -> None:
        super().__init__()
        self._draws = iter(draws)

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func not in DRAWS:
            return func(*args, **(kwargs or {}))
        draw = next(self._draws)
        return args[0].copy_(draw) if func in INTO_A_TENSOR or (kwargs or {}).get("inplace") else draw


def _draws_of(network: Generator, baked: Baked, z: Tensor, labels: Tensor | None) -> list[Tensor]:
    """What a network draws for EXAMPLES images, in its order."""
    noted = _Noted()
    with torch.no_grad(), drawn("none" if baked.noise == "none" else "fixed", EXAMPLES), noted:
        network.synthesize(network.map(z, labels).clone(), labels)
    return noted.draws


def _is_of_images(draw: Tensor) -> bool:
    """Whether a draw of the first pass has a row for each image."""
    return draw.dim() > 0 and len(draw) == EXAMPLES


def _in_force(network: Generator) -> Generator:
    """A copy of a network on the CPU without the parts that its stage does not use."""
    network = copy.deepcopy(network).cpu()
    network.known_vectors = None  # labels are handed in
    images = {network.resolution, *(resolution // 2 for resolution in network.joins)}
    used = {"blocks": {*network.above_base()}, "rgb": images, "join_modules": {*network.joins}}
    for name, resolutions in used.items():
        parts = getattr(network, name)
        for resolution in [each for each in parts if int(each) not in resolutions]:
            del parts[resolution]
    return network


@contextmanager
def _lengths_may_vary() -> Iterator[None]:
    """Let len(x) of a tensor be as variable as its shape, which Python's own makes a plain number of.

    torch.export does the same for max, min and math.pow, while it looks on.
    """
    plain = builtins.len

    def length(sized: Any) -> Any:
        return sized.shape[0] if isinstance(sized, Tensor) and sized.dim() else plain(sized)

    builtins.len = length
    try:
        yield
    finally:
        builtins.len = plain


def _first_line(failure: Exception) -> str:
    """What is wrong, of the pages that torch writes of it."""
    lines = [line.strip() for line in str(failure).splitlines() if line.strip()]
    return lines[0] if lines else in_short(failure)

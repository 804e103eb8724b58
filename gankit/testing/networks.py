"""Rules for the parts of networks: shapes, state, what they leave alone, and their gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from gankit.kinds import Block, Head, LatentMapping, Norm, Regularizer, Stem
from gankit.networks.context import BuildContext
from gankit.networks.contracts import check_finite, check_gradient, check_output
from gankit.networks.layers import Condition, Conditioned
from gankit.networks.protocols import CanTruncate, TruncatesLatents, classes_of
from gankit.testing.parts import Inputs, Part, drawn_part, makes_modules, stir
from gankit.testing.rules import Broken, Trial, rule
from gankit.training import randomness

part_rule = partial(rule, LatentMapping, Stem, Block, Head, Norm, Regularizer, given=makes_modules)
"""A rule for the modules of all kinds that make some."""
TRIES = 3
"""Weights are drawn so often before a gradient that is zero counts: ReLUs may rest by chance."""
ROOTS = "add a small number before roots, logarithms and divisions"


@part_rule(examples=20, implied=("goes-on-to-the-bit",))
def right_shape(trial: Trial[Any]) -> None:
    """At every place its module gives finite numbers of the shape that its kind promises."""
    part = drawn_part(trial, smallest_batch=1)
    module = part.built(train=part.batch > 1 and trial.draw(st.booleans()))
    inputs = part.inputs(module)
    output = part.run(module, inputs)
    where = f"{list(inputs.x.shape)} at {part}"
    check_output(trial.component, module, output, part.batch, [part.leaves(module)], f"for {where}")
    check_finite(f"for normal {where} its output is", output)
    if output.dtype != torch.float32:
        raise Broken(f"gives {output.dtype} for {inputs.x.dtype}")


@part_rule(examples=6)
def leaves_its_input(trial: Trial[Any]) -> None:
    """Its module does not write to what it is given, which others may still read."""
    part = drawn_part(trial)
    module = part.built(train=trial.draw(st.booleans()))
    inputs = part.inputs(module)
    before = [each._version for each in inputs.tensors()]
    with torch.no_grad():
        part.call(module, inputs)
    if [each._version for each in inputs.tensors()] != before:
        raise Broken("changes its input in place, as inplace=True and methods that end in _ do; work on a new tensor")


@part_rule(examples=6)
def survives_state_dict(trial: Trial[Any]) -> None:
    """A fresh module that loads the state of a trained one does the same, as after a run is resumed."""
    part = drawn_part(trial)
    trained, fresh = part.built(seed=4, train=True), part.built(seed=5)
    inputs = part.inputs(trained)
    stir(trained)
    for seed in (6, 7):
        part.run(trained, part.inputs(trained, seed))
    try:
        fresh.load_state_dict(deepcopy(trained.state_dict()))
    except RuntimeError as failure:
        raise Broken(
            "a fresh module cannot load the state of one that has run; make all parameters and buffers in __init__: "
            + " ".join(str(failure).split())
        ) from None
    for mode in (False, True):
        expected, actual = (part.run(module.train(mode), inputs) for module in (trained, fresh))
        check_finite("after normal input its output is", expected)
        if not torch.equal(expected, actual):
            raise Broken(
                f"{'in training' if mode else 'in evaluation'} it gives something else after its state was saved and "
                "loaded into a fresh module; what decides the output has to be a parameter or a buffer"
            )


@part_rule(examples=6, implied=("repeats-itself",))
def rests_in_evaluation(trial: Trial[Any]) -> None:
    """In evaluation its module changes neither parameters nor buffers."""
    part = drawn_part(trial)
    module = part.built(train=True)
    inputs = part.inputs(module)
    part.run(module, inputs)
    module.eval()
    before = _everything(module)
    with torch.no_grad():
        part.run(module, inputs)
    after = _everything(module)
    changed = [name for name in after if name not in before or not torch.equal(before[name], after[name])]
    if changed or before.keys() != after.keys():
        names = ", ".join(changed) or "its state"
        raise Broken(f"a pass in evaluation changes {names}; ask self.training before anything is updated")


@part_rule(examples=6, implied=("goes-on-to-the-bit",))
def repeats_itself(trial: Trial[Any]) -> None:
    """The same weights, input and torch seed give the same output, in evaluation every time."""
    part = drawn_part(trial)
    module = part.built(train=True)
    stir(module)
    inputs = part.inputs(module)

    def output(module: nn.Module) -> Tensor:
        randomness.seed(8)
        given = part.call(module, inputs.changed(torch.clone))  # numpy and Python draw something else each time
        check_finite("for normal input its output is", given)
        return given

    same = torch.equal(output(deepcopy(module)), output(deepcopy(module)))
    module.eval()
    if not same or not torch.equal(output(module), output(module)):
        raise Broken("gives something else the second time; draw from torch's generators alone, and keep no count")


@rule(LatentMapping, Stem, Block, Norm, examples=6, given=lambda part: not getattr(part, "mixes_samples", False))
def samples_stay_apart(trial: Trial[Any]) -> None:
    """Its module treats each sample alone, in evaluation, and in training too if it is a norm without mixes_samples."""
    part = drawn_part(trial)
    module = part.built(train=isinstance(trial.component, Norm) and trial.draw(st.booleans()))
    stir(module)
    inputs = part.inputs(module)
    firsts = iter(inputs.tensors())
    others = part.inputs(module, seed=9).changed(lambda each: torch.cat([next(firsts)[:1], each[1:]]))
    first, again = (part.run(deepcopy(module), each)[0].detach() for each in (inputs, others))
    check_finite("for normal input its output is", first, again)
    if not torch.allclose(first, again, rtol=1e-3, atol=1e-4):
        hint = "; a norm that means it says mixes_samples = True" if isinstance(trial.component, Norm) else ""
        raise Broken(f"a sample's output changes by {float((first - again).abs().max()):.3g} with the others'{hint}")


@rule(Head, examples=6)
def classifies_as_it_says(trial: Trial[Head]) -> None:
    """Its module has class logits if, and only if, `classifies` says so and the data has classes."""
    part = drawn_part(trial)
    assert part.context is not None
    given = classes_of(part.built())
    wanted = part.context.classes if trial.component.classifies() else 0
    if given != wanted:
        raise Broken(
            f"classifies() is {trial.component.classifies()} and the data has {part.context.classes} classes, but the "
            f"module's attribute `classes` is {given}, not {wanted}"
        )


@rule(LatentMapping, Head, Norm, examples=6)
def follows_attributes(trial: Trial[Any]) -> None:
    """What its module gives depends on the values of attributes where `reads_attributes` says so, as far as it can."""
    if not trial.component.reads_attributes():
        return
    part = drawn_part(trial, by_attributes=True)
    module = part.built()
    stir(module)
    inputs, others = part.inputs(module), part.inputs(module, seed=9)
    moved = inputs._replace(condition=inputs.condition._replace(labels=others.condition.labels))
    outermost = part.context is not None and part.context.outermost  # where papers leave the image to itself
    if not outermost and torch.equal(part.run(module, inputs), part.run(module, moved)):
        raise Broken("reads_attributes() is True, but other values of attributes give the same")


@rule(LatentMapping, examples=6)
def truncates(trial: Trial[LatentMapping]) -> None:
    """If its module can truncate, psi 1 leaves styles as they are, and those after the cutoff stay for any psi.

    Of one that truncates latents none is beyond the threshold.
    """
    part = drawn_part(trial)
    module = part.built(train=True)
    inputs = part.inputs(module)
    part.run(module, inputs)
    module.eval()
    if isinstance(module, TruncatesLatents):
        _truncates_latents(module, inputs.x)
    if not isinstance(module, CanTruncate):
        return
    styles = part.run(module, inputs)
    check_finite("for normal latents its styles are", styles)
    for cutoff in (None, *range(styles.shape[1] + 1)):
        pulled = module.truncated(styles, 0.5, cutoff)
        if pulled.shape != styles.shape:
            raise Broken(f"makes of styles {list(styles.shape)} {list(pulled.shape)}")
        if not torch.allclose(module.truncated(styles, 1.0, cutoff), styles, rtol=1e-4, atol=1e-5):
            raise Broken("psi 1 changes the styles")
        if cutoff is not None and not torch.equal(pulled[:, cutoff:], styles[:, cutoff:]):
            raise Broken(f"changes styles after the first {cutoff}, which is its cutoff")


def _truncates_latents(module: TruncatesLatents, z: Tensor) -> None:
    """Look at latents that it has truncated.

    Raises:
        Broken: if they are others than its protocol says.
    """
    for threshold in (0.0, 0.5):
        inside = module.truncated_latents(z, threshold)
        if inside.shape != z.shape:
            raise Broken(f"makes of latents {list(z.shape)} {list(inside.shape)}")
        check_finite("its truncated latents are", inside)
        if (furthest := float(inside.abs().max())) > threshold:
            raise Broken(f"truncates latents at {threshold:g}, and one is {furthest:.3g} from 0")


@part_rule(examples=5)
def twice_differentiable(trial: Trial[Any]) -> None:
    """Gradients of its module can be differentiated again, as gradient penalties and path lengths do."""
    part = drawn_part(trial)
    if part.indices:  # an embedding is not penalized through what it is looked up by
        return
    module = part.built(train=trial.draw(st.booleans()))
    stir(module)
    inputs = part.inputs(module)
    try:
        gradients = _gradients(part, module, inputs)
        again = _of_gradients(gradients, module, inputs)
    except RuntimeError as failure:
        raise Broken(f"its gradient cannot be differentiated again: {failure}") from None
    check_finite("second derivatives at normal input are", *again, hint=ROOTS)
    if not any(each.requires_grad for each in gradients) and _gradients_move(part, module, gradients):
        raise Broken(
            "its gradient depends on weights or input, but cannot be differentiated again; write the backward pass of "
            "an autograd function out of differentiable steps, without detach"
        )


@part_rule(examples=6)
def finite_at_zero(trial: Trial[Any]) -> None:
    """Where all that comes in is zero, as after ReLUs that rest, output and both derivatives are finite."""
    part = drawn_part(trial)
    module = part.built(train=trial.draw(st.booleans()))
    inputs = part.inputs(module, zeros=True)
    with torch.no_grad():
        check_finite("for zeros the output is", part.run(module, inputs), hint=ROOTS)
    if part.indices:
        return
    with suppress(RuntimeError):  # there are none, which another rule says
        gradients = _gradients(part, module, inputs)
        check_finite("at zero the gradient is", *gradients, hint=ROOTS)
        check_finite("at zero second derivatives are", *_of_gradients(gradients, module, inputs), hint=ROOTS)


@part_rule(examples=4)
def reaches_its_parameters(trial: Trial[Any]) -> None:
    """Every parameter of its module takes part in the output, so that training reaches it."""
    part = drawn_part(trial, gains=(0.0, math.sqrt(2)))
    still = _still(part, seed=0)
    if part.context is None:  # a layer that starts at zero has to leave it; of a module much may rest at odd places
        for seed in range(1, TRIES):
            still &= _still(part, seed)
        if still:
            raise Broken(
                f"the gradient of {', '.join(sorted(still))} is zero whatever the weights are: they never learn"
            )


def _still(part: Part, seed: int) -> set[str]:
    """The parameters whose gradients are zero.

    Raises:
        Broken: if there is one without a gradient.
    """
    module = part.built(seed, train=True)
    stir(module, seed)
    parameters = {name: each for name, each in module.named_parameters() if each.requires_grad}
    output = part.run(module, part.inputs(module, seed))
    if not parameters:
        return set()
    check_gradient(module, [], output)
    gradients = dict(zip(parameters, _projected(output, list(parameters.values()), seed), strict=True))
    if idle := [name for name, gradient in gradients.items() if gradient is None]:
        raise Broken(
            f"no gradient reaches {', '.join(idle)}; is it used, and not detached? What never learns is a buffer"
        )
    return {name for name, gradient in gradients.items() if gradient is not None and not gradient.any()}


@rule(Stem, Block, Head, examples=4)
def hands_conditions_on(trial: Trial[Any]) -> None:
    """It gives each norm that it takes from its place the condition, and asks for the styles that they consume."""
    part = drawn_part(trial, norms=[Styled()])
    idle = [_idle_styles(part, seed) for seed in range(TRIES)]
    if all(idle):
        raise Broken(
            f"of the styles that it asks for, number {idle[0][0]} decides nothing; hand each norm its own, as "
            "gankit.networks.layers.Chain does"
        )


def _idle_styles(part: Part, seed: int) -> list[int]:
    """The styles, counted from 1, that the output does not depend on."""
    module = part.built(seed, train=True)
    stir(module)
    inputs = part.inputs(module)
    styles = inputs.condition.styles
    if styles is None or not styles.shape[1]:
        part.run(module, inputs)
        return []
    output = part.run(module, Inputs(inputs.x, inputs.condition._replace(styles=styles.requires_grad_())))
    (gradient,) = _projected(output, [styles])
    return [i + 1 for i in range(styles.shape[1]) if gradient is None or not gradient[:, i].any()]


class Styled(Norm):
    """Scales by the style that it consumes in a generator, and needs the labels if there are any."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module that keeps shapes."""
        return StyledScale(context)


class StyledScale(Conditioned):
    """x times one plus the mean of the style."""

    def __init__(self, context: BuildContext) -> None:
        super().__init__()
        self.styles = int(context.network == "generator")
        self.has_labels = context.classes > 0 or context.attributes > 0

    def forward(self, x: Tensor, condition: Condition | None = None) -> Tensor:
        """Scale [N, C, H, W].

        Raises:
            Broken: if it does not get what it asks for.
        """
        if condition is None:
            raise Broken(
                "calls the norm of its place without the condition; put it into a layers.Chain, or call it by "
                "gankit.networks.layers.run"
            )
        if self.has_labels and condition.labels is None:
            raise Broken("hands no labels to the norm of its place")
        if not self.styles:
            return x
        if condition.styles is None or not condition.styles.shape[1]:
            raise Broken(
                "hands no style to the norm of its place; count those of its norms in the attribute `styles`, as "
                "gankit.networks.layers.Chain does"
            )
        return x * (1 + condition.styles[:, 0].mean(1).view(-1, 1, 1, 1))


def _gradients(part: Part, module: nn.Module, inputs: Inputs) -> list[Tensor]:
    """The gradients of a random projection of the output with respect to the inputs, differentiable again."""
    towards = inputs.differentiable()
    output = part.run(module, inputs)
    if not output.requires_grad:
        return []
    return [gradient for gradient in _projected(output, towards, again=True) if gradient is not None]


def _projected(
    output: Tensor, towards: Sequence[Tensor], seed: int = 10, again: bool = False
) -> tuple[Tensor | None, ...]:
    """The gradients of a random projection of the output, None where it does not depend; `again` differentiable."""
    direction = torch.randn(output.shape, generator=torch.Generator().manual_seed(seed))
    return torch.autograd.grad((output * direction).sum(), towards, create_graph=again, allow_unused=True)


def _of_gradients(gradients: Sequence[Tensor], module: nn.Module, inputs: Inputs) -> list[Tensor]:
    """The gradients of the gradients' squared norm with respect to weights and inputs."""
    again = [gradient for gradient in gradients if gradient.requires_grad]
    if not again:
        return []
    norm = torch.stack([gradient.square().sum() for gradient in again]).sum()
    leaves = [each for each in (*module.parameters(), *inputs.differentiable()) if each.requires_grad]
    found = torch.autograd.grad(norm, leaves, allow_unused=True)
    return [gradient for gradient in found if gradient is not None]


def _gradients_move(part: Part, module: nn.Module, before: Sequence[Tensor]) -> bool:
    """Whether the gradients are others with other weights and other input."""
    stir(module, seed=11)
    after = _gradients(part, module, part.inputs(module, seed=12))
    return any(not torch.allclose(a, b, rtol=1e-3, atol=1e-4) for a, b in zip(before, after, strict=True))


def _everything(module: nn.Module) -> dict[str, Tensor]:
    """A copy of each parameter and each buffer, also of those that no checkpoint keeps."""
    named = [*module.named_parameters(), *module.named_buffers()]
    return {name: each.detach().clone() for name, each in named}

"""Rules for the parts of networks: shapes, state, and what they leave alone."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from gankit.kinds import Block, Head, LatentMapping, Norm, Regularizer, Stem
from gankit.testing.modules import Inputs, drawn_part, makes_modules, stir
from gankit.testing.rules import Broken, Trial, check_finite, rule
from gankit.training import randomness

PARTS = (LatentMapping, Stem, Block, Head, Norm, Regularizer)
"""The kinds that make modules."""


@rule(*PARTS, examples=20, implied=("goes-on-to-the-bit",))
def right_shape(trial: Trial[Any]) -> None:
    """At every place its module gives finite numbers of the shape that its kind promises."""
    if not makes_modules(trial):
        return
    part = drawn_part(trial, smallest_batch=1)
    module = part.built(train=part.batch > 1 and trial.draw(st.booleans()))
    inputs = part.inputs(module)
    output = part.run(module, inputs)
    given, where = list(output.shape), f"{list(inputs.x.shape)} at {part}"
    if isinstance(trial.component, Head):
        fewest = 1 + int(getattr(module, "classes", 0))
        if output.dim() != 2 or len(output) != part.batch or output.shape[1] < fewest:
            wanted = f"[{part.batch}, 1 or patches" + (f", and then {fewest - 1} class logits]" if fewest > 1 else "]")
            raise Broken(f"gives {given} for {where}; a head gives {wanted}")
    elif given != (wanted := [part.batch, *part.leaves(module)]):
        raise Broken(f"gives {given} for {where}; it should be {wanted}")
    if not output.isfinite().all():
        raise Broken(f"gives numbers that are not finite for normal {where}")
    if output.dtype != torch.float32:
        raise Broken(f"gives {output.dtype} for {inputs.x.dtype}")


@rule(*PARTS, examples=6)
def leaves_its_input(trial: Trial[Any]) -> None:
    """Its module does not write to what it is given, which others may still read."""
    if not makes_modules(trial):
        return
    part = drawn_part(trial)
    module = part.built(train=trial.draw(st.booleans()))
    inputs = part.inputs(module)
    before = [each._version for each in inputs.tensors()]
    with torch.no_grad():
        part.call(module, inputs)
    if [each._version for each in inputs.tensors()] != before:
        raise Broken("changes its input in place, as inplace=True and methods that end in _ do; work on a new tensor")


@rule(*PARTS, examples=6)
def survives_state_dict(trial: Trial[Any]) -> None:
    """A fresh module that loads the state of a trained one does the same, as after a run is resumed."""
    if not makes_modules(trial):
        return
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


@rule(*PARTS, examples=6, implied=("repeats-itself",))
def rests_in_evaluation(trial: Trial[Any]) -> None:
    """In evaluation its module changes neither parameters nor buffers."""
    if not makes_modules(trial):
        return
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


@rule(*PARTS, examples=6, implied=("goes-on-to-the-bit",))
def repeats_itself(trial: Trial[Any]) -> None:
    """The same weights, input and torch seed give the same output, in evaluation every time."""
    if not makes_modules(trial):
        return
    part = drawn_part(trial)
    module = part.built(train=True)
    stir(module)
    inputs = part.inputs(module)

    def output(module: nn.Module) -> Tensor:
        randomness.seed(8)
        given = part.call(module, inputs.copied())  # numpy's and Python's generators stand elsewhere each time
        check_finite("for normal input its output is", given)
        return given

    same = torch.equal(output(deepcopy(module)), output(deepcopy(module)))
    module.eval()
    if not same or not torch.equal(output(module), output(module)):
        raise Broken("gives something else the second time; draw from torch's generators alone, and keep no count")


@rule(LatentMapping, Stem, Block, Norm, examples=6)
def samples_stay_apart(trial: Trial[Any]) -> None:
    """Its module treats each sample alone, in evaluation, and in training too if it is a norm without mixes_samples."""
    if isinstance(trial.component, Norm) and trial.component.mixes_samples:
        return
    part = drawn_part(trial)
    module = part.built(train=isinstance(trial.component, Norm) and trial.draw(st.booleans()))
    stir(module)
    inputs = part.inputs(module)
    others = _with_first_of(part.inputs(module, seed=9), inputs)
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
    given = int(getattr(part.built(), "classes", 0))
    wanted = part.context.classes if trial.component.classifies() else 0
    if given != wanted:
        raise Broken(
            f"classifies() is {trial.component.classifies()} and the data has {part.context.classes} classes, but the "
            f"module's attribute `classes` is {given}, not {wanted}"
        )


@rule(LatentMapping, examples=6)
def truncates(trial: Trial[LatentMapping]) -> None:
    """If its module can truncate, psi 1 leaves styles as they are, and those after the cutoff stay for any psi."""
    part = drawn_part(trial)
    module = part.built(train=True)
    inputs = part.inputs(module)
    part.run(module, inputs)
    module.eval()
    truncated = getattr(module, "truncated", None)
    if truncated is None:
        return
    styles = part.run(module, inputs)
    check_finite("for normal latents its styles are", styles)
    for cutoff in (None, *range(styles.shape[1] + 1)):
        pulled = truncated(styles, 0.5, cutoff)
        if pulled.shape != styles.shape:
            raise Broken(f"makes of styles {list(styles.shape)} {list(pulled.shape)}")
        if not torch.allclose(truncated(styles, 1.0, cutoff), styles, rtol=1e-4, atol=1e-5):
            raise Broken("psi 1 changes the styles")
        if cutoff is not None and not torch.equal(pulled[:, cutoff:], styles[:, cutoff:]):
            raise Broken(f"changes styles after the first {cutoff}, which is its cutoff")


def _everything(module: nn.Module) -> dict[str, Tensor]:
    """A copy of each parameter and each buffer, also of those that no checkpoint keeps."""
    named = [*module.named_parameters(), *module.named_buffers()]
    return {name: each.detach().clone() for name, each in named}


def _with_first_of(inputs: Inputs, source: Inputs) -> Inputs:
    """`inputs`, but the first sample is that of `source`."""
    tensors = [each.clone() for each in inputs.tensors()]
    for each, first in zip(tensors, source.tensors(), strict=True):
        each[0] = first[0]
    x, *rest = tensors
    filled = iter(rest)
    condition = source.condition._replace(
        **{name: next(filled) for name, each in source.condition._asdict().items() if each is not None}
    )
    return Inputs(x, condition)

"""Losses are scaled as torch.amp.GradScaler scales them, and what overflows leaves no trace."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.command import rows
from support.failing import begun, record, registered, saved
from support.tiny import CPU, tiny, trainer
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop
from torch.utils._python_dispatch import TorchDispatchMode

from gankit.core.errors import Interrupted, RunError
from gankit.runs.start import resume
from gankit.testing.state import bits, first_differing, through_checkpoint
from gankit.training import scaling
from gankit.training.parameters import take_over
from gankit.training.scaling import Finite, LossScaler, count_on_device


@torch.no_grad()
def shrink(optimizer: Optimizer, *_: Any) -> None:
    """What a third party adds to an update."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter *= 0.9


class Shrinking(SGD):
    """A third party's, which adds to a fused one of torch."""

    def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().step()
        shrink(self)


def hooked(optimizer: Optimizer) -> Optimizer:
    optimizer.register_step_post_hook(shrink)
    return optimizer


OPTIMIZERS: dict[str, Callable[[Any], Optimizer]] = {
    "adam": lambda parameters: Adam(parameters, lr=0.01, betas=(0.5, 0.9)),
    "fused": lambda parameters: Adam(parameters, lr=0.01, betas=(0.5, 0.9), fused=True),
    "rmsprop": lambda parameters: RMSprop(parameters, lr=0.01),
    "momentum": lambda parameters: SGD(parameters, lr=0.01, momentum=0.9),
    "fused momentum": lambda parameters: SGD(parameters, lr=0.01, momentum=0.9, fused=True),
    "shrinking": lambda parameters: Shrinking(parameters, lr=0.01, fused=True),
    "hooked": lambda parameters: hooked(SGD(parameters, lr=0.01, fused=True)),
}
LIKE_TORCHS = [name for name in OPTIMIZERS if name not in ("shrinking", "hooked", "fused momentum")]
"""Of the others torch's scaler skips the half of an update, or leaves moments that nothing was written to."""
FINE, NAN, INFINITE = 1.0, math.nan, math.inf


class TestLikeTorchs:
    @pytest.mark.parametrize("name", LIKE_TORCHS)
    @given(factors=st.lists(st.sampled_from([FINE, FINE, FINE, NAN, INFINITE]), min_size=1, max_size=30))
    def test_weights_moments_and_scale(self, name: str, factors: list[float]) -> None:
        torch.manual_seed(0)
        ours = nn.Linear(3, 2)
        torchs = copy.deepcopy(ours)
        optimizers = [OPTIMIZERS[name](each.parameters()) for each in (ours, torchs)]
        scaler = LossScaler(CPU)
        reference = torch.amp.GradScaler("cpu", growth_interval=4)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scaling, "INTERVAL", 4)
            for factor in factors:
                x = torch.randn(5, 3)
                losses = [network(x).square().mean() * factor for network in (ours, torchs)]
                for optimizer in optimizers:
                    optimizer.zero_grad()
                (scaler.scale * losses[0]).backward()
                scaler.step(optimizers[0], scaler.unscale(ours.parameters()))
                reference.scale(losses[1]).backward()
                reference.step(optimizers[1])
                reference.update()
                assert float(scaler.scale) == reference.get_scale()
                torch.testing.assert_close([*ours.parameters()], [*torchs.parameters()], rtol=1e-5, atol=1e-7)
        assert int(scaler.skipped) == sum(factor != FINE for factor in factors)

    def test_the_scale_is_never_zero(self) -> None:
        scaler, weight = LossScaler(CPU), nn.Parameter(torch.ones(()))
        for _ in range(200):
            weight.grad = torch.full((), NAN)
            scaler.unscale([weight])
        assert float(scaler.scale) == scaling.LEAST


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("first", [True, False])
def test_a_skipped_update_changes_no_bit(name: str, first: bool) -> None:
    """Of the first update's moments, which it makes itself, it leaves zeros, as if it had not been."""
    torch.manual_seed(0)
    network = nn.Linear(3, 2)
    optimizer, scaler = OPTIMIZERS[name](network.parameters()), LossScaler(CPU)

    def update(factor: float) -> None:
        optimizer.zero_grad()
        (network(torch.ones(1, 3)).square().mean() * factor * scaler.scale).backward()
        scaler.step(optimizer, scaler.unscale(network.parameters()))

    if not first:
        update(FINE)
    before = bits([network.state_dict(), optimizer.state_dict()["state"]])
    update(NAN)
    after = [network.state_dict(), optimizer.state_dict()["state"]]
    if first:
        assert not any(bool(each.any()) for each in scaling._tensors(after[1]))
        after[1] = {}
    assert first_differing(before, bits(after)) is None


@pytest.mark.parametrize("kind", [Adam, AdamW, SGD])
def test_what_skips_by_itself_is_not_copied(kind: Any) -> None:
    """A copy of all parameters and moments is what may not fit where their gradients do."""
    weight = nn.Parameter(torch.ones(5))
    optimizer, scaler, copied = kind([weight], lr=0.1, fused=True), LossScaler(CPU), list[str]()

    class Noting(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            copied.extend([func.overloadpacket.__name__] * ("clone" in str(func)))
            return func(*args, **(kwargs or {}))

    for factor in (FINE, NAN, FINE):
        weight.grad = torch.full((5,), factor)
        with Noting():
            scaler.step(optimizer, scaler.unscale([weight]))
    assert copied == []
    assert not hasattr(optimizer, "found_inf")


class TestOtherMachines:
    """What a checkpoint says of the machine that wrote it does not bind the one that goes on. Meta stands for a GPU."""

    def test_a_run_in_fp16_goes_on_on_a_cpu(self) -> None:
        options = {"batch": 8, "precision": "fp16", "optimizer": "rmsprop"}
        left, other = (trainer(tiny(training=options)) for _ in range(2))
        left.iteration()
        state = through_checkpoint(left.state_dict())
        for optimizer in state["optimizers"].values():
            for group in optimizer["param_groups"]:
                group["capturable"] = True  # as it was on a GPU
        other.load_state_dict(state)
        assert left.iteration() == other.iteration()
        assert first_differing(bits(left.state_dict()), bits(other.state_dict())) is None

    @pytest.mark.parametrize("kind", [Adam, RMSprop])
    def test_counts_of_updates_are_where_they_can_be_taken_back(self, kind: Any) -> None:
        there, here = (kind([nn.Parameter(torch.ones(3, device=device))]) for device in ("cpu", "meta"))
        count_on_device(here, torch.device("cuda"))
        there.param_groups[0]["params"][0].grad = torch.ones(3)
        there.step()
        take_over(here, there.state_dict())
        ((weight, state),) = here.state.items()
        assert weight.is_meta
        assert all(kept.is_meta for kept in state.values())
        assert here.param_groups[0]["capturable"]

    def test_groups_of_another_optimizer_are_told(self) -> None:
        one, two = Adam([nn.Parameter(torch.ones(3))]), Adam([nn.Parameter(torch.ones(3))])
        two.add_param_group({"params": [nn.Parameter(torch.ones(2))]})
        with pytest.raises(ValueError, match="different number of parameter groups"):
            take_over(one, two.state_dict())


def test_buffers_and_memory_keep_what_was_finite() -> None:
    norm = nn.BatchNorm1d(2)
    memory: dict[str, dict[str, torch.Tensor]] = {"a": {"mean": torch.ones(()), "p": torch.ones(())}}
    kept = Finite([norm], memory)
    norm(torch.tensor([[1.0, math.inf], [2.0, 3.0]]))
    memory["a"]["mean"] = torch.full((), math.nan)
    memory["a"]["p"] = torch.full((), 0.5)
    memory["b"] = {"fresh": torch.full((), math.inf)}
    kept.restore()
    assert norm.running_mean is not None
    torch.testing.assert_close(norm.running_mean, torch.tensor([0.15, 0.0]))
    assert {path: {name: float(each) for name, each in some.items()} for path, some in memory.items()} == {
        "a": {"mean": 1.0, "p": 0.5},
        "b": {"fresh": 0.0},
    }


class TestRuns:
    FP16 = {"precision": "fp16", "batch": 40}

    @pytest.fixture(autouse=True)
    def _parts(self) -> Any:
        with registered():
            yield

    def test_a_nan_is_skipped_and_counted(self, tmp_path: Path) -> None:
        """By the guard of every run it is no reason to stop."""
        begun(tmp_path, "guard", loss={"use": "unlucky", "rounds": 20}, images=4000, training=self.FP16).train()
        assert saved(tmp_path) == [3000, 4000]
        last = {row["name"]: row["value"] for row in rows(tmp_path / "run")}
        assert last["skipped.discriminator"] >= 2
        assert last["skipped.generator"] == 0
        assert last["scale.discriminator"] == 2.0 ** (16 - last["skipped.discriminator"])

    def test_nor_is_a_penalty_that_overflows_in_an_update_of_its_own(self, tmp_path: Path) -> None:
        """As the lengths of paths do at first in a StyleGAN2 of colour images."""
        colours = np.random.default_rng(0).integers(0, 256, (8, 4, 4, 3), np.uint8)
        for number, image in enumerate(colours):
            Image.fromarray(image).save(tmp_path / f"{number}.png")
        network = {"block": "stylegan2", "rgb": "stylegan2-rgb", "norm": "equalized", "channels": 16}
        styled = {"mapping": {"use": "stylegan2", "layers": 2, "width": 16}, "stem": "stylegan2", "latent": 16}
        begun(
            tmp_path,
            "guard",
            data={"use": "folder", "path": str(tmp_path)},
            growth={"use": "fixed", "resolution": 4, "images": 32},
            generator=network | styled | {"join": "sum"},
            discriminator=network | {"head": "stylegan2", "block": {"use": "stylegan2", "residual": True}},
            loss="non-saturating",
            regularizers=[{"use": "path-length", "every": 4}],
            training={"precision": "fp16", "batch": 4},
        ).train()
        skipped = [row["value"] for row in rows(tmp_path / "run") if row["name"] == "skipped.generator"]
        assert skipped[0] == 1, "told with the penalty, which is NaN"

    def test_of_a_run_that_skips_all_the_guard_tells(self, tmp_path: Path) -> None:
        """Its weights stay finite all the while."""
        loss = {"use": "breaking", "only_gradient": True, "network": "generator", "at": 1000}
        said = r"an update of the generator was skipped in each of 50 iterations up to .* images, as its gradients over"
        with pytest.raises(RunError, match=said) as stopped:
            begun(tmp_path, "guard", loss=loss, images=10_000, training=self.FP16).train()
        assert "if a new run in bf16 or fp32 trains" in str(stopped.value)
        assert saved(tmp_path)

    def test_resumed_to_the_same_bits(self, tmp_path: Path) -> None:
        from support.failing import Clock

        options: dict[str, Any] = {"loss": {"use": "unlucky", "rounds": 20}, "images": 2000, "training": self.FP16}
        begun(tmp_path / "at once", "guard", **options).train()
        training = begun(tmp_path / "in two", "guard", **options)
        Clock.leave_at = 1160
        with pytest.raises(Interrupted):
            training.train()
        again = resume(tmp_path / "in two" / "run")
        assert again is not None
        again.train()
        assert record(tmp_path / "in two") == record(tmp_path / "at once")


def test_penalized_gradients_are_derived_of_scaled_scores() -> None:
    """A critic whose gradients lie below what float16 holds: unscaled they vanish, and the penalty is off its mark."""
    penalties = {}
    for precision in ("fp32", "fp16"):
        made = trainer(tiny(training={"batch": 8, "precision": precision}, regularizers=["gradient-penalty"]))
        with torch.no_grad():
            last = made.discriminator.get_submodule("head.dense1").parametrizations
            last.weight.original.mul_(1e-6)  # pyright: ignore[reportAttributeAccessIssue, reportCallIssue]
        record = made.updater.update("discriminator", made._batch(), made_moment(made))
        penalties[precision] = 10 - float(record["penalty.gradient-penalty.discriminator"])  # 20 times the norm
    assert penalties["fp16"] == pytest.approx(penalties["fp32"], rel=0.02)


def made_moment(made: Any) -> Any:
    from gankit.training.update import Moment

    return Moment(made.seed, made.images, made.iterations, made.progress)

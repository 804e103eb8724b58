"""Networks in training compute in the precision that is asked for, and what must be float32 is."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
import torch.nn.functional as F
from support.command import QUICKSTART, gankit_here
from support.slow import slow_but
from support.systems import stir
from support.tiny import tiny, trainer
from torch import Tensor, nn

from gankit.config.checks import problems
from gankit.config.experiment import Experiment
from gankit.config.loader import load_experiment
from gankit.core.errors import UserError
from gankit.core.progress import progress_in
from gankit.networks import operations
from gankit.networks.layers import Condition
from gankit.networks.precision import HALF
from gankit.runs.recorded import allowed_changes
from gankit.training.parameters import acts_on
from gankit.training.precision import float32_products
from gankit.training.update import Moment
from gankit_sngan.norms import Spectral
from gankit_stylegan2.modules import modulated_conv

SMALL = sorted((Path(__file__).parents[2] / "experiments" / "small").glob("*.yaml"))
SYSTEMS = ("pggan-digits", "stylegan2-digits", "sngan-digits", "wgan-gp-resnet-digits")
MIXED = {"bf16": torch.bfloat16, "fp16": torch.float16}


def small(file: Path, precision: str) -> Experiment:
    return load_experiment(file, [f"training.precision={precision}", "training.batch=8", "training.device=cpu"])


def gradient(experiment: Experiment, name: Literal["generator", "discriminator"]) -> Tensor:
    """Of all weights of a network in one, at the last stage, by the loss and all regularizers, as if all were due."""
    made = trainer(experiment)
    for scaler in made.precision.scalers.values():
        scaler.scale = torch.tensor(256.0)  # where it comes to within some updates
    torch.manual_seed(0)
    for network in made.networks.values():
        stir(network)
    now = progress_in(made.stages, len(made.stages), 0)
    made.grow(now)
    made.now = now
    for each, parameters in made.trained.items():
        for parameter in parameters:
            parameter.requires_grad_(each == name)
    step = made.updater.step(name, *made._batch()[:2], Moment(0, 0, 0, now))
    loss = made.updater.loss(step)
    for regularizer in made.experiment.regularizers:
        if acts_on(regularizer, name) and (penalty := made.updater.penalty(regularizer, step, {})) is not None:
            loss = loss + penalty
    found = torch.autograd.grad(loss, made.trained[name], allow_unused=True)
    return torch.cat([each.flatten() for each in found if each is not None]).double()


@pytest.mark.parametrize("file", slow_but([f for f in SMALL if f.stem in SYSTEMS], SMALL), ids=lambda file: file.stem)
def test_gradients_point_where_those_of_float32_do(file: Path) -> None:
    """Those of gradient penalties and path lengths too, which are derived twice; off by what rounding makes of them."""
    for name in ("discriminator", "generator"):
        full, bf16, fp16 = (gradient(small(file, precision), name) for precision in ("fp32", "bf16", "fp16"))
        assert full.any()
        assert alike(full, bf16) > (0.99 if file.stem in SYSTEMS else 0.98)
        assert alike(full, fp16) > 0.998
        assert float(bf16.norm() / full.norm()) == pytest.approx(1, abs=0.1)
        assert float(fp16.norm() / full.norm()) == pytest.approx(1, abs=0.02)


def alike(one: Tensor, other: Tensor) -> float:
    return float(torch.cosine_similarity(one.detach(), other.detach(), dim=0))


@pytest.mark.parametrize("precision", MIXED)
def test_what_must_be_float32_is(precision: str) -> None:
    made = trainer(tiny(training={"batch": 8, "precision": precision, "average": {"half_life": 100}}))
    made.grow(progress_in(made.stages, 2, 96))
    made.now = made.grown
    seen = dict[str, set[torch.dtype]]()

    def look(name: str) -> Any:
        return lambda module, given, output: seen.setdefault(name, set()).add(output.dtype)

    for name, network in made.networks.items():
        for path, module in network.named_modules():
            if not [*module.children()]:
                module.register_forward_hook(look(f"{name}.{path}"))
    images, of_discriminator = made.generator(torch.randn(8, 8)), made.discriminator(made._batch()[0])
    assert images.dtype == of_discriminator.score.dtype == torch.float32
    assert {features.dtype for features in of_discriminator.features.values()} == {MIXED[precision]}
    in_head = {each for name, types in seen.items() if ".head." in name or ".layers." in name for each in types}
    in_blocks = {each for name, types in seen.items() if ".blocks." in name and "param" not in name for each in types}
    assert (in_head, in_blocks) == ({torch.float32}, {MIXED[precision]})
    record = made.iteration()
    kept = [*record.values(), *made.generator.state_dict().values(), *made.discriminator.state_dict().values()]
    kept += [each for state in made.optimizers["generator"].state.values() for each in state.values()]
    kept += [
        *made.average.state_dict().values(),
        *(each for each in made.generator.parameters() if each.grad is not None),
    ]
    assert {each.dtype for each in kept} == {torch.float32}


def test_what_is_measured_is_made_in_float32() -> None:
    """Averaged generators, and the one that is trained when it is measured, of the same weights."""
    mixed = trainer(tiny(training={"batch": 8, "precision": "bf16"}))
    mixed.iteration()
    full = trainer(tiny(training={"batch": 8}))
    full.load_weights({name: network.state_dict() for name, network in mixed._all_networks().items()})
    assert torch.equal(mixed.sample(0, 4, 0), full.sample(0, 4, 0))
    z = torch.randn(4, 8)
    measured, wanted = (made.generators(["current"])["current"](z) for made in (mixed, full))
    assert torch.equal(measured, wanted)
    assert not torch.equal(mixed.generator.eval()(z), wanted)


def test_half_of_the_resolutions_only() -> None:
    made = trainer(tiny(training={"batch": 8, "precision": "bf16", "half_resolutions": 1}))
    made.grow(progress_in(made.stages, 2, 48, 0.5))
    types = {
        size: features.dtype
        for size, features in made.discriminator(made._batch()[0].repeat(1, 1, 2, 2)).features.items()
    }
    assert types == {8: torch.bfloat16, 4: torch.bfloat16}  # the block at 8 goes down to 4
    assert made.generator.ran(made.generator.stem, 4, torch.randn(2, 8), Condition()).dtype == torch.float32
    made.iteration()


class TestStatistics:
    """Sums over many numbers of 16 bits are as good as of 32."""

    LARGE = torch.full((1, 512, 4, 4), 300.0)

    @pytest.mark.parametrize("dtype", HALF)
    @pytest.mark.parametrize("dims", [1, (2, 3)])
    def test_of_normalization(self, dtype: torch.dtype, dims: int | tuple[int, ...]) -> None:
        """The squares of 300 are beyond float16, and 256 of them are one more than bfloat16 counts to."""
        torch.manual_seed(0)
        x = (self.LARGE + torch.randn_like(self.LARGE)).to(dtype).requires_grad_()
        wide = x.detach().double().requires_grad_()
        for centred in (False, True):
            found, expected = (operations.normalized(each, dims, centred=centred) for each in (x, wide))
            assert found.dtype == dtype
            torch.testing.assert_close(found.double(), expected, rtol=0.01, atol=0.01)
            towards = torch.randn_like(wide)
            gradients = [
                torch.autograd.grad((y * towards.to(y.dtype)).sum(), each, create_graph=True)[0]
                for y, each in ((found, x), (expected, wide))
            ]
            assert alike(gradients[0].double().flatten(), gradients[1].flatten()) > 0.999

    def test_of_spectral_normalization(self) -> None:
        layer = nn.Linear(256, 256)
        plain = copy.deepcopy(layer)
        for each in (layer, plain):
            torch.manual_seed(0)
            Spectral().apply(each)
        with torch.autocast("cpu", torch.bfloat16):
            found = layer.weight
        assert torch.equal(found, plain.weight)
        torch.testing.assert_close(
            layer.get_buffer("parametrizations.weight.0.u"), plain.get_buffer("parametrizations.weight.0.u")
        )

    def test_of_a_modulated_convolution(self) -> None:
        """The square of 300 is beyond float16."""
        x, style = torch.randn(2, 64, 4, 4), 300 * torch.rand(2, 64)
        weight = torch.randn(64, 64, 3, 3)
        with torch.autocast("cpu", torch.float16):
            found = modulated_conv(x, weight, style)
        assert found.dtype == torch.float16
        torch.testing.assert_close(found.float(), modulated_conv(x, weight, style), rtol=0.02, atol=0.05)


class TestTf32:
    def test_a_cpu_has_none(self, tmp_path: Path) -> None:
        done = gankit_here(
            ["run", QUICKSTART, "--set", "training.precision=tf32", "--set", "training.device=cpu"], tmp_path
        )
        assert done.returncode == 2
        assert "training.precision: tf32 is how NVIDIA's GPUs may multiply" in done.stderr
        assert "Traceback" not in done.stderr

    def test_settings_are_put_back(self) -> None:
        matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
        before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.deterministic
        with float32_products(tf32=True):
            assert (matmul.allow_tf32, cudnn.allow_tf32) == (True, True)
            with float32_products():
                assert (matmul.allow_tf32, cudnn.allow_tf32, cudnn.deterministic) == (False, False, True)
        with pytest.raises(ZeroDivisionError), float32_products(tf32=True):
            raise ZeroDivisionError
        assert (matmul.allow_tf32, cudnn.allow_tf32, cudnn.deterministic) == before

    def test_where_there_is_a_gpu_torch_is_asked_for_operations_that_add_up_in_the_same_order(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
        deterministic: Any = torch.utils.deterministic
        x = torch.ones(1, 1, 2, 2, device="meta", requires_grad=True)
        with float32_products():
            assert (torch.get_deterministic_debug_mode(), deterministic.fill_uninitialized_memory) == (1, False)
            resized = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            assert "Bilinear" not in type(resized.grad_fn).__name__  # whose gradients come in any order
        assert (torch.get_deterministic_debug_mode(), deterministic.fill_uninitialized_memory) == (0, True)
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


def test_the_precision_decides_what_is_trained() -> None:
    with pytest.raises(UserError, match=r"training\.precision: .* bf16 now"):
        allowed_changes(tiny(), tiny(training=tiny().training.model_dump() | {"precision": "bf16"}))


def test_resolutions_without_a_precision_to_choose_are_refused() -> None:
    found = problems(tiny(training={"half_resolutions": 2}))
    assert found == [
        (("training", "half_resolutions"), "has no effect with precision fp32; set precision: bf16 or fp16")
    ]


def test_a_run_that_would_go_on_by_the_default_is_told_so() -> None:
    half = tiny(training={"batch": 8, "device": "cpu", "precision": "bf16"})
    plain = tiny(training={"batch": 8, "device": "cpu"})
    with pytest.raises(UserError, match=r"training\.precision: bf16 in the run, fp32 \(the default\) now"):
        allowed_changes(half, plain)

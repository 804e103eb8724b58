"""What is exported to run without gankit gives the generator's images, for any number of latents, and alone."""

from __future__ import annotations

import builtins
import json
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from packaging.requirements import Requirement
from support.tiny import tiny
from support.untrained import SMALL, bundled, untrained
from torch import Tensor, nn

from gankit import Block, BuildContext, UserError
from gankit.config.experiment import Experiment
from gankit.core.errors import RunError
from gankit.core.registry import register, restored
from gankit.exports import programs
from gankit.exports.programs import write_onnx, write_pt2
from gankit.exports.tracing import Baked, TracedGenerator, held_against
from gankit.generators.trained import TrainedGenerator
from gankit.networks.layers import conv

SITE = Path(sysconfig.get_path("purelib"))
BATCHES = (1, 4, 7)


def styled(**changes: Any) -> Experiment:
    """A small generator with styles, noise in every layer, classes unless told otherwise, and a fade."""
    network = {"rgb": "rgb", "channels": {4: 8, 8: 4}, "latent": 8, "norm": ["equalized", "adaptive-instance"]}
    style = {"mapping": {"use": "style", "layers": 2, "width": 8}, "stem": "stylegan", "block": "stylegan"}
    return tiny(generator=network | style, data={"use": "digits", "labels": changes.pop("labels", True)}, **changes)


@pytest.fixture(scope="module")
def fading() -> TrainedGenerator:
    return untrained(styled(), alpha=0.3)


@pytest.fixture(scope="module")
def pt2(fading: TrainedGenerator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its program, which truncates."""
    file = tmp_path_factory.mktemp("pt2") / "fading.pt2"
    assert write_pt2(file, fading, Baked(truncation=0.7)) < 1e-6
    return file


@pytest.fixture(scope="module")
def onnx_file(fading: TrainedGenerator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its ONNX, to which noise is handed."""
    file = tmp_path_factory.mktemp("onnx") / "fading.onnx"
    assert write_onnx(file, fading, Baked(noise="input")) < 1e-4
    assert [*file.parent.iterdir()] == [file], "the weights are in it"
    return file


def latents(generator: TrainedGenerator, count: int) -> dict[str, Tensor]:
    draws = torch.Generator().manual_seed(count)
    z = torch.randn(count, generator.latent, generator=draws)
    return {"z": z} | ({"labels": torch.arange(count) % len(generator.classes)} if generator.classes else {})


def apart(got: Tensor, wanted: Tensor) -> float:
    """As a share of the range of the wanted images."""
    assert got.shape == wanted.shape
    return float((got - wanted).abs().max() / (wanted.max() - wanted.min()))


def images_of_onnx(file: Path, inputs: dict[str, Tensor]) -> Tensor:
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {name: each.numpy() for name, each in inputs.items()})[0])


@pytest.mark.parametrize(
    "baked", [Baked(), Baked(noise="none"), Baked(truncation=0.5), Baked(truncation=0.5, cutoff=1)], ids=str
)
def test_a_traced_generator_gives_its_images(baked: Baked, fading: TrainedGenerator) -> None:
    traced = TracedGenerator(fading, baked)

    inputs = {}
    for count in BATCHES:
        inputs = latents(fading, count)
        noise = "none" if baked.noise == "none" else "fixed"
        wanted = fading(**inputs, truncation=baked.truncation, cutoff=baked.cutoff, noise=noise)
        assert apart(traced(*inputs.values()), wanted) < 1e-6
    assert apart(traced(*inputs.values()), fading(**inputs, noise="random")) > 0.01


def test_noise_may_be_an_input(fading: TrainedGenerator) -> None:
    traced = TracedGenerator(fading, Baked(noise="input"))
    inputs = latents(fading, 5)
    noise = {name: torch.randn(5, *shape) for name, shape in traced.inputs.items() if name.startswith("noise")}
    images = traced(*inputs.values(), *noise.values())

    assert [*noise] == ["noise0", "noise1", "noise2", "noise3"]
    assert [each.shape[2] for each in noise.values()] == [4, 4, 8, 8]
    for name in noise:  # each counts, and its rows are those of the images
        others = {**noise, name: torch.cat([noise[name][:4], torch.zeros_like(noise[name][4:])])}
        other = traced(*inputs.values(), *others.values())
        assert torch.equal(other[:4], images[:4])
        assert not torch.equal(other[4], images[4])
    silent = traced(*inputs.values(), *map(torch.zeros_like, noise.values()))
    assert apart(silent, fading(**inputs, noise="none")) < 1e-6


def test_of_its_weights_a_program_holds_those_that_its_stage_uses() -> None:
    stage = untrained(styled(labels=False), stage=1)

    weights = TracedGenerator(stage, Baked()).state_dict()

    assert any(name.startswith("network.rgb.4.") for name in weights)
    assert not [name for name in weights if ".8." in name]
    assert {*stage.network.blocks} == {"8"}, "of the generator itself nothing is taken"


@pytest.mark.costly
def test_a_program_of_torch_gives_its_images_at_any_number(fading: TrainedGenerator, pt2: Path) -> None:
    about = {"experiment.yaml": "", "provenance.json": ""}
    module = torch.export.load(pt2, extra_files=about).module()
    for count in BATCHES:
        inputs = latents(fading, count)
        assert apart(module(*inputs.values()), fading(**inputs, truncation=0.7, noise="fixed")) < 1e-6
    assert "name: tiny" in about["experiment.yaml"]
    provenance = json.loads(about["provenance.json"])
    assert provenance["inputs"] == {"z": ["batch", 8], "labels": ["batch"]}
    assert provenance["baked"] == {"truncation": 0.7, "cutoff": None, "noise": "fixed"}
    assert provenance["alpha"] == 0.3
    assert provenance["origin"] == {"experiment": "tiny"}
    assert str(Path(__file__).parents[2]).encode() not in pt2.read_bytes(), "places of this machine are nobody's affair"


@pytest.mark.costly
def test_an_onnx_file_gives_its_images_at_any_number(fading: TrainedGenerator, onnx_file: Path) -> None:
    import onnx

    traced = TracedGenerator(fading, Baked(noise="input"))
    for count in BATCHES:
        inputs = traced.example_inputs(count, seed=count)
        assert apart(images_of_onnx(onnx_file, inputs), traced(*inputs.values())) < 1e-4
    model = onnx.load(onnx_file)
    onnx.checker.check_model(model, full_check=True)
    assert [each.name for each in model.graph.input] == [*traced.inputs]
    dimensions = [each.type.tensor_type.shape.dim[0].dim_param for each in (*model.graph.input, *model.graph.output)]
    assert {*dimensions} == {"batch"}
    about = {each.key: each.value for each in model.metadata_props}
    assert "name: tiny" in about["experiment"]
    assert json.loads(about["provenance"])["baked"]["noise"] == "input"
    assert str(Path(__file__).parents[2]).encode() not in onnx_file.read_bytes()


SYSTEMS = sorted(file.stem for file in SMALL.glob("*.yaml"))


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_every_bundled_system_can_be_exported(name: str, tmp_path: Path) -> None:
    generator, form = bundled(name), tmp_path / "program"
    pt2, onnx = form.with_suffix(".pt2"), form.with_suffix(".onnx")

    write_pt2(pt2, generator)
    write_onnx(onnx, generator)

    module = torch.export.load(pt2).module()
    for count in BATCHES:
        inputs = latents(generator, count)
        wanted = generator(**inputs, noise="fixed")
        assert apart(module(*inputs.values()), wanted) < 1e-6
        assert apart(images_of_onnx(onnx, inputs), wanted) < 1e-4


ALONE = """
import sys
sys.path = [path for path in sys.path if "-packages" not in path] + [{packages!r}]
for absent in {absent}:
    try:
        __import__(absent)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"{{absent}} is there")
"""
BY_TORCH = """
import torch
inputs = torch.load({inputs!r})
torch.save(torch.export.load({file!r}).module()(*inputs.values()).detach(), {images!r})
"""
BY_ONNXRUNTIME = """
import numpy as np, onnxruntime
inputs = dict(np.load({inputs!r}))
np.save({images!r}, onnxruntime.InferenceSession({file!r}).run(None, inputs)[0])
"""


def needed(package: str, found: set[str] | None = None) -> set[str]:
    """The distributions that a package needs, it among them."""
    found = set() if found is None else found
    if package not in found:
        try:
            lines = requires(package) or []
        except ImportError:  # of another system
            return found
        found.add(package)
        for line in lines:
            if "extra ==" not in line:
                needed(Requirement(line).name.lower().replace("_", "-"), found)
    return found


def sees_only(package: str, folder: Path) -> Path:
    """A folder of packages with one, and what that needs."""
    folder.mkdir()
    allowed, owners = needed(package), packages_distributions()
    for place in SITE.iterdir():
        of = {each.lower().replace("_", "-") for each in owners.get(place.name.partition(".")[0], ())}
        if of & allowed or place.suffix == ".libs":
            (folder / place.name).symlink_to(place)
    return folder


def run_alone(code: str, **words: str | tuple[str, ...]) -> None:
    """Run it in an interpreter that sees Python's own packages, and those of a folder."""
    text = (ALONE + code).format(**words)
    done = subprocess.run([sys.executable, "-I", "-S", "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_program_of_torch_runs_where_only_torch_is(fading: TrainedGenerator, pt2: Path, tmp_path: Path) -> None:
    packages, inputs, images = sees_only("torch", tmp_path / "packages"), tmp_path / "inputs", tmp_path / "images"
    torch.save(latents(fading, 5), inputs)
    words = {"packages": str(packages), "absent": ("gankit", "gankit_stylegan", "pydantic", "onnx")}

    run_alone(BY_TORCH, **words, file=str(pt2), inputs=str(inputs), images=str(images))

    wanted = fading(**latents(fading, 5), truncation=0.7, noise="fixed")
    assert apart(torch.load(images), wanted) < 1e-5


@pytest.mark.costly
def test_an_onnx_file_runs_where_only_onnxruntime_is(fading: TrainedGenerator, onnx_file: Path, tmp_path: Path) -> None:
    packages = sees_only("onnxruntime", tmp_path / "packages")
    inputs, images = tmp_path / "inputs.npz", tmp_path / "images.npy"
    traced = TracedGenerator(fading, Baked(noise="input"))
    given = traced.example_inputs(5)
    np.savez(inputs, allow_pickle=False, **{name: each.numpy() for name, each in given.items()})
    words = {"packages": str(packages), "absent": ("torch", "gankit", "onnx")}

    run_alone(BY_ONNXRUNTIME, **words, file=str(onnx_file), inputs=str(inputs), images=str(images))

    assert apart(torch.from_numpy(np.load(images)), traced(*given.values())) < 1e-4


class Jittered(nn.Module):
    """As others write modules: by len, by randn_like, in place, and with what torch.export has no name for."""

    def __init__(self, context: BuildContext, branches: bool) -> None:
        super().__init__()
        self.conv = conv(context.in_channels, context.out_channels, resample="up" if context.resample else None)
        self.branches = branches

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = x + 0.5 * torch.randn_like(x) + torch.empty(len(x), 1, 1, 1).normal_()
        if self.branches and x.sum() > 0:
            return -x
        return x


class Jitter(Block):
    """Adds noise of its own."""

    branches: bool = False
    """Whether what it does hangs on the numbers."""

    def build(self, context: BuildContext) -> nn.Module:
        return Jittered(context, self.branches)


@pytest.fixture
def jittered() -> Iterator[Callable[[bool], TrainedGenerator]]:
    def made(branches: bool) -> TrainedGenerator:
        block = {"use": "gan/jitter", "branches": branches}
        network = {"mapping": "normalized", "stem": "pggan", "rgb": "rgb", "channels": {4: 8, 8: 4}, "latent": 8}
        return untrained(tiny(generator=network | {"block": block}))

    with restored():
        register("gan", "jitter", Jitter)
        yield made


@pytest.mark.costly
def test_blocks_of_others_are_exported_with_their_noise(
    jittered: Callable[[bool], TrainedGenerator], tmp_path: Path
) -> None:
    generator, file = jittered(False), tmp_path / "jittered.pt2"

    write_pt2(file, generator)

    module = torch.export.load(file).module()
    for count in BATCHES:
        inputs = latents(generator, count)
        wanted = generator(**inputs, noise="fixed")
        assert apart(module(*inputs.values()), wanted) < 1e-6
        assert apart(generator(**inputs, noise="none"), wanted) > 0.01
    assert type(len(torch.zeros(2))) is int


def test_what_cannot_be_followed_is_said_on_a_line(
    jittered: Callable[[bool], TrainedGenerator], tmp_path: Path
) -> None:
    with pytest.raises(UserError) as raised:
        write_pt2(tmp_path / "jittered.pt2", jittered(True))

    assert str(raised.value).startswith("--to pt2: torch.export cannot follow this generator: ")
    assert "\n" not in str(raised.value)
    assert not [*tmp_path.iterdir()]
    assert builtins.len.__module__ == "builtins"


@pytest.mark.parametrize("factor", [1.001, float("nan")])
def test_a_program_that_gives_other_images_is_refused(fading: TrainedGenerator, factor: float) -> None:
    traced = TracedGenerator(fading, Baked())

    assert held_against(traced, lambda inputs: traced(*inputs.values()), "it") == 0
    with pytest.raises(RunError, match=r"it gives other images than the generator, .* of their range apart"):
        held_against(traced, lambda inputs: traced(*inputs.values()) * factor, "it")


def test_weights_that_no_file_holds_are_refused_before(
    fading: TrainedGenerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "LARGEST_ONNX", 1000)
    with pytest.raises(UserError, match=r"--to onnx: .* GiB of weights are too many for one file"):
        write_onnx(tmp_path / "large.onnx", fading)


def test_a_mapping_without_a_mean_cannot_truncate(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^truncation: the mapping of this generator keeps no mean"):
        write_pt2(tmp_path / "plain.pt2", untrained(tiny()), Baked(truncation=0.5))

"""`gankit import`: whose weights are taken, what is said of those that are not, and that no file is executed."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support.command import QUICKSTART, gankit_here
from support.flat import DENSE, EXPERIMENT, theirs
from torch import Tensor, nn

from gankit import UserError, load
from gankit.config.loader import load_experiment
from gankit.discovery.manager import plugins
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    """A folder with the plugin and the experiment, which are gone afterwards."""
    (tmp_path / "flat.py").write_text(DENSE)
    (tmp_path / "flat.yaml").write_text(EXPERIMENT)
    with plugins.restored():
        yield tmp_path


def put_in(folder: Path, weights: Mapping[str, Any], *more: object) -> CompletedProcess[str]:
    save_file(dict(weights), folder / "w.safetensors")
    return taken(folder, "w.safetensors", *more)


def taken(folder: Path, file: str, *more: object) -> CompletedProcess[str]:
    return gankit_here(["import", file, "--experiment", "flat.yaml", "-o", "out.safetensors", *more], folder)


def refused(done: CompletedProcess[str]) -> str:
    """The one line that is said, but for that of the plugin."""
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("gankit: executes plugin")]
    return line


def test_a_plugin_of_one_file_names_weights_and_their_layout(here: Path) -> None:
    weights = theirs()
    done = put_in(here, {**weights, "extra.a": torch.ones(1)})
    assert done.returncode == 0, done.stderr
    assert "wrote out.safetensors: the generator of Flat, 4x4, 1 channels, 131 weights" in done.stderr
    assert "left out, as nothing needs them: 1, such as extra.a" in done.stderr
    with pytest.raises(UserError, match=r"name them: flat\.py$"):
        load(here / "out.safetensors", device="cpu")
    generator = load(here / "out.safetensors", device="cpu", plugins=[here / "flat.py"])
    z = torch.randn(2, 3)
    maps = (z @ weights["first.weight"].t() + weights["first.bias"]).view(2, 2, 4, 4)
    expected = (maps * weights["last.weight"].view(1, 2, 1, 1)).sum(1, keepdim=True) + weights["last.bias"]
    torch.testing.assert_close(generator(z), expected)
    assert generator.progress.images == 100
    assert generator.origin["imported"]["file"] == "w.safetensors"
    assert str(here) not in str(generator.origin)


def test_a_torch_file_may_hold_the_weights_in_mappings_beside_other_values(here: Path) -> None:
    weights = {"first": nn.Linear(3, 32).state_dict(), "last": {"weight": torch.ones(2, 1), "bias": torch.zeros(1)}}
    torch.save({"G_ema": weights, "step": 5, "arguments": {"lr": [1e-3], "name": None}}, here / "w.pt")
    done = taken(here, "w.pt")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_any_precision_are_taken(here: Path, dtype: torch.dtype) -> None:
    weights = {name: tensor.to(dtype) for name, tensor in theirs().items()}
    assert put_in(here, weights).returncode == 0
    generator = load(here / "out.safetensors", device="cpu", plugins=[here / "flat.py"])
    state = generator.network.state_dict()
    assert state["stem.0.weight"].dtype == torch.float32
    torch.testing.assert_close(state["stem.0.weight"], weights["first.weight"].float())


def without(name: str) -> dict[str, Tensor]:
    return {other: tensor for other, tensor in theirs().items() if other != name}


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (without("last.bias"), "1 is missing: last.bias."),
        (
            {**without("last.bias"), "last.bais": torch.ones(1)},
            "1 is missing: last.bias. Did you mean 'last.bais'? 1 is unknown: last.bais. Did you mean 'last.bias'?",
        ),
        ({**theirs(), "third.weight": torch.ones(1), "fourth": torch.ones(1)}, "2 are unknown: fourth, third.weight."),
        (
            {**theirs(), "first.weight": torch.ones(32, 4)},
            "1 is of another shape: first.weight is [32, 4], which does not fit stem.0.weight, [32, 3].",
        ),
        (
            {**theirs(), "last.weight": torch.ones(2, 1, 1)},
            "1 is of another shape: last.weight is [2, 1, 1], which does not fit rgb.4.weight, [1, 2, 1, 1].",
        ),
        (
            {**theirs(), "first.bias": torch.ones(32, dtype=torch.int32)},
            "1 is of another shape: first.bias is [32] of int32, which does not fit stem.0.bias, [32].",
        ),
    ],
    ids=["missing", "misnamed", "unknown", "another size", "other dimensions", "whole numbers"],
)
def test_what_does_not_fit_is_told_in_a_line(here: Path, weights: Mapping[str, Tensor], said: str) -> None:
    line = refused(put_in(here, weights))
    assert line == f"w.safetensors: these weights of Flat are not those of quickstart: {said}"
    assert not (here / "out.safetensors").exists()


def test_a_generator_with_more_than_they_are_for_is_refused(here: Path) -> None:
    line = refused(put_in(here, theirs(), "--set", "generator.base_blocks=conv"))
    assert (
        "4 are not there by any name, as this experiment has more than they are for: base_blocks.conv0.weight" in line
    )


def test_names_for_weights_that_a_generator_does_not_have_are_the_fault_of_their_plugin(here: Path) -> None:
    (here / "flat.py").write_text(DENSE.replace('found["rgb.4.weight"]', 'found["rgb.4.weigth"]'))
    line = refused(put_in(here, theirs()))
    assert line == "names of weights of Flat: they are for rgb.4.weigth, which the generator has not"


def test_a_generator_of_other_parts_is_refused(here: Path) -> None:
    line = refused(put_in(here, theirs(), "--set", "generator.stem=pggan"))
    assert line == "generator.stem: expected flat/flat, as w.safetensors holds weights of Flat, not pggan/pggan"


def test_names_that_nobody_knows(here: Path) -> None:
    line = refused(put_in(here, {"firs.weight": torch.ones(1), "last.weight": torch.ones(1)}))
    assert "no plugin knows a generator by these names, such as firs.weight, last.weight." in line
    assert "firs.weight is there, but no first.weight." in line
    assert "Flat, by first.weight and last.weight" in line
    assert "of which there are none." in refused(put_in(here, {}))


def test_of_several_generators_one_is_chosen(here: Path) -> None:
    both = {
        f"{before}.{name}": tensor + number for number, before in enumerate("GE") for name, tensor in theirs().items()
    }
    line = refused(put_in(here, both))
    assert line == "w.safetensors: holds several generators; choose one by --prefix: 'E.' (Flat), 'G.' (Flat)"
    assert "--prefix: no generator in w.safetensors has names that begin with 'F'. There are: 'E.', 'G.'." in refused(
        put_in(here, both, "--prefix", "F")
    )
    done = put_in(here, both, "--prefix", "E")
    assert "left out, as nothing needs them: 4, such as G." in done.stderr
    generator = load(here / "out.safetensors", device="cpu", plugins=[here / "flat.py"])
    torch.testing.assert_close(generator.network.state_dict()["stem.0.bias"], theirs()["first.bias"] + 1)


def test_a_plugin_that_fails_is_named_where_nobody_knows_the_names(here: Path) -> None:
    broken = "from gankit import hookimpl\n\n\n@hookimpl\ndef gankit_add_weight_names(add):\n    {}\n"
    for name, does in (("one", "1 / 0"), ("two", "add('names')")):
        (here / f"{name}.py").write_text(broken.format(does))
    more = ("--plugin", "one.py", "--plugin", "two.py")
    line = refused(put_in(here, {"a": torch.ones(1)}, *more))
    assert "Plugin 'one' failed: here" not in line
    assert "Plugin 'one' failed: " in line
    assert "one.py:6: ZeroDivisionError: division by zero." in line
    assert "Plugin 'two' failed: TypeError: it adds 'names', which is no WeightNames." in line
    assert put_in(here, theirs(), *more).returncode == 0


def test_classes_are_as_many_as_the_weights_know_where_the_data_is_gone(tmp_path: Path) -> None:
    (tmp_path / "flat.yaml").write_text(
        f"extends: {Path(QUICKSTART).parent / 'small' / 'stylegan2-digits.yaml'}\n"
        "data: {use: folder, path: nowhere, labels: true}\n"
        "growth: {resolution: 8}\ngenerator: {latent: 4, channels: 4, mapping: {width: 6, layers: 1}}\n"
    )
    experiment = load_experiment(tmp_path / "flat.yaml", note=lambda lacking: None)
    network = Generator(experiment.generator, ImageShape.of(experiment, classes=3))
    from gankit_stylegan2.weight_names import STYLEGAN2

    own = {name.replace("parametrizations.", "").replace(".original", ""): name for name in network.state_dict()}
    sources = STYLEGAN2.sources(network, ())
    weights = {source.name: network.state_dict()[own[name]].clone() for name, source in sources.items()}
    done = put_in(tmp_path, weights)
    assert done.returncode == 0, done.stderr
    wrong = {**weights, "mapping.embed.weight": torch.ones(3), "synthesis.b4.const": torch.ones(2)}
    assert "2 are of another shape: mapping." in refused(put_in(tmp_path, wrong))
    generator = load(tmp_path / "out.safetensors", device="cpu")
    assert generator.classes == ("0", "1", "2")
    z, labels = torch.randn(3, 4), torch.tensor([2, 0, 1])
    styles = network.eval().map(z, labels)
    torch.testing.assert_close(generator(z, labels, noise="none"), network.synthesize(styles, labels))


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.file),)


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.tar", "w.bin", "w.npz", "w.safetensors", "w.pkl", "old.pt"])
def test_code_in_a_file_is_never_run(here: Path, name: str) -> None:
    struck = here / "struck"
    content = {**theirs(), "evil": Bomb(struck)}
    if name == "w.npz":
        np.savez(here / name, a=np.array([Bomb(struck)], dtype=object))
    elif name.startswith("w.p") or name in ("w.tar", "w.bin"):
        (here / name).write_bytes(pickle.dumps(content)) if name == "w.pkl" else torch.save(content, here / name)
    else:
        torch.save(content, here / name, _use_new_zipfile_serialization=name != "old.pt")
    line = refused(taken(here, name))
    assert line.startswith(f"{name}: ")
    assert not struck.exists()
    assert not (here / "out.safetensors").exists()
    if name == "w.npz":
        np.load(here / name, allow_pickle=True)["a"]
    else:  # the bomb is one
        with (here / name).open("rb") as file:
            torch.load(file, weights_only=False) if name != "w.pkl" else pickle.load(file)
    assert struck.exists()


@pytest.mark.parametrize("ending", [".safetensors", ".npz", ".pt"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_file_that_was_cut_short_is_refused(here: Path, ending: str, share: float) -> None:
    file = here / f"w{ending}"
    if ending == ".safetensors":
        save_file(theirs(), file)
    elif ending == ".npz":
        np.savez(file, allow_pickle=False, **{name: tensor.numpy() for name, tensor in theirs().items()})
    else:
        torch.save(theirs(), file)
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    line = refused(taken(here, file.name))
    assert line.startswith(f"w{ending}: cannot be read as weights: ")
    assert len(line) < 400


def test_what_is_no_file_of_weights_is_refused(here: Path) -> None:
    os.mkfifo(here / "pipe.pt")
    (here / "folder.npz").mkdir()
    (here / "w.safetensor").write_text("")
    assert refused(taken(here, "absent.pt")) == "absent.pt: No such file or directory"
    assert refused(taken(here, "pipe.pt")) == "pipe.pt: it is a pipe, not a file"
    assert refused(taken(here, "folder.npz")) == "folder.npz: Is a directory"
    assert "Did you mean '.safetensors'?" in refused(taken(here, "w.safetensor"))
    (here / "w.pkl").write_bytes(b"")
    assert refused(taken(here, "w.pkl")).endswith("Pickles are code, which is not run.")


def test_an_array_that_claims_more_than_there_is_is_refused(here: Path) -> None:
    header = np.lib.format.magic(1, 0) + (118).to_bytes(2, "little")
    described = repr({"descr": "<f4", "fortran_order": False, "shape": (10**14,)}).ljust(117) + "\n"
    with zipfile.ZipFile(here / "w.npz", "w") as archive:
        archive.writestr("first.weight.npy", header + described.encode())
    assert refused(taken(here, "w.npz")).startswith("w.npz: cannot be read as weights: ")


def test_a_tensor_that_repeats_one_number_for_ever_is_no_weight(here: Path) -> None:
    torch.save({**theirs(), "first.bias": torch.ones(1).expand(10**12)}, here / "w.pt")
    assert "1 is missing: first.bias." in refused(taken(here, "w.pt"))


def test_mappings_that_hold_themselves_are_looked_into_once(here: Path) -> None:
    weights: dict[str, Any] = {**theirs()}
    weights |= {f"again{number}": weights for number in range(20)}
    torch.save(weights, here / "w.pt")
    assert taken(here, "w.pt").returncode == 0


def test_what_torch_warns_of_is_not_said(here: Path, recwarn: pytest.WarningsRecorder) -> None:
    """As of a protocol of pickle that it does not write."""
    (here / "w.pt").write_bytes(pickle.dumps({"step": 1}, protocol=4))
    assert refused(taken(here, "w.pt")).startswith("w.pt: holds more than tensors and plain values, such as code")
    assert not recwarn.list


def test_where_to_is_a_safetensors_file_and_not_the_one_that_is_read(here: Path) -> None:
    command = ["import", "w.safetensors", "--experiment", "flat.yaml", "-o"]
    save_file(theirs(), here / "w.safetensors")
    assert refused(gankit_here([*command, "out.pt"], here)).startswith("-o: expected a file name that ends in .safeten")
    assert (
        refused(gankit_here([*command, "w.safetensors"], here))
        == "-o: w.safetensors is the file that is read; name another"
    )
    assert refused(gankit_here([*command, "no/out.safetensors"], here)) == (
        "-o: cannot write no/out.safetensors: No such file or directory"
    )

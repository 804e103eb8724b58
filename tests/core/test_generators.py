"""gankit.load: a trained generator as a module, and in one file."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from support.tiny import tiny

import gankit
from gankit import UserError
from gankit.checkpoints.store import load_generator
from gankit.core.registry import restored
from gankit.generators.exported import write_export
from gankit.generators.loading import load
from gankit.generators.noise import drawn
from gankit.generators.trained import TrainedGenerator
from gankit.runs.start import begin
from gankit.training.sampler import SampleOptions, sample

CPU = torch.device("cpu")
STYLE = {"mapping": {"use": "style", "layers": 2, "width": 8}, "stem": "stylegan", "block": "stylegan"}


def style_experiment(**changes: object):
    """A small StyleGAN with noise in every layer, and a class for every digit unless told otherwise."""
    options = tiny().model_dump(mode="json")
    network = {"rgb": "rgb", "channels": {4: 8, 8: 4}, "latent": 8, "norm": ["equalized", "adaptive-instance"], **STYLE}
    data = {"use": "digits", "labels": changes.pop("labels", True)}
    return tiny(generator=network, data=data, name=options["name"], **changes)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small StyleGAN with classes, trained up to 8x8."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    begin(style_experiment(checkpoints={"keep": 9}), folder).train()
    return folder


@pytest.fixture(scope="module")
def trained(run: Path) -> TrainedGenerator:
    generator = load(run)
    for name, weight in generator.network.named_parameters():  # noise starts at zero, and little was trained
        if "noise" in name:
            weight.fill_(0.5)
    return generator


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> TrainedGenerator:
    """A generator without classes and without styles."""
    folder = tmp_path_factory.mktemp("plain") / "run"
    begin(tiny(), folder).train()
    return load(folder)


def test_three_lines_lead_from_a_run_to_images(run: Path) -> None:
    generator = gankit.load(run)
    images = generator.sample(5, seed=3)

    assert isinstance(generator, torch.nn.Module)
    assert not generator.training
    assert images.shape == (5, *generator.shape)
    network = load_generator(run, generator.experiment, CPU)
    assert torch.equal(images, sample(network, 0, 5, 3, CPU))
    wish = SampleOptions(labels=[7], truncation=0.5)
    assert torch.equal(generator.sample(5, 3, label="7", truncation=0.5), sample(network, 0, 5, 3, CPU, wish))


def test_calling_it_maps_and_synthesizes(trained: TrainedGenerator) -> None:
    z = torch.randn(3, trained.latent)
    styles = trained.map(z, 2)

    assert styles.shape == (3, trained.styles, 8)
    assert torch.equal(trained(z, 2, noise="none"), trained.synthesize(styles, 2, noise="none"))
    assert torch.equal(trained(z, "2", noise="none"), trained(z, [2, 2, 2], noise="none"))
    assert not torch.equal(trained(z, 2, noise="none"), trained(z, 3, noise="none"))


def test_gradients_reach_latents_and_leave_weights(trained: TrainedGenerator) -> None:
    z = torch.randn(2, trained.latent, requires_grad=True)

    trained(z, 1, noise="fixed").square().mean().backward()

    assert z.grad is not None
    assert z.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in trained.parameters())


def test_truncation_pulls_the_first_styles_towards_the_mean_of_their_class(trained: TrainedGenerator) -> None:
    z, cutoff = torch.randn(4, trained.latent), 1
    styles, mean = trained.map(z, 5), trained.map(z, 5, truncation=0)

    torch.testing.assert_close(mean, mean[:1].expand_as(mean))
    halfway = trained.map(z, 5, truncation=0.5, cutoff=cutoff)
    torch.testing.assert_close(halfway[:, :cutoff], (styles + mean)[:, :cutoff] / 2)
    assert torch.equal(halfway[:, cutoff:], styles[:, cutoff:])
    assert not torch.equal(mean, trained.map(z, 6, truncation=0))


def test_noise_is_as_it_is_asked_for(trained: TrainedGenerator) -> None:
    styles = trained.map(trained.latents([1, 1, 2]), 4)

    free = [trained.synthesize(styles, 4) for _ in range(2)]
    fixed = [trained.synthesize(styles, 4, noise="fixed") for _ in range(2)]
    seeded = trained.synthesize(styles, 4, noise=[5, 6, 5])

    assert not torch.equal(*free)
    assert torch.equal(*fixed)
    torch.testing.assert_close(fixed[0][0], fixed[0][1])  # the same styles with the same noise
    assert not torch.allclose(seeded[0], seeded[1])  # the same styles with the noise of other seeds
    torch.testing.assert_close(seeded[2:], trained.synthesize(styles[2:], 4, noise=[5]))
    assert not torch.allclose(trained.synthesize(styles, 4, noise="none"), fixed[0])


def test_every_way_to_draw_is_a_function_of_the_seed() -> None:
    """Those of third parties, who may draw as they like."""

    def draws(count: int) -> list[torch.Tensor]:
        x = torch.zeros(count, 2)
        return [
            torch.randn(count, 2),
            torch.rand((count, 2)),
            torch.randn_like(x),
            torch.empty(count, 2).normal_(),
            torch.empty(count, 2).uniform_(),
            torch.normal(x, torch.ones(count, 2)),
            torch.nn.functional.dropout(torch.ones(count, 8)),
        ]

    before = torch.random.get_rng_state()
    with drawn([3, 4, 5], 3):
        together = draws(3)
    with drawn([4], 1):
        alone = draws(1)

    for ours, its in zip(together, alone, strict=True):
        assert torch.equal(ours[1:2], its)
        assert not torch.equal(ours[0], ours[2])
    assert torch.equal(before, torch.random.get_rng_state())
    with drawn("none", 3):
        assert not any(draws(3)[way].any() for way in (0, 2, 3))


def test_an_image_of_a_seed_depends_on_nothing_beside_it(trained: TrainedGenerator) -> None:
    seeds = [9, 0, 123456789, 9]
    images = trained.of_seeds(seeds, [1, 2, 3, 1])

    assert torch.equal(images[0], images[3])
    for i, seed in enumerate(seeds[:3]):
        assert torch.equal(images[i : i + 1], trained.of_seeds([seed], i + 1))


def test_latents_of_seeds_are_those_of_numpy(trained: TrainedGenerator) -> None:
    z = trained.latents([0, 85])

    assert z.dtype == torch.float32
    np.testing.assert_allclose(z[1].numpy(), np.random.RandomState(85).randn(1, trained.latent)[0], rtol=1e-6)
    with pytest.raises(UserError, match="seeds: expected numbers from 0 to 4294967295, not -1"):
        trained.latents([-1])


def test_it_can_be_grown_as_in_an_earlier_stage(run: Path, plain: TrainedGenerator) -> None:
    z = torch.randn(3, plain.latent)
    before, faded = plain.at(1), plain.at(resolution=8, alpha=0)

    assert (before.resolution, faded.resolution, plain.resolution) == (4, 8, 8)
    torch.testing.assert_close(faded(z), before(z).repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert torch.equal(plain.at("8x8")(z), plain(z))
    assert load(run, stage=1).progress.label == "4x4"
    assert load(run, stage=1).at(1).progress.stage == 1
    for said, wrong in (
        ("stage: there is no stage 3; the run has stages 1 (4x4), 2 (8x8)", lambda: plain.at(3)),
        ("resolution: expected one of 4, 8, not 16", lambda: plain.at(resolution=16)),
        ("alpha: expected a number from 0 to 1, not 2", lambda: plain.at(1, alpha=2)),
        ("stage: its layers of 8 pixels were not trained; it came to 4", lambda: load(run, stage=1).at(2)),
    ):
        with pytest.raises(UserError) as caught:
            wrong()
        assert str(caught.value) == said


def test_mistakes_are_told_in_a_line(plain: TrainedGenerator, trained: TrainedGenerator) -> None:
    z = torch.zeros(2, 8)
    for said, wrong in (
        ("labels: this generator has classes; name those of the images: 0=0, 1=1", lambda: trained(z)),
        ("label: there is no class 10; the classes are 0=0, 1=1, ", lambda: trained(z, 10)),
        ("labels: expected the numbers of classes [2], not torch.int64 [3]", lambda: trained(z, [0, 0, 0])),
        ("labels: expected numbers from 0 to 9", lambda: trained(z, [0, 10])),
        ("z: expected latents [N, 8], not [2, 9]", lambda: trained(torch.zeros(2, 9), 1)),
        ("label: this generator was trained without labels", lambda: plain(z, 1)),
        ("noise: expected one of random, fixed, none, or a seed", lambda: plain(z, noise="fxied")),  # pyright: ignore
        ("noise: expected a seed for each of 2 images, not 3", lambda: plain(z, noise=[1, 2, 3])),
        ("n: expected at least one image, not 0", lambda: plain.sample(0)),
        ("training.device: there is no tpu on this machine", lambda: load("nowhere", device="tpu")),
        ("truncation: the mapping of this generator keeps no mean", lambda: plain(z, truncation=0.5)),
        ("truncation: the mapping of this generator keeps no mean", lambda: plain.sample(1, truncation=0.5)),
    ):
        with pytest.raises(UserError) as caught:
            wrong()
        assert str(caught.value).startswith(said)


def test_one_file_gives_the_same_generator_to_the_bit(run: Path, tmp_path: Path) -> None:
    generator, file = load(run), tmp_path / "generator.safetensors"
    write_export(file, generator)
    again = gankit.load(file)
    write_export(tmp_path / "again.safetensors", again)

    assert torch.equal(again.sample(4, 1), generator.sample(4, 1))
    assert (again.classes, again.progress, again.which) == (generator.classes, generator.progress, "average")
    assert again.origin["data"] == generator.origin["data"]
    assert file.read_bytes() == (tmp_path / "again.safetensors").read_bytes()
    assert load_file(file).keys() == generator.network.state_dict().keys()
    with safe_open(file, "pt") as opened:
        assert str(tmp_path) not in json.dumps(opened.metadata())
    assert again.origin["versions"]["torch"] == torch.__version__


def test_the_trained_generator_itself_is_another_file(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "current.safetensors"
    write_export(file, load(run, "current"))

    assert load(file).which == load(file, "current").which == "current"
    assert torch.equal(load(file).sample(2), load(run, "current").sample(2))
    write_export(file, load(run))
    with pytest.raises(UserError, match=r"holds the generator 'average' alone, not 'current'"):
        load(file, "current")


class Bomb:
    """What a pickle may do."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def test_wrong_and_hostile_files_are_refused_in_a_line(run: Path, tmp_path: Path) -> None:
    good, bad, mark = tmp_path / "good.safetensors", tmp_path / "bad.safetensors", tmp_path / "mark"
    write_export(good, load(run))
    weights = load_file(good)
    with safe_open(good, "pt") as opened:
        header = json.loads(opened.metadata()["gankit"])

    def with_header(**changes: object) -> None:
        save_file(weights, bad, {"gankit": json.dumps(header | changes)})

    one = next(iter(weights))
    for said, spoil in (
        ("cannot be read as an exported generator: ", lambda: bad.write_bytes(good.read_bytes()[:-9])),
        ("cannot be read as an exported generator: ", lambda: bad.write_bytes(b"")),
        ("cannot be read as an exported generator: ", lambda: bad.write_bytes(pickle.dumps(Bomb(mark)))),
        ("cannot be read as an exported generator: ", lambda: torch.save(weights, bad)),
        ("it holds weights alone; gankit import takes those of others", lambda: save_file(weights, bad)),
        ("its description: ", lambda: save_file(weights, bad, {"gankit": "{"})),
        ("its description: nested more than 64 deep", lambda: save_file(weights, bad, {"gankit": "[" * 99 + "]" * 99})),
        ("it is of format 2, and this gankit reads format 1", lambda: with_header(format=2)),
        ("stage: Input should be a valid integer", lambda: with_header(stage="first")),
        ("it is of stage 9, generator average; its experiment has none such", lambda: with_header(stage=9)),
        (
            "no block is called 'styl/gan'",
            lambda: with_header(experiment=header["experiment"].replace("stylegan/stylegan", "styl/gan")),
        ),
        (
            f"its weights are not those of its experiment: {one} is missing",
            lambda: save_file(
                {name: each for name, each in weights.items() if name != one}, bad, {"gankit": json.dumps(header)}
            ),
        ),
        ("more is unknown", lambda: save_file(weights | {"more": torch.ones(1)}, bad, {"gankit": json.dumps(header)})),
        ("is [1], not [", lambda: save_file(weights | {one: torch.ones(1)}, bad, {"gankit": json.dumps(header)})),
        ("No such file", lambda: bad.unlink()),
        ("it is a pipe, not a file", lambda: os.mkfifo(bad)),
    ):
        bad.unlink(missing_ok=True)
        bad.touch()
        if "pipe" in said:
            bad.unlink()
        spoil()
        with pytest.raises(UserError) as caught:
            load(bad)
        assert said in str(caught.value), said
        assert str(bad) in str(caught.value)
    assert not mark.exists()


def test_an_exported_file_names_the_plugin_files_that_it_needs(
    plain: TrainedGenerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are code, and not in it; that of the user's machine is executed only where he names it."""
    plugin, executed, file = tmp_path / "own_join.py", tmp_path / "executed", tmp_path / "generator.safetensors"
    plugin.write_text(
        f"from pathlib import Path\n\nPath({str(executed)!r}).touch()\n\n"
        "import gankit_basics.joins\nfrom gankit import registering\n\n\n"
        "class OwnJoin(gankit_basics.joins.Blend):\n    'Blend by another name.'\n\n\n"
        "gankit_register = registering(('own-join', OwnJoin))\n"
    )
    monkeypatch.chdir(tmp_path)
    write_export(file, plain)  # of a plugin file that this process has never seen
    with safe_open(file, "pt") as opened:
        header = json.loads(opened.metadata()["gankit"])
    header["experiment"] = header["experiment"].replace("  base: 4\n", "  base: 4\n  join: own_join/own-join\n")
    header["origin"]["plugins"] = {"own_join": {"file": plugin.name, "sha256": "0"}}
    save_file(load_file(file), file, {"gankit": json.dumps(header)})

    with pytest.raises(UserError) as caught:
        load(file)
    assert "own_join/own-join" in str(caught.value)
    assert str(caught.value).endswith("plugins of single files, which are not in it; name them: own_join.py")
    assert not executed.exists()
    with restored():
        assert torch.equal(load(file, plugins=[plugin]).sample(1), plain.sample(1))
    assert executed.exists()

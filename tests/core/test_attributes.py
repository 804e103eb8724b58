"""Labels that are vectors: checked, drawn as the reals have them, told to networks, kept with whatever is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.command import gankit_here
from support.discriminators import discriminator_options, own_discriminator
from support.tiny import CPU, tiny, trainer

import gankit
from gankit import Dataset, LabelledImages, UserError
from gankit.checkpoints import store
from gankit.config.checks import problems
from gankit.config.experiment import Experiment
from gankit.costs.counting import Counting
from gankit.costs.phases import phases
from gankit.data.images import RealImages
from gankit.data.sample_files import SampleBatch, write_array, write_images
from gankit.evaluation.evaluator import Evaluator
from gankit.exports.tracing import Baked, TracedGenerator
from gankit.generators.exported import write_export
from gankit.generators.trained import TrainedGenerator
from gankit.networks.generator import KNOWN_VECTORS
from gankit.runs.start import begin
from gankit.training.sampler import GeneratorSampler, draw_labels, samples
from gankit_images.folder import Folder

NAMES = ["slant", "thickness"]


def attributed(**changes: Any) -> Experiment:
    """The tiny experiment with two attributes, a mapping that joins them to the latent and a head that projects."""
    network = {"block": "conv", "rgb": "rgb", "channels": {4: 8, 8: 4}}
    options = {
        "data": {"use": "digits", "attributes": NAMES},
        "discriminator": network | {"head": "sngan", "norm": "equalized"},
        "regularizers": ["gradient-penalty"],
    }
    return tiny(**(options | changes))


class Vectors(Dataset):
    """Four images of any vectors."""

    names: tuple[str, ...] = ("a", "b")
    classes: int = 0
    _labels: Any = None

    def image_channels(self) -> int:
        return 1

    def class_count(self) -> int:
        return self.classes

    def attribute_names(self) -> tuple[str, ...]:
        return self.names

    def load(self, resolution: int) -> LabelledImages:
        return LabelledImages(np.zeros((4, 1, resolution, resolution), np.uint8), self._labels)


def of_vectors(labels: Any, **options: Any) -> RealImages:
    data = Vectors(**options)
    data._labels = labels
    return RealImages(data, [4])


@pytest.mark.parametrize(
    ("labels", "options", "said"),
    [
        (None, {}, "should give labels float32 [4, 2], not none"),
        (np.zeros((4, 3), np.float32), {}, "not float32 [4, 3]"),
        (np.zeros((4, 2)), {}, "not float64 [4, 2]"),
        (np.full((4, 2), np.nan, np.float32), {}, "labels that are not finite"),
        (np.zeros((4, 2), np.float32), {"names": ("a", "a")}, "names of their own"),
        (np.zeros((4, 2), np.float32), {"classes": 3}, "3 classes and attributes"),
    ],
)
def test_data_that_gives_other_vectors_than_it_says_is_refused(labels: Any, options: Any, said: str) -> None:
    with pytest.raises(UserError) as caught:
        of_vectors(labels, **options)
    assert said in str(caught.value)


def test_the_fingerprint_knows_values_and_names() -> None:
    zeros, ones = np.zeros((4, 2), np.float32), np.ones((4, 2), np.float32)
    found = {
        of_vectors(zeros).fingerprint,
        of_vectors(ones).fingerprint,
        of_vectors(zeros, names=("b", "a")).fingerprint,
    }
    assert len(found) == 3
    assert of_vectors(zeros).spread(2).attribute_names == ["a", "b"]


def test_both_networks_see_the_vectors_of_the_reals_in_training() -> None:
    training = trainer(attributed())
    seen: dict[str, list[torch.Tensor]] = {"mapping": [], "head": []}
    training.generator.mapping.register_forward_pre_hook(lambda module, given: seen["mapping"].append(given[1]))
    head = own_discriminator(training).head
    head.register_forward_pre_hook(lambda module, given: seen["head"].append(given[1].labels))
    training.iteration()
    shown = training.reals.labels
    assert shown is not None
    rows = {row.tobytes() for row in shown}
    for given in seen.values():
        assert given
        assert all(row.numpy().tobytes() in rows for labels in given for row in labels)
    assert torch.equal(seen["mapping"][0], seen["head"][0])  # fakes have those of the reals beside them
    assert len(seen["mapping"][0].unique(dim=0)) > 1


def test_parts_of_a_batch_have_the_vectors_of_the_whole() -> None:
    whole, in_parts = (
        sorted(torch.cat(told_to_the_generator(batch=8, micro_batch=micro, generator_batches=2)).tolist())
        for micro in (None, 4)
    )
    assert whole == in_parts


def told_to_the_generator(**options: Any) -> list[torch.Tensor]:
    """The labels that the mapping is given in one iteration."""
    training = trainer(attributed(training={"device": "cpu", **options}))
    seen: list[torch.Tensor] = []
    training.generator.mapping.register_forward_pre_hook(lambda module, given: seen.append(given[1]))
    training.iteration()
    return seen


def test_samples_take_vectors_that_reals_have_and_each_is_a_function_of_its_number() -> None:
    training = trainer(attributed())
    shown, known = training.reals.labels, training.average.known_vectors
    assert shown is not None
    assert known is not None
    assert known.shape == (KNOWN_VECTORS, 2)
    rows = {row.tobytes() for row in shown}
    assert {row.numpy().tobytes() for row in known} <= rows
    assert len({row.numpy().tobytes() for row in known}) > 0.9 * KNOWN_VECTORS
    batch = samples(training.average, 0, 70, 1, CPU)
    assert batch.labels is not None
    assert {row.numpy().tobytes() for row in batch.labels} <= {row.numpy().tobytes() for row in known}
    again = samples(training.average, 64, 6, 1, CPU)
    assert again.labels is not None
    assert torch.equal(batch.labels[64:], again.labels)
    assert torch.equal(batch.images[64:], again.images)


def test_evaluation_draws_vectors_from_all_of_the_reals(monkeypatch: pytest.MonkeyPatch) -> None:
    training = trainer(attributed(evaluation={"metrics": ["fid"], "extractor": "digits", "images": 32}))
    assert (shown := training.reals.labels) is not None
    evaluator = Evaluator(training.experiment.evaluation, training.reals, CPU)
    asked: list[Any] = []

    def watched(generator: Any, count: int, device: Any, reals: Any = None) -> Any:
        asked.append(reals)
        return draw_labels(generator, count, device, reals)

    monkeypatch.setattr("gankit.training.sampler.draw_labels", watched)
    training.grow(training.now)
    values = evaluator.evaluate(GeneratorSampler(training.average, CPU), training.now)
    assert [row.name for row in values if row.name == "fid"]
    assert asked
    assert all(np.array_equal(reals.numpy(), shown) for reals in asked)


def test_a_part_that_reads_classes_alone_is_named_with_those_that_read_vectors() -> None:
    head = {"use": "pggan", "labels": "select"}
    experiment = attributed(
        generator=attributed().generator.model_dump() | {"norm": ["conditional-batch"]},
        discriminator=discriminator_options(attributed()).model_dump() | {"head": head},
    )
    found = dict(problems(experiment))
    said = found["discriminator", "head"]
    assert said.startswith("pggan reads numbers of classes, but the data has attributes (slant, thickness); name one")
    assert "head sngan" in said
    assert "head stylegan2" in said
    assert "head pggan" not in said
    norm = next(message for path, message in found.items() if path[:2] == ("generator", "norm"))
    assert norm.startswith("conditional-batch reads numbers of classes")


def test_networks_that_read_no_vectors_are_refused_and_told_what_does() -> None:
    found = dict(problems(tiny(data={"use": "digits", "attributes": NAMES})))
    said = found["discriminator",]
    assert "the data has attributes (slant, thickness), but no part of the discriminator reads attributes" in said
    assert "reads_attributes" in said
    assert ("generator",) not in found
    assert not problems(attributed())


def test_showing_classes_evenly_is_refused_where_there_are_none() -> None:
    found = dict(problems(attributed(training={"batch": 8, "device": "cpu", "classes": "even"})))
    assert "attributes, which are no classes" in found["training", "classes"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attributes") / "run"
    begin(attributed(evaluation={"metrics": ["fid"], "extractor": "digits", "images": 16}), folder).train()
    return folder


@pytest.fixture
def trained(run: Path) -> TrainedGenerator:
    return gankit.load(run, device="cpu")


def test_a_run_keeps_names_and_vectors_with_its_weights(run: Path, trained: TrainedGenerator, tmp_path: Path) -> None:
    assert store.manifest_of(store.found(run / "checkpoints")[-1])["attributes"] == NAMES
    assert trained.attributes == (*NAMES,)
    assert trained.classes == ()
    file = tmp_path / "g.safetensors"
    write_export(file, trained)
    exported = gankit.load(file, device="cpu")
    assert exported.attributes == (*NAMES,)
    assert torch.equal(exported.sample(5, seed=3), trained.sample(5, seed=3))


def test_it_is_told_values_by_number_by_name_or_for_each_image(trained: TrainedGenerator) -> None:
    z = trained.latents([1, 2, 3])
    by_name = trained(z, {"thickness": 1, "slant": -0.5})
    assert torch.equal(by_name, trained(z, [-0.5, 1]))
    assert torch.equal(by_name, trained(z, torch.tensor([[-0.5, 1.0]] * 3)))
    other = trained(z, np.array([[-0.5, 1.0], [-0.5, 1.0], [2.0, 1.0]]))
    assert torch.equal(other[:2], by_name[:2])
    assert not torch.equal(other[2], by_name[2])
    values = torch.zeros(3, 2, requires_grad=True)
    trained(z, values).sum().backward()
    assert values.grad is not None
    assert values.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (None, "labels: this generator has attributes; give the values of slant, thickness"),
        ({"slant": 1}, "there is none of thickness"),
        ({"slont": 1, "thickness": 1}, "there is no attribute slont. Did you mean 'slant'?"),
        ({"slant": "x", "thickness": 1}, "attributes: slant: expected a number"),
        ([1.0, 2.0, 3.0], "[3, 2], not torch.float32 [3]"),
        (1, "[3, 2], not torch.int64 []"),
        ("slant", "labels: expected the values of slant, thickness"),
        ([float("nan"), 0], "as finite numbers"),
    ],
)
def test_other_values_are_refused_in_words(trained: TrainedGenerator, labels: Any, said: str) -> None:
    with pytest.raises(UserError) as caught:
        trained(trained.latents([1, 2, 3]), labels)
    assert said in str(caught.value)


def test_samples_with_attributes_have_these_and_the_others_of_reals(trained: TrainedGenerator) -> None:
    leaning = trained.with_attributes({"slant": 2})
    before, after = trained.network.known_vectors, leaning.network.known_vectors
    assert before is not None
    assert after is not None
    assert torch.equal(after[:, 1], before[:, 1])
    assert (after[:, 0] == 2).all()
    assert not torch.equal(leaning.sample(4), trained.sample(4))
    with pytest.raises(UserError, match="no attribute age"):
        trained.with_attributes({"age": 2})


def test_a_program_is_handed_vectors(trained: TrainedGenerator) -> None:
    traced = TracedGenerator(trained, Baked())
    assert traced.inputs == {"z": (8,), "labels": (2,)}
    given = traced.example_inputs(3)
    assert torch.equal(traced(*given.values()), trained(given["z"], given["labels"], noise="fixed"))
    assert "network.known_vectors" not in traced.state_dict()


def test_sample_writes_rows_of_values_and_a_table_that_a_data_set_reads(run: Path, tmp_path: Path) -> None:
    grid = gankit_here(["sample", run, "-o", tmp_path / "grid.png", "--attribute", "slant=-1,0,1", "-n", "4"], tmp_path)
    assert grid.returncode == 0, grid.stderr
    assert "the same 4 latents with slant of -1, 0, 1" in grid.stderr
    made = gankit_here(["sample", run, "-o", tmp_path / "some", "--attribute", "thickness=-0.5", "-n", "5"], tmp_path)
    assert made.returncode == 0, made.stderr
    data = Folder(path=tmp_path / "some", channels=1, labels="labels.csv")
    assert data.attribute_names() == NAMES
    _, labels = data.load(8)
    assert labels is not None
    assert labels.dtype == np.float32
    assert (labels[:, 1] == -0.5).all()
    assert len({*labels[:, 0].tolist()}) > 1
    array = gankit_here(
        ["sample", run, "-o", tmp_path / "some.npz", "-n", "5", "--attribute", "thickness=-0.5"], tmp_path
    )
    assert array.returncode == 0, array.stderr
    with np.load(tmp_path / "some.npz") as file:
        assert file["attributes"].tolist() == NAMES
        assert np.array_equal(file["labels"], labels)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sample", "--attribute", "slont=1"], "--attribute: there is no attribute slont. Did you mean 'slant'?"),
        (["sample", "--attribute", "slant"], "--attribute: expected a name and a number"),
        (["sample", "--attribute", "slant=high"], "--attribute: expected a name and a number"),
        (["sample", "--attribute", "slant=1,2", "--attribute", "thickness=1,2"], "only one option at a time"),
        (["sample", "--label", "1"], "--label: this generator was trained without labels"),
        (["interpolate", "--seeds", "1,2"], "--attribute: expected a value of each attribute here: slant, thickness"),
        (["interpolate", "--seeds", "1,2", "--attribute", "slant=1,2"], "--attribute: expected one value of slant"),
    ],
)
def test_options_that_make_no_sense_are_refused(run: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    command, *others = arguments
    output = tmp_path / ("out.png" if command == "sample" else "out.gif")
    done = gankit_here([command, run, "-o", output, *others], tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert not output.exists()


def test_a_film_goes_between_seeds_of_one_vector(run: Path, tmp_path: Path) -> None:
    values = ["--attribute", "slant=1", "--attribute", "thickness=0"]
    done = gankit_here(
        ["interpolate", run, "-o", tmp_path / "film", "--seeds", "1,2", "--steps", "2", *values], tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert len([*(tmp_path / "film").glob("*.png")]) == 4


def test_weights_of_attributes_in_another_order_are_not_started_from(run: Path, tmp_path: Path) -> None:
    start = {"batch": 8, "device": "cpu", "start_from": str(run)}
    turned = attributed(data={"use": "digits", "attributes": NAMES[::-1]}, training=start)
    with pytest.raises(UserError, match="in the order slant, thickness, and the data gives thickness, slant"):
        begin(turned, tmp_path / "run")


def test_files_of_samples_without_attributes_are_as_they_were(tmp_path: Path) -> None:
    batch = SampleBatch(np.zeros((2, 4, 4, 1), np.uint8), None)
    write_images(tmp_path / "plain", [batch], [])
    assert sorted(file.name for file in (tmp_path / "plain").iterdir()) == ["000000.png", "000001.png"]
    write_array(tmp_path / "plain.npz", (2, 4, 4, 1), [batch], [])
    with np.load(tmp_path / "plain.npz") as file:
        assert file.files == ["images"]


def test_what_a_run_costs_is_counted_with_vectors() -> None:
    experiment = attributed()
    counting = Counting(experiment)
    assert all(counting.iteration(phase).parameters["generator"] > 0 for phase in phases(experiment))

"""Data with classes is refused unless both networks make use of them; what parts say of themselves is so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from support.combining import OPTIONS
from support.discriminators import discriminator_options
from support.tiny import tiny

from gankit import Block, Head, LatentMapping, Norm, Regularizer, Stem, UserError
from gankit.config.checks import missing, problems
from gankit.config.experiment import Experiment
from gankit.config.loader import bundled_experiment, load_experiment
from gankit.core.registry import register, registries, restored
from gankit.discovery.manager import plugins
from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape

plugins.load_installed()
LABELLED = {"use": "digits", "labels": True}
SELECTING = {"use": "pggan", "labels": "select"}
SMALL = Path(__file__).parents[2] / "experiments" / "small"
READ_THEM = "mapping hierarchical, mapping normalized, mapping label-embedding, mapping style, mapping stylegan2"


@pytest.fixture
def _restored() -> Iterator[None]:
    with restored():
        yield


def small(name: str, *settings: str) -> Experiment:
    return load_experiment(SMALL / f"{name}.yaml", ["data.labels=true", *settings])


def labelled(generator: dict[str, Any] | None = None, head: Any = SELECTING, **changes: Any) -> Experiment:
    """The tiny experiment with classes."""
    options = tiny()
    return tiny(
        data=LABELLED,
        generator=options.generator.model_dump() | (generator or {}),
        discriminator=discriminator_options(options).model_dump() | {"head": head},
        **changes,
    )


@pytest.mark.parametrize("name", ["sngan-digits", "dcgan-digits"])
def test_a_generator_that_reads_no_labels_is_refused_and_told_what_does(name: str) -> None:
    with pytest.raises(UserError) as caught:
        small(name)
    message = str(caught.value).split("\n\n")[0]
    assert "generator: the data has classes, but no part of the generator reads labels; name one that does" in message
    assert f"norm conditional-batch, {READ_THEM}" in message
    assert "reads_labels" in message


def test_what_is_told_helps() -> None:
    small("sngan-digits", "generator.norm=conditional-batch")
    for mapping in READ_THEM.replace("mapping ", "").split(", "):
        options = f"{{use: {mapping}, lr_multiplier: 1}}" if "style" in mapping else mapping
        small("dcgan-digits", f"generator.mapping={options}", "discriminator.head=sngan")


def test_a_discriminator_that_reads_no_labels_is_refused() -> None:
    ((path, message),) = problems(labelled(head="dcgan"))
    assert path == ("discriminator",)
    assert (
        "no part of the discriminator reads labels; name one that does (head pggan, head r3gan, head sngan, head styleg"
        in message
    )
    assert not problems(labelled(head={"use": "sngan"}))
    assert problems(labelled(head={"use": "sngan", "labels": "ignore"}))


def test_without_classes_nothing_has_to_read_them() -> None:
    identity = tiny().generator.model_dump() | {"mapping": "identity"}
    assert not problems(tiny(generator=identity))


def test_class_logits_that_nothing_trains_are_refused_with_both_remedies() -> None:
    with pytest.raises(UserError) as caught:
        load_experiment(bundled_experiment("quickstart"), ["data.labels=true"])
    assert ": discriminator.head: gives class logits, but no regularizer trains them; add " in str(caught.value)
    for remedy in ("auxiliary-classifier", "head: {use: pggan, labels: select}"):
        assert remedy in str(caught.value)
    assert not problems(labelled())
    assert not problems(labelled(head="pggan", regularizers=["gradient-penalty", "auxiliary-classifier"]))


@pytest.mark.parametrize(
    ("own", "told", "place"),
    [
        (
            "data: {use: digits, labels: true}",
            "discriminator.head: gives class",
            "data.labels is set at mine.yaml:2:29",
        ),
        ("discriminator: {norm: batch}", "regularizers.0: a grad", "discriminator.norm is set at mine.yaml:2:23"),
        ("regularizers: drift\ndata: digits", None, ""),
    ],
)
def test_of_two_options_that_do_not_go_together_the_one_in_ones_own_file_is_named_too(
    own: str, told: str | None, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    quickstart = bundled_experiment("quickstart")
    Path("mine.yaml").write_text(f"extends: {quickstart}\n{own}\n")
    if told is None:
        load_experiment(Path("mine.yaml"))
        return
    with pytest.raises(UserError) as caught:
        load_experiment(Path("mine.yaml"))
    lines = [line for line in str(caught.value).splitlines() if told in line]
    assert [(line.startswith(str(quickstart)), line.endswith(f"({place})")) for line in lines] == [(True, True)]


def test_the_other_option_may_be_a_setting() -> None:
    with pytest.raises(UserError, match=r"\(discriminator.norm is set by --set discriminator.norm=batch\)"):
        load_experiment(bundled_experiment("quickstart"), ["discriminator.norm=batch"])


@pytest.mark.usefixtures("_restored")
def test_a_plugins_regularizer_may_train_class_logits() -> None:
    class Trains(Regularizer):
        trains_classes: ClassVar[bool] = True

    class TrainsNot(Regularizer):
        pass

    register("mine", "trains", Trains)
    register("mine", "trains-not", TrainsNot)
    assert problems(labelled(head="pggan", regularizers="trains-not"))
    assert not problems(labelled(head="pggan", regularizers="trains"))


@pytest.mark.usefixtures("_restored")
def test_a_part_that_fails_when_asked_is_blamed() -> None:
    class Fails(Norm):
        def reads_labels(self) -> bool:
            raise KeyError("none")

    register("mine", "fails", Fails)
    found = problems(labelled({"norm": ["equalized", "fails"]}))
    assert found == [(("generator", "norm", 0, 1), "norm mine/fails of plugin 'mine' failed with KeyError: 'none'")]


def test_classes_that_cannot_be_counted_here_are_not_judged(tmp_path: Path) -> None:
    data = {"use": "folder", "path": tmp_path / "missing", "labels": True, "channels": 1}
    experiment = tiny(data=data)
    assert not problems(experiment)
    assert [path for path, _ in missing(experiment)] == [("data",)]


PLACES = dict.fromkeys(("mapping", "stem", "block", "norm"), "generator") | {"head": "discriminator"}
"""The network in which a part of each kind is tried."""

PARTS = [(kind, {"use": entry.full_name}) for kind in PLACES for entry in registries[kind].entries()]
HEADS = ("pggan/pggan", "r3gan/r3gan", "sngan/sngan", "stylegan2/stylegan2")
PARTS += [("head", {"use": name, "labels": "ignore"}) for name in HEADS]


def built_of(kind: str, part: dict[str, Any]) -> Generator | Discriminator:
    """The network with `part` in it and no other part that reads labels, all its weights moved.

    So no table is the same for all classes any more.
    """
    chosen: Any = {**part, **OPTIONS.get(part["use"], {})}
    if part["use"] == "sagan/attention":  # keeps the resolution
        chosen = ["conv", chosen]
    torch.manual_seed(0)
    if PLACES[kind] == "generator":
        experiment = labelled({"mapping": "identity", "channels": 8, kind: chosen})
        network = Generator(experiment.generator, ImageShape.of(experiment))
    else:
        experiment = labelled(head=chosen)
        network = Discriminator(discriminator_options(experiment), ImageShape.of(experiment))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    network.grow(8, 1.0)
    return network.eval()


def output(network: Generator | Discriminator, label: int) -> torch.Tensor:
    """Images or scores of four equal inputs of one class, with the same noise inside whatever the class."""
    torch.manual_seed(1)
    labels = torch.full((4,), label)
    if isinstance(network, Discriminator):
        return network(torch.randn(4, 1, 8, 8), labels).score
    return network(torch.randn(4, 8), labels)


@pytest.mark.parametrize(("kind", "part"), PARTS, ids=str)
def test_what_every_bundled_part_says_is_so(kind: str, part: dict[str, Any]) -> None:
    network = built_of(kind, part)
    says = (
        registries[kind]
        .find(part["use"])
        .component.model_validate({name: value for name, value in part.items() if name != "use"})
    )
    assert isinstance(says, LatentMapping | Stem | Block | Norm | Head)
    assert says.reads_labels() != torch.equal(output(network, 1), output(network, 2))

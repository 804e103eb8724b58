"""How the weights of one part of a network start, beside how those of the whole network do."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from support.tiny import tiny, trainer
from torch import nn

from gankit import Block, UserError
from gankit.config.checks import problems
from gankit.config.loader import bundled_experiment, load_experiment
from gankit.config.walk import components
from gankit.core.registry import register, restored
from gankit.networks.layers import is_drawn

WIDE = {"use": "normal", "std": 0.5}
NARROW = {"use": "normal", "std": 0.001}
PARTS: dict[str, tuple[Any, str]] = {  # the option; a part that may stand there; where its layers are
    "generator.mapping": ({"use": "style", "layers": 1, "width": 8}, "generator.mapping"),
    "generator.stem": ("pggan", "generator.stem"),
    "generator.block": ("conv", "generator.blocks"),
    "generator.base_blocks": ("conv", "generator.base_blocks"),
    "generator.rgb": ("rgb", "generator.rgb"),
    "discriminator.block": ("conv", "discriminator.blocks"),
    "discriminator.base_blocks": ("conv", "discriminator.base_blocks"),
    "discriminator.rgb": ("rgb", "discriminator.rgb"),
    "discriminator.head": ("pggan", "discriminator.head"),
    "regularizers": ("minibatch-discrimination", "discriminator.layers"),
}


def spreads(module: nn.Module) -> list[float]:
    """The root mean square of each layer's weight."""
    return [float(layer.weight.detach().square().mean().sqrt()) for layer in module.modules() if is_drawn(layer)]


def changed(path: str, part: Any, **init: Any) -> Any:
    """The tiny experiment whose networks have a narrow init, and a part with an init of its own."""
    named = {"use": part} if isinstance(part, str) else part
    options = tiny().model_dump()
    for network in ("generator", "discriminator"):
        options[network] |= {"norm": [], "init": NARROW}
    options["regularizers"] = []
    network, _, option = path.partition(".")
    if option:
        options[network][option] = {**named, **init}
    else:
        options[network] = [{**named, **init}]
    return tiny(**{name: options[name] for name in ("generator", "discriminator", "regularizers")})


@pytest.mark.parametrize("path", PARTS)
def test_each_part_of_either_network_may_have_an_init_of_its_own(path: str) -> None:
    part, place = PARTS[path]
    made = trainer(changed(path, part, init=WIDE))
    network, _, below = place.partition(".")
    whole = getattr(made, network)
    inside, everywhere = spreads(whole.get_submodule(below)), spreads(whole)
    assert inside
    assert all(spread > 0.1 for spread in inside)
    assert sum(spread > 0.1 for spread in everywhere) == len(inside) < len(everywhere)
    assert all(spread < 0.01 for spread in spreads(getattr(trainer(changed(path, part)), network)))


def test_a_norm_within_a_block_may_have_one_and_else_has_that_of_the_block() -> None:
    options = tiny().generator.model_dump() | {"init": NARROW, "block": {"use": "conv", "init": WIDE}}
    for own, wide in ((None, True), (NARROW, False)):
        norm = {"use": "adaptive-instance", "init": own}
        block = trainer(tiny(generator=options | {"norm": norm})).generator.blocks["8"]
        spread = spreads(block)
        assert sum(each > 0.1 for each in spread) == (len(spread) if wide else len(spread) - 2)


def test_norms_of_weights_are_applied_after_it() -> None:
    options = tiny().generator.model_dump() | {"stem": {"use": "sngan", "init": WIDE}, "norm": "spectral"}
    stem = trainer(tiny(generator=options)).generator.stem
    weight = stem.get_parameter("dense.parametrizations.weight.original")
    assert 0.3 < float(weight.detach().std()) < 0.7


@pytest.mark.parametrize(
    ("path", "part", "named"),
    [
        ("generator.mapping", "identity", "mapping basics/identity"),
        ("generator.norm", "batch", "norm basics/batch"),
        ("discriminator.norm", "spectral", "norm sngan/spectral"),
        ("regularizers", "minibatch-stddev", "regularizer diversity/minibatch-stddev"),
        ("regularizers", "drift", "regularizer wgan/drift"),
    ],
)
def test_one_that_would_draw_nothing_is_refused(path: str, part: str, named: str) -> None:
    experiment = changed(path, part, init=WIDE)
    with pytest.raises(UserError, match=f"r: {named} has no weights that its option 'init' could draw; leave"):
        trainer(experiment)


def test_it_is_set_by_its_path() -> None:
    settings = ["generator.stem.init=orthogonal", "discriminator.head.init={use: normal, std: 0.1}"]
    experiment = load_experiment(bundled_experiment("quickstart"), settings, check=False)
    found = {".".join(map(str, path)): type(part).__name__ for path, part in components(experiment)}
    assert (found["generator.stem.init"], found["discriminator.head.init"]) == ("Orthogonal", "Normal")
    again = type(experiment).model_validate(experiment.model_dump())
    assert again == experiment


def test_one_whose_weights_a_norm_redraws_is_refused_at_once() -> None:
    options = tiny().generator.model_dump()
    stem, block = {"use": "pggan", "init": WIDE}, {"use": "conv", "init": WIDE}
    found = problems(tiny(generator=options | {"stem": stem}))
    said = "redraws weights, so that the init of generator.stem would do nothing; leave one of them out"
    assert found == [(("generator", "norm", 0, 0), said)]
    assert "the init of generator.block would" in problems(tiny(generator=options | {"block": block}))[0][1]
    assert not problems(tiny(generator=options | {"stem": stem, "norm": {4: "pixel", 8: "equalized"}}))
    layer = [{"use": "minibatch-discrimination", "init": WIDE}]
    ((path, message),) = problems(tiny(regularizers=layer))
    assert path[0] == "discriminator"
    assert "the init of regularizers.0 would" in message


class Own(Block):
    """A block whose option of this name is its own."""

    resamples: ClassVar[bool] = False

    init: str = "mine"  # pyright: ignore[reportIncompatibleVariableOverride, reportAssignmentType]
    """Of plugins of before."""

    def build(self, context: Any) -> nn.Module:
        return nn.Conv2d(context.in_channels, context.out_channels, 1)


def test_a_block_of_a_plugin_may_have_another_option_of_this_name() -> None:
    with restored():
        register("mine", "own", Own)
        options = tiny().generator.model_dump() | {"base_blocks": {"use": "own", "init": "other"}, "init": WIDE}
        made = trainer(tiny(generator=options))
    (spread,) = spreads(made.generator.base_blocks)
    assert spread > 0.1, "it starts as the network's init says"

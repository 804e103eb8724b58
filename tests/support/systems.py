"""The growing systems, drawn by hypothesis: whole experiments on noise that train a few updates in a moment."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st
from support.command import QUIET
from torch import nn

from gankit.config.experiment import Experiment
from gankit.core.progress import ends, progress_at
from gankit.data.images import RealImages
from gankit.discovery.manager import plugins
from gankit.testing.parts import Pictures
from gankit.training.trainer import Trainer

PGGAN, LABELS = "pggan", "pggan-labels"
RESIDUAL, GATE = "residual-attention", "residual-attention-gate"
STYLEGAN_R1, STYLEGAN_WGAN = "stylegan-r1", "stylegan-wgan-gp"
STYLEGAN2, R3GAN = "stylegan2", "r3gan"
SYSTEMS = (PGGAN, LABELS, RESIDUAL, GATE, STYLEGAN_R1, STYLEGAN_WGAN, STYLEGAN2, R3GAN)
STYLED = (STYLEGAN_R1, STYLEGAN_WGAN, STYLEGAN2)
BLENDED = tuple(system for system in SYSTEMS if system != GATE)

NORMS: tuple[list[list[str]], ...] = ([["spectral"], []], [["equalized"], ["spectral"], []])
"""Norms of weights, and with the equalized learning rate: of R3GAN it scales weights by the depth of the whole network,
which no network of fewer resolutions is equal to."""

CPU = torch.device("cpu")
HIGHEST_WITH_ATTENTION = 16

LOSSES = {
    PGGAN: ["wgan"],
    LABELS: ["wgan"],
    RESIDUAL: ["non-saturating", "hinge"],
    GATE: ["non-saturating", "hinge"],
    STYLEGAN_R1: ["non-saturating"],
    STYLEGAN_WGAN: ["wgan"],
    STYLEGAN2: ["non-saturating"],
    R3GAN: ["relativistic"],
}


@st.composite
def experiments(draw: st.DrawFn, system: str, equalized: bool = False) -> Experiment:
    """An experiment of `system`; `equalized`: with weights normalized by the equalized learning rate and no other."""
    plugins.load_installed()
    doublings = draw(st.integers(1, 3))
    start = draw(st.sampled_from([4, 8, 16][: 4 - doublings]))
    final, group = start << doublings, draw(st.integers(2, 4))
    classes = 3 if system == LABELS or (system in (*STYLED, R3GAN) and draw(st.booleans())) else 0
    data = Pictures(
        channels=draw(st.sampled_from([1, 3, 4])), shape=draw(st.sampled_from([1.0, 2.0, 0.5])), classes=classes
    )
    batches = st.sampled_from([group, 2 * group])
    growth = {
        "use": "progressive",
        "start": start,
        "final": final,
        "images": {start: draw(st.integers(1, 40)), 2 * start: draw(st.integers(16, 40))},
        "fade": draw(st.sampled_from([0.5, 0.75, 1.0])),
    }
    join = {"join": "gate" if system == GATE else "blend"}
    return Experiment.model_validate(
        {
            "name": "drawn",
            "seed": draw(st.integers(0, 1000)),
            "data": data,
            "growth": growth,
            "fading": {"rate": draw(st.sampled_from([0.1, 1.0]))} if system == GATE else {},
            "generator": join
            | draw(_networks(system, "generator", start, final, data.shape))
            | draw(_generators(system, equalized)),
            "discriminator": join
            | draw(_networks(system, "discriminator", start, final, data.shape))
            | draw(_discriminators(system, equalized)),
            "loss": draw(st.sampled_from(LOSSES[system])),
            "regularizers": [*draw(_penalties(system)), {"use": "minibatch-stddev", "group": group}],
            "training": {
                "batch": {start: draw(batches), 2 * start: draw(batches)},
                "discriminator_steps": draw(st.integers(1, 2)),
                "generator_batches": draw(st.integers(1, 2)),
                "optimizer": {"use": "adam", "lr": {start: 1e-3, 2 * start: draw(st.sampled_from([1e-3, 2e-3]))}},
                "reset_optimizer": draw(st.sampled_from([False, True, "stage"])),
                "mirror": draw(st.booleans()),
                "average": draw(_averages()),
                "averages": draw(
                    st.sampled_from([{}, {"further": {"use": "exponential", "half_life": 5, "statistics": "copy"}}])
                ),
            },
            "evaluation": {"extractor": "digits", "images": 16},
            "observers": QUIET,
        }
    )


@st.composite
def _networks(draw: st.DrawFn, system: str, network: str, start: int, final: int, aspect: float) -> dict[str, Any]:
    """What generator and discriminator have in common: base, channels, and the blocks of each resolution."""
    base = start >> draw(st.integers(0, min(2, (start // 2).bit_length() - 1)))
    above = [base << i for i in range(1, (final // base).bit_length())]
    if system == R3GAN:
        block = {"use": "r3gan/r3gan", "depth": draw(st.integers(1, 2)), "group_width": 2}
        channels = {resolution: draw(st.integers(4, 12)) for resolution in (base, *above)}
        both = {"block": block, "base_blocks": block, "rgb": "r3gan-rgb"}
        return {"base": base, "channels": channels, **both}
    if system == STYLEGAN2:
        block = {
            "use": "stylegan2/stylegan2",
            "residual": draw(st.booleans()),
            "filter": draw(st.sampled_from([[1, 3, 3, 1], [1, 2, 1], [1]])),
        }
        channels = {resolution: draw(st.integers(4, 12)) for resolution in (base, *above)}
        join = draw(st.sampled_from(["sum", "blend"]))
        return {"base": base, "channels": channels, "block": block, "rgb": "stylegan2-rgb", "join": join}
    if system not in (RESIDUAL, GATE):
        block, rgb = ("stylegan/stylegan" if system in STYLED else "conv"), "rgb"
        channels = {resolution: draw(st.integers(4, 12)) for resolution in (base, *above)}
        return {"base": base, "channels": channels, "block": block, "rgb": rgb}
    attentive = draw(st.sets(st.sampled_from([r for r in (base, *above) if r <= HIGHEST_WITH_ATTENTION]), min_size=1))
    blocks: dict[int, list[Any]] = {
        resolution: [] if resolution == base else ["residual"] for resolution in (base, *above)
    }
    for resolution in attentive:
        pools = resolution * min(1, aspect) > 1
        attention = {
            "use": "attention",
            "variant": draw(st.sampled_from(["official", "paper"] if pools else ["paper"])),
        }
        blocks[resolution].insert(len(blocks[resolution]) if network == "generator" else 0, attention)
    return {
        "base": base,
        "channels": {r: draw(st.integers(8 if r in attentive else 4, 12)) for r in (base, *above)},
        "base_blocks": blocks.pop(base),
        "block": blocks,
        "rgb": draw(st.sampled_from(["residual-rgb", "rgb"])),
    }


@st.composite
def _generators(draw: st.DrawFn, system: str, equalized: bool) -> dict[str, Any]:
    weights = ["equalized"] if equalized else draw(st.sampled_from(NORMS[system != R3GAN]))
    latent = draw(st.integers(3, 8))
    if system in STYLED:
        name = "stylegan2" if system == STYLEGAN2 else "stylegan"
        mapping = {
            "use": "stylegan2" if system == STYLEGAN2 else "style",
            "layers": draw(st.integers(1, 3)),
            "width": draw(st.integers(4, 8)),
            "lr_multiplier": draw(st.sampled_from([0.01, 1.0])) if "equalized" in weights else 1.0,
            "mixing": draw(st.sampled_from([0.9, 0.0])),
            "decay": 0.5,
        }
        norm = weights if system == STYLEGAN2 else [*weights, "adaptive-instance"]
        return {"latent": latent, "mapping": mapping, "stem": f"{name}/{name}", "norm": norm}
    if system == R3GAN:
        mapping = {"use": "label-embedding", "embedding": draw(st.integers(1, 8))}
        return {"latent": latent, "mapping": mapping, "stem": "r3gan", "norm": weights}
    activations = draw(st.sampled_from([["pixel"], ["batch"], []]))
    return {
        "latent": latent,
        "mapping": "normalized",
        "stem": "pggan",
        "norm": [*weights, *activations],
        "output": draw(st.sampled_from(["linear", "tanh"])),
    }


@st.composite
def _discriminators(draw: st.DrawFn, system: str, equalized: bool) -> dict[str, Any]:
    norm = ["equalized"] if equalized else draw(st.sampled_from(NORMS[system != R3GAN]))
    if system == R3GAN:
        return {"norm": norm, "head": {"use": "r3gan", "embedding": draw(st.integers(1, 8))}}
    if system == STYLEGAN2:
        return {
            "norm": norm,
            "head": {"use": "stylegan2", "layers": 2, "lr_multiplier": 0.1 if "equalized" in norm else 1.0},
        }
    head = {"use": "pggan", "labels": "select" if system in STYLED else "classify"}
    return {"norm": norm, "head": draw(st.sampled_from([head, "sngan"])) if system in (RESIDUAL, GATE) else head}


@st.composite
def _penalties(draw: st.DrawFn, system: str) -> list[Any]:
    every = {"every": draw(st.integers(1, 3))}
    if system == R3GAN:
        sigma = {"sigma": draw(st.sampled_from([None, 0.01]))}
        return [{"use": "r1", "gamma": 0.1, **every, **sigma}, {"use": "r2", "gamma": 0.1, **sigma}]
    if system == STYLEGAN2:
        return [{"use": "r1", "gamma": 1.0, **every}, {"use": "path-length", **every}]
    if system in (RESIDUAL, GATE, STYLEGAN_R1):
        return [{"use": "r1", "gamma": 1.0, **every}]
    target = draw(st.sampled_from([1.0, 10.0])) if system != STYLEGAN_WGAN else 1.0
    wasserstein = [{"use": "gradient-penalty", "target": target, **every}, "drift"]
    return [*wasserstein, "auxiliary-classifier"] if system == LABELS else wasserstein


def _averages() -> st.SearchStrategy[Any]:
    exponential = {"use": "exponential", "half_life": 20}
    return st.sampled_from([exponential, {"use": "snapshots", "every": 7, "last": 2}])


@st.composite
def schedules(draw: st.DrawFn, experiment: Experiment) -> Experiment:
    """The experiment with any other progressive schedule between the same resolutions."""
    resolutions = [stage.resolution for stage in experiment.growth.stages()]
    images = {resolution: draw(st.integers(1, 40)) for resolution in resolutions}
    fade = {resolution: draw(st.integers(0, images[resolution]) | st.floats(0, 1)) for resolution in resolutions[1:]}
    changes = {"start": resolutions[0], "final": resolutions[-1], "images": images, "fade": fade}
    return experiment.model_copy(update={"growth": type(experiment.growth).model_validate(changes)})


alphas = st.sampled_from([0.0, 1e-7, 1.0]) | st.floats(0, 1)


@st.composite
def growths(draw: st.DrawFn, experiment: Experiment) -> tuple[int, float]:
    """A resolution of `experiment` and an alpha to grow to."""
    resolution = draw(st.sampled_from([stage.resolution for stage in experiment.growth.stages()]))
    return resolution, draw(alphas) if resolution > experiment.growth.stages()[0].resolution else 1.0


@st.composite
def counts(draw: st.DrawFn, experiment: Experiment, fading: bool = False) -> int:
    """Images shown in `experiment` so far; `fading`: in the middle of a fade."""
    stages = experiment.growth.stages()
    number = draw(st.integers(1, len(stages) - 1))
    if not fading:
        return draw(st.integers(0, ends(stages)[-1] - 1))
    images = ends(stages)[number - 1] + draw(st.integers(1, stages[number].fade - 1))
    assert progress_at(stages, images).alpha < 1
    return images


def trainer(experiment: Experiment, images: int = 0) -> Trainer:
    """A trainer that stands where `images` have been shown, with weights as they start."""
    made = Trainer(experiment, RealImages(experiment.data, [s.resolution for s in experiment.growth.stages()]), CPU)
    made.images = images
    made._follow_growth()
    return made


@torch.no_grad()
def stir(network: nn.Module) -> None:
    """Leave no weight at a constant such as zero, which would hide what it weighs."""
    for parameter in network.parameters():
        if bool((parameter == parameter.flatten()[0]).all()):
            parameter.add_(0.3 * torch.randn_like(parameter))


def latents_and_labels(experiment: Experiment, count: int) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Latents [count, latent] in float32, and labels [count] if the data has any."""
    classes = experiment.data.class_count()
    z = torch.randn(count, experiment.generator.latent)
    return z, torch.randint(classes, (count,)) if classes else None

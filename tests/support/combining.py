"""Experiments drawn at random from every registered part that training depends on."""

from __future__ import annotations

import random
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from support.command import QUIET
from support.tiny import CPU

from gankit.checkpoints import store
from gankit.config.checks import problems
from gankit.config.experiment import Experiment
from gankit.config.walk import components
from gankit.core.component import Component
from gankit.core.registry import registries
from gankit.data.images import RealImages
from gankit.kinds import (
    Augmentation,
    Block,
    Growth,
    Head,
    Init,
    LatentMapping,
    Loss,
    Norm,
    Optimizer,
    Regularizer,
    Stem,
    WeightAverage,
)
from gankit.training.trainer import Trainer

KINDS = (
    LatentMapping,
    Stem,
    Block,
    Head,
    Norm,
    Init,
    Loss,
    Regularizer,
    Augmentation,
    Optimizer,
    WeightAverage,
    Growth,
)
"""What is drawn; data, metrics and observers see only the images."""

OPTIONS: dict[str, dict[str, Any]] = {
    "basics/progressive": {"start": 4, "final": 8, "images": {4: 8, 8: 32}, "fade": 0.5},
    "basics/fixed": {"resolution": 8, "images": 40},
    "basics/all-scales": {"start": 4, "final": 8, "images": 40},
    "basics/stages": {
        "plan": [
            {"resolution": 4, "images": 8},
            {"resolution": 8, "images": 16, "fade": 8},
            {"resolution": 8, "images": 16, "name": "fine-tuning", "rate": 0.5},
        ]
    },
    "basics/snapshots": {"every": 8, "last": 2},
    "biggan/hierarchical": {"chunks": 2, "embedding": 4},
    "stylegan/style": {"width": 8, "layers": 2},
    "diversity/minibatch-discrimination": {"kernels": 6},
}
"""Options that have no default, or one that is too large here."""

READ_LABELS = ("pggan", "r3gan", "sngan", "stylegan2")
"""The heads that make use of labels."""

REDRAWING = ("pggan/equalized", "edm2/magnitude-preserving")
"""Norms of weights that come before all others, so that only one of them may stand."""

SELDOM = 0.03
"""How often a part is drawn where it has no place, compared with those that have."""

BATCH, CHANNELS = 8, 8


def drawn(seed: int) -> dict[str, Any]:
    """The options of an experiment of two resolutions, 4x4 and 8x8."""
    rng = random.Random(seed)
    growth, head = _one(rng, Growth), _one(rng, Head)
    no_classifier = () if "pggan" in head["use"] else ("auxiliary-classifier",)
    of_scales = () if "all-scales" in growth["use"] else ("scale-consistency",)
    regularizers = [_one(rng, Regularizer, seldom=(*no_classifier, *of_scales)) for _ in range(rng.randrange(4))]
    classifies = any("auxiliary" in each["use"] for each in regularizers)
    penalized = any(name in each["use"] for each in regularizers for name in ("penalty", "r1/", "dragan"))
    labels = classifies or (any(name in head["use"] for name in READ_LABELS) and rng.random() < 0.5)
    if labels and "pggan" in head["use"]:
        head |= {"labels": "classify" if classifies else "select"}
    without_labels = () if labels else ("conditional-batch",)
    batch_norms = ("batch",) if penalized else without_labels
    generator = _network(rng, growth, seldom=without_labels, goes_first=True)
    is_equalized = any(norm["use"] == "pggan/equalized" for norm in generator["norm"])
    of_styles = "adaptive-instance", "dense-conditional-batch"
    discriminator = _network(rng, growth, seldom=(*of_styles, *batch_norms), goes_first=False)
    if "stylegan2" in head["use"] and not any(norm["use"] == "pggan/equalized" for norm in discriminator["norm"]):
        head |= {"lr_multiplier": 1.0}
    return {
        "name": "drawn",
        "seed": seed,
        "data": {"use": "digits", "labels": labels},
        "growth": growth,
        "fading": {"rate": rng.choice([1.0, 0.1])},
        "generator": generator
        | {"mapping": _mapping(rng, is_equalized, labels), "stem": _one(rng, Stem), "latent": 6}
        | {"output": rng.choice(["linear", "tanh"])},
        "discriminator": discriminator | {"head": head},
        "loss": _one(rng, Loss),
        "regularizers": [each | _laziness(rng, each["use"]) for each in regularizers],
        "augment": _one(rng, Augmentation) if _names(Augmentation) and rng.random() < 0.3 else None,
        "training": {
            "batch": BATCH,
            "discriminator_steps": rng.choice([1, 1, 2]),
            "generator_batches": rng.choice([1, 1, 1, 2]),
            "optimizer": {"generator": _one(rng, Optimizer), "discriminator": _one(rng, Optimizer)},
            "reset_optimizer": rng.random() < 0.5,
            "average": _one(rng, WeightAverage),
        },
        "evaluation": {"extractor": "digits"},
        "observers": QUIET,
    }


def _network(rng: random.Random, growth: dict[str, Any], seldom: Collection[str], goes_first: bool) -> dict[str, Any]:
    """What both networks have; `goes_first`: the first of a list of blocks changes the resolution, not the last."""
    touches_image = "fixed" in growth["use"] and rng.random() < 0.3
    keeping = [
        "attention",
        *(name for name in _names(Block) if "rgb" in name),
        *(["residual"] if touches_image and goes_first else []),
    ]
    goes = _one(rng, Block, seldom=keeping)
    others = [_one(rng, Block, seldom=["rgb"]) for _ in range(0 if touches_image else rng.choice([0, 0, 1]))]
    norms = {norm["use"]: norm for norm in (_one(rng, Norm, seldom=seldom) for _ in range(rng.randrange(3)))}
    if {*REDRAWING} <= {*norms}:
        del norms[REDRAWING[1]]
    return {
        "block": [goes, *others] if goes_first else [*others, goes],
        "base_blocks": [_one(rng, Block, seldom=["rgb"]) for _ in range(rng.choice([0, 0, 1]))],
        "join": _join(rng, growth, touches_image, goes_first),
        "rgb": None
        if touches_image
        else _one(rng, Block, seldom=[name for name in _names(Block) if "rgb" not in name]),
        "norm": sorted(norms.values(), key=lambda norm: norm["use"] not in REDRAWING),
        "init": _one(rng, Init) if rng.random() < 0.5 else None,
        "channels": CHANNELS,
    }


def _join(rng: random.Random, growth: dict[str, Any], touches_image: bool, is_generator: bool) -> str:
    """Of all scales at once a discriminator takes each image by a join of its own."""
    if "all-scales" in growth["use"] and not is_generator:
        return rng.choice(["sum", "concatenate"])
    return rng.choice(["blend", "gate"] if touches_image else ["blend", "gate", "sum"])


def _mapping(rng: random.Random, is_equalized: bool, labels: bool) -> dict[str, Any]:
    """One that looks at labels if there are any, and learns as fast as the rest unless the norm gives another rate."""
    mapping = _one(rng, LatentMapping, seldom=["identity"] if labels else [])
    if mapping["use"] == "stylegan2/stylegan2":
        mapping |= OPTIONS["stylegan/style"]
    return mapping | ({"lr_multiplier": 1.0} if "stylegan" in mapping["use"] and not is_equalized else {})


def _laziness(rng: random.Random, regularizer: str) -> dict[str, int]:
    """How seldom a regularizer acts, unless it must always."""
    if "clipping" in regularizer:
        return {}
    every = rng.choice([1, 1, 2])
    return {} if "minibatch" in regularizer else {"every": every}


def _names(kind: type[Component]) -> list[str]:
    return sorted(entry.full_name for entry in registries[kind.kind].entries())


def _one(rng: random.Random, kind: type[Component], seldom: Collection[str] = ()) -> dict[str, Any]:
    names = _names(kind)
    weights = [SELDOM if any(part in name for part in seldom) else 1.0 for name in names]
    name = rng.choices(names, weights)[0]
    return {"use": name, **OPTIONS.get(name, {})}


def refused(options: dict[str, Any]) -> list[str]:
    """Why the experiment cannot work, as said at load; nothing if it can."""
    experiment = Experiment.model_validate(options)
    at = {path: registries[part.kind].entry_of(type(part)).full_name for path, part in components(experiment)}
    return [f"{at.get(path, '.'.join(map(str, path)))}: {reason}" for path, reason in problems(experiment)]


def parts(options: dict[str, Any]) -> set[str]:
    """Kind and full name of every part that the experiment names."""
    found = components(Experiment.model_validate(options))
    return {f"{part.kind} {registries[part.kind].entry_of(type(part)).full_name}" for _, part in found}


def try_out(options: dict[str, Any], folder: Path) -> None:
    """Train two rounds in the middle of the fade, or of the only stage; save, load, and go on to the same bits."""
    experiment = Experiment.model_validate(options)
    reals = RealImages(experiment.data, [stage.resolution for stage in experiment.growth.stages()])
    made = Trainer(experiment, reals, CPU)
    made.images = 12
    for _ in range(2):
        losses = made.iteration()
        assert all(bool(value.isfinite()) for value in losses.values()), losses
    assert made.now.resolution == 8
    saved = store.save(folder, made.state_dict(), b"", {"images": made.images})
    other = Trainer(experiment, reals, CPU)
    other.load_state_dict(store.read(saved).state)
    images = made.sample(0, 3, seed=1)
    assert bool(images.isfinite().all())
    assert torch.equal(images, other.sample(0, 3, seed=1))
    one, same = made.iteration(), other.iteration()
    assert {name: float(value) for name, value in one.items()} == {name: float(value) for name, value in same.items()}

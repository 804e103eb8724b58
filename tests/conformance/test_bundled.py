"""All that comes with gankit is held to the rules by the same call as the plugins of others."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.sources import write_idx, write_lmdb, write_tar

from gankit.core.component import Component
from gankit.core.registry import RegistryEntry
from gankit.discovery.manager import GROUP
from gankit.testing import conformance

_here = TemporaryDirectory()  # removed when the tests end
EMOJI = Path(_here.name) / "emoji"
FOLDER, ARRAY, CLOTHING = (Path(_here.name) / name for name in ("faces", "faces.npy", "clothing"))
"""Images in two classes, an array of them, and a root as torchvision keeps Fashion-MNIST."""
SHARD, DATABASE, TABLE = (Path(_here.name) / name for name in ("faces.tar", "faces.lmdb", "faces.table"))
"""The same images in two classes, packed."""


def write_images() -> None:
    """Write all of them, but for those of libraries that are not installed."""
    images = np.random.default_rng(0).integers(0, 256, (12, 20, 20, 3), dtype=np.uint8)
    np.save(ARRAY, images)
    for number, image in enumerate(images):
        path = FOLDER / f"class-{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    files = sorted(FOLDER.rglob("*.png"))
    write_tar(SHARD, ((f"{file.stem}{end}", what) for file in files for end, what in contents(file).items()))
    if find_spec("lmdb"):
        write_lmdb(DATABASE, {file.stem: file.read_bytes() for file in files})
    if find_spec("datasets"):
        import datasets

        datasets.disable_progress_bars()
        rows = {"image": [str(file) for file in files]}
        datasets.Dataset.from_dict(rows, features=datasets.Features(image=datasets.Image())).save_to_disk(TABLE)
    for part in ("train", "t10k"):
        write_idx(CLOTHING / "FashionMNIST" / "raw", part, images=20, seed=len(part))


def contents(file: Path) -> dict[str, bytes]:
    """The members of a shard that are a sample: an image, and the number of its class."""
    return {".png": file.read_bytes(), ".cls": file.parent.name[-1:].encode()}


def write_emoji() -> None:
    """Write a folder as the package of emoji is one."""
    pictures = EMOJI / "img" / "twitter" / "64"
    pictures.mkdir(parents=True)
    names = [f"{number}.png" for number in range(12)]
    for number, name in enumerate(names):
        Image.new("RGBA", (64, 64), (20 * number, 0, 0, 200)).save(pictures / name)
    index = [{"image": name, "category": f"category {number % 3}"} for number, name in enumerate(names)]
    (EMOJI / "emoji.json").write_text(json.dumps(index))


write_images()
write_emoji()
os.environ["TRACKIO_DIR"] = str(Path(_here.name) / "trackio")


CRITIC = {"rgb": "rgb", "block": "conv", "head": "dcgan", "channels": 4, "norm": "spectral"}
"""The network of a critic."""
ABSENT = {"weights": "/nowhere"}
"""For extractors whose weights would be downloaded: they are skipped where they need them."""
OPTIONS: dict[str, dict[str, Any]] = {
    "gankit_aim": {"aim": {"repo": None, "experiment": None}},
    "gankit_critics": {
        "network": {"view": {"use": "crop", "height": 8}, "network": CRITIC},
        "scaled": {"height": 8},
        "crop": {"height": 8},
    },
    "gankit_emoji": {"emoji": {"path": str(EMOJI), "categories": None}},
    "gankit_biggan": {"biggan": {"inputs": None}},  # hardly a drawn one is as long as a style
    "gankit_fidelity": {
        **{"classifier": ABSENT, "inception": ABSENT, "clip": ABSENT, "dinov2": ABSENT},
        "perceptual-path-length": {"distance": "pixels", "paths": 64},
    },
    "gankit_images": {
        "folder": {"path": str(FOLDER)},
        "few": {"of": {"use": "digits", "labels": True}, "images": 100},
        "subset": {"of": {"use": "digits", "labels": True}, "classes": [3, 8], "labels": True},
        "shapes": {"images": 60},
        "mixture": {"images": 60},
        "arrays": {"path": str(ARRAY), "labels": False},
        "huggingface": {"path": str(TABLE), "name": None, "download": False, "labels": False},
        "lmdb": {"path": str(DATABASE), "labels": False},
        "torchvision": {"name": "fashion-mnist", "root": str(CLOTHING), "split": "train", "download": False},
        "webdataset": {"path": str(SHARD), "image": None},
    },
    "gankit_projected": {
        "projected": {
            "features": {"use": "random", "width": 4},
            "width": 4,
            "size": 16,
            "levels": None,
            "norm": "spectral",
        },
        **{f"feature-network/{name}": ABSENT for name in ("efficientnet-lite0", "dinov2", "clip")},
        "extractor/efficientnet-lite0": ABSENT,
        "random": {"width": 4},
    },
    "gankit_observers": {"guard": {"against": ["not-finite", "gradients", "collapse", "saturation"]}},
    "gankit_ray": {"ray": {"address": "127.0.0.1:1"}},
    "gankit_stylegan": {"style": {"lr_multiplier": 1.0}},
    "gankit_stylegan2": {"mapping/stylegan2": {"lr_multiplier": 1.0}, "head/stylegan2": {"layers": 2}},
    "gankit_wandb_like": {"wandb-like": {"module": "trackio", "project": None, "init": {}, "patience": 60.0}},
}
"""What cannot be drawn, would take long, or would be refused where it is tried."""

NEEDS = {
    "aim": pytest.mark.skipif(
        find_spec("aim") is None, reason="aim is not installed: it has no release for Python 3.13"
    ),
    "tensorboard": pytest.mark.skipif(find_spec("tensorboard") is None, reason="tensorboard is not installed"),
    "wandb_like": pytest.mark.skipif(find_spec("trackio") is None, reason="trackio is not installed"),
}
OWN_TESTS = pytest.mark.slow
"""Of a plugin whose own tests show the same in less time."""


def quicker(held: Any) -> Any:
    """The test, with what it draws for like components marked as slow: those between the first and last of their kind.

    What is true of every component costs little, and is tried of all.
    """
    (mark,) = held.pytestmark
    of_kind: defaultdict[str, list[RegistryEntry]] = defaultdict(list)
    for entry in dict.fromkeys(trial.values[0] for trial in mark.args[1]):
        of_kind[entry.component.kind].append(entry)
    between = {entry for entries in of_kind.values() for entry in entries[1:-1]}
    for number, trial in enumerate(mark.args[1]):
        entry, rule = trial.values
        if entry in between and rule.kinds != (Component,):
            mark.args[1][number] = trial._replace(marks=[pytest.mark.slow])
    return held


for point in entry_points(group=GROUP):
    if point.dist is not None and point.dist.name == "gankit":
        held = quicker(conformance(point.value, OPTIONS.get(point.value)))
        globals()[f"test_{point.name}"] = OWN_TESTS(NEEDS[point.name](held)) if point.name in NEEDS else held

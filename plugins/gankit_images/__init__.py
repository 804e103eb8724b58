"""Data sets of images: pictures in folders, archives, shards, databases and tables, arrays, and sets by name."""

from __future__ import annotations

from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_images.arrays import Arrays
from gankit_images.databases import Lmdb
from gankit_images.datasets import Digits, FashionMnist, StackedDigits
from gankit_images.extractors import NearestMode
from gankit_images.few import Few
from gankit_images.folder import Folder
from gankit_images.huggingface import HuggingFace
from gankit_images.procedural import Mixture, Shapes
from gankit_images.shards import WebDataset
from gankit_images.subset import Subset
from gankit_images.torchvision_sets import Torchvision


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("arrays", Arrays)
    register("digits", Digits)
    register("fashion-mnist", FashionMnist)
    register("folder", Folder)
    register("huggingface", HuggingFace)
    register("lmdb", Lmdb)
    register("mixture", Mixture)
    register("nearest-mode", NearestMode)
    register("shapes", Shapes)
    register("stacked-digits", StackedDigits)
    register("subset", Subset)
    register("few", Few)
    register("torchvision", Torchvision)
    register("webdataset", WebDataset)

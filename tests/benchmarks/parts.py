"""A plugin: data to train on, an extractor that counts, and an observer by which a run is let on step by step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from gankit import Callback, Dataset, Extractor, LabelledImages, Observer, Progress
from gankit.discovery.hookspecs import registering
from gankit.evaluation.images import Features


class Noise(Dataset):
    """64 pictures of noise in colour."""

    def image_channels(self) -> int:
        """Red, green and blue."""
        return 3

    def load(self, resolution: int) -> LabelledImages:
        """The same each time."""
        rng = np.random.default_rng(0)
        return LabelledImages(rng.integers(0, 256, (64, 3, resolution, resolution), np.uint8), None)


class Counting(Extractor):
    """The means of images; knows how many it was shown."""

    seen: ClassVar[list[int]] = []

    def identity(self) -> str:
        """Its name."""
        return "counting"

    @property
    def resize(self) -> str:
        """It needs none."""
        return "none"

    def load(self, device: torch.device) -> Callable[[Tensor], Features]:
        """Means by channel, twice."""

        def extract(images: Tensor) -> Features:
            self.seen.append(len(images))
            means = images.double().mean((2, 3))
            return Features(means, means)

        return extract


class Turnstile(Observer):
    """Holds a run back until it is let on by an iteration."""

    def callback(self, run: object) -> Callback:
        """The one that all share."""
        return TURN


class Turn(Callback):
    """Lets iterations through one by one."""

    def __init__(self) -> None:
        self._begins, self._ended = threading.Semaphore(0), threading.Semaphore(0)

    def wait(self) -> None:
        """Until the run stands before its first iteration, or has done the next."""
        self._ended.acquire()

    def let_on(self) -> None:
        """The next iteration may begin."""
        self._begins.release()

    def on_stage_start(self, progress: Progress) -> None:
        """Wait before the first iteration of all."""
        if progress.images == 0:
            self.on_update(progress, {})

    def on_update(self, progress: Progress, scalars: Mapping[str, Tensor]) -> None:
        """An iteration has ended; the next waits."""
        self._ended.release()
        self._begins.acquire()


TURN = Turn()


gankit_register = registering(("noise", Noise), ("turnstile", Turnstile), ("counting", Counting))

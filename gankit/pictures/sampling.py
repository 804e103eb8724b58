"""Images of seeds, each a function of its own seed alone, and of a run's own numbering."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from gankit.core.errors import UserError
from gankit.core.text import names_in_short
from gankit.data.images import as_pixels, images_at_a_time
from gankit.data.sample_files import SampleBatch
from gankit.generators.trained import TrainedGenerator
from gankit.training import randomness
from gankit.training.sampler import SampleOptions, samples


def labels_of(generator: TrainedGenerator, seeds: Sequence[int], label: int | None) -> Tensor | None:
    """The label of each seed; None without classes and attributes.

    Of classes it is `label`, or one that follows from the seed alone, int64 [N]; of attributes one of the vectors that
    the generator keeps, [N, attributes].
    """
    if (known := generator.network.known_vectors) is not None:
        return known[[randomness.number("vector", seed) % len(known) for seed in seeds]]
    if not (classes := len(generator.classes)):
        return None
    chosen = [randomness.number("class", seed) % classes if label is None else label for seed in seeds]
    return torch.tensor(chosen, device=generator.device)


def label_of_all(generator: TrainedGenerator, label: int | None, what: str) -> Tensor | None:
    """The one label of all images, of shape [1] or [1, attributes]; None without classes and attributes.

    Args:
        generator: What makes them.
        label: The number of a class, if there are classes.
        what: What this class is, for messages.

    Raises:
        UserError: if no class is named, or an attribute has no value.
    """
    if (known := generator.network.known_vectors) is not None:
        if bool((known != known[:1]).any()):
            raise UserError(
                f"--attribute: expected a value of each attribute here: {names_in_short(generator.attributes)}"
            )
        return known[:1]
    if generator.classes and label is None:
        raise UserError(f"--label: expected {what}, as this generator has classes")
    return None if label is None else torch.tensor([label], device=generator.device)


def images_of_seeds(
    generator: TrainedGenerator,
    seeds: Sequence[int],
    labels: Tensor | None = None,
    truncation: float | None = None,
    cutoff: int | None = None,
) -> Iterator[SampleBatch]:
    """The images of some seeds, each a function of its seed alone, a few at a time.

    Args:
        generator: What makes them.
        seeds: Their seeds.
        labels: The label of each, where there are classes or attributes; see `labels_of`.
        truncation: How far styles are pulled towards their mean: 1 not at all, 0 fully; None is for every mapping.
        cutoff: How many of the styles are; None: all.
    """
    step = images_at_a_time(generator.resolution)
    for first in range(0, len(seeds), step):
        some = seeds[first : first + step]
        their = None if labels is None else labels[first : first + step]
        images = generator.of_seeds(some, their, truncation, cutoff)
        yield SampleBatch(as_pixels(images), None if their is None else their.cpu().numpy(), some)


def numbered_images(
    generator: TrainedGenerator, count: int, seed: int = 0, options: SampleOptions | None = None
) -> Iterator[SampleBatch]:
    """Images number 0 to `count` - 1 of a seed, a few at a time, as they are drawn to be measured."""
    step, wish = images_at_a_time(generator.resolution), options or SampleOptions()
    for first in range(0, count, step):
        some = samples(generator.network, first, min(step, count - first), seed, generator.device, wish)
        yield SampleBatch(as_pixels(some.images), None if some.labels is None else some.labels.cpu().numpy())

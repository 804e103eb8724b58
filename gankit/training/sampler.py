"""Samples of a generator: image number i of a seed is always the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor

from gankit.data.images import Batch, images_at_a_time
from gankit.networks.generator import Generator
from gankit.networks.protocols import CanTruncate, TruncatesLatents
from gankit.training import randomness
from gankit.training.measuring import measuring


class SampleOptions(NamedTuple):
    """Which samples are wanted."""

    labels: Sequence[int] = ()
    """Classes of image number 0, 1, ..., after the last of which it begins again; none: they are drawn."""
    truncation: float | None = None
    """How far styles are pulled towards their mean, that of their class if there are classes, for samples that are
    better and less varied: 1 leaves them as they are, 0 makes them all the mean. Or beyond which number latents are
    truncated, if the mapping does that. None asks for nothing, which every generator can give."""
    cutoff: int | None = None
    """How many of the styles are pulled, counted from the lowest resolution; None: all."""
    reals: Tensor | None = None
    """Labels of reals, of which one is drawn for each image, so that classes come as often as in these; None: each
    class comes as often, and vectors are drawn from those that the generator keeps."""


ANY = SampleOptions()
"""Samples as they come."""


class GeneratorSampler:
    """Samples of a generator in eval mode, to be measured."""

    def __init__(self, generator: Generator, device: torch.device, reals: Tensor | None = None) -> None:
        """Ask for classes or vectors as often as they come among the labels `reals`; None: see `draw_labels`."""
        self.network, self._device, self._wish = generator, device, SampleOptions(reals=reals)

    def sample(self, first: int, count: int, seed: int) -> Batch:
        """Images number `first` to `first` + `count` - 1, and their labels if there are any."""
        return samples(self.network, first, count, seed, self._device, self._wish)


def sample(
    generator: Generator, first: int, count: int, seed: int, device: torch.device, wish: SampleOptions = ANY
) -> Tensor:
    """The images of `samples`."""
    return samples(generator, first, count, seed, device, wish).images


def samples(
    generator: Generator, first: int, count: int, seed: int, device: torch.device, wish: SampleOptions = ANY
) -> Batch:
    """Images number `first` to `first + count - 1` of a generator in eval mode, each a function of (seed, number).

    They are made in whole blocks of a fixed size, so that neither latents nor the noise drawn inside the network depend
    on how many are asked for at a time. They are float32, whatever is trained in.
    """
    block = images_at_a_time(generator.resolution)
    images, labels_of = [], []
    with measuring(), torch.no_grad():
        for number in range(first // block, (first + count - 1) // block + 1):
            randomness.seed(seed, "sample", number)
            z = torch.randn(block, generator.context.latent, device=device)
            labels = draw_labels(generator, block, device, wish.reals)
            if labels is not None and wish.labels:
                numbers = torch.arange(number * block, (number + 1) * block) % len(wish.labels)
                labels = torch.tensor(wish.labels)[numbers].to(device)
            styles = truncated_styles(generator, z, labels, wish.truncation, wish.cutoff)
            images.append(generator.synthesize(styles, labels))
            labels_of += [] if labels is None else [labels]
    within = slice(first % block, first % block + count)
    return Batch(torch.cat(images)[within], torch.cat(labels_of)[within] if labels_of else None)


LATENTS_OF_MEAN = 1024
"""How many latents tell the mean style of a class."""


def truncated_styles(
    generator: Generator,
    z: Tensor,
    labels: Tensor | None,
    truncation: float | None = None,
    cutoff: int | None = None,
    means: dict[int, Tensor] | None = None,
) -> Tensor:
    """Styles [N, styles, width] of latents, truncated in the way of the mapping.

    They are pulled towards their mean; of classes towards that of each, lest all become one. Or they are those of
    truncated latents, if the mapping `TruncatesLatents`.

    Args:
        generator: Whose mapping can truncate, if it is asked to.
        z: Latents [N, latent].
        labels: Their classes, int64 [N], or vectors; None without.
        truncation: 1 leaves styles as they are, 0 makes them all the mean; of latents the threshold. None: nothing.
        cutoff: How many of the styles are truncated, counted from the lowest resolution; None: all.
        means: Where mean styles of classes are kept from one call to the next.
    """
    styles = generator.map(z, labels)
    if truncation is None:
        return styles
    if isinstance(mapping := generator.mapping, TruncatesLatents):
        cutoff = styles.shape[1] if cutoff is None else cutoff
        of_truncated = generator.map(mapping.truncated_latents(z, truncation), labels)
        return torch.cat([of_truncated[:, :cutoff], styles[:, cutoff:]], 1)
    return _pulled(generator, styles, labels, truncation, cutoff, {} if means is None else means)


def _pulled(
    generator: Generator,
    styles: Tensor,
    labels: Tensor | None,
    psi: float,
    cutoff: int | None,
    means: dict[int, Tensor],
) -> Tensor:
    """Styles pulled towards their mean, or that of their class.

    Where there are attributes, whose vectors are without number, it is the mean over all (Karras et al. 2020).
    """
    if labels is None or labels.is_floating_point():
        return cast(CanTruncate, generator.mapping).truncated(styles, psi, cutoff)
    if psi == 1:
        return styles
    with randomness.untouched():  # the noise of the images is drawn next
        for label in labels.unique().tolist():
            if label not in means:
                means[label] = _mean_style(generator, label, styles.device)
    towards = torch.stack([means[label] for label in labels.tolist()])
    cutoff = styles.shape[1] if cutoff is None else cutoff
    return torch.cat([torch.lerp(towards, styles, psi)[:, :cutoff], styles[:, cutoff:]], 1)


@torch.no_grad()
def _mean_style(generator: Generator, label: int, device: torch.device) -> Tensor:
    """The mean styles [styles, width] of a class."""
    randomness.seed("mean style", label)
    z = torch.randn(LATENTS_OF_MEAN, generator.context.latent, device=device)
    return generator.map(z, torch.full((len(z),), label, device=device)).mean(0)


def draw_labels(generator: Generator, count: int, device: torch.device, reals: Tensor | None = None) -> Tensor | None:
    """Labels to ask a generator for, by torch's generators as they stand; None if there are none.

    They are classes, int64 [count], or vectors of attributes, float32 [count, attributes].

    Args:
        generator: The generator.
        count: How many are drawn.
        device: Where to.
        reals: Labels of reals, of which each draw takes one, as Karras et al. do; None: each class is as likely, and
            vectors are taken from those that the generator keeps.
    """
    classes, attributes = generator.context.classes, generator.context.attributes
    if not classes and not attributes:
        return None
    if reals is None and not attributes:
        return torch.randint(classes, (count,), device=device)
    drawn_from = generator.known_vectors if reals is None else reals.to(device)
    assert drawn_from is not None, "a generator with attributes keeps vectors"
    return drawn_from[torch.randint(len(drawn_from), (count,), device=device)]

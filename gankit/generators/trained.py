"""A trained generator as a plain torch module."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeAlias, cast

import numpy as np
import torch
from torch import Tensor, nn

from gankit.config.evaluation import GeneratorName
from gankit.config.experiment import Experiment
from gankit.core.errors import UserError
from gankit.core.memory import too_large
from gankit.core.options import did_you_mean
from gankit.core.progress import Progress, progress_in, stage_label
from gankit.core.text import listed
from gankit.generators import LARGEST_SEED
from gankit.generators.arguments import finite_number, labels_given, numbers_like, several_whole_numbers, whole_number
from gankit.generators.noise import Noise, checked_noise, drawn
from gankit.generators.vectors import attribute_values, vectors_given
from gankit.networks.generator import Generator
from gankit.networks.protocols import CanTruncate, TruncatesLatents
from gankit.training.precision import float32_products
from gankit.training.sampler import SampleOptions, sample, truncated_styles

Labels: TypeAlias = Tensor | Sequence[int] | int | str | Mapping[str, float] | Sequence[Sequence[float]] | None
"""Classes of some images: a number, counted from 0, or a name for all of them, or int64 [N]; where there are attributes
their values, float [N, attributes], or for all images [attributes] or by name."""


class TrainedGenerator(nn.Module):
    """Images of latents, as training left its network: in eval mode, float32, with weights that need no gradient.

    Images are [N, C, H, W]; those of reals lie in [-1, 1], and those of a generator nearly so. Latents and styles may
    need gradients. Where there are classes, every call is told which, by number or by name, and where there are
    attributes, their values.
    """

    def __init__(
        self,
        network: Generator,
        experiment: Experiment,
        progress: Progress,
        which: GeneratorName = "average",
        classes: Sequence[str] = (),
        origin: Mapping[str, Any] | None = None,
        attributes: Sequence[str] = (),
    ) -> None:
        """Wrap a network; `gankit.load` is what users call.

        Args:
            network: With its weights, grown as they are used.
            experiment: What was trained.
            progress: Where training stood.
            which: Which of the run's generators it is: average, current, or one of training.averages.
            classes: What its classes are called, in the order of their numbers.
            origin: Where it comes from, plain values.
            attributes: What the numbers are called that it takes in place of a class.
        """
        super().__init__()
        self.network = network.requires_grad_(False)
        self.experiment, self.progress, self.which = experiment, progress, which
        self.classes, self.attributes, self.origin = (*classes,), (*attributes,), dict(origin or {})
        self._means: dict[int, Tensor] = {}
        self.eval()

    @property
    def latent(self) -> int:
        """Length of a latent."""
        return self.network.context.latent

    @property
    def styles(self) -> int:
        """How many styles an image is made of, those of the lowest resolution first."""
        return self.network.styles

    @property
    def resolution(self) -> int:
        """Height of the images in pixels."""
        return self.network.resolution

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        context = self.network.context
        return context.image_channels, self.resolution, round(self.resolution * context.aspect)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.network.alpha.device

    @property
    def can_truncate(self) -> bool:
        """Whether its mapping keeps a mean of styles, which they can be pulled towards, or truncates latents."""
        return isinstance(self.network.mapping, CanTruncate | TruncatesLatents)

    def forward(
        self,
        z: Tensor,
        labels: Labels = None,
        truncation: float | None = None,
        cutoff: int | None = None,
        noise: Noise = "random",
    ) -> Tensor:
        """Images [N, C, H, W] of latents z [N, latent], which are standard normal as they were in training.

        Args:
            z: The latents.
            labels: Their classes or the values of their attributes, if there are such.
            truncation: How far styles are pulled towards their mean, that of their class if there are some: 1 not at
                all, 0 fully (Karras et al. 2019, appendix B). Or how far from 0 the numbers of latents may be, if
                the mapping truncates those (Brock et al. 2019, section 3.1). None: not at all.
            cutoff: How many of the styles are pulled, counted from the lowest resolution; None: all.
            noise: What is drawn inside.

        Raises:
            UserError: if there are no such classes or attributes, or the mapping cannot truncate.
        """
        z = self._latents_given(z)
        told = self.labels_of(labels, len(z))
        return self.synthesize(self.map(z, told, truncation, cutoff), told, noise)

    def map(
        self, z: Tensor, labels: Labels = None, truncation: float | None = None, cutoff: int | None = None
    ) -> Tensor:
        """Styles [N, styles, width] of latents z [N, latent]; the rest as for `forward`."""
        z = self._latents_given(z)
        self.refuse_truncation(truncation, cutoff)
        told = self.labels_of(labels, len(z))
        with float32_products():
            return truncated_styles(self.network, z, told, truncation, cutoff, self._means)

    def synthesize(self, styles: Tensor, labels: Labels = None, noise: Noise = "random") -> Tensor:
        """Images [N, C, H, W] of styles [N, styles, width]; the rest as for `forward`."""
        expected = f"styles [N, {self.styles}, width]"
        styles = numbers_like(styles, "styles", expected, self.network.alpha)
        if styles.dim() != 3 or styles.shape[1] < self.styles:
            raise UserError(f"styles: expected {expected}, not {[*styles.shape]}")
        with float32_products(), drawn(noise, len(styles)):
            return self.network.synthesize(styles, self.labels_of(labels, len(styles)))

    def sample(
        self,
        n: int,
        seed: int = 0,
        label: int | str | None = None,
        truncation: float | None = None,
        cutoff: int | None = None,
    ) -> Tensor:
        """The first `n` images [n, C, H, W] of a seed, as `gankit sample` draws them and metrics measure them.

        Image number i of a seed is always the same; classes are drawn too, unless `label` names one for all, and the
        values of attributes are those of reals, unless `with_attributes` says otherwise.
        """
        n, seed = whole_number(n, "n"), whole_number(seed, "seed")
        if n < 1:
            raise UserError(f"n: expected at least one image, not {n}")
        if (lack := too_large(f"{n:,} images", 4 * n * math.prod(self.shape))) is not None:
            raise UserError(f"n: {lack}")
        self.refuse_truncation(truncation, cutoff)
        chosen = [] if label is None else [self.class_number(label)]
        return sample(self.network, 0, n, seed, self.device, SampleOptions(chosen, truncation, cutoff))

    def latents(self, seeds: Sequence[int]) -> Tensor:
        """Latents [N, latent], each a function of its seed alone, from 0 to 2**32 - 1.

        They are numpy's RandomState(seed).randn(latent), by which the scripts of many papers number their pictures.
        """
        seeds = several_whole_numbers(seeds, "seeds")
        for seed in seeds:
            if not 0 <= seed <= LARGEST_SEED:
                raise UserError(f"seeds: expected numbers from 0 to {LARGEST_SEED}, not {seed}")
        drawn_ones = [np.random.RandomState(seed).randn(self.latent) for seed in seeds]
        return torch.tensor(np.array(drawn_ones), dtype=torch.float32, device=self.device).view(-1, self.latent)

    @torch.no_grad()
    def of_seeds(
        self,
        seeds: Sequence[int],
        labels: Labels = None,
        truncation: float | None = None,
        cutoff: int | None = None,
        noise: Noise | None = None,
    ) -> Tensor:
        """Images [N, C, H, W] of seeds, one after the other, so that the bits of each depend on nothing beside it.

        Their noise is that of their seeds, unless `noise` says otherwise.
        """
        seeds = several_whole_numbers(seeds, "seeds")
        noise = checked_noise(seeds if noise is None else noise, len(seeds))
        told, z = self.labels_of(labels, len(seeds)), self.latents(seeds)
        images = [
            self(
                z[i : i + 1],
                None if told is None else told[i : i + 1],
                truncation,
                cutoff,
                noise if isinstance(noise, str) else noise[i : i + 1],
            )
            for i in range(len(seeds))
        ]
        return torch.cat(images) if images else torch.empty(0, *self.shape)

    def at(self, stage: int | str | None = None, resolution: int | None = None, alpha: float = 1.0) -> Self:
        """A copy that is grown as in another stage or at another resolution, with the same weights.

        Of a generator that was trained at all scales at once each is such a resolution.

        Args:
            stage: The stage's number, from 1, or its name, or a scale as 8x8; None: the first at `resolution`.
            resolution: Height of its images in pixels.
            alpha: Weight of that resolution's own layers, from 0 to 1.

        Raises:
            UserError: if there is no such stage, or training did not come to it.
        """
        stages, scales = self.experiment.stages(), self.experiment.growth.scales()
        labels = {stage_label(scale): scale for scale in scales}
        if stage is not None and resolution is None and str(stage) in labels:
            stage, resolution = None, labels[str(stage)]
        numbers: list[Any] = [each.resolution for each in stages]
        if stage is not None:
            number = self._stage_number(stage)
        elif resolution in numbers:
            number = numbers.index(resolution) + 1
        elif resolution in scales:
            number = len(stages)
        else:
            there = ", ".join(map(str, dict.fromkeys([*scales, *numbers])))
            raise UserError(f"resolution: expected one of {there}, not {resolution}")
        if not 0 <= (alpha := finite_number(alpha, "alpha")) <= 1:
            raise UserError(f"alpha: expected a number from 0 to 1, not {alpha:g}")
        reached = resolution if resolution in scales else stages[number - 1].resolution
        if reached > self.resolution:
            raise UserError(f"stage: its layers of {reached} pixels were not trained; it came to {self.resolution}")
        other = copy.deepcopy(self)
        other.network.grow(reached, alpha)
        other.progress = progress_in(stages, number, self.progress.images, alpha)._replace(resolution=reached)
        return other

    def with_attributes(self, values: Mapping[str, float]) -> Self:
        """A copy whose samples all have these values of attributes, the others as they come together in the reals.

            generator.with_attributes({"slant": 0.5}).sample(16)

        Args:
            values: Of some attributes, by name.

        Raises:
            UserError: if there are no such attributes.
        """
        chosen = attribute_values(values, self.attributes)
        other = copy.deepcopy(self)
        if (known := other.network.known_vectors) is not None:
            for name, value in chosen.items():
                known[:, self.attributes.index(name)] = value
        return other

    def labels_of(self, labels: Labels, count: int) -> Tensor | None:
        """Classes of `count` images, int64 [count], or the values of their attributes, [count, attributes].

        Raises:
            UserError: if they are not told, or there are none such.
        """
        if self.attributes:
            return vectors_given(labels, count, self.attributes, self.network.alpha)
        return self.class_numbers(cast(Any, labels), count)

    def _stage_number(self, stage: int | str) -> int:
        try:
            return stage_number(self.experiment, stage)
        except UserError as problem:
            if scales := self.experiment.growth.scales():
                raise UserError(f"{problem}, and the scales {', '.join(map(stage_label, scales))}") from None
            raise

    def class_number(self, label: int | str) -> int:
        """The number of the class of a name or of a number; what is both is the name.

        Raises:
            UserError: if there is none.
        """
        if not self.classes:
            raise UserError("label: this generator was trained without labels")
        if label in self.classes:
            return self.classes.index(cast(str, label))
        if str(label).isdecimal() and int(label) < len(self.classes):
            return int(label)
        hint = did_you_mean(str(label), self.classes)
        raise UserError(f"label: there is no class {label}; the classes are {listed(self.classes)}.{hint}", hint)

    def class_numbers(self, labels: Tensor | Sequence[int] | int | str | None, count: int) -> Tensor | None:
        """Classes of `count` images, int64 [count]; None if there are no classes.

        Raises:
            UserError: if they are not named, or there are none such.
        """
        if labels is None:
            if self.classes:
                raise UserError(f"labels: this generator has classes; name those of the images: {listed(self.classes)}")
            return None
        if isinstance(labels, int | str | np.integer):
            return torch.full((count,), self.class_number(labels), device=self.device)
        numbers = labels_given(labels, self.device)
        if not self.classes:
            raise UserError("labels: this generator was trained without labels")
        if numbers.shape != (count,) or numbers.is_floating_point():
            raise UserError(
                f"labels: expected the numbers of classes [{count}], not {numbers.dtype} {[*numbers.shape]}"
            )
        if count and not 0 <= int(numbers.min()) <= int(numbers.max()) < len(self.classes):
            raise UserError(f"labels: expected numbers from 0 to {len(self.classes) - 1}")
        return numbers.long()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Forget mean styles, which are on the old device or of the old type."""
        self._means.clear()
        return super()._apply(fn, recurse)

    def _latents_given(self, z: Tensor) -> Tensor:
        expected = f"latents [N, {self.latent}]"
        z = numbers_like(z, "z", expected, self.network.alpha)
        if z.dim() != 2 or z.shape[1] != self.latent:
            raise UserError(f"z: expected {expected}, not {[*z.shape]}")
        return z

    def refuse_truncation(self, truncation: float | None, cutoff: int | None = None) -> None:
        """Refuse to pull styles towards a mean that the mapping does not keep, or by what is no number.

        Raises:
            UserError: then.
        """
        if cutoff is not None:
            whole_number(cutoff, "cutoff", 1)
        if truncation is None:
            return
        if not self.can_truncate:
            raise UserError("truncation: the mapping of this generator keeps no mean of styles to pull towards")
        if finite_number(truncation, "truncation") < 0 and isinstance(self.network.mapping, TruncatesLatents):
            raise UserError(f"truncation: expected how far from 0 latents may be, 0 or more, not {truncation:g}")

    def extra_repr(self) -> str:
        """What it is, for people."""
        return f"{self.experiment.name}, {self.which}, {self.progress.label}, after {self.progress.images:,} images"


def stage_number(experiment: Experiment, stage: int | str) -> int:
    """The number, counted from 1, of the stage that is meant by its number, its name or its label, as 16x16.

    Raises:
        UserError: if there is none.
    """
    stages, text = experiment.stages(), str(stage)
    for number, each in enumerate(stages, 1):
        if text in (str(number), each.name, each.label):
            return number
    there = ", ".join(f"{number} ({each.label})" for number, each in enumerate(stages, 1))
    raise UserError(f"stage: there is no stage {stage}; the run has stage{'s' * (len(stages) > 1)} {there}")

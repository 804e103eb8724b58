"""Metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from gankit import Metric, UserError
from gankit.core.failures import warn
from gankit.core.text import first_of
from gankit_fidelity.formulas import frechet_distance, inception_score, kernel_distance
from gankit_fidelity.weights import answers, hub_folder

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from gankit.config.experiment import Experiment
    from gankit.evaluation.images import ImageSet, Samples
    from gankit.evaluation.statistics import Statistics


class FrechetDistance(Metric):
    """FID: how far generated images are from reals, both at the stage's resolution (Heusel et al. 2017).

    The squared Fréchet distance between two normal distributions with the means and covariances of the features. Lower
    is better, and what is left between reals and other reals is `fid_floor`. It falls with the number of images, so
    only numbers of equal protocol compare, and only at one resolution.
    """

    needs = frozenset({"statistics"})
    has_floor = True

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """A single image has no covariance."""
        if experiment.evaluation.images < 2:
            yield "this compares how images vary, so evaluation.images must be at least 2"

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `fid`."""
        return {"fid": frechet_distance(samples.generated.statistics, samples.real.statistics)}


class FullFrechetDistance(FrechetDistance):
    """FID against reals at the final resolution, where `fid` compares at the stage's.

    It tells how far a stage still is from the goal: `fid_full_floor` is what reals at the stage's resolution reach.
    """

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `fid_full`."""
        return {"fid_full": frechet_distance(samples.generated.statistics, samples.real_full.statistics)}


class IntraClassFrechetDistance(Metric):
    """The mean over all classes of the FID between their generated images and their reals (Miyato & Koyama 2018).

    It sees what `fid` is blind to: images of a class that is not the one asked for, and classes without variety, as
    long as all together look like the data. With few images a class it is far above 0 even between reals, as
    `fid_intra_floor` shows; classes of which there are fewer than two images on either side are left out, which is
    said, and without any other the number is NaN. Lower is better.
    """

    needs = frozenset({"features"})
    has_floor = True
    per_class = True
    later_options: ClassVar[tuple[str, ...]] = ("each",)

    each: bool = False
    """Give the number of every class too, `fid_intra_0`, `fid_intra_1`, ...; tables show what the class is called."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """There must be classes, and images of them."""
        classes, images = experiment.data.class_count(), experiment.evaluation.images
        if not classes:
            yield "this compares class by class, but data gives no labels"
        elif images < 2 * classes:
            yield f"this needs two images a class, but evaluation.images are {images} for {classes} classes"

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """`fid_intra`, and with `each` a number of every class, `fid_intra_` and the number of the class."""
        import numpy as np

        generated, real = by_class(samples.generated), by_class(samples.real)
        shared = sorted(generated.keys() & real)
        distances = {label: frechet_distance(generated[label], real[label]) for label in shared}
        left_out, names = sorted(classes_in(samples.generated, samples.real) - {*shared}), samples.class_names
        called = tuple(names[label] if label < len(names) else str(label) for label in left_out)
        if called and called not in self.told:
            self.told.add(called)
            say_left_out(called, bool(shared))
        numbers = {"fid_intra": float(np.mean([*distances.values()])) if distances else float("nan")}
        return numbers | {f"fid_intra_{label}": distance for label, distance in distances.items() if self.each}

    @cached_property
    def told(self) -> set[tuple[str, ...]]:
        """The classes that were said to be left out, together; of which a run says so once."""
        return set()


class BlurredFrechetDistance(FrechetDistance):
    """FID of held-out reals that were blurred, against other reals: a reference to read FIDs of generated images by."""

    has_floor = False
    reference_only = True

    sigma: float = Field(default=0.6, gt=0)
    """Standard deviation of the Gaussian blur, in pixels of the stage's resolution."""

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `fid_blurred_` followed by sigma."""
        blurred = samples.generated.transformed(f"gaussian blur, sigma {self.sigma}", self.blurred)
        return {f"fid_blurred_{self.sigma:g}": frechet_distance(blurred.statistics, samples.real.statistics)}

    def blurred(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W] after the blur, mirrored at their edges as scipy.ndimage.gaussian_filter does."""
        import numpy as np
        import torch
        from scipy.ndimage import gaussian_filter1d

        rows, columns = (
            torch.from_numpy(gaussian_filter1d(np.eye(size), self.sigma, axis=0)).to(images)
            for size in images.shape[2:]
        )
        return rows @ images @ columns.t()


class InceptionScore(Metric):
    """IS: how surely each generated image is classified, and how many classes there are (Salimans et al. 2016).

    The mean over `splits` parts, `is`, and its standard deviation, `is_std`. Higher is better; it sees no reals.
    """

    needs = frozenset({"logits"})
    higher_is_better = True

    splits: int = Field(default=10, ge=1)
    """Parts into which the images are divided at random."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Every part must get an image."""
        images = experiment.evaluation.images
        if images < self.splits:
            yield f"evaluation.images: {images} images cannot be divided into {self.splits} splits"

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """Two numbers, `is` and `is_std`."""
        mean, deviation = inception_score(samples.generated.logits, self.splits)
        return {"is": mean, "is_std": deviation}


class KernelDistance(Metric):
    """KID: how far generated images are from reals, without assuming normal distributions (Bińkowski et al. 2018).

    The squared maximum mean discrepancy of the features under a cubic kernel, unbiased: the mean over `subsets` draws
    of `subset_size` images of each, `kid`, and its standard deviation, `kid_std`. Lower is better. Unlike FID it does
    not fall with the number of images, and between reals and other reals it is near 0, above or below.

    It sees noise, blur, missing classes and repeated images, and is blind to copies of the reals.
    """

    needs = frozenset({"features"})
    bootstraps = False
    has_floor = True

    subsets: int = Field(default=100, ge=1)
    """Draws of images, always the same; one if a draw takes all images, and there is no `kid_std` then."""
    subset_size: int = Field(default=1000, ge=2)
    """Images of each kind in a draw; all of the kind with fewer images if it has not so many."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """A single image has no other to be compared with."""
        if experiment.evaluation.images < 2:
            yield "this compares how images vary, so evaluation.images must be at least 2"

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """`kid`, NaN if there is but one real; `kid_std`, unless there is but one draw, which tells of no spread."""
        mean, deviation = kernel_distance(
            samples.generated.features, samples.real.features, self.subsets, self.subset_size
        )
        return {"kid": mean} if deviation is None else {"kid": mean, "kid_std": deviation}


class ModeCoverage(Metric):
    """How many classes the generated images show, and how evenly (Metz et al. 2017; Lin et al. 2018).

    `modes` is the number of classes that the extractor sees in generated images, higher is better. `modes_kl` is the
    Kullback-Leibler divergence of their shares from those in reals, in nats, lower is better; a class that no real
    shows counts as if one did.

    It sees missing classes, though a single image that the extractor mistakes for one makes up for it in `modes`, and
    uneven ones. It is blind to everything within a class: repeated images, copies of the reals, and whatever bad images
    the extractor still takes for one class or another.
    """

    needs = frozenset({"logits"})
    higher_is_better = frozenset({"modes"})
    has_floor = True

    stacked: bool = False
    """Whether each colour channel shows an image of its own, as in stacked digits: with ten classes, 1,000 modes."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Images are stacked in three channels."""
        channels = experiment.data.image_channels()
        if self.stacked and channels != 3:
            yield f"stacked images have three channels, but those of the data set have {channels}"

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """Two numbers, `modes` and `modes_kl`."""
        generated, real = self._modes(samples.generated), self._modes(samples.real)
        return {"modes": float(len(set(generated.tolist()))), "modes_kl": divergence(generated, real)}

    def _modes(self, images: ImageSet) -> np.ndarray:
        """The number of the mode that each of the images shows, int64 [N]."""
        import numpy as np

        shown = [images]
        if self.stacked:
            shown = [images.transformed(f"channel {channel}", alone(channel)) for channel in range(3)]
        logits = [each.logits.numpy() for each in shown]
        classes = [some.shape[1] for some in logits]
        return np.asarray(np.ravel_multi_index([some.argmax(1) for some in logits], classes))


LPIPS_FILES = {
    "weights-vgg16-lpips.pth": "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-vgg16-lpips.pth",
    "vgg16-397923af.pth": "https://download.pytorch.org/models/vgg16-397923af.pth",
}
"""What LPIPS is made of, and where torch-fidelity and torchvision have it from."""


class PerceptualPathLength(Metric):
    """How much images change along short steps through the latent space (Karras et al. 2019, section 4.1).

    The mean squared-step-normalized distance between the images of two points a step of `epsilon` apart, without the
    lowest and highest 1%. Lower is smoother. It sees abrupt changes; it is blind to whether images look real: a
    generator of one constant image has 0. Numbers by LPIPS and by pixels are on unlike scales.
    """

    space: Literal["w", "z"] = "w"
    """Where the path lies: among styles, straight; or among latents, along the arc between them."""
    sampling: Literal["end", "full"] = "end"
    """Measure at the beginning of each path, as StyleGAN2's authors do, or anywhere on it."""
    distance: Literal["lpips", "pixels"] = "lpips"
    """lpips: by VGG16 as torch-fidelity has it, whose weights must be had; pixels: mean square in network range."""
    epsilon: float = Field(default=1e-4, gt=0)
    """Length of a step, as a share of the path."""
    paths: int = Field(default=10_000, ge=1)
    """How many paths are measured."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """LPIPS sees grey and colours alone."""
        channels = experiment.data.image_channels()
        if self.distance == "lpips" and channels not in (1, 3, 4):
            yield f"LPIPS does not see images of {channels} channels; measure with distance: pixels"

    def missing(self, experiment: Experiment) -> str | None:
        """The weights of LPIPS, unless they are there or can be had."""
        if self.distance == "pixels":
            return None
        lacking = [url for name, url in LPIPS_FILES.items() if not (hub_folder() / "checkpoints" / name).is_file()]
        if all(map(answers, lacking)):
            return None
        return (
            f"LPIPS lacks weights in {hub_folder() / 'checkpoints'}, and the network does not answer; "
            f"download {' and '.join(lacking)} into it, or measure with distance: pixels"
        )

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `ppl_` and the space and the sampling.

        Raises:
            UserError: if the images come from no generator, or the weights of LPIPS cannot be had.
        """
        from gankit_fidelity.path_length import path_lengths, trimmed_mean

        if samples.generator is None:
            raise UserError("perceptual-path-length needs a generator, and folders of images have none")
        lengths = path_lengths(samples.generator, self._distance(), self.space, self.sampling, self.epsilon, self.paths)
        return {f"ppl_{self.space}_{self.sampling}": trimmed_mean(lengths)}

    def _distance(self) -> Callable[[Tensor, Tensor], Tensor]:
        from gankit_fidelity.path_length import lpips, squared

        if self.distance == "pixels":
            return squared
        try:
            return lpips()
        except OSError as problem:
            urls = " and ".join(LPIPS_FILES.values())
            raise UserError(f"the weights of LPIPS cannot be had ({problem}): {urls}") from None


def classes_in(*sets: ImageSet) -> set[int]:
    """The classes of which there is any image."""
    return {int(label) for images in sets if images.labels is not None for label in images.labels}


def say_left_out(classes: Sequence[str], others: bool) -> None:
    """Say of which classes there were too few images to be measured, and whether there were others."""
    some = first_of(classes, 10)
    which = f"class {some}" if len(classes) == 1 else f"each of the {len(classes)} classes {some}"
    so = "what is said is of the other classes" if others else "there is no other class, so it is NaN"
    warn(f"fid_intra: of {which} there are fewer than two images among the generated or the reals; {so}")


def by_class(images: ImageSet) -> dict[int, Statistics]:
    """Statistics of the features of each class of which there are two images or more.

    Raises:
        LookupError: if the images have no labels.
    """
    import numpy as np
    import torch

    from gankit.evaluation.statistics import RunningStatistics

    labels, features = images.labels, images.features
    if labels is None:
        raise LookupError("these images have no labels")
    found: dict[int, Statistics] = {}
    for label, count in zip(*np.unique(labels, return_counts=True), strict=True):
        if count > 1:
            running = RunningStatistics()
            running.add(features[torch.from_numpy(labels == label)])
            found[int(label)] = running.result()
    return found


def divergence(modes: np.ndarray, reference: np.ndarray) -> float:
    """Kullback-Leibler divergence between the shares of modes in two sets, in nats.

    Args:
        modes: The number of the mode that each image of one set shows.
        reference: The same for the set that it is measured from; a mode that is only in the other is taken to be in
            it once.
    """
    import numpy as np
    from scipy.stats import entropy

    numbers = np.union1d(modes, reference)
    shown, expected = (np.bincount(np.searchsorted(numbers, some)) for some in (modes, reference))
    shown, expected = (np.pad(counts, (0, len(numbers) - len(counts))) for counts in (shown, expected))
    return float(entropy(shown, np.maximum(expected, 1)))


def alone(channel: int) -> Callable[[Tensor], Tensor]:
    """What shows one of three channels in all of them."""
    return lambda images: images[:, channel : channel + 1].expand_as(images)

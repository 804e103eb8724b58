"""Measures generated images: every metric of an experiment, its noise floor, and the protocol of each number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from gankit.core.component import as_options
from gankit.core.errors import UserError
from gankit.core.failures import FailureCounter
from gankit.core.progress import Progress
from gankit.data.images import AbsentReals, Batch, RealImages, images_at_a_time
from gankit.evaluation.arithmetic import arithmetic
from gankit.evaluation.contracts import check_numbers
from gankit.evaluation.images import Extraction, ImageSet, ImageSource, Samples, SamplesWithoutReals, through_each
from gankit.evaluation.names import ERROR, FLOOR, GENERATED, NO_EXTRACTOR, clash, is_spread, single_class, with_ending
from gankit.evaluation.reference import Split, Subset, split
from gankit.evaluation.rehearsal import rehearse_metrics
from gankit.evaluation.statistics import Number, bootstrap_sample, in_all, means, spreads
from gankit.kinds.callbacks import Row

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from gankit.config.evaluation import EvaluationOptions
    from gankit.config.experiment import Experiment
    from gankit.evaluation.images import Features
    from gankit.kinds import Extractor, Metric
    from gankit.kinds.evaluation import Need
    from gankit.networks.generator import Generator
    from gankit.training.ranks import Ranks
    from gankit.training.sampler import GeneratorSampler


AS_IN_DATA = "as in the data"
"""What a protocol says of classes that were asked for unevenly; it says nothing of them where each came as often."""


class ImageSampler(Protocol):
    """Where images to be measured come from."""

    @property
    def network(self) -> Generator | None:
        """The generator that makes them, in eval mode; None if they come from elsewhere."""
        ...

    def sample(self, first: int, count: int, seed: int) -> Batch:
        """Images number `first` to `first` + `count` - 1, each a function of (seed, number)."""
        ...


class _Asked(NamedTuple):
    """A metric of an evaluation, and the images that it is asked about."""

    position: int
    """Which of the protocol's metrics it is."""
    metric: Metric
    generated: Mapping[int, ImageSet]
    """By their seeds."""
    network: Generator | None
    classes: str | None
    """What the protocol says of how often each class was asked for."""


class Evaluator:
    """Carries out the metrics of one protocol.

    Reals are seen once a resolution, generated images once an evaluation. What depends on reals alone, floors and
    metrics of reals, is computed once a resolution.
    """

    def __init__(
        self,
        options: EvaluationOptions,
        reals: RealImages | AbsentReals,
        device: torch.device,
        loaded: Sequence[tuple[Extractor, Extraction]] = (),
        mirrors: bool = False,
    ) -> None:
        """Load what is needed of extractors and the data set's test part.

        Args:
            options: The protocol.
            reals: The real images; without them only what looks at none is measured.
            device: Where to extract.
            loaded: Extractors that have been loaded for another protocol.
            mirrors: Whether training shows reals mirrored too.

        Raises:
            UserError: if the weights of an extractor or the test part cannot be had.
        """
        self._options, self._reals, self._device, self._mirrors = options, reals, device, mirrors
        self._counters = [
            FailureCounter(f"metric {as_options(metric)['use']}", f"it is left out (evaluation.metrics.{position})")
            for position, metric in enumerate(options.metrics)
        ]
        self._image_sets: dict[tuple[int, str, int, int], ImageSet] = {}
        self._known: dict[tuple[int, int, int], dict[str, Number]] = {}
        self.extractions: list[tuple[Extractor, Extraction]] = []
        """What metrics look through, and how; of those that look at images alone, at what."""
        if options.metrics:
            self.extractions = self._loaded(loaded)
            self._seeds = range(options.seed, options.seed + options.seeds)
            self._splits: dict[int, Split] = {}
            if isinstance(reals, RealImages):
                test = reals.test_part
                is_test = options.reals == "test"
                self._splits = {seed: split(reals, options.images, seed, test, is_test) for seed in self._seeds}

    def join(self, ranks: Ranks) -> None:
        """From now on see images together with other processes, which call the same and are given the same numbers."""
        self.extractions = [(one, extraction._replace(ranks=ranks)) for one, extraction in self.extractions]
        self._image_sets, self._known = {}, {}  # the others have seen nothing yet

    def evaluate(self, source: ImageSampler, progress: Progress) -> list[Row]:
        """Every metric at the resolution in force, each followed by its errors and by its floor if it has one.

        Of several seeds the means are given, and as <name>_seeds_std the standard deviations of generated images'
        numbers over the seeds; with a bootstrap, as <name>_error its standard error for the first seed. Floors and
        metrics of reals are left out if there are not two reals to compare. A metric that fails is reported once,
        counted and left out. Metrics compute in float32; torch's random numbers are left as they were.
        """
        if not self._options.metrics:
            return []
        from gankit.training.measuring import measuring

        resolution = progress.resolution
        self._forget_all_but(resolution, source.network)
        source = self._with_vectors(source)
        shares = self._uneven_classes(source.network)
        is_even = [metric.per_class or shares is None for metric in self._options.metrics]
        sets: dict[bool, dict[int, Mapping[int, ImageSet]]] = {}
        for even in set(is_even):
            drawn = source if even or shares is None else shares
            metrics = [metric for metric, other in zip(self._options.metrics, is_even, strict=True) if other == even]
            sets[even] = {seed: self._generated(drawn, seed, resolution, metrics) for seed in self._seeds}
        numbers: dict[str, Number] = {}
        with measuring():
            for position, (metric, counter) in enumerate(zip(self._options.metrics, self._counters, strict=True)):
                even, key = is_even[position], id(self._extraction_of(metric))
                images = {seed: one[key] for seed, one in sets[even].items()}
                asked = _Asked(position, metric, images, source.network, None if even else AS_IN_DATA)
                during = f"at {progress.images:,} images" if progress.total else "to measure these images"
                numbers = counter.attempt(partial(self._added, numbers, asked), during) or numbers
        return [Row(progress.images, progress.stage, resolution, name, *number) for name, number in numbers.items()]

    def rehearse(self, experiment: Experiment, option: str, generator: Generator) -> None:
        """Ask each metric once; see `rehearse_metrics`, whose experiment has this protocol."""
        if self._options.metrics and isinstance(self._reals, RealImages):
            from gankit.training.measuring import measuring

            mine = experiment.model_copy(update={"evaluation": self._options})
            with measuring():
                rehearse_metrics(mine, option, self._extraction_of, self._reals, generator)

    def sum_up(self) -> None:
        """Say which metrics failed, and how often."""
        for counter in self._counters:
            counter.sum_up()

    def _added(self, numbers: dict[str, Number], asked: _Asked) -> dict[str, Number]:
        """`numbers` of other metrics, with what one more gives."""
        found = self._numbers(asked)
        if mistake := clash(found, numbers):
            raise UserError(mistake)
        return numbers | found

    def _numbers(self, asked: _Asked) -> dict[str, Number]:
        """What one metric gives, floors included."""
        numbers: dict[str, Number] = {}
        metric = asked.metric
        if not metric.reference_only:
            of_seeds = {seed: self._compared(images, seed, asked.network) for seed, images in asked.generated.items()}
            each = [self._measured(metric, samples, GENERATED, asked.classes) for samples in of_seeds.values()]
            numbers |= means(each) | spreads(each)
            if self._options.bootstrap and metric.bootstraps:
                numbers |= self._errors(metric, of_seeds[self._options.seed], numbers)
        if metric.reference_only and isinstance(self._reals, AbsentReals):
            raise UserError(self._reals.reason)
        if self._splits and (metric.reference_only or metric.has_floor):
            suffix = "" if metric.reference_only else FLOOR
            resolution = asked.generated[self._options.seed].resolution
            among = [self._among_reals(asked.position, metric, seed, resolution) for seed in self._splits]
            numbers |= {name + suffix: number for name, number in means(among).items()}
        return numbers

    def _loaded(self, loaded: Sequence[tuple[Extractor, Extraction]]) -> list[tuple[Extractor, Extraction]]:
        """What each metric looks through, with all that decides what is seen."""
        through: list[tuple[Extractor, list[Metric]]] = []
        for metric in self._options.metrics:
            extractor = self._options.extractor_of(metric)
            if "logits" in metric.needs and not extractor.classifies:
                names = as_options(metric)["use"], as_options(extractor)["use"]
                raise UserError("metric {} needs class logits, which extractor {} does not give".format(*names))
            known = next((metrics for other, metrics in through if other == extractor), None)
            if known is None:
                through.append((extractor, known := []))
            known.append(metric)
        networks = {position: known.extract for position, (_, known) in enumerate(loaded)}
        others = [extractor for extractor, _ in loaded]
        return [
            (one, self._seen_through(one, metrics, networks[others.index(one)] if one in others else None))
            for one, metrics in through
        ]

    def _seen_through(
        self, extractor: Extractor, metrics: Sequence[Metric], extract: Callable[[Tensor], Features] | None
    ) -> Extraction:
        """What metrics see through an extractor, which is loaded if it was not and any looks through it."""
        from gankit.training import randomness

        needed = any(metric.extracts for metric in metrics)
        if needed and extract is None:
            with randomness.untouched():
                extract = extractor.load(self._device)
        identity = {
            "extractor": extractor.identity() if needed else NO_EXTRACTOR,
            "resize": extractor.resize if needed else NO_EXTRACTOR,
            **arithmetic(extractor, self._device),
        }
        keep: set[Need] = {need for metric in metrics for need in metric.needs}
        if self._options.bootstrap and "statistics" in keep:
            keep.add("features")
        return Extraction(extract if needed else None, identity, frozenset(keep))

    def _extraction_of(self, metric: Metric) -> Extraction:
        """How a metric sees images."""
        wanted = self._options.extractor_of(metric)
        return next(extraction for extractor, extraction in self.extractions if extractor == wanted)

    def _uneven_classes(self, network: Generator | None) -> GeneratorSampler | None:
        """What asks a generator for classes as the data have them; None if it has none, or each is to come as often."""
        if isinstance(self._reals, AbsentReals):
            return None
        classes, labels = self._reals.classes, self._reals.labels
        if self._options.classes == "even" or network is None or labels is None:
            return None
        if not classes or network.context.classes != classes:
            return None
        if len(set(np.bincount(labels, minlength=classes))) == 1:
            return None
        import torch

        from gankit.training.sampler import GeneratorSampler

        return GeneratorSampler(network, self._device, torch.from_numpy(labels))

    def _with_vectors(self, source: ImageSampler) -> ImageSampler:
        """What asks a generator with attributes for vectors drawn from all of the reals; for others, what is given."""
        if isinstance(self._reals, AbsentReals) or (network := source.network) is None or self._reals.labels is None:
            return source
        if not network.context.attributes or network.context.attributes != len(self._reals.attribute_names):
            return source
        import torch

        from gankit.training.sampler import GeneratorSampler

        return GeneratorSampler(network, self._device, torch.from_numpy(self._reals.labels))

    def _generated(
        self, source: ImageSampler, seed: int, resolution: int, metrics: Sequence[Metric]
    ) -> Mapping[int, ImageSet]:
        """The images that are to be measured by metrics, by the ids of their extractions.

        They are made once for all extractions by which any looks at them.
        """

        def batches(number: int = 0, of: int = 1) -> Iterator[Batch]:
            at_a_time = images_at_a_time(resolution)
            for first in range(number * at_a_time, self._options.images, of * at_a_time):
                count = min(at_a_time, self._options.images - first)
                batch = source.sample(first, count, seed)
                shape = batch.images.shape if isinstance(self._reals, AbsentReals) else self._reals.at(resolution).shape
                if batch.images.shape != (expected := (count, *shape[1:])):
                    raise ValueError(f"expected generated images {list(expected)}, not {list(batch.images.shape)}")
                yield batch

        extractions = {id(one): one for one in map(self._extraction_of, metrics)}
        looking = (self._extraction_of(metric) for metric in metrics if metric.needs and not metric.reference_only)
        together = dict.fromkeys(map(id, looking))  # in order, as processes exchange what they see by positions
        return through_each(ImageSource(self._options.images, resolution, batches), extractions, together)

    def _compared(self, images: ImageSet, seed: int, network: Generator | None) -> Samples:
        """What a metric is given of generated images."""
        if isinstance(self._reals, AbsentReals):
            return SamplesWithoutReals(images, network, self._reals.reason)
        return self._samples(images, self._splits[seed].reference, self._splits[seed], network)

    def _samples(
        self, images: ImageSet, reals: Subset, parts: Split | None = None, network: Generator | None = None
    ) -> Samples:
        """What a metric is given to compare `images` with."""
        seen = partial(self._seen, images.extraction)
        real, full = (seen(reals, resolution) for resolution in (images.resolution, reals.reals.final))
        if parts is None or not len(parts.held_out.chosen):
            return Samples(images, real, full, generator=network, mirrors=self._mirrors)
        held_out, training = (seen(part, images.resolution) for part in (parts.held_out, parts.training))
        is_trained_on = parts.held_out.reals is self._reals
        return Samples(images, real, full, held_out, training, network, self._mirrors, is_trained_on)

    def _seen(self, extraction: Extraction, part: Subset, resolution: int) -> ImageSet:
        """Some reals, the same object whenever they are asked for."""
        key = id(part.reals), part.digest, resolution, id(extraction)
        if key not in self._image_sets:

            def batches(number: int = 0, of: int = 1) -> Iterator[Batch]:
                at_a_time = images_at_a_time(resolution)
                for first in range(number * at_a_time, len(part.chosen), of * at_a_time):
                    some = part.chosen[first : first + at_a_time]
                    yield part.reals.take(resolution, some, self._device)

            content = {"data": part.reals.fingerprint, "resolution": resolution, "chosen": part.digest}
            source = ImageSource(len(part.chosen), resolution, batches, content)
            self._image_sets[key] = ImageSet(source, extraction)
        return self._image_sets[key]

    def _among_reals(self, position: int, metric: Metric, seed: int, resolution: int) -> dict[str, Number]:
        """The metric between held-out reals and others, computed at the first evaluation of a resolution."""
        parts = self._splits[seed]
        if not len(parts.held_out.chosen):
            return {}
        if (position, seed, resolution) not in self._known:
            held_out = self._seen(self._extraction_of(metric), parts.held_out, resolution)
            samples = self._samples(held_out, parts.control)
            self._known[position, seed, resolution] = self._measured(metric, samples, "held-out reals")
        return self._known[position, seed, resolution]

    def _measured(self, metric: Metric, samples: Samples, of: str, classes: str | None = None) -> dict[str, Number]:
        """The metric's numbers, each with its protocol."""
        samples.class_names = () if isinstance(self._reals, AbsentReals) else self._reals.class_names
        numbers = check_numbers(metric.evaluate(samples), self._options.generators)
        check_numbers(with_ending(metric.ending, numbers), self._options.generators)
        high = metric.higher_is_better
        better = {name: "higher" if (high if isinstance(high, bool) else name in high) else "lower" for name in numbers}
        protocols = {name: self._protocol(metric, samples, of, better[name], classes) for name in numbers}
        if metric.per_class:
            protocols = {name: said | single_class(name, samples.class_names) for name, said in protocols.items()}
        measured = {name: Number(value, protocols[name]) for name, value in numbers.items()}
        return with_ending(metric.ending, measured)

    def _errors(self, metric: Metric, samples: Samples, numbers: dict[str, Number]) -> dict[str, Number]:
        """Standard errors of the numbers by resampling the generated images (Efron 1979)."""
        count, seed = samples.generated.count, self._options.seed
        drawn = [
            with_ending(metric.ending, metric.evaluate(samples.of_resampled(bootstrap_sample(count, seed, number))))
            for number in range(self._options.bootstrap)
        ]
        return {  # a class may be too rare in a resample, whose number then has no error
            name + ERROR: Number(float(np.std([one[name] for one in drawn], ddof=1)), numbers[name].protocol)
            for name in in_all([numbers, *drawn])
            if not is_spread(name, drawn[0])
        }

    def _protocol(self, metric: Metric, samples: Samples, of: str, better: str, classes: str | None) -> dict[str, Any]:
        """All that must be the same for two numbers to be compared, as plain values."""
        parts, seen = self._splits.get(self._options.seed), self._extraction_of(metric).identity
        protocol = {
            "metric": metric.own_options,
            "version": metric.version,
            "better": better,
            "of": of,
            "images": samples.generated.count,
            "resolution": samples.generated.resolution,
            "reals": max((reals.count for reals in samples.compared), default=0),
            "real_resolutions": [reals.resolution for reals in samples.compared],
            "data": self._reals.fingerprint,
            "held_out": "unknown: the reals cannot be read" if parts is None else parts.stated,
            "extractor": seen["extractor"] if metric.extracts else NO_EXTRACTOR,
            "resize": seen["resize"] if metric.extracts else NO_EXTRACTOR,
            "seed": self._options.seed,
            "seeds": self._options.seeds,
        }
        if self._options.reals == "test":
            protocol["reals_are"] = "test part of the data set"
        return protocol if classes is None else {**protocol, "classes": classes}

    def _forget_all_but(self, resolution: int, network: Generator | None) -> None:
        """Free what was seen at resolutions that are over; the reals of the last are compared with to the end."""
        needed = {resolution} if isinstance(self._reals, AbsentReals) else {resolution, self._reals.final}
        if network is not None and network.scales is not None:
            needed |= {*network.scales.resolutions}
        self._image_sets = {key: images for key, images in self._image_sets.items() if key[2] in needed}

"""The card of a model: what it is, how it was trained and measured, and how it is loaded; in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from gankit.config.yaml.nodes import plain_value
from gankit.config.yaml.parser import mapping
from gankit.config.yaml.writer import inline
from gankit.core.progress import ends
from gankit.core.text import listed, names_in_short
from gankit.evaluation.names import FLOOR, is_spread
from gankit.generators.exported import Description, plugin_file_names
from gankit.generators.trained import TrainedGenerator
from gankit.results.protocols import surroundings
from gankit.results.run_results import RunResults
from gankit.results.run_tables import column_names
from gankit.results.tables import ABSENT, Column, Report, Section, as_markdown, significant, text_columns

UNKNOWN = "unknown: ask who trained it"
"""The licence of what nobody has said one of."""
OF_NETWORKS = ("mapping", "stem", "base_blocks", "block", "rgb", "join", "norm", "head", "channels", "latent", "output")
OF_TRAINING = ("batch", "optimizer", "average", "mirror", "precision")
"""What of an experiment is named, if it says something."""


class CardOptions(NamedTuple):
    """What a card says that no run tells."""

    place: str
    """What `gankit.load` is given."""
    licence: str = UNKNOWN
    samples: str = "samples.png"
    """The picture beside it."""


def model_card(generator: TrainedGenerator, run: RunResults | str, options: CardOptions) -> str:
    """The card, with a head in YAML by the conventions of the Hugging Face Hub.

    Args:
        generator: What it is about.
        run: What its run has to show, or why that is not known, in words.
        options: The rest.
    """
    described = Description.of(generator)
    experiment = plain_value(mapping(described.experiment, "experiment"))
    sections = [_system(experiment), _training(generator, experiment), _measured(generator, run)]
    body = as_markdown(Report(str(experiment["name"]), sections))
    title, _, tables = body.partition("\n")
    parts = [
        _head(options.licence),
        title,
        _what(generator),
        f"![Samples]({options.samples})",
        tables.strip("\n"),
        _use(generator, options.place, [*plugin_file_names(described)]),
        f"## Licence\n\n{as_text(options.licence)}",
    ]
    return "\n\n".join(parts) + "\n"


def as_text(text: str) -> str:
    """Text of others as Markdown shows it on one line."""
    return as_markdown(Report(text, [])).removeprefix("# ").strip()


def _head(licence: str) -> str:
    """What the Hub reads."""
    word = licence.lower()
    is_word = re.fullmatch(r"[a-z0-9][a-z0-9.-]*", word)
    lines = [f"license: {'unknown' if licence == UNKNOWN else inline(word) if is_word else 'other'}"]
    lines += [] if is_word or licence == UNKNOWN else [f"license_name: {inline(licence)}"]
    lines += ["library_name: gankit", "pipeline_tag: unconditional-image-generation", "tags: [gan, gankit]"]
    return "\n".join(["---", *lines, "---"])


def _what(generator: TrainedGenerator) -> str:
    channels, height, width = generator.shape
    of = f", of {len(generator.classes)} classes: {as_text(listed(generator.classes))}" if generator.classes else ""
    if generator.attributes:
        of = f", by {len(generator.attributes)} attributes: {as_text(names_in_short(generator.attributes))}"
    return (
        f"A generator of images, {height} pixels high and {width} wide, of {channels} "
        f"channel{'s' * (channels > 1)}{of}. It was trained with gankit, which composes GANs of parts."
    )


def _system(experiment: dict[str, Any]) -> Section:
    """Of which parts networks, loss and penalties are."""
    rows = [
        [f"{network}.{name}", inline(value)]
        for network in ("generator", "discriminator")
        for name in OF_NETWORKS
        if (value := (experiment[network] or {}).get(name)) not in (None, [], {})
    ]
    rows += [
        [name, inline(value)]
        for name in ("critics", "loss", "regularizers", "augment")
        if (value := experiment.get(name))
    ]
    return Section("System", text_columns("part", "value"), rows)


def _training(generator: TrainedGenerator, experiment: dict[str, Any]) -> Section:
    """On what it was trained, how long, and by what."""
    stages, progress, origin = generator.experiment.stages(), generator.progress, generator.origin
    data = {name: value for name, value in experiment["data"].items() if value is not None}
    rows = [["data", inline(data)]]
    rows += [["fingerprint of the images", str(origin["data"])]] if origin.get("data") else []
    rows += [["stages", ", ".join(f"{stage.label}: {stage.images:,} images" for stage in stages)]]
    faded = "" if progress.alpha == 1 else f", whose layers have a weight of {progress.alpha:.3g}"
    rows += [["this generator", f"{generator.which}, of {progress.label}{faded}"]]
    rows += [["real images shown", f"{progress.images:,} of {ends(stages)[-1]:,}"]]
    training = experiment["training"]
    rows += [[name, inline(training[name])] for name in OF_TRAINING if training.get(name) not in (None, False)]
    versions = origin.get("versions")
    rows += [["versions", inline(versions)]] if isinstance(versions, dict) else []
    return Section("Training", text_columns("what", "value"), rows)


def _measured(generator: TrainedGenerator, run: RunResults | str) -> Section:
    """Its metrics by stage, each beside its noise floor, with the protocol; or why there are none."""
    if isinstance(run, str):
        return Section("Metrics", notes=[run])
    stages = [stage for stage in run.stages if stage.metrics and stage.images <= generator.progress.images]
    if not stages:
        return Section("Metrics", notes=["Its run has measured nothing up to this generator."])
    found = list(dict.fromkeys(name for stage in stages for name in stage.metrics))
    names = column_names(name for name in found if not is_spread(name, found))
    rows = []
    for stage in stages:
        cells = [stage.metrics.get(name) for name in names]
        values = [ABSENT if cell is None else significant(cell.value) for cell in cells]
        rows.append([stage.label, f"{stage.images:,}", *values])
    headers = [f"{name.removesuffix(FLOOR)} floor" if name.endswith(FLOOR) else name for name in names]
    notes = [
        *_notes(generator, run),
        f"measured with {surroundings(row for s in stages for row in s.metrics.values())}",
    ]
    return Section("Metrics", [Column("stage", is_number=False), *map(Column, ["images", *headers])], rows, notes)


def _notes(generator: TrainedGenerator, run: RunResults) -> Iterator[str]:
    yield "a floor is what other real images score"
    if generator.which != "average":
        yield f"names without an ending are of the averaged generator, and this is {generator.which}"
    yield from run.damage


def _use(generator: TrainedGenerator, place: str, plugins: Sequence[str]) -> str:
    label = f", label={generator.classes[0]!r}" if generator.classes else ""
    about = "  # without label of all classes" if label else ""
    given, why = "", ""
    if plugins:
        given, names = f", plugins={[*plugins]!r}", as_text(", ".join(plugins))
        why = f"\nIt needs plugins that are not in it: {names}. They are code; look at them before you load it.\n"
    return f"""## Use

Install gankit, then:
{why}
```python
import gankit

generator = gankit.load({place!r}{given})
images = generator.sample(16, seed=1{label}){about}
print(images.shape)  # float32 [N, C, H, W]; reals lie in [-1, 1]
```"""

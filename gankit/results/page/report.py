"""The page itself."""

from __future__ import annotations

import html

from gankit.config.yaml.writer import dump
from gankit.results import plots
from gankit.results.comparison import Comparison
from gankit.results.markup import PageSection, body_of, page, part_of
from gankit.results.page.choice import choices
from gankit.results.page.pictures import drawing
from gankit.results.page.provenance import event_table, provenance_tables
from gankit.results.page.samples import by_stage, samples
from gankit.results.report import build_report


def report_page(comparison: Comparison) -> str:
    """All that is known of a comparison as one HTML file that needs no other, nor a network, nor scripts.

    The tables are those of `gankit.results.report`. Equal runs give equal pages on the same machine.

    Args:
        comparison: What the page tells of; pictures and provenance are read from the folders of its runs.
    """
    shown, tables, chosen = build_report(comparison), build_report(comparison).sections, choices(comparison)
    events = event_table(comparison.variants)
    parts = [
        _figure(comparison),
        *map(part_of, tables),
        None if events is None else part_of(events),
        samples(chosen),
        by_stage(chosen),
        _options(comparison),
        _origins(comparison),
    ]
    return page(shown.title, _lead(comparison), [part for part in parts if part is not None], has_contents=True)


def _lead(comparison: Comparison) -> str:
    """What is compared, in a sentence."""
    variants, runs = len(comparison.variants), sum(len(variant.runs) for variant in comparison.variants)
    of = dict.fromkeys(variant.runs[0].name for variant in comparison.variants)
    beside = f", compared with {comparison.baseline.label}" if variants > 1 else ""
    counted = f"{_counted(variants, 'variant')}, {_counted(runs, 'run')}{beside}"
    return f"<p>{html.escape(', '.join(of))}: {html.escape(counted)}.</p>"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _figure(comparison: Comparison) -> PageSection | None:
    """Curves and means."""
    if not comparison.stages:
        return None
    metrics, sizes = (
        ", ".join(dict.fromkeys(names))
        for names in ([one.metric for one in comparison.stages], [one.size for one in comparison.stages])
    )
    alt = (
        f"{metrics} of {', '.join(variant.label for variant in comparison.variants)} at {sizes}: over real images "
        "shown, and each seed with mean and 95% interval at the end; the numbers stand in the tables below"
    )
    return PageSection(f"{metrics} by resolution", drawing(plots.plot(comparison, "svg"), alt))


def _options(comparison: Comparison) -> PageSection:
    """The experiment behind the baseline; what others change of it is told in a table."""
    first = comparison.baseline.runs[0]
    text = html.escape(dump(first.options))
    return PageSection(
        f"Options of {comparison.baseline.label}, seed {first.seed}", f"<pre>{text}</pre>", is_folded=True
    )


def _origins(comparison: Comparison) -> PageSection:
    """Provenance, in several tables."""
    told = [
        f"<h3>{html.escape(section.title)}</h3>\n{body_of(section)}"
        for section in provenance_tables(comparison.variants)
    ]
    return PageSection("Provenance", "\n".join(told), is_folded=True)

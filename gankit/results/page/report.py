"""The page itself."""

from __future__ import annotations

from gankit.config.yaml.writer import dump
from gankit.results.comparison import Comparison
from gankit.results.page.judged import judged_table
from gankit.results.page.markup import Figure, PagePart, page
from gankit.results.page.pictures import address_of
from gankit.results.page.provenance import event_table, provenance_tables
from gankit.results.page.samples import choices, samples_part, stages_part
from gankit.results.plots import plot
from gankit.results.report import build_report
from gankit.results.tables import Section


def report_page(comparison: Comparison) -> str:
    """All that is known of a comparison as one HTML file that needs no other, nor a network, nor scripts.

    The tables are those of `gankit.results.report`; pictures and provenance are read from the folders of the runs.
    Equal runs give equal pages on the same machine.
    """
    report, chosen, first = build_report(comparison), choices(comparison), comparison.baseline.runs[0]
    tables = [*report.sections, judged_table(comparison.variants), event_table(comparison.variants)]
    provenance = [PagePart(section) for section in provenance_tables(comparison.variants)]
    options = Section(f"Options of {comparison.baseline.label}, seed {first.seed}")
    parts = [
        _curves(comparison),
        *(PagePart(section) for section in tables if section is not None),
        samples_part(chosen),
        stages_part(chosen),
        PagePart(options, text=dump(first.options), is_folded=True),
        PagePart(Section("Provenance"), parts=provenance, is_folded=True),
    ]
    return page(report.title, [part for part in parts if part is not None], _lead(comparison))


def _lead(comparison: Comparison) -> str:
    """What is compared, in a sentence."""
    variants, runs = len(comparison.variants), sum(len(variant.runs) for variant in comparison.variants)
    names = ", ".join(dict.fromkeys(variant.runs[0].name for variant in comparison.variants))
    counted = f"{variants} variant{'s' * (variants > 1)}, {runs} run{'s' * (runs > 1)}"
    return f"{names}: {counted}{f', compared with {comparison.baseline.label}' if variants > 1 else ''}."


def _curves(comparison: Comparison) -> PagePart | None:
    """Curves and means."""
    if not comparison.stages:
        return None
    metrics = ", ".join(dict.fromkeys(stage.shown_metric for stage in comparison.stages))
    labels = ", ".join(dict.fromkeys(stage.label for stage in comparison.stages))
    alt = (
        f"{metrics} of {', '.join(variant.label for variant in comparison.variants)} at {labels}: over real images "
        "shown, and each seed with mean and 95% interval at the end; the numbers stand in the tables below"
    )
    drawing = Figure("", address_of(plot(comparison, "svg"), "svg+xml"), alt, kind="drawing")
    has_names = any(stage.name for stage in comparison.stages)
    return PagePart(Section(f"{metrics} by {'stage' if has_names else 'resolution'}"), drawing)

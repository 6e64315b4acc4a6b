"""Targets that need a section of their own in the region file, and what to say where that is missing."""

from dataclasses import dataclass

from kilnscan.config import Config


@dataclass(frozen=True)
class Wanted:
    """What a target needs in the region file."""

    section: str
    line: str
    """The least that it takes, to be adapted."""
    page: str
    """Where it is explained."""


TARGETS = {
    "change": Wanted(
        "change",
        'change: {earlier: [{path: results/my-region-2024/atlas/kilns.parquet, season: "2024"}]}',
        "docs/change.md",
    ),
    "evaluate": Wanted("reference", "reference: {path: known-kilns.geojson}", "config/README.md"),
    "ground_reports": Wanted("ground_reports", "ground_reports: [{path: reports.csv}]", "docs/ground-reports.md"),
    "paper": Wanted("paper", "paper: {text: my-paper.md}", "docs/paper.md"),
    "reconcile": Wanted(
        "inventories",
        "inventories: [{name: other, path: other.csv, licence: CC-BY-4.0, attribution: Who made it}]",
        "docs/accuracy.md",
    ),
    "sources": Wanted("sources", "sources: [{path: plants.csv, licence: CC-BY-4.0}]", "docs/sources.md"),
    "train": Wanted(
        "train",
        "train: {name: mine, regions: [{name: here, mosaic: composite.tif, labels: known-kilns.geojson}]}",
        "docs/tutorial-new-region.md",
    ),
}
"""Targets that there are only with the section; all others do with the defaults."""


def unasked(settings: Config) -> dict[str, str]:
    """The targets whose section is missing, and for each the sentence that says so."""
    return {
        target: f"`snakemake {target}` needs `{wanted.section}`, which the region file lacks: add for example "
        f"`{wanted.line}` ({wanted.page})."
        for target, wanted in TARGETS.items()
        if not getattr(settings, wanted.section)
    }

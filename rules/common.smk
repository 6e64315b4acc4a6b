"""What the rules share: the checked configuration, the tiles, and helpers that look things up in them.

No rules here. The tiles are known before any job runs, so there is no checkpoint.
"""

import sys
from pathlib import Path

from kilnscan.aoi import area_on_mosaic, read_area
from kilnscan.config import load_config
from kilnscan.errors import KilnscanError
from kilnscan.files import content_name
from kilnscan.fingerprint import fingerprint
from kilnscan.grid import tiles_of

try:
    settings = load_config(config)
    area = None if settings.region.aoi is None else read_area(settings.region.aoi)
    if settings.sentinel2.source == "mosaic":
        area = area_on_mosaic(area, settings.sentinel2.paths)
    tiles = {tile.id: tile for tile in tiles_of(area, settings.tiling.size_km)}
except KilnscanError as error:
    sys.exit(f"kilnscan: {error}")


def code_of(script):
    """Hash of what a script computes: it and the library modules it imports, without comments."""
    return fingerprint(Path(workflow.basedir) / "scripts" / f"{script}.py")


def model_card(path):
    """What is known of a model: its name, hash and card; the card lies beside it with the ending .md."""
    card = Path(path).with_suffix(".md")
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    return {"name": Path(path).name, "sha256": content_name(path), "text": text}


def closing_words():
    """What a run ends with: where the results are and how to look at them."""
    results = Path("results") / settings.region.name
    if not (results / "site" / "index.html").is_file():
        return ""
    return (
        f"\nkilns, one row each:  {results}/atlas/kilns.gpkg   (open it in QGIS)"
        f"\nthe map:              {results}/site/index.html   (double-click it; it needs no network)\n"
    )


def tile_spec(wildcards):
    """The tile of a job as plain values, so that a job reruns when its own tile changes and only then."""
    return tiles[wildcards.tile].spec()


def per_tile(name):
    """The file called `name` of every tile."""
    return expand("<results>/tiles/{tile}/" + name, tile=list(tiles))


def local_files(paths):
    """Those of `paths` that are files here, not URLs; their times never matter, only their content."""
    return [ancient(path) for path in paths if "://" not in path]


def mem_mb(base, per_megapixel):
    """Memory for a job on a tile: grows with the land it owns (in million 10 m pixels) and doubles with each attempt."""

    def needed(wildcards, attempt):
        megapixels = tiles[wildcards.tile].own.area / 1e8
        return int((base + per_megapixel * megapixels) * 2 ** (attempt - 1))

    return needed


def minutes(base, per_megapixel):
    """Runtime limit of a job on a tile in minutes, doubled with each attempt."""

    def needed(wildcards, attempt):
        megapixels = tiles[wildcards.tile].own.area / 1e8
        return int((base + per_megapixel * megapixels) * 2 ** (attempt - 1))

    return needed

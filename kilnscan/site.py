"""Write the web map: a folder that opens by a double click, from any web server, and without network."""

import base64
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from kilnscan.config_impact import Map
from kilnscan.errors import KilnscanError, TableError
from kilnscan.publish import check_layer, write_pmtiles
from kilnscan.site_backdrop import allow, boundary_lines, satellite_host, simple_areas
from kilnscan.site_joins import gone, with_change, with_estimates
from kilnscan.site_tables import (
    chips_named,
    columnar,
    details,
    feature_collection,
    places,
    plain_meta,
    script,
    slim,
)
from kilnscan.site_words import words

BUNDLE = Path(__file__).parent.parent / "site" / "dist"
"""The built map; its source is beside it and `npm run build` in `site/` makes it."""

# Beyond this a page opened from disk would choke on the archive as text; from a server the map reads it by ranges.
EMBED_LIMIT_BYTES = 32 * 1024 * 1024

IMAGE_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
CHIP = re.compile(r"chips/[\w-][\w.-]*\.(jpe?g|png|webp)", re.ASCII | re.IGNORECASE)

# Volunteers stood there: the map shows about where (100 m), and what they answered; their distance to a kiln would
# tell the place after all.
REPORT_DECIMALS = 3
REPORT_COLUMNS = ("date", "saw", "type", "working", "kiln", "verdict")


def write_site(
    folder: str | Path,
    kilns: gpd.GeoDataFrame,
    candidates: gpd.GeoDataFrame | None,
    acquired: gpd.GeoDataFrame | None,
    coverage: gpd.GeoDataFrame | None,
    meta: Mapping[str, Any],
    *,
    siting: pd.DataFrame | None = None,
    rules: pd.DataFrame | None = None,
    areas: gpd.GeoDataFrame | None = None,
    area_labels: Mapping[str, str] | None = None,
    sources: gpd.GeoDataFrame | None = None,
    reports: gpd.GeoDataFrame | None = None,
    change: gpd.GeoDataFrame | None = None,
    estimates: gpd.GeoDataFrame | None = None,
    settings: Map | None = None,
    quicklook: str | Path | None = None,
    quicklook_bounds: tuple[float, float, float, float] | None = None,
    thumbs: str | Path | None = None,
    archives: str | Path | None = None,
    downloads: Sequence[str | Path] = (),
    bundle: str | Path = BUNDLE,
) -> None:
    """Write the folder of the map, whole or not at all; an older one is replaced.

    Tables are in EPSG:4326; `kilns` needs `id` and geometry, what else it lacks the map does without. `siting` has a
    row per kiln and rule (kiln, rule, status, reason, distance_m, limit_m, probability, nearest); `rules` says what
    the rules are (id, title, citation...); `area_labels` are words for columns of `areas`. Of `sources` only rows that
    may be shown are written, of `reports` only accepted ones, without photos and about 100 m coarse. `change` tells
    what became of kilns, also of those that are no longer among `kilns`, `estimates` how many kilns `areas` hold.
    Empty tables are layers that the map does not offer.

    `quicklook` is a Web Mercator picture between `quicklook_bounds` (west, south, east, north in degrees). `thumbs`
    holds the images that `kilns.chip` and `kilns.chip_before` name as `chips/<file>`, `archives` vector tiles of
    layers that are written already. `downloads` are files to copy in and link. `meta` may hold region, title,
    synthetic, models (name, sha256, card), metrics (precision, recall, f1, n; a number or {value, interval}),
    estimated (kilns, precision, recall; {value, ci95}), emissions (factor sources: text, or {name, citation, licence}),
    credits, version, commit, licences, attribution and bounds (west, south, east, north).

    Raises TableError if a table lacks a column or names a chip that is not there, ConfigError for dictionaries and
    satellite services that cannot be used, VectorError for boundaries, KilnscanError if the bundle is missing or the
    disk is full.
    """
    settings = settings or Map()
    if not (Path(bundle) / "index.html").is_file():
        raise KilnscanError(f"The built map is missing at {bundle}: run `npm ci && npm run build` in site/.")
    _check_tables(kilns, {"candidates": candidates, "acquired": acquired, "coverage": coverage})
    spoken = words(settings)
    bounds = _bounds(meta, kilns, coverage)
    lost = gone(change, kilns, areas)
    kilns, areas = with_change(kilns, change), with_estimates(areas, estimates)
    with _replacing_folder(Path(folder)) as site:
        shutil.copytree(bundle, site, dirs_exist_ok=True, copy_function=shutil.copyfile)
        data = site / "data"
        data.mkdir()
        _write_script(data, "words", spoken)
        _write_script(data, "kilns", columnar(slim(kilns)))
        (data / "details").mkdir()
        for shard, content in enumerate(details(kilns, siting)):
            _write_script(data / "details", f"details_{shard}", content, f"{shard}")
        layers = {
            "coverage": None if _lacks(coverage) else feature_collection(coverage),
            "areas": None if _lacks(areas) else feature_collection(simple_areas(areas), 5),
            "sources": None if _lacks(sources) else _sources(sources),
            "reports": None if _lacks(reports) else _reports(reports),
            "gone": None if lost is None else columnar(lost),
            "boundaries": boundary_lines(settings.boundaries, bounds) if settings.boundaries and bounds else None,
            "basemap": _picture(quicklook, quicklook_bounds),
        }
        layers = {name: content for name, content in layers.items() if content}
        for name, content in layers.items():
            _write_script(data, name, content)
        tiled = {
            name: table for name, table in {"acquired": acquired, "candidates": candidates}.items() if not _lacks(table)
        }
        for name, table in tiled.items():
            archive = data / f"{name}.pmtiles"
            if archives is None:
                write_pmtiles(archive, table, name)
            else:
                shutil.copyfile(Path(archives) / archive.name, archive)
            if archive.stat().st_size <= EMBED_LIMIT_BYTES:
                _write_script(data, name, base64.b64encode(archive.read_bytes()).decode())
        more = {
            "rules": meta.get("rules", []) if rules is None else rules,
            "downloads": [Path(source).name for source in downloads],
            "site": {
                "layers": [*layers, *tiled],
                "base": settings.base,
                "satellite": _satellite(site, settings),
                "boundaries_note": settings.boundaries_note if "boundaries" in layers else "",
                "area_labels": dict(area_labels or {}),
                "earlier": settings.earlier and settings.earlier.model_dump(include={"date", "attribution"}),
            },
        }
        _write_script(data, "meta", plain_meta(meta, **more))
        _copy_chips(site, chips_named(kilns), thumbs)
        for source in downloads:
            (site / "downloads").mkdir(exist_ok=True)
            shutil.copyfile(source, site / "downloads" / Path(source).name)


def _check_tables(kilns: gpd.GeoDataFrame, layers: Mapping[str, gpd.GeoDataFrame | None]) -> None:
    missing = [column for column in ("id", "geometry") if column not in kilns.columns]
    if missing:
        raise TableError(f"The table of kilns lacks the column(s) {', '.join(missing)}: remake it and publish again.")
    if kilns.crs is None or kilns.crs.to_epsg() != 4326:
        raise TableError(f"The table of kilns has the CRS {kilns.crs}: published tables are in EPSG:4326; convert it.")
    if kilns["id"].duplicated().any():
        raise TableError("The table of kilns has an id twice: remake it and publish again.")
    for layer, table in layers.items():
        if not _lacks(table):
            check_layer(layer, table)


def _lacks(table: pd.DataFrame | None) -> bool:
    return table is None or table.empty


def _bounds(
    meta: Mapping[str, Any], kilns: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame | None
) -> tuple[float, float, float, float] | None:
    """West, south, east and north of what the map shows at first; None if there is nothing."""
    if meta.get("bounds"):
        return tuple(float(value) for value in meta["bounds"])
    table = kilns if _lacks(coverage) else coverage
    return None if _lacks(table) else tuple(float(value) for value in table.total_bounds)


def _satellite(site: Path, settings: Map) -> dict[str, Any] | None:
    """What the page must know of the tile service, whose host its security policy then lets it ask."""
    if settings.satellite is None:
        return None
    page = site / "index.html"
    page.write_text(allow(page.read_text(encoding="utf-8"), satellite_host(settings.satellite)), encoding="utf-8")
    return settings.satellite.model_dump()


def _sources(sources: gpd.GeoDataFrame) -> dict[str, Any] | None:
    table = sources[sources["show"].astype(bool)] if "show" in sources.columns else sources
    table = table[~(table.geometry.is_empty | table.geometry.isna())]
    rows = pd.DataFrame(table.drop(columns=[table.geometry.name, *({"show", "lon", "lat"} & set(table.columns))]))
    return columnar(rows.assign(**places(table))) if len(table) else None


def _reports(reports: gpd.GeoDataFrame) -> dict[str, Any] | None:
    table = reports[reports["decision"] == "accept"] if "decision" in reports.columns else reports
    table = table[~(table.geometry.is_empty | table.geometry.isna())]
    rows = pd.DataFrame(table[[name for name in REPORT_COLUMNS if name in table.columns]])
    if "date" in rows.columns:
        rows["date"] = rows["date"].astype(object).where(rows["date"].notna(), "").astype(str).str[:10]
    coarse = {name: np.round(values, REPORT_DECIMALS) for name, values in places(table).items()}
    return columnar(rows.assign(**coarse)) if len(table) else None


def _write_script(data: Path, name: str, content: Any, file: str | None = None) -> None:
    (data / f"{file or name}.js").write_text(script(name, content), encoding="ascii")


def _picture(path: str | Path | None, bounds: Sequence[float] | None) -> dict[str, Any] | None:
    """A picture inside the script: WebGL refuses files that a page opened from disk loads by itself."""
    if path is None or bounds is None:
        return None
    kind = IMAGE_TYPES.get(Path(path).suffix.lower())
    if kind is None:
        raise KilnscanError(f"The quicklook {path} is not a picture the map can show: give a .jpg, .png or .webp.")
    text = base64.b64encode(Path(path).read_bytes()).decode()
    return {"image": f"data:{kind};base64,{text}", "bounds": [float(value) for value in bounds]}


def _copy_chips(site: Path, chips: Sequence[str], thumbs: str | Path | None) -> None:
    for chip in chips:
        if thumbs is None or not CHIP.fullmatch(chip):
            raise TableError(
                f"A kiln names the chip {chip!r}: it must be chips/<file>, with <file> in the thumbs folder."
            )
        source = Path(thumbs) / Path(chip).name
        if not source.is_file():
            raise TableError(f"The chip {source} of a kiln is missing: make the chips again, then the map.")
        (site / "chips").mkdir(exist_ok=True)
        shutil.copyfile(source, site / chip)


@contextmanager
def _replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside `folder` that takes its place if the block succeeds."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    workspace = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        fresh, old = workspace / "new", workspace / "old"
        fresh.mkdir()
        yield fresh
        if folder.exists():
            folder.replace(old)
        fresh.replace(folder)
    except OSError as error:
        if error.errno == 28:  # ENOSPC
            raise KilnscanError(f"The disk is full while writing {folder}: free some space and run again.") from error
        raise
    finally:
        shutil.rmtree(workspace, ignore_errors=True)

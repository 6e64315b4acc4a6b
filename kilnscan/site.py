"""Write the web map: a folder that opens by a double click, from any web server, and without network."""

import base64
import json
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
from shapely import to_geojson

from kilnscan.errors import KilnscanError, TableError
from kilnscan.publish import check_layer, write_pmtiles

BUNDLE = Path(__file__).parent.parent / "site" / "dist"
"""The built map; its source is beside it and `npm run build` in `site/` makes it."""

# Beyond this a page opened from disk would choke on the archive as text; from a server the map reads it by ranges.
EMBED_LIMIT_BYTES = 32 * 1024 * 1024

IMAGE_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
CHIP = re.compile(r"chips/[\w-][\w.-]*\.(jpe?g|png|webp)", re.ASCII | re.IGNORECASE)

# Places keep 1e-6 degrees (0.1 m) in the page; the GeoPackage has them in full.
DECIMALS = {"lon": 6, "lat": 6, "score": 4, "screen_score": 4, "length_m": 1, "width_m": 1, "azimuth_deg": 1}


def write_site(
    folder: str | Path,
    kilns: gpd.GeoDataFrame,
    candidates: gpd.GeoDataFrame,
    acquired: gpd.GeoDataFrame,
    coverage: gpd.GeoDataFrame,
    meta: Mapping[str, Any],
    *,
    quicklook: str | Path | None = None,
    quicklook_bounds: tuple[float, float, float, float] | None = None,
    thumbs: str | Path | None = None,
    downloads: Sequence[str | Path] = (),
    bundle: str | Path = BUNDLE,
) -> None:
    """Write the folder of the map, whole or not at all; an older one is replaced.

    Tables are in EPSG:4326. `quicklook` is a Web Mercator picture between `quicklook_bounds` (west, south, east, north
    in degrees). `thumbs` holds the images that `kilns.chip` names as `chips/<file>`. `downloads` are files to copy in
    and link. `meta` may hold region, title, synthetic, models (name, sha256, card), metrics (precision, recall, f1, n),
    commit, licences, attribution and bounds (west, south, east, north).

    Raises TableError if a table lacks a column or names a chip that is not there, KilnscanError if the bundle is
    missing or the disk is full.
    """
    if not (Path(bundle) / "index.html").is_file():
        raise KilnscanError(f"The built map is missing at {bundle}: run `npm ci && npm run build` in site/.")
    for layer, table in {"kilns": kilns, "candidates": candidates, "acquired": acquired, "coverage": coverage}.items():
        check_layer(layer, table)
    with _replacing_folder(Path(folder)) as site:
        shutil.copytree(bundle, site, dirs_exist_ok=True, copy_function=shutil.copyfile)
        data = site / "data"
        data.mkdir()
        _write_script(data, "meta", {**meta, "downloads": [Path(source).name for source in downloads]})
        _write_script(data, "kilns", columnar(kilns))
        _write_script(data, "coverage", _feature_collection(coverage))
        _write_script(data, "basemap", _picture(quicklook, quicklook_bounds))
        for layer, table in {"acquired": acquired, "candidates": candidates}.items():
            archive = data / f"{layer}.pmtiles"
            write_pmtiles(archive, table, layer)
            if archive.stat().st_size <= EMBED_LIMIT_BYTES:
                _write_script(data, layer, base64.b64encode(archive.read_bytes()).decode())
        _copy_chips(site, kilns["chip"], thumbs)
        for source in downloads:
            (site / "downloads").mkdir(exist_ok=True)
            shutil.copyfile(source, site / "downloads" / Path(source).name)


def columnar(kilns: gpd.GeoDataFrame) -> dict[str, Any]:
    """The table by column, without geometry; a text column with repetitions becomes words and their numbers."""
    columns = {}
    for name in kilns.columns.drop(kilns.geometry.name):
        column = kilns[name]
        if pd.api.types.is_numeric_dtype(column):
            column = column.round(DECIMALS.get(name, 3))
            columns[name] = {"values": column.astype(object).where(np.isfinite(column.astype(float)), None).tolist()}
            continue
        text = column.fillna("").astype(str)
        codes, words = pd.factorize(text, sort=True)
        repeated = len(words) * 2 <= len(text)
        columns[name] = {"words": list(words), "codes": codes.tolist()} if repeated else {"values": text.tolist()}
    return {"length": len(kilns), "columns": columns}


def script(name: str, content: Any) -> str:
    """A script that hands JSON to the page. No text in `content` can end the script or be read as HTML."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)  # ASCII, so no U+2028 either
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return f"(globalThis.kilnscanData ??= {{}}).{name} = {text};\n"


def _write_script(data: Path, name: str, content: Any) -> None:
    (data / f"{name}.js").write_text(script(name, content), encoding="ascii")


def _feature_collection(table: gpd.GeoDataFrame) -> dict[str, Any]:
    properties = table.drop(columns=table.geometry.name).astype(object)
    rows = properties.where(properties.notna(), None).to_dict("records")
    shapes = [json.loads(shape) for shape in to_geojson(table.geometry.to_numpy())]
    features = [
        {"type": "Feature", "properties": {key: _plain(value) for key, value in row.items()}, "geometry": shape}
        for row, shape in zip(rows, shapes, strict=True)
    ]
    return {"type": "FeatureCollection", "features": features}


def _plain(value: Any) -> Any:
    """A value as JSON knows it; a list of dates becomes one line of text."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return ", ".join(str(one) for one in value)
    if isinstance(value, np.generic):
        return value.item()
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _picture(path: str | Path | None, bounds: Sequence[float] | None) -> dict[str, Any] | None:
    """A picture inside the script: WebGL refuses files that a page opened from disk loads by itself."""
    if path is None or bounds is None:
        return None
    kind = IMAGE_TYPES.get(Path(path).suffix.lower())
    if kind is None:
        raise KilnscanError(f"The quicklook {path} is not a picture the map can show: give a .jpg, .png or .webp.")
    text = base64.b64encode(Path(path).read_bytes()).decode()
    return {"image": f"data:{kind};base64,{text}", "bounds": [float(value) for value in bounds]}


def _copy_chips(site: Path, chips: pd.Series, thumbs: str | Path | None) -> None:
    for chip in sorted(set(chips.fillna("")) - {""}):
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

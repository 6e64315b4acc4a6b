"""Tables as a web page takes them: by column, numbers as base64 of small integers, everything safe inside a script."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

# Places keep 1e-6 degrees (0.1 m) in the page; the GeoPackage has them in full.
DECIMALS = {
    "lon": 6,
    "lat": 6,
    "score": 4,
    "screen_score": 4,
    "length_m": 1,
    "width_m": 1,
    "azimuth_deg": 1,
    "moved_m": 0,
}

SHARD = 500
"""Kilns per file of details."""

POLLUTANTS = ("pm25", "so2", "co", "bc", "co2")
SLIM = (
    *("id", "type", "score", "lon", "lat", "length_m", "width_m", "azimuth_deg", "first_seen", "last_seen"),
    *("change", "country", "state", "area", "siting", "rules_broken", "people_1km", "schools_1km", "clinics_1km"),
    *(f"{pollutant}_t{end}" for pollutant in POLLUTANTS for end in ("", "_low", "_high")),
    *("tile", "provider", "licence"),
)
"""Columns of kilns that filters, drawing, sums, table and downloads need; the page reads the others when asked."""

INTEGERS = {"i8": np.int8, "i16": np.int16, "i32": np.int32}


def script(name: str, content: Any) -> str:
    """A script that hands JSON to the page. No text in `content` can end the script or be read as HTML."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)  # ASCII, so no U+2028 either
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return f"(globalThis.kilnscanData ??= {{}}).{name} = {text};\n"


def columnar(table: pd.DataFrame) -> dict[str, Any]:
    """The table by column, without geometry.

    Numbers become integers after multiplication by `scale`, little-endian, base64; the most negative one means
    missing. What repeats becomes `words` (or numbers) and base64 codes; other text stays a list (`values`).
    """
    geometry = table.geometry.name if isinstance(table, gpd.GeoDataFrame) else None
    columns = {str(name): _column(str(name), table[name]) for name in table.columns if name != geometry}
    return {"length": len(table), "columns": columns}


def _column(name: str, column: pd.Series) -> dict[str, Any]:
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return _numbers(column.astype(float).to_numpy(na_value=np.nan), DECIMALS.get(name, 3))
    text = column.astype(object).where(column.notna(), "").map(_plain).astype(str)
    codes, words = pd.factorize(text, sort=True)
    if len(words) * 2 <= len(text):
        return {"words": [str(word) for word in words], **_codes(codes, len(words))}
    return {"values": text.tolist()}


def _numbers(values: np.ndarray, decimals: int) -> dict[str, Any]:
    known = np.isfinite(values)
    if (np.round(values[known], decimals) == np.round(values[known])).all():
        decimals = 0
    scaled = np.round(np.where(known, values, 0) * 10.0**decimals)
    reach = np.abs(scaled).max(initial=0)
    kind = next((kind for kind, dtype in INTEGERS.items() if reach <= np.iinfo(dtype).max), None)
    if kind is None:
        return {"type": "f64", "scale": 1, "data": _base64(np.where(known, values, np.nan).astype("<f8"))}
    distinct, codes = np.unique(np.where(known, scaled, np.nan), return_inverse=True)
    if kind != "i8" and len(distinct) <= 256 and len(distinct) * 8 < len(values):
        words = [None if np.isnan(word) else round(word / 10**decimals, decimals) for word in distinct.tolist()]
        return {"words": words, **_codes(codes.ravel(), len(words))}
    integers = scaled.astype(INTEGERS[kind])
    integers[~known] = np.iinfo(INTEGERS[kind]).min
    return {"type": kind, "scale": 10**decimals, "data": _base64(integers.astype(integers.dtype.newbyteorder("<")))}


def _codes(codes: np.ndarray, words: int) -> dict[str, str]:
    kind = "u8" if words <= 2**8 else "u16" if words <= 2**16 else "u32"
    return {"type": kind, "data": _base64(codes.astype(f"<u{int(kind[1:]) // 8}"))}


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode()


def slim(kilns: gpd.GeoDataFrame) -> pd.DataFrame:
    """What the page needs of every kiln at once, as far as `kilns` has it; places come from the geometry if need be."""
    table = pd.DataFrame(kilns[[name for name in SLIM if name in kilns.columns]])
    if not {"lon", "lat"} <= set(table.columns):
        table = table.assign(**places(kilns))
    return table.assign(type=table["type"] if "type" in table.columns else "")


def places(table: gpd.GeoDataFrame) -> dict[str, np.ndarray]:
    """Longitude and latitude of a point inside each geometry, degrees; NaN where there is none."""
    points = shapely.centroid(table.geometry.to_numpy())
    return {"lon": shapely.get_x(points), "lat": shapely.get_y(points)}


def details(kilns: gpd.GeoDataFrame, siting: pd.DataFrame | None) -> Iterator[dict[str, Any]]:
    """What is told of single kilns, `SHARD` of them at a time, with the siting rules of each (`row` in the table)."""
    rest = pd.DataFrame(kilns[[name for name in kilns.columns if name not in (*SLIM, kilns.geometry.name)]])
    rules = _siting_by_row(kilns, siting)
    starts = np.searchsorted(rules["row"].to_numpy(), np.arange(0, len(kilns) + SHARD, SHARD))
    for shard, first in enumerate(range(0, len(kilns), SHARD)):
        yield {
            "kilns": columnar(rest.iloc[first : first + SHARD]),
            "siting": columnar(rules.iloc[starts[shard] : starts[shard + 1]]),
        }


def _siting_by_row(kilns: gpd.GeoDataFrame, siting: pd.DataFrame | None) -> pd.DataFrame:
    if siting is None or siting.empty:
        return pd.DataFrame({"row": np.array([], int)})
    rows = pd.Series(np.arange(len(kilns)), index=kilns["id"]).reindex(siting["kiln"])
    rules = siting.drop(columns="kiln").assign(row=rows.to_numpy())
    rules = rules[rules["row"].notna()]
    return rules.assign(row=rules["row"].astype(int)).sort_values(["row", "rule"], kind="stable")


def feature_collection(table: gpd.GeoDataFrame, decimals: int | None = None) -> dict[str, Any]:
    """The table as GeoJSON; coordinates rounded to `decimals` if that is given."""
    shapes = table.geometry.to_numpy()
    if decimals is not None:
        shapes = shapely.transform(shapes, lambda xy: np.round(xy, decimals))
    written = [json.loads(shape) for shape in shapely.to_geojson(shapes)]
    features = [
        {"type": "Feature", "properties": row, "geometry": shape}
        for row, shape in zip(records(table.drop(columns=table.geometry.name)), written, strict=True)
    ]
    return {"type": "FeatureCollection", "features": features}


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON knows them; what is missing or infinite is null."""
    values = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(key): _plain(value) for key, value in row.items()} for row in values]


def _plain(value: Any) -> Any:
    """A value as JSON knows it; a list of dates becomes one line of text."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return ", ".join(str(one) for one in value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def plain_meta(meta: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """`meta` and `more` in one; tables become lists of records."""
    merged = {**meta, **more}
    return {key: records(value) if isinstance(value, pd.DataFrame) else value for key, value in merged.items()}


def chips_named(kilns: gpd.GeoDataFrame, columns: Sequence[str] = ("chip", "chip_before")) -> list[str]:
    """The pictures that kilns name, each once, in order."""
    named = [kilns[column].fillna("").astype(str) for column in columns if column in kilns.columns]
    return sorted(set().union(*named) - {""})

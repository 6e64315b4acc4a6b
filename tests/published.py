"""Invented tables of every published layer, with every column that the data dictionary knows."""

from pathlib import Path

import geopandas as gpd
import pandas as pd
from shapely import Point, box

from kilnscan.dictionary import dictionary_of, inventory_columns, read_dictionary
from kilnscan.geopackage import KINDS
from kilnscan.products import Edition, files_in

TEXT = {"text": "{name}{row}", "yes/no": True, "number": 0.5, "integer": 1}
META = {
    "region": "demo",
    "title": "Demo",
    "synthetic": False,
    "models": [{"name": "a.onnx", "sha256": "ab", "card": ""}],
    "metrics": None,
    "commit": "",
    "licences": ["CC0"],
    "attribution": ["Somebody"],
    "bounds": [77.0, 28.0, 77.2, 28.2],
}
SCENE = {
    "tile": {"id": "43RGM"},
    "fingerprint": "f",
    "synthetic": False,
    "dates": [{"date": "2024-03-01", "items": [{"id": "S2A_1", "collection": "sentinel-2-l2a"}]}],
    "mosaics": [{"path": "/home/somebody/composite.tif", "content": "c"}],
}
CATALOG = "https://stac.example.org/v1"


def layer(name: str, rows: int = 3) -> pd.DataFrame:
    """A layer or plain table with every column of the dictionary."""
    columns = {}
    for entry in read_dictionary():
        if entry.layer == name and entry.column != "geometry":
            pattern = TEXT[entry.type]
            texts = (
                [pattern.format(name=entry.column, row=row) for row in range(rows)] if entry.type == "text" else None
            )
            columns[entry.column] = texts or [pattern] * rows
    columns |= {name: [""] * rows for name in ("chip", "chip_before") if name in columns}
    if {"first_seen", "last_seen"} <= set(columns):
        columns["first_seen"], columns["last_seen"] = ["2024-02-01"] * rows, ["2024-04-30"] * rows
    if "verdict" in columns:
        columns["verdict"] = ["new"] * rows
    table = pd.DataFrame(columns)
    if name == "siting":
        return table.assign(kiln=[f"id{row}" for row in range(rows)])
    places = [(77.0123456 + 0.02 * row, 28.0123456) for row in range(rows)]
    shapes = [
        Point(x, y) if KINDS[name] == "Point" else box(x - 0.001, y - 0.001, x + 0.001, y + 0.001) for x, y in places
    ]
    if name == "kilns":
        table = table.assign(lon=[x for x, _ in places], lat=[y for _, y in places])
    return gpd.GeoDataFrame(table, geometry=shapes, crs=4326)


def layers(rows: int = 3) -> dict[str, pd.DataFrame]:
    """Every layer and plain table of an atlas that has all."""
    return {name: layer(name, rows) for name in (*KINDS, "siting")}


def edition(folder: Path, tables: dict[str, pd.DataFrame] | None = None, **changes: object) -> Edition:
    """A full edition that goes to `folder`."""
    tables = layers() if tables is None else tables
    config = {"region": {"name": "demo", "title": "Demo"}}
    told = {"meta": META, "config": config, "cards": {}, "scenes": [SCENE], "catalog": CATALOG}
    told["dictionary"] = dictionary_of(tables, inventory_columns(tables))
    return Edition(files_in(folder), tables, **(told | changes))

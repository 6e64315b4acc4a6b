"""A frozen scene list: the scenes of a whole region as one small file that a paper can be committed with.

It is a STAC item collection like any other, so `sentinel2.catalog` may name it. Each scene says which cells of land
(kilnscan/dates.py) it was chosen for, so that the same are chosen again, without asking anybody. It is GeoJSON too:
QGIS shows the footprints.
"""

from typing import Any

import shapely

from kilnscan.config_parts import is_remote
from kilnscan.errors import CatalogueError


def freeze(lists: list[dict[str, Any]]) -> dict[str, Any]:
    """The item collection of all scenes in scene lists (scenes.json), with their reflectance offsets settled.

    Raises CatalogueError if a scene is a file on this machine: its catalogue is a frozen list already.
    """
    features = {}
    for scenes in lists:
        for day in scenes["dates"]:
            for item in day["items"]:
                href = next(iter(item["assets"].values()), "")
                if not is_remote(href):
                    raise CatalogueError(
                        f"The scenes of tile {scenes['tile']['id']} are files on this machine ({href}): only scenes "
                        "on the web or in S3 can be frozen. Commit their catalogue instead."
                    )
                if any("?" in href for href in item["assets"].values()):
                    raise CatalogueError(
                        f"The links of scene {item['id']} carry a query, perhaps a key: such a list cannot be kept."
                    )
                feature = features.setdefault((item["collection"], item["id"]), _feature(item, scenes))
                cells = feature["properties"]["kilnscan:cells"]
                cells.extend(cell for cell in day["cells"] if cell not in cells)
    for feature in features.values():
        feature["properties"]["kilnscan:cells"].sort()
    return {"type": "FeatureCollection", "features": [features[key] for key in sorted(features)]}


def _feature(item: dict[str, Any], scenes: dict[str, Any]) -> dict[str, Any]:
    shape = shapely.from_wkt(item["footprint"]) if item["footprint"] else None
    properties = {
        "datetime": item["datetime"],
        "eo:cloud_cover": item["cloud"],
        "proj:code": f"EPSG:{scenes['tile']['epsg']}",
        "s2:processing_baseline": item["baseline"],
        "kilnscan:settled": True,
        "kilnscan:cells": [],
        "kilnscan:synthetic": scenes["synthetic"],
    }
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": item["id"],
        "collection": item["collection"],
        "geometry": shape and shapely.geometry.mapping(shape),
        "bbox": shape and list(shape.bounds),
        "properties": properties,
        "links": [],
        "assets": {band: _asset(item, band) for band in item["assets"]},
    }


def _asset(item: dict[str, Any], band: str) -> dict[str, Any]:
    rows, columns, *transform = item["grids"][band]
    asset = {"href": item["assets"][band], "proj:shape": [rows, columns], "proj:transform": transform}
    if band in item["radiometry"]:
        factor, offset = item["radiometry"][band]
        asset["raster:bands"] = [{"scale": round(factor / 10_000, 12), "offset": round(offset / 10_000, 12)}]
    return asset

"""An indicator of firing: how short-wave infrared inside a kiln's box compares with the land around it, date by date.

Something hot shines more in band 12 (2.19 micrometres) than in band 11 (1.61), by Planck's law; soil, brick and crops
reflect less there. So the ratio of the two, highest in the box and relative to the ring around it, rises where a fire
is open to the sky. **It is not validated**: kilns burn under a cover of ash, pixels are 20 m wide, passes are at 10:30,
and ash, roofs and wet soil change the ratio too. It ranks dates and kilns for a look; it proves nothing.
"""

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from kilnscan.composite import open_scenes, read_looks, read_patiently, without
from kilnscan.config_change import Activity
from kilnscan.errors import ConfigError
from kilnscan.grid import PIXEL_M
from kilnscan.reader import Reader
from kilnscan.scene_reader import SceneReader

BANDS = ["B04", "B08", "B11", "B12"]
GAP_M, RING_M = 40.0, 250.0
"""The ring around a kiln: from so far to so far from its box."""
LEAST_CLEAR = 0.5
"""Of box and ring, for a date to count."""
COLUMNS = {
    "kiln": "str", "date": "str", "legal": "boolean", "swir_ratio": float, "swir_contrast": float, "swir_excess": float,
    "ndvi": float, "clear": float,
}  # fmt: skip


def activity_of_tile(scenes: dict[str, Any], kilns: gpd.GeoDataFrame, config: Activity) -> pd.DataFrame:
    """A row per kiln and date on which it was seen clearly, sorted: the columns `COLUMNS`.

    `swir_ratio` is the highest B12/B11 of the box, `swir_contrast` that divided by the ring's median, `swir_excess` the
    contrast divided by the kiln's own median over all dates; `ndvi` is the box's median (a green yard is not in use).
    `kilns` (EPSG:4326) are those of the tile. Raises ConfigError if the scenes lack one of `BANDS`.
    """
    stored = {band for day in scenes["dates"] for item in day["items"] for band in item.get("assets", {})}
    if scenes["source"] != "stac" or (scenes["dates"] and not set(BANDS) <= stored):
        raise ConfigError(
            f"`activity` compares single dates in {', '.join(BANDS)}, which the scenes of {scenes['tile']['id']} "
            "lack: give `sentinel2.source: stac` and name these bands in `sentinel2.bands`."
        )
    boxes = kilns.geometry.to_crs(scenes["tile"]["epsg"]).to_numpy()
    middle = shapely.centroid(boxes)
    order = np.lexsort((shapely.get_x(middle), -shapely.get_y(middle) // 10_000))  # as pixels are read: in rows
    listed = scenes | {"bands": BANDS, "statistic": "median"}

    def work(reader: Reader, kept: dict[str, Any]) -> list[dict[str, Any]]:
        rows = []
        for day in kept["dates"]:
            one = open_scenes(kept | {"dates": [day]})
            try:
                for place in order:
                    rows += _look(one, boxes[place], {"kiln": kilns["id"].iloc[place], "date": day["date"]})
            finally:
                if isinstance(one, SceneReader):
                    one.close()
        return rows

    rows, _ = read_patiently(without(listed, scenes.get("lost", [])), work)
    table = pd.DataFrame(rows, columns=[name for name in COLUMNS if name not in ("legal", "swir_excess")])
    usual = table.groupby("kiln")["swir_contrast"].transform("median")
    table["swir_excess"] = (table["swir_contrast"] / usual).astype(float).round(4)
    table["legal"] = pd.array([config.legal(day) for day in table["date"]], dtype="boolean")
    return table[list(COLUMNS)].astype(COLUMNS).sort_values(["kiln", "date"]).reset_index(drop=True)


def _look(reader: Reader, box: shapely.Geometry, about: dict[str, str]) -> list[dict[str, Any]]:
    """What one date shows of a kiln (UTM metres): one row, or none if too little of it was clear."""
    west, south, east, north = box.buffer(RING_M).bounds
    left, bottom = (np.floor(edge / PIXEL_M) * PIXEL_M for edge in (west, south))
    right, top = (np.ceil(edge / PIXEL_M) * PIXEL_M for edge in (east, north))
    pixels, seen = read_looks(reader, (left, bottom, right, top))
    x, y = np.meshgrid(np.arange(left, right, PIXEL_M) + 5, np.arange(top, bottom, -PIXEL_M) - 5)
    away = shapely.distance(box, shapely.points(x, y))
    inside, ring = away == 0, (away > GAP_M) & (away < RING_M)
    clear = seen > 0
    if not inside.any() or min(clear[inside].mean(), clear[ring].mean()) < LEAST_CLEAR:
        return []
    red, nir, short, long = pixels.astype(float)
    ratio = long / np.maximum(short, 1)
    hottest, usual = ratio[inside & clear].max(), np.median(ratio[ring & clear])
    green = (nir - red) / np.maximum(nir + red, 1)
    values = {
        "swir_ratio": hottest,
        "swir_contrast": hottest / max(usual, 0.01),
        "ndvi": np.median(green[inside & clear]),
        "clear": clear[inside].mean(),
    }
    return [about | {name: round(float(value), 4) for name, value in values.items()}]

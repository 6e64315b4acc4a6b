"""STAC items of the synthetic scenes, in the shape of Earth Search's `sentinel-2-l2a` collection."""

from datetime import date
from typing import Any

import numpy as np
from rasterio.warp import transform_geom
from shapely import MultiPoint
from shapely.geometry import mapping, shape
from shapely.geometry.polygon import orient

from kilnscan.landscape.plan import EPSG, Bounds

ASSETS = {  # asset: band, gsd in metres, title, centre and width of the band in micrometres
    "blue": ("B02", 10, "Blue (band 2) - 10m", 0.49, 0.098),
    "green": ("B03", 10, "Green (band 3) - 10m", 0.56, 0.045),
    "red": ("B04", 10, "Red (band 4) - 10m", 0.665, 0.038),
    "nir": ("B08", 10, "NIR 1 (band 8) - 10m", 0.842, 0.145),
    "swir16": ("B11", 20, "SWIR 1 (band 11) - 20m", 1.61, 0.143),
    "swir22": ("B12", 20, "SWIR 2 (band 12) - 20m", 2.19, 0.242),
    "scl": ("SCL", 20, "Scene classification map (SCL)", None, None),
}
MEDIA_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"
EXTENSIONS = ("eo/v1.0.0", "grid/v1.0.0", "mgrs/v1.0.0", "projection/v1.0.0", "raster/v1.1.0", "view/v1.0.0")


def item(
    name: str, grid: str, bounds: Bounds, day: date, habit: tuple[bool, float, int, str], scl: np.ndarray
) -> dict[str, Any]:
    """One STAC item, its footprint and percentages taken from its scene classification (row, column; 20 m)."""
    offset_applied, offset, _, baseline = habit
    seen = scl > 0
    footprint = _footprint(seen, bounds)
    time = f"{day.isoformat()}T04:41:{day.day:02d}.000000Z"
    properties = {
        "datetime": time,
        "created": time,
        "updated": time,
        "platform": "sentinel-2a" if day.month % 2 else "sentinel-2b",
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "eo:cloud_cover": _percent(np.isin(scl, (8, 9, 10)), seen),
        "proj:epsg": EPSG,
        "mgrs:utm_zone": int(grid[:2]),
        "mgrs:latitude_band": grid[2],
        "mgrs:grid_square": grid[3:],
        "grid:code": f"MGRS-{grid}",
        "view:sun_azimuth": 152.0,
        "view:sun_elevation": 45.0,
        "s2:nodata_pixel_percentage": _percent(~seen, np.ones_like(seen)),
        "s2:cloud_shadow_percentage": _percent(scl == 3, seen),
        "s2:vegetation_percentage": _percent(scl == 4, seen),
        "s2:not_vegetated_percentage": _percent(scl == 5, seen),
        "s2:water_percentage": _percent(scl == 6, seen),
        "s2:medium_proba_clouds_percentage": _percent(scl == 8, seen),
        "s2:high_proba_clouds_percentage": _percent(scl == 9, seen),
        "s2:thin_cirrus_percentage": _percent(scl == 10, seen),
        "s2:product_type": "S2MSI2A",
        "s2:processing_baseline": baseline,
        "s2:sequence": "0",
        "earthsearch:boa_offset_applied": offset_applied,
        "kilnscan:synthetic": True,
    }
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [f"https://stac-extensions.github.io/{name}/schema.json" for name in EXTENSIONS],
        "id": name,
        "collection": "sentinel-2-l2a",
        "geometry": footprint,
        "bbox": [round(value, 7) for value in shape(footprint).bounds],
        "properties": properties,
        "links": [],
        "assets": {asset: _asset(asset, name, bounds, offset) for asset in ASSETS},
    }


def _asset(asset: str, name: str, bounds: Bounds, offset: float) -> dict[str, Any]:
    """One band of an item; its href is relative to the catalogue."""
    band, gsd, title, centre, width = ASSETS[asset]
    left, bottom, right, top = bounds
    raster: dict[str, Any] = {"nodata": 0, "data_type": "uint16", "spatial_resolution": gsd}
    entry = {
        "href": f"sentinel2/{name}/{band}.tif",
        "type": MEDIA_TYPE,
        "title": title,
        "proj:shape": [round((top - bottom) / gsd), round((right - left) / gsd)],
        "proj:transform": [gsd, 0, left, 0, -gsd, top],
        "raster:bands": [raster],
        "roles": ["data", "reflectance"],
    }
    if centre is not None:
        raster |= {"bits_per_sample": 15, "scale": 0.0001, "offset": offset}
        entry["gsd"] = gsd
        entry["eo:bands"] = [
            {"name": asset, "common_name": asset, "center_wavelength": centre, "full_width_half_max": width}
        ]
    return entry


def _percent(part: np.ndarray, whole: np.ndarray) -> float:
    """Share of `part` in `whole`, per cent."""
    return round(100 * float(part.sum()) / max(1, int(whole.sum())), 6)


def _footprint(seen: np.ndarray, bounds: Bounds) -> dict[str, Any]:
    """Outline of the pixels with data, a GeoJSON polygon in longitude and latitude."""
    pixel = (bounds[2] - bounds[0]) / seen.shape[1]
    rows = np.flatnonzero(seen.any(axis=1))
    first, last = seen[rows].argmax(axis=1), seen.shape[1] - seen[rows, ::-1].argmax(axis=1)
    columns, edges = np.concatenate([first, first, last, last]), np.concatenate([rows, rows + 1, rows, rows + 1])
    corners = np.column_stack([bounds[0] + columns * pixel, bounds[3] - edges * pixel])
    outline = orient(MultiPoint(corners).convex_hull.simplify(pixel))
    return transform_geom(f"EPSG:{EPSG}", "EPSG:4326", mapping(outline), precision=7)

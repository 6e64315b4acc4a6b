"""From DN to reflectance: the scale and offset that an item declares, checked against its own pixels.

Since processing baseline 04.00 (25 January 2022) L2A pixels carry an offset of 1000 DN (ESA, Sentinel-2 Products
Specification, BOA_ADD_OFFSET). Earth Search's `sentinel-2-l2a` has taken it off some scenes and not others, and some
items say the wrong thing about it (Element84 cirrus-earth-search#33, earth-search#66 and #71). So where it matters the
pixels are asked: clear vegetation and water are dark in the visible bands, below a reflectance of 0.1, so that more
than 1000 DN there means that the offset is still in.
"""

import numpy as np

from kilnscan.blocks import paste
from kilnscan.catalogue import Item
from kilnscan.cog import Cog
from kilnscan.errors import CatalogueError
from kilnscan.ranges import Ranges

OFFSET_DN = 1000
UNTOUCHED = "sentinel-2-c1-l2a"
"""The collection whose pixels are as ESA made them and whose items say so."""
DARK_CLASSES = (4, 6)  # SCL: vegetation, water
GUARD_PIXEL_M = 330.0  # overviews are read: two small requests a scene
GUARD_PIXELS = 200


def declared(item: Item, band: str) -> tuple[float, float]:
    """Factor and offset from DN to reflectance times 10,000, as the item's metadata say.

    Raises CatalogueError if they cannot be reflectance.
    """
    asset = item.asset(band)
    told = asset.raster_bands[0] if asset.raster_bands else {}
    scale, offset = told.get("scale", asset.scale), told.get("offset", asset.offset)
    if scale is None:
        scale = 0.0001
    if offset is None:
        offset = -OFFSET_DN * 0.0001 if item.properties.baseline >= "04.00" else 0
    numbers = isinstance(scale, (int, float)) and isinstance(offset, (int, float))
    if not (numbers and 0 < scale < 1 and -1 < offset < 1):
        raise CatalogueError(
            f"STAC item {item.id} declares scale {scale!r} and offset {offset!r} for {band}, "
            "which cannot be reflectance."
        )
    if item.properties.offset_applied and item.collection != UNTOUCHED:
        offset = 0
    return float(round(scale * 10_000, 6)), float(round(offset * 10_000, 6))


def needs_measuring(item: Item) -> bool:
    """Whether an item's word on the offset is not enough."""
    old = item.properties.baseline and item.properties.baseline < "04.00"
    return not (item.properties.settled or item.properties.synthetic or item.collection == UNTOUCHED or old)


def carries_offset(item: Item, catalog: str, ranges: Ranges) -> bool | None:
    """Whether the 1000 DN are still in an item's pixels; None where it shows too little dark land to tell.

    Reads overviews of a visible band and of SCL. Raises SourceError if they cannot be read.
    """
    band = next((name for name in ("B02", "B03", "B04") if item.has(name)), None)
    if band is None:
        return None
    dn, dn_pixel = _overview(Cog.open(item.link(band, catalog), ranges, GUARD_PIXEL_M))
    classes, pixel = _overview(Cog.open(item.link("SCL", catalog), ranges, GUARD_PIXEL_M))
    rows, columns = (((np.arange(size) + 0.5) * pixel / dn_pixel).astype(int) for size in classes.shape)
    rows, columns = rows[rows < dn.shape[0]], columns[columns < dn.shape[1]]
    seen, classes = dn[np.ix_(rows, columns)], classes[: len(rows), : len(columns)]
    dark = seen[np.isin(classes, DARK_CLASSES) & (seen > 0)]
    return bool(np.percentile(dark, 25) >= OFFSET_DN) if dark.size >= GUARD_PIXELS else None


def _overview(cog: Cog) -> tuple[np.ndarray, float]:
    """A small raster whole, or the first block of rows of a large one without overviews; and its pixel size."""
    rows, columns = min(cog.height, 2048), min(cog.width, 2048)
    result = np.zeros((rows, columns), cog.dtype)
    for i, j in cog.blocks(0, 0, rows, columns):
        paste(result, cog.decode((i, j), cog.fetch((i, j))), i * cog.block[0], j * cog.block[1])
    return result, cog.pixel_m

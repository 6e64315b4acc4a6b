"""Small pictures for the map: a basemap of the region and a chip of each kiln."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
from affine import Affine
from PIL import Image, ImageDraw
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.warp import reproject, transform_bounds

from kilnscan.errors import TableError
from kilnscan.files import replacing
from kilnscan.grid import mercator
from kilnscan.imagery import read_chips
from kilnscan.lattice import CHIP_M, chip_bounds, nearest_vertex, window_bounds
from kilnscan.obb import from_polygons
from kilnscan.store import Store

BASEMAP_PX = 2048
CHIP_PX = 320
"""Edge of a kiln's picture, which shows one chip's width (160 m) around its centre."""

Bounds = tuple[float, float, float, float]


def write_basemap(path: Path, quicklooks: list[str]) -> Bounds | None:
    """Web Mercator JPEG of the tiles' quicklooks (uint16 RGB); its west, south, east, north in degrees.

    None, and no file, where nothing was seen. Brightness is stretched between the 2nd and 98th percentile.
    """
    try:
        with_extent = [(file, _mercator_bounds(file)) for file in quicklooks]
        boxes = np.array([bounds for _, bounds in with_extent])
        left, bottom, right, top = *boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)
        scale = max(right - left, top - bottom) / BASEMAP_PX
        width, height = max(round((right - left) / scale), 1), max(round((top - bottom) / scale), 1)
        picture = np.zeros((3, height, width), np.uint16)
        place = Affine(scale, 0, left, 0, -scale, top)
        for file, _ in with_extent:
            with rasterio.open(file) as source:
                layer = np.zeros_like(picture)
                reproject(
                    rasterio.band(source, [1, 2, 3]), layer, dst_transform=place, dst_crs="EPSG:3857", src_nodata=0,
                    dst_nodata=0, resampling=Resampling.bilinear,
                )  # fmt: skip
            picture = np.where(picture == 0, layer, picture)
    except RasterioError as error:
        raise TableError(f"A quicklook is damaged ({error}): delete it and run again.") from error
    seen = (picture > 0).all(axis=0)
    if not seen.any():
        return None
    low, high = np.percentile(picture[:, seen], (2, 98))
    shown = np.clip((picture - low) / max(high - low, 1) * 235 + 20, 20, 255) * seen + 240 * ~seen
    with replacing(path) as temporary:
        Image.fromarray(shown.astype(np.uint8).transpose(1, 2, 0)).save(temporary, quality=82)
    west, south = mercator.transform(left, bottom, direction="INVERSE")
    east, north = mercator.transform(right, top, direction="INVERSE")
    return west, south, east, north


def _mercator_bounds(path: str) -> Bounds:
    with rasterio.open(path) as source:
        return transform_bounds(source.crs, "EPSG:3857", *source.bounds)


def write_chips(
    folder: Path, kilns: gpd.GeoDataFrame, chips: dict[tuple[int, int, int], str], store: Store
) -> list[str]:
    """A JPEG (320 px, 160 m) of each kiln with its box; the files' names, empty where there is no imagery.

    `kilns` in EPSG:4326; `chips` names stored chips by (epsg, i, j). North is up in the grid of the chips.
    """
    names = [""] * len(kilns)
    for epsg in sorted({key[0] for key in chips}):
        placed = kilns.geometry.to_crs(epsg)
        for index, (polygon, box) in enumerate(zip(placed, from_polygons(placed.to_numpy()), strict=True)):
            window = nearest_vertex(box[0], box[1])
            picture = _picture(window, epsg, chips, store) if not names[index] else None
            if picture is None:
                continue
            left, _, _, top = window_bounds(window)
            scale = CHIP_PX / CHIP_M
            ring = [((x - left) * scale, (top - y) * scale) for x, y in polygon.exterior.coords]
            ImageDraw.Draw(picture).line(ring, fill=(255, 255, 255), width=2)
            corner = round((box[0] - left) * scale) - CHIP_PX // 2, round((top - box[1]) * scale) - CHIP_PX // 2
            picture = picture.crop((*corner, corner[0] + CHIP_PX, corner[1] + CHIP_PX))
            names[index] = f"{kilns['id'].iloc[index]}.jpg"
            with replacing(folder / names[index]) as temporary:
                picture.save(temporary, quality=85)
    return names


def _picture(
    window: tuple[int, int], epsg: int, chips: dict[tuple[int, int, int], str], store: Store
) -> Image.Image | None:
    """The window of 320 m, stretched to its own brightness; None if all four chips are missing."""
    left, _, _, top = window_bounds(window)
    around = [(i, j) for i in (window[0] - 1, window[0]) for j in (window[1] - 1, window[1]) if (epsg, i, j) in chips]
    if not around:
        return None
    pixels = read_chips([chips[epsg, *chip] for chip in around], store)
    parts = [(chip_bounds(chip), *pixels[chips[epsg, *chip]]) for chip in around]
    return stretched(parts, (left, top), 2, CHIP_PX, (200, 200, 200))


def stretched(
    parts: list[tuple[Bounds, np.ndarray, np.ndarray]],
    corner: tuple[float, float],
    chips: int,
    chip_px: int,
    ground: tuple[int, int, int],
) -> Image.Image:
    """Chips in one picture of `chips` by `chips`, stretched to their own brightness; `ground` where there is none.

    `parts` are bounds in metres, pixels (3, row, column) and validity (row, column) of each; `corner` is the left and
    the top edge of the picture, `chip_px` the edge of a chip in it.
    """
    whole = Image.new("RGB", (chips * chip_px, chips * chip_px), ground)
    values = np.concatenate([pixels[:, valid] for _, pixels, valid in parts], axis=1) if parts else np.empty(0)
    low, high = np.percentile(values, (1, 99)) if values.size else (0, 1)
    for (west, _, _, north), pixels, _ in parts:
        shown = np.clip((pixels - low) / max(high - low, 1) * 255, 0, 255).astype(np.uint8).transpose(1, 2, 0)
        tile = Image.fromarray(shown).resize((chip_px, chip_px), Image.Resampling.BICUBIC)
        place = round((west - corner[0]) / CHIP_M) * chip_px, round((corner[1] - north) / CHIP_M) * chip_px
        whole.paste(tile, place)
    return whole

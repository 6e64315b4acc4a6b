"""Read an existing composite (any CRS, any number of bands) on a UTM pixel grid.

Whole numbers of up to 16 bits stay as they are. Floats become whole numbers here, once: ten thousand times their value,
so that a reflectance of 1 is 10,000 as in Sentinel-2's own files, and embeddings between -1 and 1 fit.
"""

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.warp import calculate_default_transform
from rasterio.windows import Window

from kilnscan.errors import ImageryError
from kilnscan.grid import Bounds
from kilnscan.web import plain

SIGNED = ("int16", "float32", "float64")
"""Types whose pixels are handed on as int16."""
TYPES = ("uint8", "uint16", *SIGNED)
PER_UNIT = 10_000
"""What a float of 1 becomes."""


def open_mosaic(path: str | Path, bands: int = 3, driver: str | None = None) -> rasterio.DatasetReader:
    """Open a composite and check that it can be placed on a map.

    With a `driver`, it is opened as that format and no other: a stranger's VRT may name any file of this machine.

    Raises ImageryError if the file is missing or unreadable, has no CRS, fewer than `bands` bands, another type than
    TYPES or, among its first `bands`, several types.
    """
    try:
        source = rasterio.open(path, driver=driver)
    except RasterioError as error:
        raise ImageryError(
            f"Cannot open the image {plain(str(path))}: {_told(error, path)}. Check `sentinel2.path`, or `imagery` "
            "if it is the second stage's."
        ) from error
    problem = None
    if source.crs is None:
        problem = "it has no CRS; assign one, for example with `gdal_edit.py -a_srs EPSG:32643`"
    elif source.count < bands:
        problem = f"it has {source.count} band(s) where {bands} are needed; check `sentinel2.bands`"
    elif any(dtype not in TYPES for dtype in source.dtypes):
        problem = f"its bands are {source.dtypes[0]}; convert it to one of {', '.join(TYPES)}"
    elif len(set(source.dtypes[:bands])) > 1:
        problem = (
            f"its bands are of several types, {' and '.join(sorted(set(source.dtypes[:bands])))}; convert all to one"
        )
    if problem:
        source.close()
        raise ImageryError(f"The image {plain(str(path))} cannot be used: {problem}.")
    return source


def _told(error: Exception, path: str | Path) -> str:
    """GDAL's words without what may be secret in a link: its query. rasterio puts them into the exception's cause."""
    secret, words = str(path).partition("?")[2], str(error.__cause__ or error)
    return words.replace(f"?{secret}", "") if secret else words


def read_mosaic(
    path: str | Path,
    epsg: int,
    bounds: Bounds,
    resolution_m: float = 10.0,
    indexes: list[int] | None = None,
    driver: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Read `bounds` (UTM metres of `epsg`) of a composite at `resolution_m`, bilinear.

    Returns pixels (band, row, column) in the file's own type, floats as int16 (times PER_UNIT, rounded and clipped),
    and a boolean mask of valid pixels (row, column). Of signed numbers, a pixel is invalid where any band is not finite
    or nodata; of unsigned ones, whose nodata 0 may be a dark pixel in one band, where all are nodata. Each pixel
    depends only on its own place, never on the window asked for, so that tiles agree to the last bit.
    """
    with open_mosaic(path, max(indexes or [1]), driver) as source:
        indexes = indexes or list(range(1, source.count + 1))
        try:
            if _on_grid(source, epsg, bounds, resolution_m):
                return _whole_numbers(*_read_aligned(source, bounds, resolution_m, indexes), source.nodata)
            return _whole_numbers(*_read_warped(source, epsg, bounds, resolution_m, indexes), source.nodata)
        except RasterioError as error:
            raise ImageryError(
                f"The image {plain(str(path))} is damaged and cannot be read at {bounds} (EPSG:{epsg}): "
                f"{_told(error, path)}. "
                "Fetch or make it again."
            ) from error


def _whole_numbers(pixels: np.ndarray, valid: np.ndarray, nodata: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Floats as int16; signed numbers are invalid where any band is not finite or holds the nodata value."""
    if pixels.dtype.name not in SIGNED:
        return pixels, valid
    if nodata is not None:
        valid &= (pixels != nodata).all(axis=0)
    if pixels.dtype.kind != "f":
        return np.where(valid, pixels, 0), valid
    valid &= np.isfinite(pixels).all(axis=0)
    limits = np.iinfo(np.int16)
    scaled = np.clip(np.rint(np.where(valid, pixels, 0) * PER_UNIT), limits.min, limits.max)
    return scaled.astype(np.int16), valid


def _on_grid(source: rasterio.DatasetReader, epsg: int, bounds: Bounds, resolution_m: float) -> bool:
    """Whether the pixels asked for are the file's own: nothing to interpolate."""
    place = source.transform
    if source.crs.to_epsg() != epsg or (place.a, place.b, place.d, place.e) != (resolution_m, 0, 0, -resolution_m):
        return False
    return (bounds[0] - place.c) % resolution_m == 0 and (place.f - bounds[3]) % resolution_m == 0


def _read_aligned(
    source: rasterio.DatasetReader, bounds: Bounds, resolution_m: float, indexes: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    left, bottom, right, top = bounds
    rows, columns = round((top - bottom) / resolution_m), round((right - left) / resolution_m)
    row, column = round((source.transform.f - top) / resolution_m), round((left - source.transform.c) / resolution_m)
    pixels, valid = np.zeros((len(indexes), rows, columns), source.dtypes[0]), np.zeros((rows, columns), bool)
    first_row, last_row = max(row, 0), min(row + rows, source.height)
    first_column, last_column = max(column, 0), min(column + columns, source.width)
    if first_row < last_row and first_column < last_column:
        window = Window(first_column, first_row, last_column - first_column, last_row - first_row)
        inner = np.s_[first_row - row : last_row - row, first_column - column : last_column - column]
        valid[inner] = source.dataset_mask(window=window) > 0
        pixels[(slice(None), *inner)] = np.where(valid[inner], source.read(indexes, window=window), 0)
    return pixels, valid


def _read_warped(
    source: rasterio.DatasetReader, epsg: int, bounds: Bounds, resolution_m: float, indexes: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    left, bottom, right, top = bounds
    scale = str(min(1.0, native_resolution_m(source, epsg) / resolution_m))
    with WarpedVRT(
        source,
        crs=f"EPSG:{epsg}",
        transform=Affine(resolution_m, 0, left, 0, -resolution_m, top),
        width=round((right - left) / resolution_m),
        height=round((top - bottom) / resolution_m),
        resampling=Resampling.bilinear,
        add_alpha=source.nodata is None and ColorInterp.alpha not in source.colorinterp,
        # GDAL's defaults approximate the transform and guess the scale chunk by chunk: windows would disagree. South of
        # the equator 1e-6 still rounds some pixels otherwise; rasterio takes no 0, and less costs no time
        tolerance=1e-13,
        XSCALE=scale,
        YSCALE=scale,
        # rasterio's YES lets the nodata of one band into the interpolation where another band has data
        UNIFIED_SRC_NODATA="PARTIAL" if source.dtypes[0] in SIGNED else "YES",
    ) as vrt:
        pixels = vrt.read(indexes)
        valid = vrt.dataset_mask() > 0
    pixels[:, ~valid] = 0
    return pixels, valid


def native_resolution_m(source: rasterio.DatasetReader, epsg: int) -> float:
    """Pixel size of an open raster in metres, as GDAL would choose it for the UTM zone `epsg`."""
    transform, _, _ = calculate_default_transform(
        source.crs, f"EPSG:{epsg}", source.width, source.height, *source.bounds
    )
    return float(transform.a)

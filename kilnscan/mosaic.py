"""Read an existing composite (any CRS, uint8 or uint16, three bands or more) on a UTM pixel grid."""

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.warp import calculate_default_transform

from kilnscan.errors import ImageryError
from kilnscan.grid import Bounds


def open_mosaic(path: str | Path, bands: int = 3) -> rasterio.DatasetReader:
    """Open a composite and check that it can be placed on a map.

    Raises ImageryError if the file is missing or unreadable, has no CRS, fewer than `bands` bands or another type
    than uint8 or uint16.
    """
    try:
        source = rasterio.open(path)
    except RasterioError as error:
        raise ImageryError(f"Cannot open the composite {path}: {error}. Check `sentinel2.path`.") from error
    problem = None
    if source.crs is None:
        problem = "it has no CRS; assign one, for example with `gdal_edit.py -a_srs EPSG:32643`"
    elif source.count < bands:
        problem = f"it has {source.count} band(s) where {bands} are needed; check `sentinel2.bands`"
    elif any(dtype not in ("uint8", "uint16") for dtype in source.dtypes):
        problem = f"its bands are {source.dtypes[0]}; convert it to uint8 or uint16"
    if problem:
        source.close()
        raise ImageryError(f"The composite {path} cannot be used: {problem}.")
    return source


def read_mosaic(
    path: str | Path, epsg: int, bounds: Bounds, resolution_m: float = 10.0, indexes: list[int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read `bounds` (UTM metres of `epsg`) of a composite at `resolution_m`, bilinear.

    Returns pixels (band, row, column) in the file's own type and a boolean mask of valid pixels (row, column).
    Each pixel depends only on its own place, never on the window asked for, so that tiles agree to the last bit.
    """
    left, bottom, right, top = bounds
    width, height = round((right - left) / resolution_m), round((top - bottom) / resolution_m)
    with open_mosaic(path) as source:
        scale = str(min(1.0, native_resolution_m(source, epsg) / resolution_m))
        with WarpedVRT(
            source,
            crs=f"EPSG:{epsg}",
            transform=Affine(resolution_m, 0, left, 0, -resolution_m, top),
            width=width,
            height=height,
            resampling=Resampling.bilinear,
            add_alpha=source.nodata is None,
            # GDAL's defaults approximate the transform and guess the scale chunk by chunk: windows would disagree
            tolerance=1e-6,
            XSCALE=scale,
            YSCALE=scale,
        ) as vrt:
            indexes = indexes or list(range(1, source.count + 1))
            try:
                pixels = vrt.read(indexes)
                valid = vrt.dataset_mask() > 0
            except RasterioError as error:
                raise ImageryError(
                    f"The composite {path} is damaged and cannot be read at {bounds} (EPSG:{epsg}): {error}. "
                    "Fetch or make it again."
                ) from error
    pixels[:, ~valid] = 0
    return pixels, valid


def native_resolution_m(source: rasterio.DatasetReader, epsg: int) -> float:
    """Pixel size of an open raster in metres, as GDAL would choose it for the UTM zone `epsg`."""
    transform, _, _ = calculate_default_transform(
        source.crs, f"EPSG:{epsg}", source.width, source.height, *source.bounds
    )
    return float(transform.a)

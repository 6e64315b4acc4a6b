"""Small real files for tests: rasters, scenes with their STAC items, areas of interest."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

ROOT = Path(__file__).parent.parent


@pytest.fixture
def raster(tmp_path: Path) -> Callable[..., str]:
    """Factory of GeoTIFFs: `raster("a.tif", pixels (band, row, column), epsg, left, top, pixel)` gives the path."""

    def make(
        name: str, pixels: np.ndarray, epsg: int | None = 32645, left: float = 450_000, top: float = 2_100_000,
        pixel: float = 10, nodata: float | None = None,
    ) -> str:  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        bands, rows, columns = pixels.shape
        profile = {
            "driver": "GTiff", "dtype": pixels.dtype, "count": bands, "height": rows, "width": columns,
            "crs": epsg and f"EPSG:{epsg}", "transform": Affine(pixel, 0, left, 0, -pixel, top), "nodata": nodata,
        }  # fmt: skip
        with rasterio.open(path, "w", **profile) as target:
            target.write(pixels)
        return str(path)

    return make

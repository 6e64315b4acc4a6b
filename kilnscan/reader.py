"""What training, screening and detection need of any imagery: pixels of a UTM window at a resolution."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from rasterio.warp import transform_bounds

from kilnscan.errors import ImageryError
from kilnscan.grid import Bounds, zone_of
from kilnscan.mosaic import SIGNED, open_mosaic, read_mosaic


class Reader(Protocol):
    """Imagery that can be read anywhere on one UTM grid."""

    epsg: int
    """EPSG code of the UTM zone."""
    bands: list[str]
    """Band names in reading order."""
    bounds: Bounds
    """Extent in metres of `epsg`."""

    def read(self, bounds: Bounds, resolution_m: float = 10.0) -> tuple[np.ndarray, np.ndarray]:
        """Return pixels (band, row, column) and the mask of valid pixels (row, column) of `bounds`."""


@dataclass(frozen=True)
class MosaicReader:
    """Composites in files, warped to a UTM grid as they are read; where several overlap, the first valid pixel."""

    paths: tuple[str, ...]
    epsg: int
    bands: list[str]
    bounds: Bounds

    @classmethod
    def open(cls, path: str | Path, bands: list[str]) -> "MosaicReader":
        """Reader of one whole composite in the UTM zone of its centre.

        Raises ImageryError if the file cannot be used or has fewer bands than `bands`.
        """
        with open_mosaic(path, len(bands)) as source:
            west, south, east, north = transform_bounds(source.crs, "EPSG:4326", *source.bounds)
            middle = (west + east) / 2 if west < east else (west + east) / 2 + 180  # across the antimeridian
            epsg = zone_of(middle, (south + north) / 2)
            return cls((str(path),), epsg, bands, transform_bounds(source.crs, f"EPSG:{epsg}", *source.bounds))

    @cached_property
    def signed(self) -> bool:
        """Whether pixels are int16: the files hold such, or floats."""
        with open_mosaic(self.paths[0], len(self.bands)) as source:
            return source.dtypes[0] in SIGNED

    @cached_property
    def _extents(self) -> dict[str, Bounds]:
        extents, kinds = {}, {}
        for path in self.paths:
            with open_mosaic(path, len(self.bands)) as source:
                extents[path] = transform_bounds(source.crs, f"EPSG:{self.epsg}", *source.bounds)
                kinds[source.dtypes[0]] = path
        if len(kinds) > 1:
            raise ImageryError(f"{' and '.join(kinds.values())} are {' and '.join(kinds)}: convert all to one type.")
        return extents

    def files_at(self, bounds: Bounds) -> list[str]:
        """Those of `paths` whose extent meets `bounds`."""
        left, bottom, right, top = bounds
        return [
            path
            for path, (x0, y0, x1, y1) in self._extents.items()
            if x0 < right and left < x1 and y0 < top and bottom < y1
        ]

    def read(self, bounds: Bounds, resolution_m: float = 10.0) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (band, row, column) in the files' type, floats as int16, and the mask of valid ones (row, column)."""
        indexes = list(range(1, len(self.bands) + 1))
        first, *others = self.files_at(bounds) or self.paths[:1]
        pixels, valid = read_mosaic(first, self.epsg, bounds, resolution_m, indexes)
        for path in others:
            more, more_valid = read_mosaic(path, self.epsg, bounds, resolution_m, indexes)
            fill = more_valid & ~valid
            pixels[:, fill] = more[:, fill]
            valid |= fill
        return pixels, valid

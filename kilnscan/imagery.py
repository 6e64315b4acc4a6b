"""The second stage's pixels: chips from a provider, each fetched once into a store named by content.

A chip's name is the hash of provider, source, place and resolution, so that neither a rerun, nor another threshold,
nor an overlapping candidate ever fetches the same pixels twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import RasterioError

from kilnscan import composite
from kilnscan.composite import average, read_patiently, without
from kilnscan.config import RGB, Imagery
from kilnscan.errors import ImageryError
from kilnscan.files import content_name, digest, replacing
from kilnscan.fingerprint import fingerprint
from kilnscan.grid import Bounds
from kilnscan.lattice import CHIP_M, Vertex, chip_bounds, chips_of
from kilnscan.reader import MosaicReader, Reader

SENTINEL2_RESOLUTION_M = 2.5  # Sentinel-2's own pixels, interpolated four times finer
_BLOCK = 8  # chips are read from composites in squares of so many: one read serves them all


class Provider(Protocol):
    """Where chips come from."""

    resolution_m: float
    """Pixel size of the chips in metres."""

    def source_of(self, chip: Vertex) -> str:
        """Content name of what the chip is cut from."""

    def fetch(self, chips: list[Vertex]) -> Iterator[tuple[Vertex, np.ndarray, np.ndarray]]:
        """Each chip with its RGB pixels (3, row, column) and their validity (row, column)."""


class Cog:
    """RGB files or URLs that the user is licensed for."""

    def __init__(self, config: Imagery, epsg: int) -> None:
        self.resolution_m = config.resolution_m
        if not config.files:
            raise ImageryError(f"`imagery.paths` {config.paths!r} matches no file: check the folder and the spelling.")
        self.reader = MosaicReader(tuple(config.files), epsg, RGB, (0, 0, 0, 0))
        self._names: dict[str, str] = {}

    def source_of(self, chip: Vertex) -> str:
        """Content names of the files that meet the chip."""
        paths = self.reader.files_at(chip_bounds(chip))
        for path in paths:
            if path not in self._names:
                self._names[path] = content_name(path)
        return digest([self._names[path] for path in paths])

    def fetch(self, chips: list[Vertex]) -> Iterator[tuple[Vertex, np.ndarray, np.ndarray]]:
        """Read chip by chip."""
        for chip in chips:
            if self.reader.files_at(chip_bounds(chip)):
                pixels, valid = self.reader.read(chip_bounds(chip), self.resolution_m)
                yield chip, _unsigned(pixels), valid
            else:
                side = round(CHIP_M / self.resolution_m)
                yield chip, np.zeros((3, side, side), np.uint8), np.zeros((side, side), bool)


class Sentinel2:
    """The screen's own pixels, interpolated four times finer: free, everywhere, and coarse."""

    resolution_m = SENTINEL2_RESOLUTION_M

    def __init__(self, reader: Reader, scenes: dict[str, Any]) -> None:
        self.reader = reader
        listed = {key: value for key, value in scenes.items() if key not in ("tile", "fingerprint", "lost")}
        self._source = digest([fingerprint(composite.__file__), listed])  # these pixels are computed: so is their name
        missing = [band for band in RGB if band not in self.reader.bands]
        if missing:
            raise ImageryError(f"The provider `sentinel2` needs the bands {RGB}; `sentinel2.bands` lacks {missing}.")
        self._rgb = [self.reader.bands.index(band) for band in RGB]

    def source_of(self, chip: Vertex) -> str:
        """Content name of the tile's scenes."""
        return self._source

    def fetch(self, chips: list[Vertex]) -> Iterator[tuple[Vertex, np.ndarray, np.ndarray]]:
        """Read block by block, then cut."""
        blocks: dict[Vertex, list[Vertex]] = {}
        for i, j in chips:
            blocks.setdefault((i // _BLOCK, j // _BLOCK), []).append((i, j))
        side = round(CHIP_M / self.resolution_m)
        for _, members in sorted(blocks.items(), key=lambda block: (-block[0][1], block[0][0])):  # as scenes are stored
            west, east = min(i for i, _ in members), max(i for i, _ in members) + 1
            south, north = min(j for _, j in members), max(j for _, j in members) + 1
            bounds = (west * CHIP_M, south * CHIP_M, east * CHIP_M, north * CHIP_M)
            pixels, valid = self.reader.read(bounds, self.resolution_m)
            pixels = _unsigned(pixels[self._rgb])
            for i, j in members:
                cut = np.s_[(north - 1 - j) * side : (north - j) * side, (i - west) * side : (i - west + 1) * side]
                yield (i, j), pixels[(slice(None), *cut)], valid[cut]


def _unsigned(pixels: np.ndarray) -> np.ndarray:
    """`pixels` as chips are stored: int16 reflectances become uint16, those below 0 become 0."""
    return np.maximum(pixels, 0).astype(np.uint16) if pixels.dtype == np.int16 else pixels


@dataclass(frozen=True)
class Acquired:
    """What became of the chips asked for."""

    chips: dict[Vertex, str]
    """Chips at hand and their names in the store."""
    missing: list[Vertex]
    """Chips the provider has nothing of."""
    fetched: int
    """How many were not in the store yet."""


def acquire(provider: Provider, name: str, epsg: int, chips: list[Vertex], store: Path) -> Acquired:
    """See that every chip is in the store; fetch those that are not."""
    keys = {
        chip: digest([name, provider.source_of(chip), epsg, list(chip), CHIP_M, provider.resolution_m])
        for chip in chips
    }
    absent = [
        chip
        for chip in chips
        if not (store / f"{keys[chip]}.tif").exists() and not (store / f"{keys[chip]}.none").exists()
    ]
    for chip, pixels, valid in provider.fetch(absent):
        if valid.any():
            _write_chip(store / f"{keys[chip]}.tif", epsg, chip_bounds(chip), provider.resolution_m, pixels, valid)
        else:
            with replacing(store / f"{keys[chip]}.none") as temporary:
                temporary.touch()
    missing = [chip for chip in chips if not (store / f"{keys[chip]}.tif").exists()]
    return Acquired({chip: key for chip, key in keys.items() if chip not in set(missing)}, missing, len(absent))


def acquire_for_tile(
    scenes: dict[str, Any], lost: list[dict[str, str]], windows: list[Vertex], config: Imagery, store: Path
) -> dict[str, Any]:
    """Acquire the chips of a tile's windows; the record of it is imagery.json.

    `lost` are the scenes that the screen had to leave out: the second stage leaves them out too.
    """
    tile = scenes["tile"]
    chips = chips_of(windows)

    def from_scenes(reader: Reader, listed: dict[str, Any]) -> tuple[Acquired, float, list[str]]:
        provider = Sentinel2(reader, listed)
        dates = [day["date"] for day in listed["dates"]]
        return acquire(provider, config.provider, tile["epsg"], chips, store), provider.resolution_m, dates

    if config.provider == "sentinel2":
        (acquired, resolution_m, dates), more = read_patiently(without(scenes, lost), from_scenes)
        lost = [*lost, *more]
    else:
        provider = Cog(config, tile["epsg"])
        acquired = acquire(provider, config.provider, tile["epsg"], chips, store)
        resolution_m, dates = provider.resolution_m, [config.date]
    return {
        "tile": tile["id"],
        "epsg": tile["epsg"],
        "provider": config.provider,
        "licence": config.licence,
        "attribution": config.attribution,
        "dates": sorted(filter(None, dates)),
        "lost": lost,
        "resolution_m": resolution_m,
        "windows": windows,
        "chips": [[i, j, key] for (i, j), key in acquired.chips.items()],
        "missing": acquired.missing,
    }


def _write_chip(
    path: Path, epsg: int, bounds: Bounds, resolution_m: float, pixels: np.ndarray, valid: np.ndarray
) -> None:
    profile = {
        "driver": "GTiff", "dtype": pixels.dtype, "count": 3, "width": valid.shape[1], "height": valid.shape[0],
        "crs": f"EPSG:{epsg}", "transform": Affine(resolution_m, 0, bounds[0], 0, -resolution_m, bounds[3]),
        "compress": "deflate", "predictor": 2, "interleave": "pixel", "photometric": "rgb",
    }  # fmt: skip
    with (
        replacing(path) as temporary,
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(temporary, "w", **profile) as target,
    ):
        target.write(pixels)
        if not valid.all():
            target.write_mask(valid)


def read_chip(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (3, row, column) and validity (row, column) of a stored chip. Raises ImageryError if it is damaged."""
    try:
        with rasterio.open(path) as source:
            return source.read(), source.dataset_mask() > 0
    except RasterioError as error:
        raise ImageryError(
            f"The stored chip {path} is damaged or gone ({error}): delete it and run `snakemake -R imagery`."
        ) from error


def training_reader(reader: Reader, native_m: float) -> Reader:
    """`reader` read at `native_m` and then averaged, exactly as stored chips are shrunk for the detector."""
    return _Averaging(reader, native_m)


@dataclass(frozen=True)
class _Averaging:
    reader: Reader
    native_m: float

    @property
    def epsg(self) -> int:
        return self.reader.epsg

    @property
    def bands(self) -> list[str]:
        return self.reader.bands

    @property
    def bounds(self) -> Bounds:
        return self.reader.bounds

    def read(self, bounds: Bounds, resolution_m: float = 10.0) -> tuple[np.ndarray, np.ndarray]:
        factor = round(resolution_m / self.native_m)
        pixels, valid = self.reader.read(bounds, resolution_m / factor)
        return average(pixels, factor), valid[::factor, ::factor]

"""Where chips come from: files and URLs (`cog`), and the screen's own pixels (`sentinel2`).

`kilnscan.stac_imagery` and `kilnscan.xyz` hold the other two providers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from kilnscan import composite
from kilnscan.composite import average
from kilnscan.config_imagery import Imagery
from kilnscan.config_sentinel2 import RGB
from kilnscan.errors import ImageryError
from kilnscan.files import content_name, digest
from kilnscan.fingerprint import fingerprint
from kilnscan.grid import Bounds
from kilnscan.lattice import CHIP_M, Vertex, chip_bounds
from kilnscan.prices import CHIP_KM2
from kilnscan.reader import MosaicReader, Reader

SENTINEL2_RESOLUTION_M = 2.5  # Sentinel-2's own pixels, interpolated four times finer
_BLOCK = 8  # chips are read from composites in squares of so many: one read serves them all


class Provider(Protocol):
    """Where chips come from."""

    resolution_m: float
    """Pixel size of the chips in metres."""

    dates: list[str]
    """When the pixels were taken, as far as that is known."""

    def source_of(self, chip: Vertex) -> str:
        """Content name of what the chip is cut from."""

    def charges(self, names: Mapping[Vertex, str]) -> dict[str, float]:
        """What must be paid for chips, given by their names in the store: the price of each thing by its name."""

    def fetch(self, chips: list[Vertex]) -> Iterator[tuple[Vertex, np.ndarray, np.ndarray]]:
        """Each chip with its RGB pixels (3, row, column) and their validity (row, column)."""


class Cog:
    """RGB files or URLs that the user is licensed for."""

    def __init__(self, config: Imagery, epsg: int) -> None:
        self.resolution_m, self.dates = config.resolution_m, [config.date]
        self.price = config.price_per_km2 * CHIP_KM2
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

    def charges(self, names: Mapping[Vertex, str]) -> dict[str, float]:
        """Price of each chip by its name in the store."""
        return {name: self.price for chip, name in names.items() if self.reader.files_at(chip_bounds(chip))}

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
        self.dates = [day["date"] for day in scenes["dates"]]
        listed = {key: value for key, value in scenes.items() if key not in ("tile", "fingerprint", "lost")}
        self._source = digest([fingerprint(composite.__file__), listed])  # these pixels are computed: so is their name
        missing = [band for band in RGB if band not in self.reader.bands]
        if missing:
            raise ImageryError(f"The provider `sentinel2` needs the bands {RGB}; `sentinel2.bands` lacks {missing}.")
        self._rgb = [self.reader.bands.index(band) for band in RGB]

    def source_of(self, chip: Vertex) -> str:
        """Content name of the tile's scenes."""
        return self._source

    def charges(self, names: Mapping[Vertex, str]) -> dict[str, float]:
        """Nothing."""
        return {}

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

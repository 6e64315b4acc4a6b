"""Chips from a web tile service that the user has a key and a permission for: never a default, always slowly.

Web tiles are squares of Web Mercator (EPSG:3857). Each is fetched once into the store, whatever chips need it, and
chips are warped from them. The key comes from the environment and goes nowhere but into the request.
"""

import io
import math
import os
import re
import time
from collections.abc import Iterator, Mapping

import numpy as np
from affine import Affine
from PIL import Image
from rasterio.warp import transform_bounds
from scipy.ndimage import map_coordinates

from kilnscan.config_imagery import Imagery
from kilnscan.errors import ConfigError, SourceError
from kilnscan.files import digest
from kilnscan.grid import transformer
from kilnscan.lattice import CHIP_M, Vertex, chip_bounds
from kilnscan.store import Store
from kilnscan.web import PassingError, Web, promised

HALF_M = math.pi * 6_378_137.0
"""Half the side of the Web Mercator square in its metres."""
LARGEST_TILE = 1 << 22  # bytes
FORMATS = ("PNG", "JPEG", "WEBP")
NOTHING_HERE = {204, 404, 410}
COARSER = 1.2
"""How much coarser than `resolution_m` a zoom level's pixels may be before the next level is taken."""

WebTile = tuple[int, int, int]
"""Zoom, column, row."""


class TileService:
    """The provider `xyz`."""

    def __init__(self, config: Imagery, epsg: int, store: Store) -> None:
        self.resolution_m, self.dates = config.resolution_m, [config.date]
        self.config, self.epsg, self.store = config, epsg, store
        self.web = Web()
        self._next = 0.0

    def source_of(self, chip: Vertex) -> str:
        """Content name of the service and zoom; what the service shows now cannot be named."""
        return digest([self.config.url, self.config.date, self.config.tile_px, self._zoom(chip)])

    def charges(self, names: Mapping[Vertex, str]) -> dict[str, float]:
        """Price of each web tile that the chips need and the store lacks."""
        needed = {tile for chip in names for tile in self._tiles_of(chip)[0].ravel().tolist()}
        price = self.config.price_per_1000_requests / 1000
        names = [self._name(tuple(tile)) for tile in needed]
        held = self.store.present(names)
        return {name.rpartition("/")[2]: price for name in names if name not in held}

    def fetch(self, chips: list[Vertex]) -> Iterator[tuple[Vertex, np.ndarray, np.ndarray]]:
        """Chip by chip, from west to east, so that neighbours share web tiles."""
        for chip in chips:
            yield chip, *self._warp(chip)

    def _zoom(self, chip: Vertex) -> int:
        """The configured zoom, or the coarsest whose pixels on the ground are fine enough."""
        if self.config.zoom is not None:
            return self.config.zoom
        _, south, _, north = transform_bounds(f"EPSG:{self.epsg}", "EPSG:4326", *chip_bounds(chip))
        ground = 2 * HALF_M * math.cos(math.radians((south + north) / 2)) / self.config.tile_px
        return min(24, max(0, math.ceil(math.log2(ground / (self.resolution_m * COARSER)))))

    def _tiles_of(self, chip: Vertex) -> tuple[np.ndarray, Affine]:
        """Web tiles (row, column) under a chip, as an array of (zoom, x, y), and the place of their pixels."""
        zoom, px = self._zoom(chip), self.config.tile_px
        side = 2 * HALF_M / 2**zoom
        x, y = self._mercator(*_rim(chip))
        west, south, east, north = x.min(), y.min(), x.max(), y.max()
        pixel = side / px
        x0, x1 = (math.floor((x + HALF_M) / side) for x in (west - 2 * pixel, east + 2 * pixel))
        y0, y1 = (math.floor((HALF_M - y) / side) for y in (north + 2 * pixel, south - 2 * pixel))
        grid = np.empty((y1 - y0 + 1, x1 - x0 + 1), object)
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                grid[y - y0, x - x0] = (zoom, x % 2**zoom, y)
        return grid, Affine(pixel, 0, x0 * side - HALF_M, 0, -pixel, HALF_M - y0 * side)

    def _mercator(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places in metres of UTM in metres of Web Mercator; across the antimeridian x runs on."""
        x, y = map(np.asarray, transformer(self.epsg, 3857).transform(x, y))
        return (np.where(x < 0, x + 2 * HALF_M, x) if np.ptp(x) > HALF_M else x), y

    def _warp(self, chip: Vertex) -> tuple[np.ndarray, np.ndarray]:
        grid, place = self._tiles_of(chip)
        px = self.config.tile_px
        pixels = np.zeros((4, grid.shape[0] * px, grid.shape[1] * px), np.uint8)
        held = self.store.read(self._name(tile) for tile in grid.ravel())
        for (row, column), tile in np.ndenumerate(grid):
            picture = self._picture(tile, held)
            if picture is not None:
                pixels[:3, row * px : (row + 1) * px, column * px : (column + 1) * px] = picture
                pixels[3, row * px : (row + 1) * px, column * px : (column + 1) * px] = 255
        side = round(CHIP_M / self.resolution_m)
        along = (np.arange(side) + 0.5) * self.resolution_m
        left, _, _, top = chip_bounds(chip)
        x, y = self._mercator(*np.meshgrid(left + along, top - along))
        rows, columns = (y - place.f) / place.e - 0.5, (x - place.c) / place.a - 0.5
        bands = [map_coordinates(band.astype(np.float32), [rows, columns], order=1) for band in pixels]
        seen = bands[3] > 254.5
        return np.where(seen, np.rint(bands[:3]), 0).astype(np.uint8), seen

    def _name(self, tile: WebTile) -> str:
        """Name of a web tile in the store."""
        told = [self.config.url, self.config.date, self.config.tile_px, *tile]
        return f"web-tiles/{digest(told)}.tile"

    def _picture(self, tile: WebTile, held: dict[str, bytes]) -> np.ndarray | None:
        """RGB (3, row, column) of a web tile, held or from the service; None if the service has nothing there."""
        name = self._name(tile)
        content = held.get(name)
        if content is None:
            content = self._ask(tile)
            self.store.put(name, content)
        try:
            return _decoded(content, self.config.tile_px) if content else None
        except PassingError as error:
            place = self.store.place_of(name)
            raise SourceError(f"The stored web tile {place} is damaged: delete it and run again.") from error

    def _ask(self, tile: WebTile) -> bytes:
        """The bytes of a web tile, checked; empty where there is none."""
        zoom, x, y = (str(number) for number in tile)
        named = self.config.url.replace("{z}", zoom).replace("{x}", x).replace("{y}", y)
        url = named.replace("{key}", key_of(self.config))

        def once() -> bytes:
            wait = self._next - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            self._next = time.monotonic() + 1 / self.config.requests_per_second
            status, headers, content = self.web.ask(url, LARGEST_TILE)
            if status in NOTHING_HERE:
                return b""
            if status in (401, 403):
                raise SourceError(
                    f"The tile service refuses {named} (HTTP {status}): check the key in the environment variable "
                    f"{self.config.key_env or '(`imagery.key_env` names none)'} and what it is good for."
                )
            if status != 200:
                raise SourceError(f"The tile service answers {named} with HTTP {status}: check `imagery.url`.")
            if len(content) > LARGEST_TILE:
                raise SourceError(f"The tile service sends more than {LARGEST_TILE} bytes for {named}.")
            if len(content) < promised(headers):
                raise PassingError("the answer was cut short")
            _decoded(content, self.config.tile_px)
            return content

        return self.web.patience.run(named, once)


def _rim(chip: Vertex) -> tuple[np.ndarray, np.ndarray]:
    """Places along a chip's edges in metres of UTM, dense enough for its frame on other maps."""
    west, south, east, north = chip_bounds(chip)
    x, y = np.linspace(west, east, 9), np.linspace(south, north, 9)
    low, high, left, right = (np.full(9, value) for value in (south, north, west, east))
    return np.concatenate([x, x, left, right]), np.concatenate([low, high, y, y])


def key_of(config: Imagery) -> str:
    """The key in the environment variable that the configuration names. Raises ConfigError if there is none."""
    if not config.key_env:
        return ""
    key = os.environ.get(config.key_env, "").strip()
    if not re.fullmatch(r"[\x21-\x7e]{1,4096}", key):  # whatever else is in it would be quoted by those who refuse it
        raise ConfigError(
            f"The environment variable {config.key_env}, which `imagery.key_env` names, is not set or holds no key: "
            "export your key in it where the jobs run."
        )
    return key


def _decoded(content: bytes, px: int) -> np.ndarray:
    """RGB (3, row, column) of a picture of `px` by `px`. Raises PassingError if it is none."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            if picture.size != (px, px):
                raise PassingError(f"a picture of {picture.size[0]} x {picture.size[1]} pixels came, not {px} x {px}")
            return np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PassingError("what came is no picture, or half of one") from error

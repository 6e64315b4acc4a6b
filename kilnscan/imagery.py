"""The second stage's pixels: chips from a provider, each fetched and paid for once, in a store named by content.

A chip's name is the hash of provider, source, place and resolution, so that neither a rerun, nor another threshold,
nor an overlapping candidate ever fetches the same pixels twice. What was fetched before a failure stays.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from kilnscan.composite import read_patiently, without
from kilnscan.config_imagery import Imagery
from kilnscan.errors import ImageryError
from kilnscan.files import digest
from kilnscan.grid import Bounds
from kilnscan.lattice import CHIP_M, Vertex, chip_bounds, chips_of
from kilnscan.providers import Cog, Provider, Sentinel2
from kilnscan.reader import Reader
from kilnscan.spending import Purse
from kilnscan.stac_imagery import StacImages
from kilnscan.store import Store
from kilnscan.web import gdal_patience
from kilnscan.xyz import TileService

Pixels = tuple[np.ndarray, np.ndarray]
DATES = "KILNSCAN_DATES"
"""Tag of a chip's file with the days on which its pixels were taken."""


@dataclass(frozen=True)
class Acquired:
    """What became of the chips asked for."""

    chips: dict[Vertex, str]
    """Chips at hand and their names in the store."""
    missing: list[Vertex]
    """Chips the provider has nothing of."""
    fetched: int
    """How many were not in the store yet."""
    black: int = 0
    """How many of the missing came as pictures without any light; they are asked for again next time."""


def acquire(
    provider: Provider, name: str, epsg: int, chips: list[Vertex], store: Store, purse: Purse | None = None
) -> Acquired:
    """See that every chip is in the store; pay for and fetch those that are not.

    Raises ImageryError before anything is fetched if that would cost more than the purse holds.
    """
    keys = {
        chip: digest([name, provider.source_of(chip), epsg, list(chip), CHIP_M, provider.resolution_m])
        for chip in chips
    }
    held = store.present(f"{key}.tif" for key in keys.values())
    empty = store.present(f"{key}.none" for key in keys.values() if f"{key}.tif" not in held)
    absent = [chip for chip in chips if not {f"{keys[chip]}.tif", f"{keys[chip]}.none"} & (held | empty)]
    if purse and absent:
        purse.pay(provider.charges({chip: keys[chip] for chip in absent}))
    black = 0
    for chip, pixels, valid in provider.fetch(absent):
        if not valid.any():
            store.put(f"{keys[chip]}.none", b"")
        elif not pixels[:, valid].any():
            black += 1
        else:
            tags = {DATES: " ".join(provider.dates_of(chip))} if isinstance(provider, StacImages) else {}
            content = _chip_file(epsg, chip_bounds(chip), provider.resolution_m, pixels, valid, tags)
            store.put(f"{keys[chip]}.tif", content)
            held.add(f"{keys[chip]}.tif")
    here = {chip: key for chip, key in keys.items() if f"{key}.tif" in held}
    return Acquired(here, [chip for chip in chips if chip not in here], len(absent), black)


def acquire_for_tile(
    scenes: dict[str, Any],
    lost: list[dict[str, str]],
    windows: list[Vertex],
    config: Imagery,
    store: Store,
    region: str = "",
) -> dict[str, Any]:
    """Acquire the chips of a tile's windows; the record of it is imagery.json.

    `lost` are the scenes that the screen had to leave out: the second stage leaves them out too. `region` is who pays.
    """
    tile = scenes["tile"]
    chips = chips_of(windows)
    purse = Purse.of(config, store, region)

    def from_scenes(reader: Reader, listed: dict[str, Any]) -> tuple[Provider, Acquired]:
        provider = Sentinel2(reader, listed)
        return provider, acquire(provider, config.provider, tile["epsg"], chips, store)

    if config.provider == "sentinel2":
        (provider, acquired), more = read_patiently(without(scenes, lost), from_scenes)
        lost = [*lost, *more]
    else:
        with gdal_patience():
            provider = open_provider(config, tile["epsg"], chips, store)
            acquired = acquire(provider, config.provider, tile["epsg"], chips, store, purse)
    dates = _dates_of(acquired.chips.values(), store) if config.provider == "stac" else {}
    return {
        "tile": tile["id"],
        "epsg": tile["epsg"],
        "provider": config.provider,
        "licence": config.licence,
        "attribution": config.attribution,
        "dates": sorted(filter(None, {*provider.dates, *chain.from_iterable(dates.values())})),
        "chip_dates": dates,
        "lost": lost,
        "resolution_m": provider.resolution_m,
        "windows": windows,
        "chips": [[i, j, key] for (i, j), key in acquired.chips.items()],
        "missing": acquired.missing,
        "black": acquired.black,
    }


def chips_km2(imagery: dict[str, Any]) -> float:
    """Land in km2 that a tile's chips (imagery.json) show."""
    return len(imagery["chips"]) * CHIP_M**2 / 1e6


def open_provider(config: Imagery, epsg: int, chips: list[Vertex], store: Store) -> Provider:
    """The provider that `config` names, for some chips of a UTM zone."""
    if config.provider == "stac":
        return StacImages(config, epsg, chips)
    if config.provider == "xyz":
        return TileService(config, epsg, store)
    return Cog(config, epsg)


def _chip_file(
    epsg: int,
    bounds: Bounds,
    resolution_m: float,
    pixels: np.ndarray,
    valid: np.ndarray,
    tags: dict[str, str],
) -> bytes:
    """A chip as a GeoTIFF."""
    profile = {
        "driver": "GTiff", "dtype": pixels.dtype, "count": 3, "width": valid.shape[1], "height": valid.shape[0],
        "crs": f"EPSG:{epsg}", "transform": Affine(resolution_m, 0, bounds[0], 0, -resolution_m, bounds[3]),
        "compress": "deflate", "predictor": 2, "interleave": "pixel", "photometric": "rgb",
    }  # fmt: skip
    with MemoryFile() as file:
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), file.open(**profile) as target:
            target.write(pixels)
            if not valid.all():
                target.write_mask(valid)
            if tags:
                target.update_tags(**tags)
        return bytes(file.getbuffer())


def _dates_of(keys: Iterable[str], store: Store) -> dict[str, list[str]]:
    """Days on which stored chips' pixels were taken, as far as the files say so."""
    return _opened(keys, store, lambda source: source.tags().get(DATES, "").split())


def read_chips(keys: Iterable[str], store: Store) -> dict[str, Pixels]:
    """Pixels (3, row, column) and validity (row, column) of stored chips. Raises ImageryError if one is damaged."""
    return _opened(keys, store, lambda source: (source.read(), source.dataset_mask() > 0))


def _opened(keys: Iterable[str], store: Store, look: Callable[[rasterio.DatasetReader], Any]) -> dict[str, Any]:
    """What `look` sees in each chip's file."""
    names = {key: f"{key}.tif" for key in keys}
    contents = store.read(names.values())
    seen = {}
    for key, name in names.items():
        try:
            if name not in contents:
                raise RasterioError("no such file")
            with MemoryFile(contents[name]) as file, file.open() as source:
                seen[key] = look(source)
        except RasterioError as error:
            raise ImageryError(
                f"The stored chip {store.place_of(name)} is damaged or gone ({error}): delete it and run "
                "`snakemake -R imagery`."
            ) from error
    return seen

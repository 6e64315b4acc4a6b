"""The landscape as Sentinel-2 scenes: six dates, two granules each, with clouds, orbit edges and both offset habits."""

from dataclasses import dataclass
from datetime import date
from itertools import product
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from scipy.ndimage import gaussian_filter, zoom

from kilnscan.files import replacing, write_json
from kilnscan.landscape.materials import BANDS
from kilnscan.landscape.plan import CENTRE, EPSG, Bounds, Landscape
from kilnscan.landscape.shapes import PIXEL_M
from kilnscan.landscape.stac import item
from kilnscan.landscape.texture import RELIEF_CONTRAST, Relief

COARSE = ("B11", "B12", "SCL")
"""What is stored at 20 m; the rest is at 10 m."""
SAMPLES = 4  # a pixel of 10 m is the mean of this many points each way
BLOCK_M = 1000
CLOUDY_CLASSES = (8, 9, 10)
OVERLAP_M = 1_200.0
"""How far a granule reaches into the neighbouring MGRS square."""


@dataclass(frozen=True)
class Pass:
    """One overpass: how cloudy it is, and how the pixels of its granules are stored."""

    day: date
    cloud: float
    """Cloudy share of the cloudier granule (of the clearer one, if above a half)."""
    stored: tuple[str, str]
    """A key of HABITS for the southern and the northern granule."""
    edge: bool = False
    """Whether the orbit's edge leaves a wedge without data."""

    def on(self, landscape: Landscape) -> date:
        """The day of this pass over a landscape, which may be of a later year."""
        return self.day.replace(year=self.day.year + landscape.years)


# What an item says of its pixels, and what they are: (boa_offset_applied, declared offset, shift of DN, baseline).
# The second is Earth Search's trap: an offset is declared, but has been applied already.
HABITS = {
    "shifted": (False, -0.1, 1000, "05.10"),
    "corrected": (True, -0.1, 0, "05.10"),
    "old": (False, 0, 0, "03.01"),
}
PASSES = (
    Pass(date(2023, 11, 14), 0.10, ("shifted", "shifted")),
    Pass(date(2023, 12, 19), 0.19, ("corrected", "corrected"), edge=True),
    Pass(date(2024, 1, 18), 0.66, ("shifted", "corrected")),
    Pass(date(2024, 2, 17), 0.0, ("old", "old")),
    Pass(date(2024, 3, 13), 0.06, ("corrected", "shifted"), edge=True),
    Pass(date(2024, 4, 12), 0.15, ("shifted", "old")),
)


@dataclass(frozen=True)
class Granule:
    """The part of the landscape that the scenes of one MGRS square show."""

    grid: str
    bounds: Bounds
    """Left, bottom, right, top in metres of EPSG:32645, multiples of 20."""

    def of(self, pixels: np.ndarray, top: float, resolution_m: int) -> np.ndarray:
        """This granule's rows of an image of the whole landscape whose upper edge is at `top`."""
        first, last = round((top - self.bounds[3]) / resolution_m), round((top - self.bounds[1]) / resolution_m)
        return pixels[..., first:last, :]


def granules(landscape: Landscape) -> tuple[Granule, Granule]:
    """The southern and the northern granule: their squares meet at the landscape's centre."""
    left, bottom, right, top = landscape.scene_bounds
    middle = CENTRE[1]
    return (
        Granule("45QVA", (left, bottom, right, min(top, middle + OVERLAP_M))),
        Granule("45QVB", (left, max(bottom, middle - OVERLAP_M), right, top)),
    )


def write_scenes(landscape: Landscape, folder: str | Path) -> None:
    """Write `catalog.json`, a STAC item collection, and the bands of every item as COGs beside it.

    Bands are uint16, nodata 0, in EPSG:32645; hrefs are relative to the catalogue.
    """
    folder = Path(folder)
    materials = material_map(landscape)
    relief = relief_map(landscape)
    items = []
    for number, overpass in enumerate(PASSES):
        reflectance, scl = observe(landscape, materials, relief, number)
        for granule, habit in zip(granules(landscape), overpass.stored, strict=True):
            day = overpass.on(landscape)
            name = f"SYN_{granule.grid}_{day:%Y%m%d}_0_L2A"
            shift = HABITS[habit][2]
            classes = granule.of(scl, landscape.scene_bounds[3], 20)
            bands = {"SCL": classes.astype(np.uint16)}
            for band, values in reflectance.items():
                bands[band] = stored(granule.of(values, landscape.scene_bounds[3], 20 if band in COARSE else 10), shift)
            for band, pixels in bands.items():
                _write(folder / "sentinel2" / name / f"{band}.tif", pixels, granule.bounds, day)
            items.append(item(name, granule.grid, granule.bounds, day, HABITS[habit], classes))
    items.sort(key=lambda entry: entry["id"])
    write_json(folder / "catalog.json", {"type": "FeatureCollection", "features": items})


def material_map(landscape: Landscape) -> np.ndarray:
    """Material codes (sample, row, column) of the scenes' ground: 16 samples of the 0.5 m map in every 10 m pixel."""
    left, _, right, top = landscape.scene_bounds
    pixel, block = round(10 / PIXEL_M), round(BLOCK_M / PIXEL_M)
    offsets = range(pixel // SAMPLES // 2, pixel, pixel // SAMPLES)
    west, north = round((left - CENTRE[0]) / PIXEL_M), round((CENTRE[1] - top) / PIXEL_M)
    size = round((right - left) / PIXEL_M)
    codes = np.empty((SAMPLES**2, size // pixel, size // pixel), np.intp)  # the type numpy indexes with
    for row in range(0, size, block):
        for column in range(0, size, block):
            high, wide = min(block, size - row), min(block, size - column)
            fine = landscape.patches.rasterise(west + column, north + row, wide, high)
            here = (slice(row // pixel, (row + high) // pixel), slice(column // pixel, (column + wide) // pixel))
            for sample, (y, x) in enumerate(product(offsets, offsets)):
                codes[sample, *here] = fine[y::pixel, x::pixel]
    return codes


def relief_map(landscape: Landscape) -> np.ndarray:
    """Factor of brightness float32 (row, column) at 10 m that the relief gives the scenes."""
    left, _, right, top = landscape.scene_bounds
    west, north = round((left - CENTRE[0]) / PIXEL_M), round((CENTRE[1] - top) / PIXEL_M)
    size = round((right - left) / PIXEL_M)
    relief = Relief(landscape.seed, landscape.half_width_m + 1000)
    return np.exp(RELIEF_CONTRAST * relief.at(west, north, size, size, step=round(10 / PIXEL_M)))


def observe(
    landscape: Landscape, materials: np.ndarray, relief: np.ndarray, number: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Reflectance of the whole landscape by band (NaN off the orbit) and SCL at 20 m on one of PASSES.

    Granules are cut from this, so that they agree to the last bit where they overlap.
    """
    overpass = PASSES[number]
    rng = np.random.default_rng([landscape.seed, 9, number + landscape.years * len(PASSES)])
    table = landscape.palette.reflectance(overpass.day) * rng.normal(1, 0.02) * rng.normal(1, 0.012, len(BANDS))
    cloud, dark = clouds(landscape, rng, overpass.cloud)
    void = _off_orbit(landscape, rng) if overpass.edge else np.zeros_like(cloud, bool)
    ground = {
        band: _seen(table[:, k].astype(np.float32), materials, relief, band in COARSE) for k, band in enumerate(BANDS)
    }
    scl = _classes(ground, cloud, dark)
    scl[void] = 0
    seen = {}
    for band, values in ground.items():
        fine = 1 if band in COARSE else 2
        veil, shade, off = (layer.repeat(fine, 0).repeat(fine, 1) for layer in (cloud, dark, void))
        bright = 0.55 if band in COARSE else 0.68
        values = values * (1 - 0.6 * shade)
        values += (bright - values) * veil
        values += rng.standard_normal(values.shape, dtype=np.float32) * (0.0015 + 0.008 * values)
        values[off] = np.nan
        seen[band] = values
    return seen, scl


def stored(reflectance: np.ndarray, shift: int) -> np.ndarray:
    """Digital numbers uint16 of reflectance: times 10 000 plus `shift`, 0 where there is none."""
    numbers = np.clip(np.nan_to_num(np.rint(reflectance * 10_000), nan=0), 1, 20_000) + shift
    return np.where(np.isnan(reflectance), 0, numbers).astype(np.uint16)


def clouds(landscape: Landscape, rng: np.random.Generator, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Opacity of cloud and depth of shadow, float32 0..1 (row, column) at 20 m."""
    left, _, right, top = landscape.scene_bounds
    size = round((right - left) / 20)
    noise = rng.standard_normal((size // 5 + 40, size // 5 + 40), dtype=np.float32)
    field = sum(gaussian_filter(noise, sigma, mode="wrap") * sigma for sigma in (0.9, 1.8, 3.5, 6.0))
    field = zoom(field, 5, order=3)[: size + 40, : size + 40]
    if share == 0:
        return np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    here = field[20:-20, 20:-20]
    cuts = [float(np.quantile(granule.of(here, top, 20), 1 - share)) for granule in granules(landscape)]
    cut = min(cuts) if share > 0.5 else max(cuts)
    opacity = np.clip((field - cut) / (0.45 * field.std()) + 0.10, 0, 1) ** 1.3
    # The sun stands in the south-east, so a cloud some 300 m up darkens the ground 240 m to the north-west.
    return opacity[20:-20, 20:-20], gaussian_filter(opacity[30:-10, 27:-13], 1.5)


def _off_orbit(landscape: Landscape, rng: np.random.Generator) -> np.ndarray:
    """Where an orbit's slanting edge leaves no data: mask (row, column) at 20 m of a corner of the landscape."""
    left, _, right, _ = landscape.scene_bounds
    size = round((right - left) / 20)
    y, x = np.mgrid[0:size, 0:size] / size
    side = rng.choice([-1, 1])
    return side * (x - 0.5) - 0.28 * (y - 0.5) > rng.uniform(0.30, 0.36)


def _seen(table: np.ndarray, materials: np.ndarray, relief: np.ndarray, coarse: bool) -> np.ndarray:
    """Reflectance of one band: the mean of the materials in each pixel, a little blurred as by the telescope."""
    values = np.zeros_like(relief)
    for sample in materials:
        values += table.take(sample)
    values *= relief / len(materials)
    if coarse:
        values = halved(values)
    return gaussian_filter(values, 0.35 if coarse else 0.5, truncate=3)


def halved(pixels: np.ndarray) -> np.ndarray:
    """Means of two by two pixels."""
    return (pixels[::2, ::2] + pixels[1::2, ::2] + pixels[::2, 1::2] + pixels[1::2, 1::2]) / 4


def _classes(ground: dict[str, np.ndarray], cloud: np.ndarray, dark: np.ndarray) -> np.ndarray:
    """Scene classification uint8 at 20 m: 3 shadow, 4 vegetation, 5 bare, 6 water, 8 to 10 cloud."""
    red, nir = (halved(ground[band]) for band in ("B04", "B08"))
    scl = np.where(nir - red > 0.35 * (nir + red), 4, 5).astype(np.uint8)
    scl[(nir < red) & (nir < 0.09)] = 6
    scl[dark > 0.25] = 3
    scl[cloud > 0.04] = 10
    scl[cloud > 0.25] = 8
    scl[cloud > 0.60] = 9
    return scl


def _write(path: Path, pixels: np.ndarray, bounds: Bounds, day: date) -> None:
    """Write one band as a COG of uint16, nodata 0."""
    height, width = pixels.shape
    resolution = (bounds[2] - bounds[0]) / width
    profile = {"width": width, "height": height, "count": 1, "dtype": "uint16", "nodata": 0, "crs": f"EPSG:{EPSG}"}
    profile["transform"] = Affine(resolution, 0, bounds[0], 0, -resolution, bounds[3])
    options = {"compress": "DEFLATE", "predictor": "YES", "level": 4, "blocksize": 512}
    options["overview_resampling"] = "NEAREST" if path.stem == "SCL" else "AVERAGE"
    with replacing(path) as temporary, rasterio.open(temporary, "w", driver="COG", **profile, **options) as target:
        target.write(pixels, 1)
        target.update_tags(SYNTHETIC="yes", ACQUIRED=day.isoformat())

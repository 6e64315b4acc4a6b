"""From kiln probability to separate candidates, one per kiln, the same whichever tile finds them.

The probability is smoothed at the size of a kiln, in whole numbers and so exactly. A seed is a pixel that no other
within `SEED_REACH` exceeds. A pixel belongs to its nearest seed within `REACH` if it has half of that seed's value. All
of this is local, so tiles agree wherever each sees `HALO` pixels beyond what it owns.
"""

import geopandas as gpd
import numpy as np
import shapely
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

PIXEL_M = 10.0
HILL = (1, 2, 3, 3, 3, 2, 1)  # weights along rows and columns that smooth the probability: about a kiln's 10 x 5 pixels
SEED_REACH = 4  # pixels: seeds are at least 50 m apart in x or y; kilns in clusters are 75 m and more apart
REACH = 7  # pixels: the farthest a candidate extends from its seed
LOWEST = 0.05  # lowest score of a seed; a threshold above it drops candidates and leaves the others as they are
SMALLEST = 4  # pixels: fewer are slivers
HALO = 4 * REACH + len(HILL) // 2

COLUMNS = ["score", "area_m2", "elongation", "azimuth", "seed_x", "seed_y"]


def find_candidates(
    probability: np.ndarray,
    valid: np.ndarray,
    origin: tuple[int, int],
    threshold: float,
    own: BaseGeometry,
    epsg: int,
    pixel_m: float = PIXEL_M,
) -> gpd.GeoDataFrame:
    """Candidates whose centroid lies in a pixel whose centre lies in `own` (polygon in UTM metres of `epsg`).

    `probability` (row, column) uint8 counts where `valid`; `origin` is the column and the row of its first pixel on the
    UTM grid: x = column * pixel_m and y = -row * pixel_m at the pixel's upper left corner. Give `HALO` pixels around
    `own`. `threshold` (0..1) applies to the score, the smoothed probability at the seed.

    Gives polygons with score, area_m2, elongation (>= 1), azimuth (degrees clockwise from north, 0..180) and the seed's
    x and y, sorted by seed from north to south, then west to east.
    """
    smooth, weight = smooth_probability(np.where(valid, probability, 0))
    seeds = np.argwhere(is_seed(smooth, int(np.ceil(LOWEST * 255 * weight))))
    table = _as_table(smooth, valid, seeds, weight, origin, own, epsg, pixel_m)
    return table[table.score >= threshold].reset_index(drop=True)


def smooth_probability(probability: np.ndarray) -> tuple[np.ndarray, int]:
    """Probability weighed by a hill of whole numbers, int64 (row, column), and the sum of the weights."""
    smooth = probability.astype(np.float64)  # holds whole numbers exactly
    for axis in (0, 1):
        smooth = ndimage.correlate1d(smooth, HILL, axis=axis, mode="constant", cval=0)
    return smooth.astype(np.int64), sum(HILL) ** 2


def is_seed(smooth: np.ndarray, least: int) -> np.ndarray:
    """Where `smooth` is at least `least` and the greatest within SEED_REACH; of equals, the one north, then west.

    It must also be half of the greatest within REACH: a shoulder of a kiln is no seed.
    """
    rows, columns = smooth.shape
    # a key that falls southwards and eastwards makes equals differ, in the same way in every tile;
    # it stays below 2**53, so floats hold it exactly
    order = np.arange(rows * columns - 1, -1, -1).reshape(rows, columns)
    key = smooth * (rows * columns) + order
    return (key == _highest(key, SEED_REACH)) & (smooth >= least) & (2 * smooth >= _highest(smooth, REACH))


def _highest(plane: np.ndarray, reach: int) -> np.ndarray:
    plane = plane.astype(np.float64)
    for axis in (0, 1):
        plane = ndimage.maximum_filter1d(plane, 2 * reach + 1, axis=axis, mode="constant", cval=-1)
    return plane


def _members(smooth: np.ndarray, valid: np.ndarray, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of seed (its index) and pixel (flat index): each pixel once, at the nearest seed it may belong to."""
    rows, columns = smooth.shape
    down, right = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1].reshape(2, -1)
    distance = down**2 + right**2
    near = distance <= REACH**2
    down, right, distance = down[near], right[near], distance[near]
    row, column = seeds[:, :1] + down, seeds[:, 1:] + right
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    seed = np.broadcast_to(np.arange(len(seeds))[:, None], row.shape)[inside]
    distance = np.broadcast_to(distance, row.shape)[inside]
    pixel = row[inside] * columns + column[inside]
    # seeds are in order from north to south, then west to east: a tie goes to the first
    ranked = np.lexsort((seed, distance, pixel))
    first = ranked[np.diff(pixel[ranked], prepend=-1) > 0]
    seed, pixel = seed[first], pixel[first]
    values = smooth.ravel()
    top = values[seeds[:, 0] * columns + seeds[:, 1]]
    kept = (2 * values[pixel] >= top[seed]) & valid.ravel()[pixel]
    seed, pixel = seed[kept], pixel[kept]
    ranked = np.lexsort((pixel, seed))
    return seed[ranked], pixel[ranked]


def _as_table(
    smooth: np.ndarray,
    valid: np.ndarray,
    seeds: np.ndarray,
    weight: int,
    origin: tuple[int, int],
    own: BaseGeometry,
    epsg: int,
    pixel_m: float,
) -> gpd.GeoDataFrame:
    seed, pixel = _members(smooth, valid, seeds)
    size = np.bincount(seed, minlength=len(seeds))
    # pixel centres relative to their seed, in pixels: small whole numbers, so that sums are exact
    dx = pixel % smooth.shape[1] - seeds[seed, 1]
    dy = pixel // smooth.shape[1] - seeds[seed, 0]
    sums = {
        name: _total(seed, values, len(seeds))
        for name, values in (("x", dx), ("y", dy), ("xx", dx * dx), ("yy", dy * dy), ("xy", dx * dy))
    }
    count = np.maximum(size, 1)
    mean_x, mean_y = sums["x"] / count, sums["y"] / count
    # + 1/12: a pixel is a square, not a point
    xx, yy = sums["xx"] / count - mean_x**2 + 1 / 12, sums["yy"] / count - mean_y**2 + 1 / 12
    xy = sums["xy"] / count - mean_x * mean_y
    spread = np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    elongation = np.sqrt(((xx + yy) / 2 + spread) / ((xx + yy) / 2 - spread))
    azimuth = (90 + np.degrees(np.arctan2(2 * xy, xx - yy)) / 2) % 180

    column, row = origin[0] + seeds[:, 1], origin[1] + seeds[:, 0]
    # the centre of the pixel that holds the centroid: never on a border between tiles, which run along pixel edges
    centre_x = (column + np.floor(mean_x + 0.5) + 0.5) * pixel_m
    centre_y = -(row + np.floor(mean_y + 0.5) + 0.5) * pixel_m
    kept = (size >= SMALLEST) & shapely.contains_xy(own, centre_x, centre_y)
    table = gpd.GeoDataFrame(
        {
            "score": np.round(smooth[seeds[:, 0], seeds[:, 1]] / (255 * weight), 6),
            "area_m2": size * pixel_m**2,
            "elongation": np.round(elongation, 3),
            "azimuth": np.round(azimuth, 1) % 180,
            "seed_x": (column + 0.5) * pixel_m,
            "seed_y": -(row + 0.5) * pixel_m,
        },
        geometry=_hulls(seed, dx, dy, column, row, pixel_m),
        crs=f"EPSG:{epsg}",
    )
    return table[kept]


def _total(seed: np.ndarray, values: np.ndarray, seeds: int) -> np.ndarray:
    return np.bincount(seed, weights=values, minlength=seeds)


def _hulls(
    seed: np.ndarray, dx: np.ndarray, dy: np.ndarray, column: np.ndarray, row: np.ndarray, pixel_m: float
) -> np.ndarray:
    """Convex hull of each seed's pixels, in UTM metres. Hulls of neighbours overlap by no more than pixel corners."""
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    x = ((column[seed] + dx)[:, None] + corners[:, 0]) * pixel_m
    y = -((row[seed] + dy)[:, None] + corners[:, 1]) * pixel_m
    points = shapely.points(x.ravel(), y.ravel())
    hulls = np.full(len(column), shapely.Polygon(), dtype=object)
    held = np.unique(seed)
    groups = (
        shapely.multipoints(points, indices=np.repeat(np.searchsorted(held, seed), 4)) if len(held) else np.array([])
    )
    hulls[held] = shapely.convex_hull(groups)
    return shapely.normalize(hulls)

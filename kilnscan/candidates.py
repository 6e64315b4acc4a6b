"""From kiln probability to separate candidates, one per kiln, the same whichever tile finds them.

The probability is smoothed at the size of a kiln, in whole numbers and so exactly. A seed is a pixel that no other
within `SEED_REACH` exceeds. A pixel belongs to its nearest seed within `REACH` if it has half of that seed's value. All
of this is local, so tiles agree wherever each sees `HALO` pixels beyond what it owns.
"""

import geopandas as gpd
import numba
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
    seeds = find_seeds(smooth, int(np.ceil(LOWEST * 255 * weight)))
    return _as_table(smooth, valid, seeds, weight, origin, threshold, own, epsg, pixel_m)


def smooth_probability(probability: np.ndarray) -> tuple[np.ndarray, int]:
    """Probability weighed by a hill of whole numbers, int64 (row, column), and the sum of the weights."""
    smooth = probability.astype(np.float64)  # holds whole numbers exactly
    for axis in (0, 1):
        smooth = ndimage.correlate1d(smooth, HILL, axis=axis, mode="constant", cval=0)
    return smooth.astype(np.int64), sum(HILL) ** 2


@numba.njit(nogil=True, cache=True)
def _is_seed(smooth, r, c):  # pragma: no cover (compiled)
    """Whether no pixel within REACH has more than twice the value of one, and none within SEED_REACH goes before it."""
    rows, columns = smooth.shape
    value = smooth[r, c]
    for y in range(max(r - REACH, 0), min(r + REACH + 1, rows)):
        for x in range(max(c - REACH, 0), min(c + REACH + 1, columns)):
            other = smooth[y, x]
            if other > 2 * value:
                return False
            if other >= value and max(abs(y - r), abs(x - c)) <= SEED_REACH and (other > value or (y, x) < (r, c)):
                return False
    return True


@numba.njit(nogil=True, cache=True)
def find_seeds(smooth: np.ndarray, least: int) -> np.ndarray:  # pragma: no cover (compiled)
    """Rows and columns (seed, 2) where `smooth` is at least `least` and the greatest within SEED_REACH.

    Of equals the one north, then west. A seed must also be half of the greatest within REACH: a shoulder of a kiln is
    none. Sorted from north to south, then west to east.
    """
    found = [
        (r, c)
        for r in range(smooth.shape[0])
        for c in range(smooth.shape[1])
        if smooth[r, c] >= least and _is_seed(smooth, r, c)
    ]
    out = np.empty((len(found), 2), np.int64)
    for n in range(len(found)):
        out[n, 0], out[n, 1] = found[n]
    return out


@numba.njit(nogil=True, cache=True)
def _nearest(seeds, shape):  # pragma: no cover (compiled)
    """The seed (its index) nearest to each pixel within REACH, the first of equals; -1 where there is none."""
    rows, columns = shape
    owner, nearest = np.full(shape, -1, np.int32), np.full(shape, REACH * REACH + 1, np.int32)
    for seed in range(len(seeds)):
        for down in range(-REACH, REACH + 1):
            for right in range(-REACH, REACH + 1):
                distance, r, c = down * down + right * right, seeds[seed, 0] + down, seeds[seed, 1] + right
                if distance <= REACH * REACH and 0 <= r < rows and 0 <= c < columns and distance < nearest[r, c]:
                    nearest[r, c], owner[r, c] = distance, seed
    return owner


def _members(smooth: np.ndarray, valid: np.ndarray, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of seed (its index) and pixel (flat index), sorted: pixels with half of their nearest seed's value."""
    owner = _nearest(seeds, smooth.shape).ravel()
    pixel = np.flatnonzero((owner >= 0) & valid.ravel())
    seed, values = owner[pixel].astype(np.int64), smooth.ravel()
    kept = 2 * values[pixel] >= smooth[seeds[seed, 0], seeds[seed, 1]]
    seed, pixel = seed[kept], pixel[kept]
    ranked = np.argsort(seed, kind="stable")
    return seed[ranked], pixel[ranked]


def _as_table(
    smooth: np.ndarray,
    valid: np.ndarray,
    seeds: np.ndarray,
    weight: int,
    origin: tuple[int, int],
    threshold: float,
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
    score = np.round(smooth[seeds[:, 0], seeds[:, 1]] / (255 * weight), 6)
    kept = (size >= SMALLEST) & (score >= threshold)
    kept[kept] = shapely.contains_xy(own, centre_x[kept], centre_y[kept])
    columns = {
        "score": score,
        "area_m2": size * pixel_m**2,
        "elongation": np.round(elongation, 3),
        "azimuth": np.round(azimuth, 1) % 180,
        "seed_x": (column + 0.5) * pixel_m,
        "seed_y": -(row + 0.5) * pixel_m,
    }
    mine = kept[seed]
    hulls = _hulls(seed[mine], dx[mine], dy[mine], column, row, pixel_m)[kept]
    return gpd.GeoDataFrame(
        {name: values[kept] for name, values in columns.items()}, geometry=hulls, crs=f"EPSG:{epsg}"
    )


def _total(seed: np.ndarray, values: np.ndarray, seeds: int) -> np.ndarray:
    return np.bincount(seed, weights=values, minlength=seeds)


def _hulls(
    seed: np.ndarray, dx: np.ndarray, dy: np.ndarray, column: np.ndarray, row: np.ndarray, pixel_m: float
) -> np.ndarray:
    """Convex hull of each seed's pixels, in UTM metres. Hulls of neighbours overlap by no more than pixel corners."""
    # the first and the last pixel of each row of a seed are enough; they come sorted by seed, row and column
    first = (np.diff(seed, prepend=-1) != 0) | (np.diff(dy, prepend=0) != 0)
    last = np.append(first[1:], True)[: len(first)]
    x = (np.stack([column[seed[first]] + dx[first], column[seed[last]] + dx[last] + 1], axis=1)) * pixel_m
    y = -(row[seed[first]] + dy[first]) * pixel_m
    seed = seed[first]
    x, y = x[:, [0, 0, 1, 1]], np.stack([y, y - pixel_m, y, y - pixel_m], axis=1)
    points = shapely.points(x.ravel(), y.ravel())
    hulls = np.full(len(column), shapely.Polygon(), dtype=object)
    held = np.unique(seed)
    groups = (
        shapely.multipoints(points, indices=np.repeat(np.searchsorted(held, seed), 4)) if len(held) else np.array([])
    )
    hulls[held] = shapely.convex_hull(groups)
    return shapely.normalize(hulls)

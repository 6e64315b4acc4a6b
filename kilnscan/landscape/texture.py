"""Surface texture for 0.5 m imagery, and the slow changes of brightness that imagery and scenes share."""

from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter

from kilnscan.landscape.materials import CANOPY, CLUMPS, FURROW, FURROWS, GRAIN, SMOOTH
from kilnscan.landscape.shapes import PIXEL_M

PERIOD = 1000
"""Pixels after which a texture repeats."""
LEVELS = 64
SCALE = 23.0  # levels per unit of texture or relief
NODE_M = 40.0
RELIEF_CONTRAST = 0.25
"""Contrast at which scenes show the relief: imagery uses that of each material, which is about the same."""


@lru_cache(maxsize=2)
def textures(seed: int) -> np.ndarray:
    """Texture tiles (texture, row, column), int8 levels -23..23, which join seamlessly at their edges."""
    rng = np.random.default_rng([seed, 7])
    white = rng.standard_normal((PERIOD, PERIOD), dtype=np.float32)
    fine, coarse = _smooth(white, 0.9), _smooth(np.roll(white, (333, 77), (0, 1)), 9)
    clumps = _smooth(np.roll(white, (500, 250), (0, 1)), 2.6)
    tiles = np.empty((FURROW + FURROWS, PERIOD, PERIOD), np.float32)
    tiles[SMOOTH] = 0.25 * fine + 0.15 * coarse
    tiles[GRAIN] = 0.42 * fine + 0.2 * clumps
    tiles[CLUMPS] = 0.15 * fine + 0.32 * clumps + 0.25 * coarse
    tiles[CANOPY] = 0.25 * fine + 0.5 * clumps
    rows = np.arange(PERIOD) * (2 * np.pi / PERIOD)
    for k in range(FURROWS):
        angle = np.pi * k / FURROWS  # rows run along the angle, so the wave runs across; image rows point south
        wave = rng.uniform(150, 190)  # furrows in a period: 2.6 to 3.3 m apart
        east, north = round(-np.sin(angle) * wave), round(np.cos(angle) * wave)
        phase = east * rows[None, :] - north * rows[:, None] + 0.9 * clumps
        tiles[FURROW + k] = 0.38 * np.sin(phase) + 0.2 * fine + 0.15 * clumps + 0.22 * coarse
    return np.round(np.clip(tiles, -1, 1) * SCALE).astype(np.int8)


def _smooth(noise: np.ndarray, sigma: float) -> np.ndarray:
    """Noise smoothed round the edges, at unit variance."""
    smooth = gaussian_filter(noise, sigma, mode="wrap", truncate=3)
    return smooth / smooth.std()


class Relief:
    """Slow changes of brightness over the landscape: soil moisture and haze, -0.35..0.35."""

    def __init__(self, seed: int, half_width_m: float) -> None:
        rng = np.random.default_rng([seed, 8])
        count = 2 * (int(half_width_m / NODE_M) + 3) + 1
        noise = rng.standard_normal((count, count), dtype=np.float32)
        nodes = 0.10 * _smooth(noise, 1.2) + 0.09 * _smooth(noise.T, 6)
        self._nodes, self._middle = np.clip(nodes, -0.35, 0.35), count // 2

    def at(self, column: int, row: int, width: int, height: int, step: int = 1) -> np.ndarray:
        """Relief float32 at every `step`-th pixel of a block; `column`, `row` count from the centre."""
        y = (row + np.arange(0, height, step) + 0.5) * (PIXEL_M / NODE_M) + self._middle
        x = (column + np.arange(0, width, step) + 0.5) * (PIXEL_M / NODE_M) + self._middle
        i, j = y.astype(int), x.astype(int)
        fy, fx = (y - i).astype(np.float32)[:, None], (x - j).astype(np.float32)
        first, last = j.min(), j.max() + 2
        lines = self._nodes[i, first:last] * (1 - fy) + self._nodes[i + 1, first:last] * fy
        return lines[:, j - first] * (1 - fx) + lines[:, j + 1 - first] * fx

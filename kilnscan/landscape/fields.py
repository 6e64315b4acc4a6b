"""Fields, bare patches, orchards and trees: the ground between everything else."""

from collections.abc import Callable

import numpy as np

from kilnscan.landscape.materials import CROPS, Palette
from kilnscan.landscape.shapes import NO_EDGE, Canvas, Layer, blob, ellipse, moved

BLOCK_M = 215.0
"""Size of a block of fields."""
SHARES = dict(zip(CROPS, (0.38, 0.11, 0.09, 0.06, 0.12, 0.14, 0.05, 0.05), strict=True))

Clear = Callable[[np.ndarray, float], np.ndarray]
"""Tells which points (n, 2) are clear of kilns, water and roads by a distance."""


def paint_fields(rng: np.random.Generator, canvas: Canvas, palette: Palette, half: float, trend: float) -> np.ndarray:
    """Cover the square of half width `half` with crooked blocks of fields; return the corners of blocks (n, 2)."""
    reach = int(half * 1.5 / BLOCK_M) + 2
    steps = np.arange(-reach, reach + 1) * BLOCK_M
    nodes = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1)
    nodes += rng.uniform(-0.2, 0.2, nodes.shape) * BLOCK_M
    nodes = _bent(rng, moved(nodes.reshape(-1, 2), *rng.uniform(-100, 100, 2), trend)).reshape(nodes.shape)
    bund = [palette.ground("bund", k) for k in range(12)]
    corners = []
    for i in range(2 * reach):
        for j in range(2 * reach):
            quad = nodes[i : i + 2, j : j + 2]
            if (np.abs(quad) > half + 50).any(axis=2).all():
                continue
            corners.append(quad[0, 0])
            main = str(rng.choice(list(SHARES), p=list(SHARES.values())))
            strips, rows = int(rng.integers(2, 5)), int(rng.integers(2, 8))
            if rng.random() < 0.5:
                strips, rows = rows, strips
            grid = _subdivided(rng, quad, strips, rows)
            for a in range(strips):
                for b in range(rows):
                    crop = main if rng.random() < 0.5 else str(rng.choice(list(SHARES), p=list(SHARES.values())))
                    outline = np.array([grid[a, b], grid[a + 1, b], grid[a + 1, b + 1], grid[a, b + 1]])
                    long = outline[1] - outline[0] if strips < rows else outline[3] - outline[0]
                    code = palette.crop(crop, rng.integers(100), float(np.arctan2(long[1], long[0]) % np.pi))
                    canvas.add(Layer.FIELDS, outline, code, bund[(a + b) % 12] if rng.random() < 0.8 else NO_EDGE)
    return np.array(corners)


def _bent(rng: np.random.Generator, points: np.ndarray) -> np.ndarray:
    """Points shifted smoothly by up to some 200 m, so that the fields' pattern is not a grid."""
    shift = np.zeros_like(points)
    for length in (1100.0, 1900.0, 3300.0):
        for axis in (0, 1):
            turn = rng.uniform(0, 2 * np.pi)
            wave = points @ np.array([np.cos(turn), np.sin(turn)]) * (2 * np.pi / length)
            shift[:, axis] += 0.028 * length * np.sin(wave + rng.uniform(0, 2 * np.pi))
    return points + shift


def _subdivided(rng: np.random.Generator, quad: np.ndarray, strips: int, rows: int) -> np.ndarray:
    """Points (strips + 1, rows + 1, 2) that cut a quadrilateral into fields of unequal width."""
    u = np.concatenate([[0], np.cumsum(rng.uniform(0.6, 1.4, strips))])
    v = np.concatenate([[0], np.cumsum(rng.uniform(0.6, 1.4, rows))])
    u, v = (u / u[-1])[:, None, None], (v / v[-1])[None, :, None]
    near, far = quad[0, 0] * (1 - v) + quad[0, 1] * v, quad[1, 0] * (1 - v) + quad[1, 1] * v
    return near * (1 - u) + far * u


def paint_bare_patches(rng: np.random.Generator, canvas: Canvas, palette: Palette, half: float, clear: Clear) -> None:
    """Bare ground that looks like a brickyard without a kiln: clay, trodden soil, dug pits."""
    points = rng.uniform(-half, half, (int(6 * (half / 1000) ** 2), 2))
    for x, y in points[clear(points, 110)]:
        size = rng.uniform(40, 170)
        material = str(rng.choice(["clay", "soil", "track"], p=[0.5, 0.3, 0.2]))
        outline = moved(blob(rng, size, size * rng.uniform(0.4, 0.9), 0.35), x, y, rng.uniform(0, np.pi))
        canvas.add(Layer.PATCHES, outline, palette.ground(material, rng.integers(100)))
        if rng.random() < 0.35:
            pit = moved(blob(rng, size * 0.5, size * 0.25, 0.3), x, y, rng.uniform(0, np.pi))
            canvas.add(
                Layer.PATCHES, pit, palette.ground(str(rng.choice(["wet clay", "brick", "ash"])), rng.integers(100))
            )


def paint_trees(
    rng: np.random.Generator, canvas: Canvas, palette: Palette, half: float, corners: np.ndarray, clear: Clear
) -> None:
    """Single trees at the corners of fields, rows along their edges, groves and orchards."""
    points = [corners[rng.random(len(corners)) < 0.8]]
    for start in corners[rng.random(len(corners)) < 0.28]:
        near = corners[np.argsort(((corners - start) ** 2).sum(axis=1))[1 + int(rng.integers(3))]]
        share = np.arange(0, 1, 9 / max(np.hypot(*(near - start)), 9))[:, None]
        points.append(start + share * (near - start) + rng.normal(0, 1.2, (len(share), 2)))
    for x, y in rng.uniform(-half, half, (int(2.5 * (half / 1000) ** 2), 2)):
        if rng.random() < 0.5:  # a grove
            count, size = int(rng.integers(12, 60)), rng.uniform(15, 45)
            points.append(rng.normal((x, y), size, (count, 2)))
        else:  # an orchard: trees in rows
            across, down, step = rng.integers(5, 14), rng.integers(5, 12), rng.uniform(8, 11)
            grid = np.stack(np.meshgrid(np.arange(across), np.arange(down)), axis=-1).reshape(-1, 2) * step
            points.append(moved(grid + rng.normal(0, 0.6, grid.shape), x, y, rng.uniform(0, np.pi)))
    everywhere = np.concatenate(points)
    plant(rng, canvas, palette, everywhere[clear(everywhere, 20)])


def plant(rng: np.random.Generator, canvas: Canvas, palette: Palette, points: np.ndarray) -> None:
    """One tree with its shadow at every point (n, 2)."""
    crown, dark = ellipse(1, 1, 9), palette.ground("shadow")
    for (x, y), size, variant in zip(
        points, rng.uniform(4, 10, len(points)), rng.integers(0, 100, len(points)), strict=True
    ):
        canvas.add(Layer.SHADOWS, crown * size + (x - 0.28 * size, y + 0.5 * size), dark)
        canvas.add(Layer.TREES, crown * size + (x, y), palette.ground("tree", variant))

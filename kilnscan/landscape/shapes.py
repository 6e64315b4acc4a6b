"""Outlines in local metres, a canvas that collects them, and the map of material codes they make."""

from dataclasses import dataclass
from enum import IntEnum, auto

import numpy as np
from PIL import Image, ImageDraw

PIXEL_M = 0.5
"""Size in metres of a pixel of the map of materials."""
NO_EDGE = -1


class Layer(IntEnum):
    """Painting order: later covers earlier."""

    FIELDS = auto()
    PATCHES = auto()
    WATER = auto()
    ROADS = auto()
    GROUNDS = auto()
    SHADOWS = auto()
    BUILDINGS = auto()
    YARDS = auto()
    YARD_THINGS = auto()
    KILNS = auto()
    CHIMNEYS = auto()
    TREES = auto()


def moved(outline: np.ndarray, x: float, y: float, angle: float = 0.0) -> np.ndarray:
    """Turn an outline (n, 2) anticlockwise by `angle` radians about the origin, then shift it to (x, y)."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return outline @ np.array([[cosine, sine], [-sine, cosine]]) + (x, y)


def rectangle(length: float, width: float) -> np.ndarray:
    """A rectangle about the origin, `length` along x."""
    return np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (length / 2, width / 2)


def ellipse(length: float, width: float, points: int = 24) -> np.ndarray:
    """An ellipse about the origin, `length` along x."""
    turn = np.arange(points) * (2 * np.pi / points)
    return np.column_stack([np.cos(turn), np.sin(turn)]) * (length / 2, width / 2)


def stadium(length: float, width: float, points: int = 12) -> np.ndarray:
    """A rectangle with half-round ends about the origin, `length` along x over all."""
    turn = np.linspace(-np.pi / 2, np.pi / 2, points)
    cap = np.column_stack([np.cos(turn), np.sin(turn)]) * (width / 2) + ((length - width) / 2, 0)
    return np.concatenate([cap, -cap])


def chamfered(length: float, width: float, cut: float) -> np.ndarray:
    """A rectangle about the origin with its corners cut off."""
    x, y = length / 2, width / 2
    return np.array(
        [
            (-x + cut, -y),
            (x - cut, -y),
            (x, -y + cut),
            (x, y - cut),
            (x - cut, y),
            (-x + cut, y),
            (-x, y - cut),
            (-x, -y + cut),
        ]
    )


def blob(rng: np.random.Generator, length: float, width: float, roughness: float = 0.2, points: int = 36) -> np.ndarray:
    """An irregular round outline about the origin, about `length` by `width`."""
    turn = np.arange(points) * (2 * np.pi / points)
    radius = np.ones(points)
    for wave in (2, 3, 5, 8):
        radius += rng.normal(0, roughness / wave) * np.cos(wave * turn + rng.uniform(0, 2 * np.pi))
    return ellipse(length, width, points) * np.clip(radius, 0.5, 1.6)[:, None]


def ribbon(line: np.ndarray, width: float | np.ndarray) -> np.ndarray:
    """The outline of a road or river along `line` (n, 2), `width` metres wide (a number, or one per point)."""
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    across = np.column_stack([-along[:, 1], along[:, 0]]) * (np.broadcast_to(width, len(line))[:, None] / 2)
    return np.concatenate([line + across, (line - across)[::-1]])


def reaches(line: np.ndarray, width: float | np.ndarray, points: int = 10) -> list[np.ndarray]:
    """A long ribbon cut into reaches of some `points`: quicker to draw, as PIL looks at every edge in every row."""
    count, outline = len(line), ribbon(line, width)
    left, right = outline[:count], outline[count:][::-1]
    spans = [slice(first, first + points + 1) for first in range(0, count - 1, points)]
    return [np.concatenate([left[span], right[span][::-1]]) for span in spans]


class Canvas:
    """Collects outlines layer by layer."""

    def __init__(self) -> None:
        self._layers: dict[Layer, list[tuple[np.ndarray, int, int]]] = {layer: [] for layer in Layer}

    def add(self, layer: Layer, outline: np.ndarray, code: int, edge: int = NO_EDGE) -> None:
        """Paint `outline` (n, 2; local metres) with a material code, perhaps with an edge one pixel wide."""
        self._layers[layer].append((outline, code, edge))

    def add_line(self, layer: Layer, line: np.ndarray, width: float | np.ndarray, code: int) -> None:
        """Paint a road or river along `line` (n, 2), `width` metres wide."""
        for outline in reaches(line, width):
            self.add(layer, outline, code)

    def clear(self, layer: Layer, x: float, y: float, radius: float) -> None:
        """Take away what was painted in a layer within `radius` metres of (x, y)."""
        self._layers[layer] = [
            item for item in self._layers[layer] if np.hypot(*(item[0].mean(axis=0) - (x, y))) > radius
        ]

    def finish(self) -> "Patches":
        """All outlines in painting order."""
        return Patches.of([item for layer in Layer for item in self._layers[layer]])


@dataclass(frozen=True)
class Patches:
    """Painted outlines, as flat arrays: quick to search and to draw, and the same in every block."""

    vertices: np.ndarray
    """Vertices of all outlines (n, 2), whole pixels east and south of the landscape's centre."""
    starts: np.ndarray
    """First vertex of each outline, and the end."""
    codes: np.ndarray
    edges: np.ndarray
    boxes: np.ndarray
    """West, north, east, south pixel of each outline."""

    @classmethod
    def of(cls, items: list[tuple[np.ndarray, int, int]]) -> "Patches":
        """Patches of (outline, code, edge) triples."""
        outlines, codes, edges = zip(*items, strict=True)
        starts = np.concatenate([[0], np.cumsum([len(outline) for outline in outlines])])
        # Whole pixels of the landscape, not of a block: PIL cuts fractions towards zero, so blocks would disagree.
        vertices = np.floor(np.concatenate(outlines) * (1 / PIXEL_M, -1 / PIXEL_M)).astype(np.int32)
        low, high = np.minimum.reduceat(vertices, starts[:-1]), np.maximum.reduceat(vertices, starts[:-1])
        return cls(vertices, starts, np.array(codes), np.array(edges), np.concatenate([low, high], axis=1))

    def rasterise(self, column: int, row: int, width: int, height: int) -> np.ndarray:
        """Material codes int32 (row, column) of a block; `column`, `row` are pixels east and south of the centre."""
        image = Image.new("I", (width, height))
        draw = ImageDraw.Draw(image)
        west, north, east, south = self.boxes.T
        seen = (west <= column + width) & (east >= column) & (north <= row + height) & (south >= row)
        for index in np.flatnonzero(seen):
            outline = self.vertices[self.starts[index] : self.starts[index + 1]] - (column, row)
            edge = int(self.edges[index])
            draw.polygon(outline.ravel().tolist(), int(self.codes[index]), None if edge == NO_EDGE else edge)
        return np.asarray(image)

"""A river in its bed of sand, canals, roads, tracks to the kilns and ponds."""

import numpy as np
from shapely import LineString, MultiLineString
from shapely.geometry import Point

from kilnscan.landscape.fields import Clear
from kilnscan.landscape.kilns import Kiln
from kilnscan.landscape.materials import Palette
from kilnscan.landscape.shapes import Canvas, Layer, blob, chamfered, ellipse, moved, ribbon, stadium


def winding(
    rng: np.random.Generator, half: float, offset: float, angle: float, sway: float, length: float
) -> np.ndarray:
    """A line (n, 2) across the landscape that passes the centre at `offset` metres and sways by `sway` metres."""
    reach = half * 1.6
    x = np.linspace(-reach, reach, max(8, int(reach / 20)))
    y = np.full_like(x, offset)
    for share in (1.0, 0.37, 0.16):
        y += sway * share * rng.uniform(0.6, 1.2) * np.sin(2 * np.pi * x / (length * share) + rng.uniform(0, 2 * np.pi))
    return moved(np.column_stack([x, y]), 0, 0, angle)


def paint_river(rng: np.random.Generator, canvas: Canvas, palette: Palette, line: np.ndarray) -> None:
    """A river along `line`: a bed of sand 90 to 220 m wide with a winding channel in it."""
    count = len(line)
    wave = 2 * np.pi * np.arange(count) * 20
    bed = 150 + 45 * np.sin(wave / 1500 + rng.uniform(0, 6)) + 20 * np.sin(wave / 430 + rng.uniform(0, 6))
    canvas.add_line(Layer.WATER, line, bed, palette.ground("sand", rng.integers(100)))
    swing = np.sin(wave / 900 + rng.uniform(0, 6)) * bed * 0.22
    across = ribbon(line, 2)[:count] - line
    canvas.add_line(Layer.WATER, line + across * swing[:, None], bed * 0.34, palette.ground("river", rng.integers(100)))
    for index in rng.choice(count, max(1, count // 12), replace=False):
        bar = moved(blob(rng, rng.uniform(30, 90), rng.uniform(10, 22), 0.3), *line[index], rng.uniform(0, np.pi))
        canvas.add(Layer.WATER, bar, palette.ground(str(rng.choice(["sand", "river", "grass"])), rng.integers(100)))


def paint_roads(
    rng: np.random.Generator, canvas: Canvas, palette: Palette, roads: list[np.ndarray], kilns: list[Kiln]
) -> None:
    """Asphalt roads on pale verges, a canal beside the first, and a dirt track from every kiln to the nearest road."""
    network = MultiLineString([LineString(road) for road in roads])
    for kiln in kilns:
        here = np.array((kiln.x, kiln.y))
        there = np.array(network.interpolate(network.project(Point(*here))).coords[0])
        way = there - here
        bend = np.array((-way[1], way[0])) * rng.normal(0, 0.12)
        share = np.linspace(0, 1, 12)[:, None]
        track = here + way * share + bend * np.sin(np.pi * share)
        canvas.add_line(Layer.ROADS, track, 4.5, palette.ground("track", rng.integers(100)))
    for number, road in enumerate(roads):
        width = rng.uniform(6, 9)
        canvas.add_line(Layer.ROADS, road, width + 7, palette.ground("track", rng.integers(100)))
        canvas.add_line(Layer.ROADS, road, width, palette.ground("asphalt", number))


def paint_canal(rng: np.random.Generator, canvas: Canvas, palette: Palette, line: np.ndarray) -> None:
    """A canal 12 m wide between earthen banks."""
    canvas.add_line(Layer.WATER, line, 24, palette.ground("grass", rng.integers(100)))
    canvas.add_line(Layer.WATER, line, 12, palette.ground("river", rng.integers(100)))


def paint_ponds(
    rng: np.random.Generator, canvas: Canvas, palette: Palette, half: float, clear: Clear
) -> list[np.ndarray]:
    """Ponds, some in banks of clay whose oval looks like a kiln's, some dried out; outlines of those with water."""
    filled = []
    points = rng.uniform(-half, half, (int(9 * (half / 1000) ** 2), 2))
    for x, y in points[clear(points, 90)]:
        length = rng.uniform(25, 110)
        width = length * rng.uniform(0.4, 0.9)
        angle, kind = rng.uniform(0, np.pi), rng.integers(3)
        pond = (stadium(length, width), chamfered(length, width, 3), blob(rng, length, width, 0.25))[kind]
        bank = (pond * (1 + 18 / length), ellipse(length * 1.4, width * 1.5), pond * 1.15)[kind]
        earth = palette.ground(str(rng.choice(["clay", "grass", "brick"], p=[0.45, 0.45, 0.1])), rng.integers(100))
        canvas.add(Layer.PATCHES, moved(bank, x, y, angle), earth)
        filling = str(rng.choice(["pond", "wet clay", "grass"], p=[0.75, 0.15, 0.1]))
        shore = moved(pond, x, y, angle)
        canvas.add(Layer.PATCHES, shore, palette.ground(filling, rng.integers(100)))
        if filling == "pond":
            filled.append(shore)
    return filled

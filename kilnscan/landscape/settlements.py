"""Villages with schools, sports grounds and greenhouses, and industrial plants."""

from dataclasses import dataclass

import numpy as np

from kilnscan.landscape.fields import Clear, plant
from kilnscan.landscape.kiln_drawing import shadow
from kilnscan.landscape.materials import Palette
from kilnscan.landscape.shapes import Canvas, Layer, blob, ellipse, moved, rectangle, ribbon, stadium

ROOFS = {"red roof": 0.38, "grey roof": 0.32, "white roof": 0.16, "court": 0.09, "blue roof": 0.05}
PLOT_M = 15.0
SECTORS = ("power", "steel", "cement", "power", "steel")
NAMES = (
    "Chandipur",
    "Mohanpur",
    "Rampura",
    "Basantpur",
    "Sonapur",
    "Kalitala",
    "Nayagaon",
    "Haripur",
    "Madhupur",
    "Dighi",
)


@dataclass(frozen=True)
class Village:
    """Houses round a centre: local metres, and the people who live there."""

    x: float
    y: float
    radius: float
    people: int


@dataclass(frozen=True)
class Place:
    """A named point, such as a school or a power plant."""

    x: float
    y: float
    name: str
    kind: str


def sites(rng: np.random.Generator, half: float, count: int, apart: float, clear: Clear, distance: float) -> np.ndarray:
    """Up to `count` points (n, 2), `apart` metres from each other and clear of everything by `distance`."""
    points = rng.uniform(-half, half, (40 * count, 2))
    chosen = np.empty((0, 2))
    for point in points[clear(points, distance)]:
        if len(chosen) == count:
            break
        if not len(chosen) or np.hypot(*(chosen - point).T).min() >= apart:
            chosen = np.vstack([chosen, point])
    return chosen


def paint_village(
    rng: np.random.Generator, canvas: Canvas, palette: Palette, village: Village, school: Place | None
) -> None:
    """Lanes, houses in courtyards, trees, and a school with its running track."""
    trend, radius = rng.uniform(0, np.pi), village.radius
    centre = np.array((village.x, village.y))
    ground = moved(blob(rng, 2 * radius, 1.7 * radius, 0.2), *centre, trend)
    canvas.add(Layer.GROUNDS, ground, palette.ground("court", rng.integers(100)))
    for turn in (trend, trend + np.pi / 2):
        lane = moved(np.array([(-radius, 0), (0, rng.normal(0, 8)), (radius, 0)]), *centre, turn)
        canvas.add(Layer.GROUNDS, ribbon(lane, 5), palette.ground("track", rng.integers(100)))
    steps = np.arange(-radius, radius, PLOT_M)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) + rng.normal(0, 3, (len(steps) ** 2, 2))
    inside = (np.hypot(grid[:, 0], grid[:, 1] / 0.85) < radius * 0.93) & (np.abs(grid) > 7).all(axis=1)
    plots = moved(grid[inside], *centre, trend)
    built = rng.random(len(plots)) < 0.72
    for x, y in plots[built]:
        outline = moved(rectangle(rng.uniform(7, 16), rng.uniform(5, 10)), x, y, trend + rng.normal(0, 0.08))
        roof = str(rng.choice(list(ROOFS), p=list(ROOFS.values())))
        canvas.add(Layer.SHADOWS, shadow(outline, rng.uniform(2.5, 5)), palette.ground("shadow"))
        canvas.add(Layer.BUILDINGS, outline, palette.ground(roof, rng.integers(100)))
    plant(rng, canvas, palette, plots[~built & (rng.random(len(plots)) < 0.85)] + rng.normal(0, 3, 2))
    if school is not None:
        wing = moved(rectangle(42, 9), school.x, school.y, trend)
        canvas.add(Layer.SHADOWS, shadow(wing, 7), palette.ground("shadow"))
        canvas.add(Layer.BUILDINGS, wing, palette.ground("red roof", rng.integers(100)))


def paint_sports_ground(rng: np.random.Generator, canvas: Canvas, palette: Palette, x: float, y: float) -> None:
    """A red running track round a lawn: the decoy most like an oval kiln."""
    length, angle = rng.uniform(95, 176), rng.uniform(0, np.pi)
    width, lanes = length * rng.uniform(0.48, 0.54), rng.uniform(7, 10)
    place = lambda outline: moved(outline, x, y, angle)  # noqa: E731 - one local word for the frame of this ground
    canvas.add(Layer.GROUNDS, place(stadium(length + 18, width + 18)), palette.ground("grass", rng.integers(100)))
    surface = "running track" if rng.random() < 0.7 else "track"
    canvas.add(Layer.GROUNDS, place(stadium(length, width)), palette.ground(surface, rng.integers(100)))
    lawn = palette.ground("grass", rng.integers(100))
    canvas.add(Layer.GROUNDS, place(stadium(length - 2 * lanes, width - 2 * lanes)), lawn)
    pitch = rectangle((length - width) * 0.95, width - 2 * lanes - 8)
    canvas.add(Layer.GROUNDS, place(pitch), palette.ground("grass", rng.integers(100)), palette.ground("white roof"))
    stand = moved(rectangle(length * 0.4, 8), 0, width / 2 + 12)
    canvas.add(Layer.BUILDINGS, place(stand), palette.ground("grey roof", rng.integers(100)))


def paint_greenhouses(rng: np.random.Generator, canvas: Canvas, palette: Palette, x: float, y: float) -> None:
    """Long white tunnels side by side."""
    angle, length = rng.uniform(0, np.pi), rng.uniform(35, 80)
    count = int(rng.integers(3, 10))
    ground = moved(rectangle(length + 14, count * 11 + 12), x, y, angle)
    canvas.add(Layer.GROUNDS, ground, palette.ground("court", rng.integers(100)))
    for row in range(count):
        off = np.array((0.0, (row - (count - 1) / 2) * 11))
        tunnel = moved(moved(rectangle(length, 8), *off), x, y, angle)
        canvas.add(Layer.BUILDINGS, tunnel, palette.ground("greenhouse", rng.integers(100)))


def paint_plant(rng: np.random.Generator, canvas: Canvas, palette: Palette, place: Place) -> None:
    """An industrial plant: halls, heaps, cooling towers or silos, and a chimney with its shadow."""
    angle = rng.uniform(0, np.pi)

    def put(layer: Layer, outline: np.ndarray, material: str, height: float = 0) -> None:
        outline = moved(outline, place.x, place.y, angle)
        if height:
            canvas.add(Layer.SHADOWS, shadow(outline, height), palette.ground("shadow"))
        canvas.add(layer, outline, palette.ground(material, rng.integers(100)))

    put(Layer.GROUNDS, rectangle(330, 240), "court")
    put(Layer.GROUNDS, rectangle(318, 228), "concrete" if place.kind == "cement" else "track")
    for lane in (moved(rectangle(310, 8), 0, 18), moved(rectangle(8, 220), -5, 0), moved(rectangle(310, 6), 0, -104)):
        put(Layer.GROUNDS, lane, "asphalt")
    for row in range(3):
        hall = moved(rectangle(rng.uniform(80, 120), rng.uniform(22, 32)), -80, 45 * (row - 1))
        put(Layer.BUILDINGS, hall, str(rng.choice(["grey roof", "blue roof", "white roof"])), 14)
    heap = moved(blob(rng, 90, 45, 0.2), 80, -70)
    put(Layer.GROUNDS, heap, {"power": "soot", "steel": "brick", "cement": "raw brick"}[place.kind])
    size, height = {"power": (46, 40), "steel": (22, 25), "cement": (16, 30)}[place.kind]
    for number in range(3):
        tower = moved(ellipse(size, size, 28), 30 + number * size * 1.25, 65)
        put(Layer.BUILDINGS, tower, "concrete", height)
        if place.kind == "power":
            put(Layer.BUILDINGS, moved(ellipse(size * 0.6, size * 0.6, 24), 30 + number * size * 1.25, 65), "grey roof")
    put(Layer.BUILDINGS, moved(ellipse(8, 8, 14), 20, -10), "white roof", 80)

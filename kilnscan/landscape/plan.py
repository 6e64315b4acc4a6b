"""Where everything is: from a seed to a landscape of kilns, fields, water, roads and villages, in memory."""

from dataclasses import dataclass

import numpy as np
import shapely
from shapely import LineString, Polygon
from shapely.geometry import Point

from kilnscan.landscape import fields, settlements, water_and_roads
from kilnscan.landscape.kiln_drawing import paint_kiln
from kilnscan.landscape.kilns import Kiln, place_kilns
from kilnscan.landscape.later import Changed, change_kilns
from kilnscan.landscape.materials import Palette, make_palette
from kilnscan.landscape.settlements import Place, Village
from kilnscan.landscape.shapes import Canvas, Layer, Patches

EPSG = 32645
CENTRE = (450_000.0, 2_100_000.0)
"""Easting and northing of the centre: a corner of four 10 km tiles in the Bay of Bengal."""
SCENE_MARGIN_M = 1_000.0
SHEET_MARGIN_M = 400.0

Bounds = tuple[float, float, float, float]  # left, bottom, right, top in metres of EPSG


@dataclass(frozen=True)
class Landscape:
    """A made-up landscape; positions in local metres east and north of CENTRE unless said otherwise."""

    seed: int
    half_width_m: float
    aoi: Polygon
    """Area of interest."""
    kilns: list[Kiln]
    """All kilns, some of them outside the area of interest."""
    villages: list[Village]
    schools: list[Place]
    plants: list[Place]
    ponds: list[np.ndarray]
    """Outlines of ponds that hold water."""
    patches: Patches
    palette: Palette
    changes: tuple[Changed, ...] = ()
    """What became of each kiln since a year ago; empty in the first season."""

    @property
    def years(self) -> int:
        """Years since the first season."""
        return int(bool(self.changes))

    @property
    def scene_bounds(self) -> Bounds:
        """What the Sentinel-2 scenes show, in metres of EPSG."""
        return square(self.half_width_m + SCENE_MARGIN_M)

    @property
    def sheet_bounds(self) -> Bounds:
        """What the four sheets of imagery show together, in metres of EPSG."""
        return square(self.half_width_m + SHEET_MARGIN_M)

    def inside(self, x: float, y: float) -> bool:
        """Whether a point lies in the area of interest."""
        return bool(self.aoi.contains(Point(x, y)))


def square(half: float) -> Bounds:
    """The square of half width `half` about CENTRE, in metres of EPSG."""
    return CENTRE[0] - half, CENTRE[1] - half, CENTRE[0] + half, CENTRE[1] + half


def area_of_interest(half: float) -> Polygon:
    """A square of half width `half` with its north-eastern corner cut, in local metres, anticlockwise."""
    cut = 0.2 * half
    return Polygon([(-half, -half), (half, -half), (half, half - cut), (half - cut, half), (-half, half)])


def named_landscape(name: str) -> Landscape:
    """The landscape of a seed, `7`, or the same a year later, `7-later`."""
    seed, _, later = name.partition("-")
    return plan_landscape(int(seed), later=later == "later")


def plan_landscape(seed: int, kilns: int = 72, half_width_m: float = 3_600, later: bool = False) -> Landscape:
    """Place and paint everything: `kilns` kilns, about one in fourteen of them just outside the area of interest.

    `half_width_m` is half the width of the area of interest, a multiple of 100. With `later` it is the same landscape a
    year on, with the changes of `change_kilns`. Raises ValueError if the kilns do not fit.
    """
    half = half_width_m + SCENE_MARGIN_M
    aoi = area_of_interest(half_width_m)
    palette = make_palette(seed)
    canvas = Canvas()
    lay, stand, till, dwell, draw = (np.random.default_rng([seed, topic]) for topic in (2, 3, 4, 5, 6))

    trend = lay.uniform(0, np.pi / 2)
    side = lay.choice([-1, 1])
    turn = lay.uniform(0, np.pi)
    river = water_and_roads.winding(lay, half, side * half * lay.uniform(0.5, 0.65), turn, 260, 4200)
    canal = water_and_roads.winding(lay, half, -side * half * lay.uniform(0.15, 0.5), turn, 20, 3000)
    roads = [
        water_and_roads.winding(lay, half, lay.uniform(-0.6, 0.6) * half, turn + lay.uniform(0.5, 2.6), 60, 2600)
        for _ in range(4)
    ]
    bed = LineString(river).buffer(120)
    waters = shapely.union_all([bed, LineString(canal).buffer(14)])
    ways = shapely.union_all([LineString(road).buffer(8) for road in roads])
    kiln_list = place_kilns(stand, kilns, aoi, shapely.union_all([waters, ways]), trend)

    yards = [Point(kiln.x, kiln.y).buffer(0.5 * kiln.length * kiln.yard**0.5) for kiln in kiln_list]
    taken = shapely.union_all([waters, *yards])
    clear = _clear_of(shapely.union_all([taken, ways]))
    corners = fields.paint_fields(till, canvas, palette, half, trend)
    fields.paint_bare_patches(till, canvas, palette, half, clear)
    water_and_roads.paint_canal(lay, canvas, palette, canal)
    water_and_roads.paint_river(lay, canvas, palette, river)
    water_and_roads.paint_roads(lay, canvas, palette, roads, kiln_list)
    villages, schools, plants, grounds = _settle(dwell, canvas, palette, half, _clear_of(taken))
    built = [Point(x, y).buffer(radius) for x, y, radius in grounds]
    clear = _clear_of(shapely.union_all([taken, ways, *built]))
    ponds = water_and_roads.paint_ponds(lay, canvas, palette, half, clear)
    fields.paint_trees(till, canvas, palette, half, corners, clear)
    changes = _change(seed, kiln_list, aoi, shapely.union_all([waters, ways, *built])) if later else ()
    standing = {changed.now for changed in changes} if later else set(kiln_list)
    for kiln in kiln_list:  # those that stand no more are painted elsewhere, so that the others look as they did
        paint_kiln(draw, canvas if kiln in standing else Canvas(), palette, kiln)
    fresh = [changed.now for changed in changes if changed.now and changed.now != changed.before]
    for number, kiln in enumerate(fresh):
        canvas.clear(Layer.TREES, kiln.x, kiln.y, kiln.length)
        paint_kiln(np.random.default_rng([seed, 11, number]), canvas, palette, kiln)
    if later:
        kiln_list = sorted((kiln for kiln in standing if kiln), key=lambda kiln: (kiln.x, kiln.y))
    return Landscape(
        seed, half_width_m, aoi, kiln_list, villages, schools, plants, ponds, canvas.finish(), palette, changes
    )


def _change(seed: int, kilns: list[Kiln], aoi: Polygon, keep_out: shapely.Geometry) -> tuple[Changed, ...]:
    return tuple(change_kilns(np.random.default_rng([seed, 10]), kilns, aoi, keep_out))


def _clear_of(taken: shapely.Geometry) -> fields.Clear:
    """A test for points that keep a distance from `taken`."""
    shapely.prepare(taken)
    return lambda points, distance: ~shapely.dwithin(taken, shapely.points(points), distance)


def _settle(
    rng: np.random.Generator, canvas: Canvas, palette: Palette, half: float, clear: fields.Clear
) -> tuple[list[Village], list[Place], list[Place], list[tuple[float, float, float]]]:
    """Place and paint plants, villages with schools, sports grounds and greenhouses, and list the ground they take."""
    area = (half / 1000) ** 2
    taken: list[tuple[float, float, float]] = []

    def free(points: np.ndarray, distance: float) -> np.ndarray:
        open_ = clear(points, distance)
        for x, y, radius in taken:
            open_ &= np.hypot(points[:, 0] - x, points[:, 1] - y) > radius + distance
        return open_

    plants: list[Place] = []
    for x, y in settlements.sites(rng, half - 900, 5 if area > 9 else 3, 900, free, 180):
        sector = settlements.SECTORS[len(plants)]
        name = f"{settlements.NAMES[len(plants)]} {sector} plant (synthetic)"
        plants.append(Place(float(x), float(y), name, sector))
        settlements.paint_plant(rng, canvas, palette, plants[-1])
        taken.append((x, y, 200))
    villages: list[Village] = []
    schools: list[Place] = []
    for x, y in settlements.sites(rng, half - 100, int(1.6 * area), 420, free, 190):
        radius = float(rng.uniform(60, 170))
        village = Village(float(x), float(y), radius, int(np.pi * (radius / settlements.PLOT_M) ** 2 * 0.72 * 5.2))
        school = None
        if rng.random() < 0.7:
            turn = rng.uniform(0, 2 * np.pi)
            at = (x + radius * np.cos(turn), y + radius * np.sin(turn))
            name = f"{settlements.NAMES[len(schools) % 10]} school {len(schools) + 1} (synthetic)"
            school = Place(float(at[0]), float(at[1]), name, "school")
            schools.append(school)
        settlements.paint_village(rng, canvas, palette, village, school)
        villages.append(village)
        taken.append((x, y, radius))
    for paint, count, radius in (
        (settlements.paint_sports_ground, 0.55, 100),
        (settlements.paint_greenhouses, 0.6, 70),
    ):
        for x, y in settlements.sites(rng, half - 100, max(2, int(count * area)), 400, free, radius):
            paint(rng, canvas, palette, float(x), float(y))
            taken.append((x, y, radius))
    return villages, schools, plants, taken

"""Where the kilns stand: alone, in pairs and clusters, on tile borders and at the edge of the area of interest."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from shapely import Polygon, STRtree
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from kilnscan.landscape.shapes import moved, rectangle

TYPES = {"FCBK": 0.50, "zigzag": 0.33, "clamp": 0.17}
"""Kiln types and the share of each."""
GAP_M = 12.0
"""Least distance between the walls of two kilns."""
NEAREST_M = 75.0
"""Least distance between the centres of two kilns."""


@dataclass(frozen=True)
class Kiln:
    """One kiln: centre in local metres, size in metres, angle of its long axis anticlockwise from east in radians."""

    x: float
    y: float
    length: float
    width: float
    angle: float
    kiln_type: str
    yard: float
    """Size of the yard relative to the kiln."""

    @property
    def box(self) -> Polygon:
        """The oriented box in local metres."""
        return Polygon(moved(rectangle(self.length, self.width), self.x, self.y, self.angle))


@dataclass
class Site:
    """The kilns placed so far, and where none may stand."""

    rng: np.random.Generator
    keep_out: BaseGeometry
    trend: float
    kilns: list[Kiln] = field(default_factory=list)

    def draw(self, x: float, y: float, kiln_type: str | None = None, angle: float | None = None) -> Kiln:
        """A kiln at (x, y), its type, size and angle drawn at random where not given."""
        rng = self.rng
        kiln_type = kiln_type or str(rng.choice(list(TYPES), p=list(TYPES.values())))
        if kiln_type == "clamp":
            length = width = rng.uniform(30, 45)
        else:
            middle, low, high = (102, 76, 126) if kiln_type == "FCBK" else (97, 74, 125)
            length = float(np.clip(rng.normal(middle, 14), low, high))
            width = float(np.clip(length * rng.normal(0.46 if kiln_type == "FCBK" else 0.50, 0.04), 36, 60))
        if angle is None:
            family = self.trend + rng.integers(2) * np.pi / 2 + rng.normal(0, 0.15)
            angle = family if rng.random() < 0.6 else rng.uniform(0, np.pi)
        return Kiln(x, y, length, width, float(angle % np.pi), kiln_type, rng.uniform(1.25, 2.4))

    def place(self, kiln: Kiln, apart: float = NEAREST_M) -> bool:
        """Keep the kiln if it has room, `apart` metres from every other."""
        box = kiln.box
        for other in self.kilns:
            distance = np.hypot(kiln.x - other.x, kiln.y - other.y)
            if distance < apart or (distance < 150 and box.distance(other.box) < GAP_M):
                return False
        if box.distance(self.keep_out) < 25:
            return False
        self.kilns.append(kiln)
        return True

    def fill(self, count: int, where: Callable[[], tuple[float, float]], apart: float) -> None:
        """Place `count` kilns at points drawn by `where`."""
        placed = 0
        for _ in range(400 * count):
            if placed == count:
                return
            placed += self.place(self.draw(*where()), apart)
        raise ValueError(f"No room for {count} kilns {apart} m apart: ask for fewer kilns or a larger landscape.")


def place_kilns(rng: np.random.Generator, count: int, aoi: Polygon, keep_out: BaseGeometry, trend: float) -> list[Kiln]:
    """Place `count` kilns in and just outside `aoi` (local metres), clear of `keep_out`; sorted by place.

    About one in eight lies on a tile border, one in fourteen just outside the area and one in eighteen just inside
    its edge; of the rest a third stand in clusters of four to eight, a sixth in pairs and the others alone.
    Raises ValueError if they do not fit.
    """
    site = Site(rng, keep_out, trend)
    half = aoi.bounds[2]
    inner = aoi.buffer(-140)

    def anywhere() -> tuple[float, float]:
        while True:
            x, y = rng.uniform(-half, half, 2)
            if inner.contains(Point(x, y)) and min(abs(x), abs(y)) > 70:
                return float(x), float(y)

    def border() -> tuple[float, float]:
        along, off = rng.uniform(-half + 200, half - 200), rng.uniform(-10, 10)
        return (along, off) if rng.random() < 0.5 else (off, along)

    def edge(low: float, high: float) -> tuple[float, float]:
        ring = aoi.exterior
        at = rng.uniform(0, ring.length)
        here, ahead = ring.interpolate(at), ring.interpolate(at + 1)
        out = rng.uniform(low, high)  # the ring runs anticlockwise, so outside is on its right
        return here.x + (ahead.y - here.y) * out, here.y - (ahead.x - here.x) * out

    on_border, outside, at_edge = max(3, count // 8), max(1, count // 14), max(1, count // 18)
    site.fill(1, lambda: tuple(rng.uniform(-15, 15, 2)), NEAREST_M)  # on the corner of four tiles
    site.fill(on_border - 1, border, 250)
    site.fill(at_edge, lambda: edge(-75, -30), 250)
    site.fill(outside, lambda: edge(30, 220), 250)
    rest = count - len(site.kilns)
    target = len(site.kilns) + rest // 3
    sizes = [8, 5, 6, 4, 7]
    for group in range(20):
        size = min(sizes[group % len(sizes)], target - len(site.kilns))
        if size < 4:
            break
        _cluster(site, size, anywhere)
    for _ in range(rest // 12):
        _pair(site, anywhere)
    site.fill(count - len(site.kilns), anywhere, 320 if count >= 40 else 160)
    return sorted(site.kilns, key=lambda kiln: (kiln.x, kiln.y))


def _cluster(site: Site, size: int, anywhere: Callable[[], tuple[float, float]]) -> None:
    """Put `size` kilns within 330 m of a point that no other kiln is near; all or none."""
    before = list(site.kilns)
    for _ in range(200):
        centre = np.array(anywhere())
        if any(np.hypot(*(centre - (kiln.x, kiln.y))) < 600 for kiln in before):
            continue
        for _ in range(60 * size):
            turn, radius = site.rng.uniform(0, 2 * np.pi), 330 * np.sqrt(site.rng.uniform(0, 1))
            x, y = centre + radius * np.array([np.cos(turn), np.sin(turn)])
            site.place(site.draw(float(x), float(y)), 95)
            if len(site.kilns) == len(before) + size:
                return
        site.kilns[:] = before


def _pair(site: Site, anywhere: Callable[[], tuple[float, float]]) -> None:
    """Put two kilns side by side, 75 to 150 m apart."""
    for _ in range(200):
        before = list(site.kilns)
        first = site.draw(*anywhere())
        if not site.place(first, 320):
            continue
        for _ in range(40):
            turn = first.angle + np.pi / 2 + site.rng.normal(0, 0.25)
            away = site.rng.uniform(NEAREST_M + 2, 145)
            x, y = first.x + away * np.cos(turn), first.y + away * np.sin(turn)
            kiln = site.draw(float(x), float(y), angle=first.angle + site.rng.normal(0, 0.08))
            if min(abs(x), abs(y)) > 20 and site.place(kiln):
                return
        site.kilns[:] = before


def spacing(kilns: list[Kiln]) -> np.ndarray:
    """Distance in metres from each kiln's centre to the nearest other one."""
    points = [Point(kiln.x, kiln.y) for kiln in kilns]
    pairs, distances = STRtree(points).query_nearest(points, exclusive=True, all_matches=False, return_distance=True)
    return distances[np.argsort(pairs[0])]

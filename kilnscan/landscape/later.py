"""What becomes of the kilns within a year: some are new, gone, moved or rebuilt as another type; the truth is known."""

from dataclasses import dataclass, replace

import numpy as np
from shapely import Polygon
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from kilnscan.landscape.kilns import GAP_M, NEAREST_M, Kiln, Site, spacing

ALONE_M = 330.0
"""A kiln with no other so near is alone: where it moves to, nothing else can have come from."""
MOVES_M = (70.0, 115.0)
INSIDE_M = 160.0
"""What changes lies so far inside the area of interest, so that every change is seen."""


@dataclass(frozen=True)
class Changed:
    """A kiln as it was and as it is; None where it did not stand."""

    before: Kiln | None
    now: Kiln | None

    @property
    def status(self) -> str:
        """new, gone, moved, changed type or persisting."""
        if self.before is None or self.now is None:
            return "gone" if self.now is None else "new"
        if (self.before.x, self.before.y) != (self.now.x, self.now.y):
            return "moved"
        return "persisting" if self.before == self.now else "changed type"


def change_kilns(rng: np.random.Generator, kilns: list[Kiln], aoi: Polygon, keep_out: BaseGeometry) -> list[Changed]:
    """What becomes of `kilns` (local metres): of each kind of change one in twelve, at least one, inside `aoi`.

    Of the new ones half stand beside another kiln, of the gone ones every third had a near neighbour. Raises
    ValueError if there is no room.
    """
    count = max(1, len(kilns) // 12)
    inner = aoi.buffer(-INSIDE_M)
    nearest = dict(zip(kilns, spacing(kilns), strict=True))
    free = [kiln for kiln in kilns if inner.contains(Point(kiln.x, kiln.y))]
    free = [free[place] for place in rng.permutation(len(free))]
    alone = [kiln for kiln in free if nearest[kiln] > ALONE_M]
    close = [kiln for kiln in free if nearest[kiln] < 2 * NEAREST_M]
    site = Site(rng, keep_out, 0.0, list(kilns))
    moved = _move(site, alone, count)
    rest = [kiln for kiln in free if kiln not in moved]
    gone = [kiln for kiln in close if kiln in rest][: count // 3]
    gone += [kiln for kiln in rest if kiln not in gone][: count - len(gone)]
    rest = [kiln for kiln in rest if kiln not in gone and kiln.kiln_type != "clamp"]
    retyped = {kiln: _rebuilt(kiln) for kiln in rest[:count]}
    new = _new(site, inner, rest[count:], count)
    now = {kiln: kiln for kiln in kilns} | moved | retyped | dict.fromkeys(gone)
    return [Changed(kiln, now[kiln]) for kiln in kilns] + [Changed(None, kiln) for kiln in new]


def _move(site: Site, alone: list[Kiln], count: int) -> dict[Kiln, Kiln]:
    """`count` of the kilns that stand alone and where each stands now."""
    moved: dict[Kiln, Kiln] = {}
    for kiln in alone:
        for _ in range(30 if len(moved) < count else 0):
            turn, away = site.rng.uniform(0, 2 * np.pi), site.rng.uniform(*MOVES_M)
            there = replace(kiln, x=kiln.x + away * np.cos(turn), y=kiln.y + away * np.sin(turn))
            site.kilns.remove(kiln)
            if site.place(there, ALONE_M - MOVES_M[1]):
                moved[kiln] = there
                break
            site.kilns.append(kiln)
    return moved


def _rebuilt(kiln: Kiln) -> Kiln:
    """The kiln as the other of the two large types, in the same place."""
    return replace(kiln, kiln_type="zigzag" if kiln.kiln_type == "FCBK" else "FCBK")


def _new(site: Site, inner: Polygon, beside: list[Kiln], count: int) -> list[Kiln]:
    """New kilns: half of them 110 to 160 m from another, the others far from all."""
    west, south, east, north = inner.bounds
    start = len(site.kilns)
    for number in range(count):
        for _ in range(2000):
            if number < count // 2 and beside:
                other, turn = beside[site.rng.integers(len(beside))], site.rng.uniform(0, 2 * np.pi)
                away = site.rng.uniform(110, 160)
                x, y, apart = other.x + away * np.cos(turn), other.y + away * np.sin(turn), NEAREST_M + GAP_M
            else:
                x, y, apart = site.rng.uniform(west, east), site.rng.uniform(south, north), ALONE_M
            if inner.contains(Point(x, y)) and site.place(site.draw(float(x), float(y)), apart):
                break
        else:
            raise ValueError("No room for new kilns: ask for fewer kilns or a larger landscape.")
    return site.kilns[start:]

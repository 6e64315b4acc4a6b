"""Windows that a person looks at, and what is marked in their pictures, whatever tool the marks were drawn with.

A picture shows the window around one vertex of the lattice: 320 m, north up in the grid of its UTM zone. Marks are
rings in shares of the picture, (0, 0) at its upper left and (1, 1) at its lower right corner: free of resolutions.
"""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from kilnscan.grid import Bounds, to_lonlat
from kilnscan.lattice import CHIP_M, window_bounds

PICTURE_M = 2 * CHIP_M
NOT_KILN, UNSURE = "not-kiln", "unsure"
"""What a box can be called instead of a type of kiln."""
CLASSES = "classes.txt"
"""The file that says, a line each, what the classes of YOLO's labels are: in their folder or the one above it."""
_NAME = re.compile(r"(32[67](?:0[1-9]|[1-5]\d|60))_(-?\d{1,6})_(-?\d{1,6})", re.ASCII)


class Window(NamedTuple):
    """A window, named by its zone and the lattice vertex (i, j) in its middle."""

    epsg: int
    i: int
    j: int

    @property
    def name(self) -> str:
        """Name in files, such as 32645_2812_13125; it says where the window lies, in whichever round it is seen."""
        return f"{self.epsg}_{self.i}_{self.j}"

    @classmethod
    def named(cls, name: str) -> "Window | None":
        """The window of a name; None if it is no such name."""
        parts = _NAME.fullmatch(name)
        return cls(*map(int, parts.groups())) if parts else None

    @property
    def bounds(self) -> Bounds:
        """Left, bottom, right, top in UTM metres."""
        return window_bounds((self.i, self.j))

    @property
    def middle(self) -> BaseGeometry:
        """The square of 160 m that only this window answers for (EPSG:4326): middles tile the land without overlap."""
        left, bottom, right, top = self.bounds
        half = CHIP_M / 2
        return to_lonlat(shapely.box(left + half, bottom + half, right - half, top - half), self.epsg)

    def shares(self, metres: np.ndarray) -> np.ndarray:
        """Points (n, 2) in UTM metres as shares of the picture."""
        left, _, _, top = self.bounds
        return (np.asarray(metres) - (left, top)) / (PICTURE_M, -PICTURE_M)

    def metres(self, shares: np.ndarray) -> np.ndarray:
        """Points (n, 2) in shares of the picture as UTM metres."""
        left, _, _, top = self.bounds
        return np.asarray(shares) * (PICTURE_M, -PICTURE_M) + (left, top)


@dataclass(frozen=True, eq=False)
class Mark:
    """A box in a picture."""

    kind: str
    """A type of kiln, NOT_KILN or UNSURE."""
    ring: np.ndarray
    """Corners (n, 2) in shares of the picture, in order round the box, the first not repeated."""
    score: float | None = None
    """What the atlas says of it, if the atlas drew it."""

    @property
    def centre(self) -> np.ndarray:
        """Centroid (2,) in shares of the picture."""
        return shapely.get_coordinates(shapely.Polygon(self.ring).centroid)[0]


def to_rectangle(ring: np.ndarray) -> dict[str, float]:
    """A rectangle (4, 2) in shares of a square picture as Label Studio has it.

    x, y, width and height are per cent of the picture; rotation is in degrees, clockwise as one looks at it, about the
    corner (x, y), which would be the upper left one without rotation.
    """
    along, across = ring[1] - ring[0], ring[3] - ring[0]
    if along[0] * across[1] - along[1] * across[0] < 0:  # counter-clockwise as one looks at it
        return to_rectangle(ring[[0, 3, 2, 1]])
    rotation = np.degrees(np.arctan2(along[1], along[0])) % 360
    values = (*(100 * ring[0]), 100 * np.hypot(*along), 100 * np.hypot(*across), rotation)
    return dict(zip(("x", "y", "width", "height", "rotation"), (round(float(v), 6) for v in values), strict=True))


def from_rectangle(x: float, y: float, width: float, height: float, rotation: float) -> np.ndarray:
    """Corners (4, 2) in shares of a square picture of a rectangle of Label Studio's."""
    turn = np.radians(rotation)
    along, across = np.array([np.cos(turn), np.sin(turn)]) * width, np.array([-np.sin(turn), np.cos(turn)]) * height
    corner = np.array([x, y])
    return np.stack([corner, corner + along, corner + along + across, corner + across]) / 100


def to_line(kind: Any, ring: np.ndarray) -> str:
    """A mark as in YOLO's label files: its class, then x and y of each corner in shares of the picture."""
    return " ".join([str(kind), *(f"{value:.7f}" for value in np.asarray(ring).ravel())])

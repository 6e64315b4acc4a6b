"""Paint a kiln and its yard on the canvas."""

import numpy as np

from kilnscan.landscape.kilns import Kiln
from kilnscan.landscape.materials import Palette
from kilnscan.landscape.shapes import Canvas, Layer, blob, chamfered, ellipse, moved, rectangle, stadium

SHADOW_TURN = np.radians(118)
"""Direction in which shadows fall, anticlockwise from east: the morning sun stands in the south-east."""


def shadow(outline: np.ndarray, height: float) -> np.ndarray:
    """The shadow of a thing `height` metres tall, with the sun 45 degrees up: the hull of it here and moved away."""
    away = outline + height * np.array([np.cos(SHADOW_TURN), np.sin(SHADOW_TURN)])
    both = np.concatenate([outline, away])
    turn = np.arange(16) * (2 * np.pi / 16)
    reach = both @ np.array([np.cos(turn), np.sin(turn)])
    return both[list(dict.fromkeys(reach.argmax(axis=0).tolist()))]


def paint_kiln(rng: np.random.Generator, canvas: Canvas, palette: Palette, kiln: Kiln) -> None:
    """Paint body, chimney, brick stacks and yard of one kiln."""
    brush = _Brush(rng, canvas, palette, kiln)
    brush.yard()
    {"FCBK": brush.fixed_chimney, "zigzag": brush.zigzag, "clamp": brush.clamp}[kiln.kiln_type]()


class _Brush:
    """Paints in the frame of one kiln: x along its length."""

    def __init__(self, rng: np.random.Generator, canvas: Canvas, palette: Palette, kiln: Kiln) -> None:
        self.rng, self.canvas, self.palette, self.kiln = rng, canvas, palette, kiln
        self.variant = int(rng.integers(100))

    def put(self, layer: Layer, outline: np.ndarray, material: str, variant: int | None = None) -> None:
        """Paint an outline given in the kiln's frame."""
        code = self.palette.ground(material, self.variant if variant is None else variant)
        self.canvas.add(layer, moved(outline, self.kiln.x, self.kiln.y, self.kiln.angle), code)

    def any(self) -> int:
        return int(self.rng.integers(100))

    def yard(self) -> None:
        """Pale clay ground, rows of drying bricks, stacks of fired ones, a coal heap, huts and a clay pit."""
        rng, kiln = self.rng, self.kiln
        length = kiln.length * (1 + 0.55 * (kiln.yard - 1)) + 20
        width = kiln.width * kiln.yard + 25
        ground = moved(blob(rng, length, width, 0.22), rng.normal(0, 6), rng.normal(0, 8))
        apron = moved(blob(rng, length + 26, width + 26, 0.3), rng.normal(0, 8), rng.normal(0, 8))
        self.put(Layer.GROUNDS, apron, str(rng.choice(["soil", "bund", "track"])), self.any())
        self.put(Layer.YARDS, ground, "clay")
        side = rng.choice([-1.0, 1.0])
        self.rows(side, kiln.length * rng.uniform(0.5, 0.9), kiln.width / 2 + 8, width / 2)
        if kiln.yard > 1.8:
            self.rows(-side, kiln.length * rng.uniform(0.3, 0.7), kiln.width / 2 + 8, width / 2 * 0.8)
        for _ in range(int(rng.integers(3, 9))):
            along, off = rng.uniform(-0.5, 0.5) * kiln.length, kiln.width / 2 + rng.uniform(4, 9)
            stack = moved(rectangle(rng.uniform(6, 14), rng.uniform(3, 6)), along, off * rng.choice([-1, 1]))
            self.put(Layer.YARD_THINGS, stack, "fresh brick", self.any())
        heap = moved(
            blob(rng, rng.uniform(8, 18), rng.uniform(6, 12)), length / 2 * 0.85, rng.uniform(-0.3, 0.3) * width
        )
        self.put(Layer.YARD_THINGS, heap, "soot", self.any())
        for _ in range(int(rng.integers(1, 4))):
            hut = moved(
                rectangle(rng.uniform(6, 12), 5), -length / 2 * 0.9 + rng.uniform(0, 12), rng.uniform(-0.4, 0.4) * width
            )
            self.put(Layer.YARD_THINGS, hut, rng.choice(["grey roof", "red roof", "white roof"]), self.any())
        if rng.random() < 0.4:
            pit = moved(blob(rng, rng.uniform(30, 60), rng.uniform(20, 35)), rng.normal(0, 20), -side * (width / 2 + 8))
            self.put(Layer.YARDS, pit, "wet clay", self.any())

    def rows(self, side: float, length: float, near: float, far: float) -> None:
        """Rows of raw bricks set out to dry, alongside the kiln on one side."""
        shift = self.rng.normal(0, 8)
        for off in np.arange(near + 4, far, 5.5):
            row = moved(rectangle(length * self.rng.uniform(0.8, 1.0), 2.4), shift + self.rng.normal(0, 2), side * off)
            self.put(Layer.YARD_THINGS, row, "raw brick", self.any())

    def fixed_chimney(self) -> None:
        """An oval ring of brick round a core of ash, one stretch of it freshly fired, one emptied."""
        kiln, ring = self.kiln, self.rng.uniform(9, 12)
        outer = stadium(kiln.length, kiln.width)
        self.cast(outer, 2.5)
        self.put(Layer.KILNS, outer, "brick")
        self.put(Layer.KILNS, stadium(kiln.length - 3, kiln.width - 3), "brick", self.variant + 1)
        self.stretches(kiln.length - 3, kiln.width - 3, ring)
        self.put(Layer.KILNS, stadium(kiln.length - 2 * ring, kiln.width - 2 * ring), "brick", self.variant + 5)
        self.put(Layer.KILNS, stadium(kiln.length - 2 * ring - 3, kiln.width - 2 * ring - 3), self.core())
        self.litter(kiln.length - 2 * ring - 12, kiln.width - 2 * ring - 8)
        self.chimney(self.rng.uniform(-0.05, 0.05) * kiln.length, 0.0)

    def stretches(self, length: float, width: float, ring: float) -> None:
        """Sectors of the ring that are being filled, fired and emptied."""
        line = stadium(length - ring, width - ring, 24)
        start = int(self.rng.integers(len(line)))
        for material, share in (("fresh brick", 0.22), ("ash", 0.20), ("soot", 0.07), ("raw brick", 0.12)):
            for _ in range(max(1, round(share * len(line)))):
                a, b = line[start % len(line)], line[(start + 1) % len(line)]
                middle, turn = (a + b) / 2, np.arctan2(*(b - a)[::-1])
                piece = moved(rectangle(np.hypot(*(b - a)) + 2.5, ring - 2), *middle, turn)
                self.put(Layer.KILNS, piece, material, self.variant + 3)
                start += 1

    def zigzag(self) -> None:
        """A rectangle of brick, its chambers drawn as cross walls, round a narrow core."""
        kiln, band = self.kiln, self.kiln.width * self.rng.uniform(0.30, 0.36)
        outer = chamfered(kiln.length, kiln.width, 3)
        self.cast(outer, 2.5)
        self.put(Layer.KILNS, outer, "brick", self.variant + 5)
        self.put(Layer.KILNS, rectangle(kiln.length - 4, kiln.width - 4), "brick")
        step = self.rng.uniform(5.5, 7.5)
        burning = self.rng.uniform(-0.4, 0.1) * kiln.length
        for x in np.arange(-kiln.length / 2 + 5, kiln.length / 2 - 5, step):
            for side in (-1, 1):
                y = side * (kiln.width - band) / 2
                if (burning < x < burning + 0.3 * kiln.length) == (side > 0):
                    self.put(Layer.KILNS, moved(rectangle(step, band - 4), x, y), "fresh brick", self.variant)
                self.put(Layer.KILNS, moved(rectangle(1.6, band - 4), x, y), "ash", self.variant + 1)
        self.put(Layer.KILNS, rectangle(kiln.length - 2 * band, kiln.width - 2 * band), self.core())
        self.litter(kiln.length - 2 * band - 10, kiln.width - 2 * band - 4)
        self.chimney(self.rng.choice([-0.5, 0.0, 0.5]) * (kiln.length - 2 * band - 10), 0.0)

    def clamp(self) -> None:
        """A round heap of brick under ash, without a chimney."""
        kiln = self.kiln
        outer = ellipse(kiln.length, kiln.width, 32)
        self.cast(outer, 4)
        self.put(Layer.KILNS, outer, "brick")
        self.put(
            Layer.KILNS,
            moved(blob(self.rng, kiln.length * 0.72, kiln.width * 0.72, 0.1), *self.rng.normal(0, 1, 2)),
            "fresh brick",
        )
        self.put(
            Layer.KILNS,
            moved(blob(self.rng, kiln.length * 0.52, kiln.width * 0.52, 0.15), *self.rng.normal(0, 1, 2)),
            self.core(),
        )
        for _ in range(3):
            patch = moved(blob(self.rng, 8, 6), *self.rng.uniform(-0.3, 0.3, 2) * kiln.length)
            self.put(Layer.KILNS, patch, "soot", self.any())

    def core(self) -> str:
        """What lies in the middle: mostly ash, sometimes soot or bare clay."""
        return str(self.rng.choice(["ash", "soot", "clay"], p=[0.6, 0.25, 0.15]))

    def litter(self, length: float, width: float) -> None:
        """Heaps and stacks on the core."""
        for _ in range(int(self.rng.integers(3, 9))):
            at = self.rng.uniform(-0.5, 0.5, 2) * (max(length, 2), max(width, 2))
            heap = moved(blob(self.rng, self.rng.uniform(4, 10), self.rng.uniform(3, 5)), *at)
            self.put(Layer.KILNS, heap, str(self.rng.choice(["fresh brick", "soot", "ash", "clay"])), self.any())

    def cast(self, outline: np.ndarray, height: float) -> None:
        """The low shadow of the kiln's walls."""
        kiln = self.kiln
        dark = shadow(moved(outline, kiln.x, kiln.y, kiln.angle), height)
        self.canvas.add(Layer.YARD_THINGS, dark, self.palette.ground("shadow"))

    def chimney(self, x: float, y: float) -> None:
        """A pale chimney on its plinth, and its long shadow."""
        top = moved(ellipse(4.5, 4.5, 12), x, y)
        where = moved(top, self.kiln.x, self.kiln.y, self.kiln.angle)
        self.put(Layer.CHIMNEYS, moved(rectangle(9, 9), x, y), "brick", self.variant + 7)
        self.canvas.add(Layer.CHIMNEYS, shadow(where, self.rng.uniform(24, 36)), self.palette.ground("shadow"))
        self.put(Layer.CHIMNEYS, moved(ellipse(6.5, 6.5, 12), x, y), "concrete")
        self.put(Layer.CHIMNEYS, moved(ellipse(2.5, 2.5, 10), x, y), "soot")

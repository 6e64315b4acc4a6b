"""Group the chips that candidates need into orders as a vendor takes them, for as little money as can be.

An order is one polygon without holes on the lattice of chips of one UTM zone. An order smaller than the vendor's
minimum is charged as one of that size, so pieces of land are joined by corridors one chip wide wherever that is cheaper
than ordering each by itself: the joins that save most come first (Clarke and Wright 1964, there for vehicles' rounds).
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import rasterio.features
import shapely
from affine import Affine
from scipy.ndimage import binary_fill_holes
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Delaunay, QhullError

from kilnscan.lattice import CHIP_M, Vertex
from kilnscan.prices import CHIP_KM2, Product

JUNCTION = 10
"""Corners that a corridor adds at most: two at its bend and four where it meets the land at either end."""
Cells = set[Vertex]
Frame = tuple[int, int, int, int]
"""First and last chips (i0, j0, i1, j1)."""
Link = tuple[int, int, Vertex, Vertex]
"""Two pieces and the chips at which they are nearest."""


@dataclass(frozen=True)
class Limits:
    """What one order may be."""

    max_chips: float
    max_vertices: float
    max_side: int
    """Chips along the longer side of the order's frame."""

    @classmethod
    def of(cls, product: Product, extent_km: float) -> "Limits":
        """Limits of a product; an order is no wider than `extent_km`, so that one scene can hold it."""
        return cls(
            product.max_km2 / CHIP_KM2 if product.max_km2 else np.inf,
            product.max_vertices or np.inf,
            max(2, int(extent_km * 1000 / CHIP_M)),
        )

    def allow(self, chips: int, vertices: int, frame: Frame) -> bool:
        """Whether an order of so many chips and vertices within a frame is allowed."""
        side = max(frame[2] - frame[0], frame[3] - frame[1]) + 1
        return chips <= self.max_chips and vertices <= self.max_vertices and side <= self.max_side


def plan_orders(chips: Iterable[Vertex], product: Product, extent_km: float) -> list[Cells]:
    """Orders that cover all `chips` (of one UTM zone), each a set of chips: connected, without holes, sorted.

    The cheapest of three plans: land joined wherever it lies, or first within squares of the widest order allowed, laid
    in two ways. Where land is sparse an order's width binds, and squares leave fewer orders half empty. Raises
    ValueError if the product's limits allow no order at all.
    """
    limits = Limits.of(product, extent_km)
    pieces = [piece for part in _parts(set(chips)) for piece in _within(part, limits)]
    plans = []
    for shift in (None, 0, limits.max_side // 2):
        squares = pieces if shift is None else _join(pieces, product, limits, shift)
        joined = _join(squares, product, limits)
        plans.append(_apart([piece for order in joined for piece in _within(order, limits)]))
    cheapest = min(plans, key=lambda plan: round(sum(product.cost(len(order)) for order in plan), 6))
    return sorted(cheapest, key=min)


def _apart(orders: list[Cells]) -> list[Cells]:
    """`orders` without the chips that a larger one holds too, where what is left is still one piece without holes."""
    taken: Cells = set()
    kept = []
    for order in sorted(orders, key=lambda order: (-len(order), min(order))):
        rest = order - taken
        if not rest:
            continue
        whole = rest == order or (len(_parts(rest)) == 1 and _filled(rest) == rest)
        kept.append(rest if whole else order)
        taken |= kept[-1]
    return kept


def _parts(chips: Cells) -> list[Cells]:
    """Pieces of land: chips joined by their edges, in a fixed order."""
    cells = np.array(sorted(chips), np.int64).reshape(-1, 2)
    number = {cell: index for index, cell in enumerate(map(tuple, cells.tolist()))}
    pairs = [
        (index, number[near]) for (i, j), index in number.items() for near in ((i + 1, j), (i, j + 1)) if near in number
    ]
    rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
    size = len(cells)
    _, label = connected_components(coo_array((np.ones(len(rows)), (rows, columns)), shape=(size, size)), False)
    parts: dict[int, Cells] = defaultdict(set)
    for cell, part in zip(map(tuple, cells.tolist()), label.tolist(), strict=True):
        parts[part].add(cell)
    return list(parts.values())


def _within(piece: Cells, limits: Limits) -> list[Cells]:
    """A connected piece with its holes filled, cut in halves until each part is allowed."""
    piece = _filled(piece)
    frame = _frame(piece)
    if limits.allow(len(piece), corners(piece), frame):
        return [piece]
    if len(piece) == 1:
        raise ValueError("not even a single chip is allowed")
    axis = int(frame[3] - frame[1] > frame[2] - frame[0])
    middle = (frame[axis] + frame[axis + 2]) / 2
    halves = {cell for cell in piece if cell[axis] <= middle}, {cell for cell in piece if cell[axis] > middle}
    return [part for half in halves for part in _parts(half) for part in _within(part, limits)]


def _frame(cells: Cells) -> Frame:
    i, j = zip(*cells, strict=True)
    return min(i), min(j), max(i), max(j)


def _both(one: Frame, two: Frame) -> Frame:
    return min(one[0], two[0]), min(one[1], two[1]), max(one[2], two[2]), max(one[3], two[3])


def _mask(cells: Cells, frame: Frame) -> np.ndarray:
    """Cells as a grid [j, i] with a margin of one cell on each side."""
    mask = np.zeros((frame[3] - frame[1] + 3, frame[2] - frame[0] + 3), bool)
    i, j = np.array(sorted(cells)).T
    mask[j - frame[1] + 1, i - frame[0] + 1] = True
    return mask


def _filled(cells: Cells) -> Cells:
    """`cells` without holes: vendors take none."""
    frame = _frame(cells)
    j, i = np.nonzero(binary_fill_holes(_mask(cells, frame)))
    return set(zip((i + frame[0] - 1).tolist(), (j + frame[1] - 1).tolist(), strict=True))


def corners(cells: Cells) -> int:
    """Vertices of the outline of connected cells without holes."""
    mask = _mask(cells, _frame(cells)).astype(np.int8)
    around = mask[:-1, :-1] + mask[1:, :-1] + mask[:-1, 1:] + mask[1:, 1:]
    crossed = (around == 2) & (mask[:-1, :-1] == mask[1:, 1:])
    return int(((around == 1) | (around == 3)).sum() + 2 * crossed.sum())


def _links(pieces: list[Cells]) -> list[Link]:
    """Neighbouring pieces, each pair once, first number below second, sorted."""
    cells = np.array([cell for piece in pieces for cell in sorted(piece)])
    owner = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    try:
        corners_of = Delaunay(cells).simplices
        pairs = np.concatenate([corners_of[:, [0, 1]], corners_of[:, [1, 2]], corners_of[:, [0, 2]]])
    except (QhullError, ValueError):  # too few chips, or all on one line
        order = np.lexsort(cells.T)
        pairs = np.column_stack([order[:-1], order[1:]])
    pairs = pairs[owner[pairs[:, 0]] != owner[pairs[:, 1]]]
    pairs = np.where((owner[pairs[:, 0]] < owner[pairs[:, 1]])[:, None], pairs, pairs[:, ::-1])
    metres = np.abs(cells[pairs[:, 0]] - cells[pairs[:, 1]]).sum(axis=1)
    order = np.lexsort((pairs[:, 1], pairs[:, 0], metres, owner[pairs[:, 1]], owner[pairs[:, 0]]))
    pairs = pairs[order]
    between = owner[pairs]
    first = np.ones(len(pairs), bool)
    first[1:] = (between[1:] != between[:-1]).any(axis=1)
    return [(int(owner[a]), int(owner[b]), tuple(cells[a].tolist()), tuple(cells[b].tolist())) for a, b in pairs[first]]


def _corridor(a: Vertex, b: Vertex) -> Cells:
    """Chips from `a` to `b`: along the row of `a`, then along the column of `b`."""
    row = {(i, a[1]) for i in range(min(a[0], b[0]), max(a[0], b[0]) + 1)}
    return row | {(b[0], j) for j in range(min(a[1], b[1]), max(a[1], b[1]) + 1)}


def _join(pieces: list[Cells], product: Product, limits: Limits, shift: int | None = None) -> list[Cells]:
    """Join pieces while that saves money; of equal savings the shortest corridor first.

    With a `shift`, only those whose first chips lie in one square of the widest order allowed, squares moved by it.
    """
    if len(pieces) < 2 or not product.price_per_km2 or not product.min_km2:
        return pieces
    root = list(range(len(pieces)))
    orders = {number: set(piece) for number, piece in enumerate(pieces)}
    vertices = {number: corners(piece) for number, piece in orders.items()}
    frames = {number: _frame(piece) for number, piece in orders.items()}

    def find(number: int) -> int:
        while root[number] != number:
            root[number] = root[root[number]]
            number = root[number]
        return number

    def look(link: Link) -> tuple[float, int, int, int] | None:
        """What a link saves (negative: heaps give the smallest), its length and the orders it joins; None if not."""
        one, two = find(link[0]), find(link[1])
        a, b = link[2:]
        length = abs(a[0] - b[0]) + abs(a[1] - b[1]) - 1
        chips = len(orders[one]) + len(orders[two]) + length
        together = vertices[one] + vertices[two] + JUNCTION
        if one == two or not limits.allow(chips, together, _both(frames[one], frames[two])):
            return None
        saved = product.cost(len(orders[one])) + product.cost(len(orders[two])) - product.cost(chips)
        return (-saved, length, one, two) if saved > 1e-9 else None

    links = _links(pieces)
    if shift is not None:
        square = [tuple((value + shift) // limits.max_side for value in min(piece)) for piece in pieces]
        links = [link for link in links if square[link[0]] == square[link[1]]]
    heap = [(*seen, number) for number, link in enumerate(links) if (seen := look(link))]
    heapq.heapify(heap)
    while heap:
        *seen, number = heapq.heappop(heap)
        now = look(links[number])
        if now is None:
            continue
        if now != tuple(seen):  # one of the two has grown since
            heapq.heappush(heap, (*now, number))
            continue
        one, two = now[2:]
        large, small = (one, two) if len(orders[one]) >= len(orders[two]) else (two, one)
        orders[large] |= orders.pop(small) | _corridor(*links[number][2:])
        root[small] = large
        vertices[large] += vertices.pop(small) + JUNCTION
        frames[large] = _both(frames[large], frames.pop(small))
    return [orders[number] for number in sorted(orders)]


def outline(cells: Cells) -> shapely.Polygon:
    """The polygon of connected cells without holes, in UTM metres."""
    frame = _frame(cells)
    place = Affine(CHIP_M, 0, (frame[0] - 1) * CHIP_M, 0, CHIP_M, (frame[1] - 1) * CHIP_M)
    mask = _mask(cells, frame)
    shapes = rasterio.features.shapes(mask.astype(np.uint8), mask, connectivity=4, transform=place)
    (shape,) = (shape for shape, _ in shapes)
    return shapely.geometry.shape(shape)

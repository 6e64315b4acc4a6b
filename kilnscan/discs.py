"""How much of each cell lies within discs round places, compiled.

A cell is seen straight down from above a place: a quadrilateral, of which the part within a disc has a closed form.
"""

import numba
import numpy as np

FINE = 8  # parts per edge that a cell is split into where several circles cut it; 8 x 8 bits are one word
WHOLE = 255  # mark of a cell that lies in some circle as a whole
SEEN = 0.5  # cosine: corners farther than 60 degrees from a place are never near it


@numba.njit(nogil=True, cache=True, error_model="numpy")
def add_near(people, corners, windows, places, frames, radii, total, known):  # pragma: no cover (compiled)
    """Add to `total` (place, radius) the people of a block; note in `known` which places have data in reach."""
    x, y, at = np.empty(4), np.empty(4), np.empty((2, people.shape[1] + 1, 3))
    for visit in range(len(windows)):
        top, bottom, left, right = windows[visit]
        place = places[visit]
        _look(corners[top, left : right + 1], frames[place], at[0])
        for row in range(top, bottom):
            _look(corners[row + 1, left : right + 1], frames[place], at[(row + 1 - top) % 2])
            for column in range(left, right):
                value = people[row, column]
                if np.isnan(value) or not _quad(at, (row - top) % 2, column - left, x, y):
                    continue
                for k in range(len(radii) - 1, -1, -1):
                    share = _share(x, y, radii[k])
                    if share <= 0:
                        break  # nor in smaller circles
                    known[place] = True
                    total[place, k] += share * value


@numba.njit(nogil=True, cache=True, error_model="numpy")
def near_once(people, corners, windows, places, frames, radii, known):  # pragma: no cover (compiled)
    """People (row, column, radius) of each cell of a block who are in any circle; everyone once."""
    x, y, at = np.empty(4), np.empty(4), np.empty((2, people.shape[1] + 1, 3))
    cuts = np.zeros((*people.shape, len(radii)), np.uint8)  # circles that cut a cell
    part = np.zeros((*people.shape, len(radii)))  # its share in the last of them
    bits = np.zeros((*people.shape, len(radii)), np.uint64)  # its points that lie in any of them
    near = np.zeros((*people.shape, len(radii)))
    for visit in range(len(windows)):
        top, bottom, left, right = windows[visit]
        place = places[visit]
        _look(corners[top, left : right + 1], frames[place], at[0])
        for row in range(top, bottom):
            _look(corners[row + 1, left : right + 1], frames[place], at[(row + 1 - top) % 2])
            for column in range(left, right):
                if np.isnan(people[row, column]) or not _quad(at, (row - top) % 2, column - left, x, y):
                    continue
                for k in range(len(radii) - 1, -1, -1):
                    share = _share(x, y, radii[k])
                    if share <= 0:
                        break
                    known[place] = True
                    if share >= 1:
                        cuts[row, column, k] = WHOLE
                    elif cuts[row, column, k] != WHOLE:
                        cuts[row, column, k] = min(cuts[row, column, k] + 1, WHOLE - 1)
                        part[row, column, k] = share
                        bits[row, column, k] |= _points(x, y, radii[k])
    for row in range(people.shape[0]):
        for column in range(people.shape[1]):
            for k in range(len(radii)):
                if cuts[row, column, k] == WHOLE:
                    near[row, column, k] = people[row, column]
                elif cuts[row, column, k] == 1:
                    near[row, column, k] = people[row, column] * part[row, column, k]
                elif cuts[row, column, k]:
                    near[row, column, k] = people[row, column] * _ones(bits[row, column, k]) / FINE**2
    return near


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _look(points, frame, out):  # pragma: no cover (compiled)
    """Where points (n, 3) of the unit sphere are seen from above a place: east, north, up."""
    for k in range(len(points)):
        for axis in range(3):
            out[k, axis] = points[k, 0] * frame[axis, 0] + points[k, 1] * frame[axis, 1] + points[k, 2] * frame[axis, 2]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _quad(at, upper, column, x, y):  # pragma: no cover (compiled)
    """Corners (4,) of a cell in turn, from those of its upper and lower edge; False where it is beyond the horizon."""
    for k in range(4):
        corner = at[upper if k < 2 else 1 - upper, column + (k == 1 or k == 2)]
        if not corner[2] > SEEN:  # also where it is NaN
            return False
        x[k], y[k] = corner[0], corner[1]
    return True


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _share(x, y, radius):  # pragma: no cover (compiled)
    """Share of a quadrilateral (4 corners) that lies in the circle round the origin; 1 or 0 if all or nothing is."""
    farthest = 0.0
    for k in range(4):
        farthest = max(farthest, x[k] * x[k] + y[k] * y[k])
    if farthest <= radius * radius:
        return 1.0
    if min(x[0], x[1], x[2], x[3]) >= radius or max(x[0], x[1], x[2], x[3]) <= -radius:
        return 0.0
    if min(y[0], y[1], y[2], y[3]) >= radius or max(y[0], y[1], y[2], y[3]) <= -radius:
        return 0.0
    twice, common = 0.0, 0.0
    for k in range(4):
        then = (k + 1) % 4
        twice += x[k] * y[then] - x[then] * y[k]
        common += _swept(x[k], y[k], x[then], y[then], radius)
    share = 2 * common / twice if twice != 0 else 0.0
    return min(share, 1 - 1e-12) if share > 1e-12 else 0.0


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _swept(ax, ay, bx, by, radius):  # pragma: no cover (compiled)
    """Signed area, within the circle, of the triangle of the origin and the edge from a to b."""
    dx, dy = bx - ax, by - ay
    a, b, c = dx * dx + dy * dy, ax * dx + ay * dy, ax * ax + ay * ay - radius * radius
    root = b * b - a * c
    if a == 0 or root <= 0:
        return _sector(ax, ay, bx, by, radius)
    root = np.sqrt(root)
    enter, leave = max((-b - root) / a, 0.0), min((-b + root) / a, 1.0)
    if enter >= leave:
        return _sector(ax, ay, bx, by, radius)
    px, py, qx, qy = ax + enter * dx, ay + enter * dy, ax + leave * dx, ay + leave * dy
    return _sector(ax, ay, px, py, radius) + (px * qy - qx * py) / 2 + _sector(qx, qy, bx, by, radius)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _sector(ax, ay, bx, by, radius):  # pragma: no cover (compiled)
    return radius * radius * np.arctan2(ax * by - bx * ay, ax * bx + ay * by) / 2


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _points(x, y, radius):  # pragma: no cover (compiled)
    """Which of 8 x 8 points, spread evenly over a quadrilateral, lie in the circle: a bit for each."""
    bits, bit = np.uint64(0), np.uint64(1)
    for i in range(FINE):
        down = (i + 0.5) / FINE
        for j in range(FINE):
            along = (j + 0.5) / FINE
            u = (1 - down) * ((1 - along) * x[0] + along * x[1]) + down * ((1 - along) * x[3] + along * x[2])
            v = (1 - down) * ((1 - along) * y[0] + along * y[1]) + down * ((1 - along) * y[3] + along * y[2])
            if u * u + v * v <= radius * radius:
                bits |= bit
            bit = bit << np.uint64(1)
    return bits


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _ones(bits):  # pragma: no cover (compiled)
    count = 0
    while bits:
        bits &= bits - np.uint64(1)
        count += 1
    return count

"""Compiled loops of the screen: planes, sums over cells and boxes, features, trees, and the sieve that joins them.

Written for the compiler: rows are worked on in vector registers, and no arithmetic is reordered, so that a feature has
the same bits wherever it is computed (`glance` for the gate, `describe` for the forest). All stand in one file because
numba keeps compiled code until the file changes that a function stands in, whatever becomes of those it calls.
"""

import numba
import numpy as np

STEPS = 1024  # a normalised difference of 1 as a whole number
CELL = 4  # pixels: edge of the cells that share their surroundings
LOCAL = (1, 3, 5, 7, 13, 25)  # widths of boxes in pixels
PLAIN = (1, 5, 13)  # widths for planes of which only means are taken
RINGS = (7, 10)  # distances in pixels at which eight 3x3 boxes stand around a pixel
GLANCE = 5  # width of the boxes that the gate looks at
BATCH = 64  # pixels judged together: their features fit the first-level cache, and their memory accesses overlap
EXIT_EVERY = 4  # trees between two looks at which pixels can still reach what is needed
SLACK = 1e-9  # per tree: sums of bounds round differently from sums of leaves
REACH = 13  # pixels that boxes and rings reach, and one for the sums
# (ring, offset, down and right): eight offsets clockwise from north
AROUND = np.array(
    [
        [(-d, 0), (-a, a), (0, d), (a, a), (d, 0), (a, -a), (0, -d), (-a, -a)]
        for d, a in ((d, round(d * 0.7071)) for d in RINGS)
    ]
)
# Batcher's odd-even merge sort (Knuth, TAOCP 3, 5.2.2, algorithm M)
SORT_4 = np.array([(0, 2), (1, 3), (0, 1), (2, 3), (1, 2)], np.uint64)
SORT_8 = np.array(
    [
        *((0, 4), (1, 5), (2, 6), (3, 7), (0, 2), (1, 3), (4, 6), (5, 7), (2, 4), (3, 5)),
        *((0, 1), (2, 3), (4, 5), (6, 7), (1, 4), (3, 6), (1, 2), (3, 4), (5, 6)),
    ],
    np.uint64,
)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _plane_row(pixels, valid, plus, minus, row, start, stop, added, taken, out):  # pragma: no cover (compiled)
    """One plane of a row's columns `start` to `stop` as whole numbers; 0 where invalid."""
    size = stop - start
    added[:size] = 0
    taken[:size] = 0
    difference = False
    for band in range(plus.size):
        given = pixels[band, row, start:stop]
        if plus[band]:
            for c in range(size):
                added[c] += np.int32(given[c])
        if minus[band]:
            difference = True
            for c in range(size):
                taken[c] += np.int32(given[c])
    seen = valid[row, start:stop]
    if difference:
        for c in range(size):
            whole = max(added[c] + taken[c], 1)
            # the quotient of whole numbers this small is never rounded across a whole number
            value = np.floor(np.float64((added[c] - taken[c]) * STEPS) / np.float64(whole))
            value = min(max(value, -STEPS), STEPS)  # bands below 0 would give more
            out[c] = np.int32(value) if seen[c] else np.int32(0)
    else:
        for c in range(size):
            out[c] = added[c] if seen[c] else np.int32(0)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def add_to_cells(pixels, valid, plus, minus, top, left, start, stop, cells):  # pragma: no cover (compiled)
    """Add to cells (table, row, column) the numbers of valid pixels, the planes, and the planes squared.

    Of the columns from `start` to `stop`; `top` and `left` are where the first pixel lies in its cell.
    """
    planes, columns = len(plus), stop - start
    added, taken, value = np.empty(columns, np.int32), np.empty(columns, np.int32), np.empty(columns, np.int32)
    for row in range(len(valid)):
        into = (top + row) // CELL
        for c in range(columns):
            cells[0, into, (left + start + c) // CELL] += valid[row, start + c]
        for plane in range(planes):
            _plane_row(pixels, valid, plus[plane], minus[plane], row, start, stop, added, taken, value)
            sums, squares = cells[1 + plane, into], cells[1 + planes + plane, into]
            for c in range(columns):
                wide = np.int64(value[c])
                sums[(left + start + c) // CELL] += wide
                squares[(left + start + c) // CELL] += wide * wide


@numba.njit(nogil=True, cache=True, error_model="numpy")
def local_sums(pixels, valid, plus, minus, squared, top, left, sums, squares):  # pragma: no cover (compiled)
    """Integral images of validity and planes (int32, wrapping) and of the first plane squared (int64).

    The first row and column stay 0; (1, 1) is the pixel (`top`, `left`) of the array, which may lie outside it.
    """
    planes = len(plus)
    rows, columns = sums.shape[1] - 1, sums.shape[2] - 1
    start, stop = max(left, 0), min(left + columns, valid.shape[1])
    added, taken = np.empty(columns, np.int32), np.empty(columns, np.int32)
    value = np.zeros(columns, np.int32)
    inside = value[start - left : max(stop - left, start - left)]
    for r in range(rows):
        row = top + r
        seen = 0 <= row < valid.shape[0] and start < stop
        for plane in range(-1, planes):
            if not seen:
                value[:] = 0
            elif plane < 0:
                for c in range(inside.size):
                    inside[c] = valid[row, start + c]
            else:
                _plane_row(pixels, valid, plus[plane], minus[plane], row, start, stop, added, taken, inside)
            above, here = sums[1 + plane, r], sums[1 + plane, r + 1]
            total = np.int32(0)
            for c in range(columns):
                total = np.int32(total + value[c])
                here[c + 1] = np.int32(above[c + 1] + total)
            if plane == 0 and squared:
                big = np.int64(0)
                for c in range(columns):
                    big += np.int64(value[c]) * np.int64(value[c])
                    squares[r + 1, c + 1] = squares[r, c + 1] + big


@numba.njit(nogil=True, cache=True, error_model="numpy")
def surroundings_of(cells, top, left, widths, front, about, unit, spread):  # pragma: no cover (compiled)
    """Means, units and spreads (around, plane, row, column) of the planes around each cell of a block.

    `cells` are integral images with `front` + 1 cells in front of the first.
    """
    arounds, planes, rows, columns = about.shape
    for a in range(arounds):
        half = widths[a] // 2
        for r in range(rows):
            north, south = top + r + front - half, top + r + front + half + 1
            for c in range(columns):
                west, east = left + c + front - half, left + c + front + half + 1
                number = max(
                    cells[0, south, east] - cells[0, north, east] - cells[0, south, west] + cells[0, north, west], 1
                )
                for p in range(planes):
                    s, q = cells[1 + p], cells[1 + planes + p]
                    mean = (s[south, east] - s[north, east] - s[south, west] + s[north, west]) / number
                    square = (q[south, east] - q[north, east] - q[south, west] + q[north, west]) / number
                    deviation = np.sqrt(max(square - mean * mean, 0.0))
                    about[a, p, r, c] = mean
                    # floors keep noise in even surroundings from looking like much
                    if p == 0:
                        light = max(mean, 1.0)
                        unit[a, p, r, c] = max(deviation, max(1.0, 0.01 * light))
                        spread[a, p, r, c] = deviation / light
                    else:
                        unit[a, p, r, c] = max(deviation, 1.0)
                        spread[a, p, r, c] = deviation / STEPS


@numba.njit(nogil=True, inline="always")
def _corners(top, left, width, stride, out):  # pragma: no cover (compiled)
    """Where the corners of a box lie in an integral image of `stride` columns, from a pixel's own place in it."""
    start = (REACH - 1 + top) * stride + REACH - 1 + left
    out[0], out[1] = start, start + width
    out[2], out[3] = start + width * stride, start + width * stride + width


@numba.njit(nogil=True, inline="always")
def _box(sums, place, corner, n):  # pragma: no cover (compiled)
    """Sum over the n-th box; unsigned places spare the compiler the question whether they are negative."""
    north = sums[place + corner[n, 1]] - sums[place + corner[n, 0]]
    return sums[place + corner[n, 3]] - sums[place + corner[n, 2]] - north


@numba.njit(nogil=True, inline="always")
def _sort(values, network):  # pragma: no cover (compiled)
    """Sort a few values by comparing pairs, so that direction does not matter; without branches to mispredict."""
    for n in range(len(network)):
        i, j = network[n, 0], network[n, 1]
        low, high = min(values[i], values[j]), max(values[i], values[j])
        values[i], values[j] = low, high


@numba.njit(nogil=True, inline="always")
def _wide_box(table, top, left, width):  # pragma: no cover (compiled)
    return table[top + width, left + width] - table[top, left + width] - table[top + width, left] + table[top, left]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def describe(at, sums, squares, first, about, unit, spread, shaped, out):  # pragma: no cover (compiled)
    """Fill `out` (pixel, feature) float32 in the order of `kilnscan.features._names` at places (row, column)."""
    arounds, planes = len(about), sums.shape[0] - 1
    ring, axis = np.empty(8, np.float32), np.empty(4, np.float32)
    mean = np.empty(planes)
    stride = sums.shape[2]
    flat, flat_squares, size = sums.ravel(), squares.ravel(), np.uint64(sums.shape[1] * stride)
    local, plain = np.empty((len(LOCAL), 4), np.uint64), np.empty((len(PLAIN), 4), np.uint64)
    for n in range(len(LOCAL)):
        _corners(-(LOCAL[n] // 2), -(LOCAL[n] // 2), LOCAL[n], stride, local[n])
    for n in range(len(PLAIN)):
        _corners(-(PLAIN[n] // 2), -(PLAIN[n] // 2), PLAIN[n], stride, plain[n])
    middle, around = np.empty((1, 4), np.uint64), np.empty((8 * len(RINGS), 4), np.uint64)
    _corners(-1, -1, 3, stride, middle[0])
    for d in range(len(RINGS)):
        for k in range(8):
            _corners(AROUND[d, k, 0] - 1, AROUND[d, k, 1] - 1, 3, stride, around[8 * d + k])
    shape = min(1, shaped - 1)
    shape_table = np.uint64(1 + shape) * size
    for pixel in range(len(at)):
        r, c, f = at[pixel, 0], at[pixel, 1], 0
        place = np.uint64(r * stride + c)
        i, j = (first[0] + r) // CELL, (first[1] + c) // CELL
        for a in range(arounds):
            for p in range(shaped):
                out[pixel, f] = spread[a, p, i, j]
                f += 1
        for a in range(arounds):
            for p in range(1, shaped):
                out[pixel, f] = about[a, p, i, j] / STEPS
                f += 1
        if shaped:
            light = max(about[0, 0, i, j], 1.0)
            for n in range(len(LOCAL)):
                number = np.float64(max(_box(flat, place, local, n), 1))
                for p in range(shaped):
                    mean[p] = np.int32(_box(flat, place + np.uint64(1 + p) * size, local, n)) / number
                for p in range(1, shaped):
                    out[pixel, f] = mean[p] / STEPS
                    f += 1
                for a in range(arounds):
                    for p in range(shaped):
                        out[pixel, f] = (mean[p] - about[a, p, i, j]) / unit[a, p, i, j]
                        f += 1
                if LOCAL[n] > 1:
                    square = _box(flat_squares, place, local, n) / number
                    out[pixel, f] = np.sqrt(max(square - mean[0] * mean[0], 0.0)) / light
                    f += 1
            scale = unit[arounds - 1, shape, i, j]
            number = np.float64(max(_box(flat, place, middle, 0), 1))
            centre = np.int32(_box(flat, place + shape_table, middle, 0)) / number
            for d in range(len(RINGS)):
                for k in range(8):
                    number = np.float64(_box(flat, place, around, 8 * d + k))
                    total = np.int32(_box(flat, place + shape_table, around, 8 * d + k))
                    ring[k] = (total / number - centre) / scale if number > 0 else 0.0
                for k in range(4):
                    axis[k] = ring[k] + ring[k + 4]
                _sort(ring, SORT_8)
                _sort(axis, SORT_4)
                for k in range(8):
                    out[pixel, f + k] = ring[k]
                for k in range(4):
                    out[pixel, f + 8 + k] = axis[k]
                f += 12
        for n in range(len(PLAIN)):
            number = np.float64(max(_box(flat, place, plain, n), 1))
            for p in range(shaped, planes):
                out[pixel, f] = np.int32(_box(flat, place + np.uint64(1 + p) * size, plain, n)) / number / STEPS
                f += 1


@numba.njit(nogil=True, inline="always")
def glance(r, sums, squares, first, about, unit, shaped, number, mean, out):  # pragma: no cover (compiled)
    """Fill `out` (feature, column) float32 with what the gate sees of a row, in the order of `features._glanced`."""
    arounds, planes, columns = len(about), sums.shape[0] - 1, out.shape[1]
    i, off = (first[0] + r) // CELL, first[1]
    north, left = r + REACH - 1 - GLANCE // 2, REACH - 1 - GLANCE // 2
    south, east = north + GLANCE, left + GLANCE
    up, down = sums[0, north], sums[0, south]
    for c in range(columns):
        number[c] = np.float64(max(np.int32(down[east + c] - up[east + c] - down[left + c] + up[left + c]), 1))
    for p in range(planes):
        up, down, row = sums[1 + p, north], sums[1 + p, south], mean[p]
        for c in range(columns):
            row[c] = np.int32(down[east + c] - up[east + c] - down[left + c] + up[left + c]) / number[c]
    f = 0
    for p in range(1, shaped):
        for c in range(columns):
            out[f, c] = mean[p, c] / STEPS
        f += 1
    for a in range(arounds):
        for p in range(shaped):
            middle, scale, row = about[a, p, i], unit[a, p, i], mean[p]
            for c in range(columns):
                j = (off + c) // CELL
                out[f, c] = (row[c] - middle[j]) / scale[j]
            f += 1
    if shaped:
        wide_up, wide_down, middle = squares[north], squares[south], about[0, 0, i]
        for c in range(columns):
            total = wide_down[east + c] - wide_up[east + c] - wide_down[left + c] + wide_up[left + c]
            square = total / number[c]
            light = max(middle[(off + c) // CELL], 1.0)
            out[f, c] = np.sqrt(max(square - mean[0, c] * mean[0, c], 0.0)) / light
        f += 1
    for p in range(shaped, planes):
        for c in range(columns):
            out[f, c] = mean[p, c] / STEPS
        f += 1


@numba.njit(nogil=True, inline="always")
def walk(features, size, trees, need, totals, alive, node):  # pragma: no cover (compiled)
    """Add up the leaves of the first `size` rows of `features`; -1 for those that cannot reach `need`.

    Gives up a pixel as soon as what it has and the greatest leaves of all trees to come are too little: exact.
    """
    packed, threshold, value, roots, depths, rests = trees
    count, left = len(depths), size
    for k in range(size):
        totals[k] = 0.0
        alive[k] = k
    for tree in range(count):
        base = roots[tree]
        for k in range(left):
            node[k] = 0
        for _ in range(depths[tree]):
            for k in range(left):
                i = np.uint64(base + node[k])
                word = packed[i]
                right = np.uint32(features[alive[k], word & np.uint32(255)] > threshold[i])
                node[k] = (word >> np.uint32(8)) + right
        for k in range(left):
            totals[alive[k]] += value[np.uint64(base + node[k])]
        if tree % EXIT_EVERY == EXIT_EVERY - 1 and tree < count - 1:
            enough, kept = need - rests[tree + 1] - SLACK * count, 0
            for k in range(left):
                if totals[alive[k]] >= enough:
                    alive[kept] = alive[k]
                    kept += 1
                else:
                    totals[alive[k]] = -1.0
            left = kept
            if left == 0:
                break


@numba.njit(nogil=True, cache=True, error_model="numpy")
def predict(features, trees, out):  # pragma: no cover (compiled)
    """Fill `out` (pixel) with the mean of all trees' leaves."""
    totals, alive, node = np.empty(BATCH), np.empty(BATCH, np.uint32), np.empty(BATCH, np.uint32)
    for start in range(0, len(features), BATCH):
        size = min(BATCH, len(features) - start)
        walk(features[start : start + size], size, trees, -np.inf, totals, alive, node)
        for k in range(size):
            out[start + k] = totals[k] / len(trees[4])


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _judge(at, size, sums, squares, first, about, unit, spread, shaped, trees, floor, found, out):
    # pragma: no cover (compiled)
    """Describe a batch of pixels in full, ask the forest, and put those that reach `floor` into `out`."""
    totals, alive, node = np.empty(BATCH), np.empty(BATCH, np.uint32), np.empty(BATCH, np.uint32)
    describe(at[:size], sums, squares, first, about, unit, spread, shaped, found)
    walk(found, size, trees, floor * len(trees[4]), totals, alive, node)
    for k in range(size):
        probability = totals[k] / len(trees[4])
        if probability >= floor:
            out[at[k, 0], at[k, 1]] = np.uint8(np.rint(probability * 255))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def sieve(sums, squares, first, about, unit, spread, shaped, valid, least, early, doubt, trees, floor, features, out):
    # pragma: no cover (compiled)
    """Fill `out` (row, column) uint8 with the kiln probability times 255 of a block's valid pixels.

    0 where a feature of the glance is less than `least` (feature) has for it, where the `early` trees, which look at
    the glance, give less than `doubt`, and where the forest gives less than `floor`. Returns how many pixels the early
    trees were asked about, and how many were described in full.
    """
    rows, columns = valid.shape
    planes, glanced = sums.shape[0] - 1, len(least)
    number, mean = np.empty(columns), np.empty((planes, columns))
    seen, open_ = np.empty((glanced, columns), np.float32), np.empty(columns, np.uint8)
    turned, place = np.empty((BATCH, glanced), np.float32), np.empty(BATCH, np.int64)
    at, found = np.empty((BATCH, 2), np.int64), np.empty((BATCH, features), np.float32)
    totals, alive, node = np.empty(BATCH), np.empty(BATCH, np.uint32), np.empty(BATCH, np.uint32)
    few = len(early[4])
    asked, described, waiting = 0, 0, 0
    for r in range(rows):
        glance(r, sums, squares, first, about, unit, shaped, number, mean, seen)
        for c in range(columns):
            open_[c] = valid[r, c]
            out[r, c] = 0
        for f in range(glanced):
            row, bound = seen[f], least[f]
            for c in range(columns):
                open_[c] &= np.uint8(row[c] >= bound)
        size = 0
        for c in range(columns):
            if open_[c]:
                place[size] = c
                for f in range(glanced):
                    turned[size, f] = seen[f, c]
                size += 1
            if size == BATCH or (c == columns - 1 and size > 0):  # a full batch, or the rest of the row
                walk(turned, size, early, doubt * few, totals, alive, node)
                asked += size
                passed = 0
                for k in range(size):
                    if totals[k] / few >= doubt:
                        place[passed] = place[k]
                        passed += 1
                for k in range(passed):
                    at[waiting, 0], at[waiting, 1] = r, place[k]
                    waiting += 1
                    if waiting == BATCH:
                        _judge(at, waiting, sums, squares, first, about, unit, spread, shaped, trees, floor, found, out)
                        described += waiting
                        waiting = 0
                size = 0
    _judge(at, waiting, sums, squares, first, about, unit, spread, shaped, trees, floor, found, out)
    return asked, described + waiting

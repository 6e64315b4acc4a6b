"""The screen's inner loop: most pixels leave at a glance, the rest are described in full and judged by the forest."""

import numba
import numpy as np

from kilnscan.feature_kernels import describe, glance
from kilnscan.trees import BATCH, walk


@numba.njit(nogil=True, cache=True, error_model="numpy")
def sieve(sums, squares, first, about, unit, spread, shaped, valid, least, trees, early, doubt, floor, features, out):
    # pragma: no cover (compiled)
    """Fill `out` (row, column) uint8 with the kiln probability times 255 of a block's valid pixels.

    0 where a feature of the glance is less than `least` (feature) has for it, where the first `early` trees give less
    than `doubt`, and where the forest gives less than `floor`. Returns how many pixels were described in full.
    """
    rows, columns = valid.shape
    planes, glanced = sums.shape[0] - 1, len(least)
    number, mean = np.empty(columns), np.empty((planes, columns))
    seen, open_ = np.empty((glanced, columns), np.float32), np.empty(columns, np.uint8)
    at, found = np.empty((BATCH, 2), np.int64), np.empty((BATCH, features), np.float32)
    totals, alive, node = np.empty(BATCH), np.empty(BATCH, np.uint32), np.empty(BATCH, np.uint32)
    waiting, described, count = 0, 0, len(trees[4])
    for r in range(rows + 1):
        if r < rows:
            glance(r, sums, squares, first, about, unit, shaped, number, mean, seen)
            for c in range(columns):
                open_[c] = valid[r, c]
                out[r, c] = 0
            for f in range(glanced):
                row, bound = seen[f], least[f]
                for c in range(columns):
                    open_[c] &= np.uint8(row[c] >= bound)
        else:
            open_[:] = 0
        for c in range(columns):
            if open_[c]:
                at[waiting, 0], at[waiting, 1] = r, c
                waiting += 1
            if waiting == BATCH or (r == rows and c == columns - 1):  # as soon as a batch is full, and at the end
                describe(at[:waiting], sums, squares, first, about, unit, spread, shaped, found)
                walk(found, waiting, trees, floor * count, early, doubt * early, totals, alive, node)
                for k in range(waiting):
                    probability = totals[k] / count
                    if probability >= floor:
                        out[at[k, 0], at[k, 1]] = np.uint8(np.rint(probability * 255))
                described += waiting
                waiting = 0
    return described

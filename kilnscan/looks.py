"""What a season's looks at a pixel become: a percentile of the clear ones, or the least cloudy date's.

Looks are sorted by a network of comparisons that is the same for every pixel, so a row is sorted at once in vector
registers, masked looks behind all others.
"""

from functools import cache

import numba
import numpy as np

_MASKED = np.uint16(65535)


@numba.njit(nogil=True, cache=True)
def place(values: np.ndarray, clear: np.ndarray, factor: float, offset: float, layer: np.ndarray) -> None:
    """Put DN (row, column) times `factor` plus `offset` into `layer` where `clear` and DN is not 0 (nodata).

    Results are rounded and kept between 1 and 65534, so that 0 means unseen in every layer.
    """
    rows, columns = values.shape
    whole = factor == 1.0 and offset == np.floor(offset)
    shift = np.int32(offset) if whole else np.int32(0)
    for row in range(rows):
        given, seen, into = values[row], clear[row], layer[row]
        if whole:
            for column in range(columns):
                value = np.int32(given[column]) + shift
                value = min(max(value, np.int32(1)), np.int32(65534))
                into[column] = np.uint16(value) if seen[column] and given[column] > 0 else into[column]
        else:
            for column in range(columns):
                value = np.rint(given[column] * factor + offset)
                value = min(max(value, 1.0), 65534.0)
                into[column] = np.uint16(value) if seen[column] and given[column] > 0 else into[column]


@numba.njit(nogil=True, cache=True)
def _percentile(stack: np.ndarray, network: np.ndarray, percent: int, result: np.ndarray) -> None:
    layers, rows, columns = stack.shape
    sorted_ = np.empty((layers, columns), np.uint16)
    count = np.empty(columns, np.uint16)
    lower, upper, share = np.empty(columns, np.uint16), np.empty(columns, np.uint16), np.empty(columns, np.uint16)
    low, high = np.empty(columns, np.uint16), np.empty(columns, np.uint16)
    for row in range(rows):
        count[:] = 0
        for layer in range(layers):
            given, into = stack[layer, row], sorted_[layer]
            for column in range(columns):
                seen = given[column] > 0
                into[column] = given[column] if seen else _MASKED
                count[column] += np.uint16(1) if seen else np.uint16(0)
        for pair in range(network.shape[0]):
            first, second = sorted_[network[pair, 0]], sorted_[network[pair, 1]]
            for column in range(columns):
                a, b = first[column], second[column]
                first[column] = a if a < b else b
                second[column] = b if a < b else a
        for column in range(columns):
            place = np.uint32(count[column] - np.uint16(1) if count[column] > 0 else np.uint16(0)) * np.uint32(percent)
            whole = place // np.uint32(100)
            rest = place - whole * np.uint32(100)
            lower[column], share[column] = np.uint16(whole), np.uint16(rest)
            upper[column] = np.uint16(whole) + (np.uint16(1) if rest > 0 else np.uint16(0))
        low[:] = 0
        high[:] = 0
        for layer in range(layers):
            given, this = sorted_[layer], np.uint16(layer)
            for column in range(columns):
                low[column] = given[column] if lower[column] == this else low[column]
                high[column] = given[column] if upper[column] == this else high[column]
        into = result[row]
        for column in range(columns):
            part = np.uint32(share[column])
            value = (np.uint32(low[column]) * (np.uint32(100) - part) + np.uint32(high[column]) * part) // np.uint32(
                100
            )
            into[column] = np.uint16(value) if count[column] > 0 else np.uint16(0)


def percentile(stack: np.ndarray, percent: int) -> np.ndarray:
    """A percentile over dates of `stack` (date, row, column; uint16), zeros left out; 0 where none is left.

    Between two looks it is interpolated and rounded down, as `numpy.percentile` with method `linear`; 50 is the median.
    """
    result = np.zeros(stack.shape[1:], np.uint16)
    if len(stack):
        _percentile(stack, _network(len(stack)), percent, result)
    return result


def first_clear(stack: np.ndarray, order: list[int]) -> np.ndarray:
    """Of each pixel of `stack` (date, row, column) the value of the first date in `order` that is not 0."""
    result = np.zeros(stack.shape[1:], np.uint16)
    for date in order:
        np.copyto(result, stack[date], where=result == 0)
    return result


@cache
def _network(count: int) -> np.ndarray:
    """Comparisons that sort `count` values: Batcher's odd-even merge sort (Knuth, TAOCP 3, 5.2.2, algorithm M)."""
    pairs = []
    span = 1
    while span < count:
        step = span
        while step >= 1:
            for start in range(step % span, count - step, 2 * step):
                for i in range(start, start + min(step, count - start - step)):
                    if i // (2 * span) == (i + step) // (2 * span):
                        pairs.append((i, i + step))
            step //= 2
        span *= 2
    return np.array(pairs, np.int64).reshape(-1, 2)

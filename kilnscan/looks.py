"""What a season's looks at a pixel become: a percentile of the clear ones, or the least cloudy date's.

Looks are sorted by a network of comparisons that is the same for every pixel, so that a row of pixels is sorted at
once in vector registers; masked looks go behind all others. The loops are written for the compiler: unsigned 16-bit
throughout and choices instead of branches make them several times faster.
"""

from functools import cache

import numba
import numpy as np

_MASKED = np.uint16(65535)
_NONE, _ONE = np.uint16(0), np.uint16(1)


def place(values: np.ndarray, clear: np.ndarray, factor: float, offset: float, layer: np.ndarray) -> None:
    """Put DN (row, column) times `factor` plus `offset` into `layer` where `clear` and DN is not 0 (nodata).

    `layer` (uint16) must still be 0 there. Results are rounded and kept between 1 and 65534: 0 means unseen.
    """
    if not values.shape == clear.shape == layer.shape:  # the loops below do not check
        raise ValueError(f"shapes {values.shape}, {clear.shape} and {layer.shape} differ")
    if values.dtype == np.uint16 and factor == 1 and offset <= 0 and offset == int(offset):
        _place_shifted(values, clear.view(np.uint8), np.uint16(-offset), layer)
    else:
        _place(values, clear, float(factor), float(offset), layer)


@numba.njit(nogil=True, cache=True)
def _place_shifted(values: np.ndarray, clear: np.ndarray, less: np.uint16, layer: np.ndarray) -> None:
    for row in range(values.shape[0]):
        given, seen, into = values[row], clear[row], layer[row]
        for column in range(values.shape[1]):
            dn = given[column]
            value = np.uint16(dn - less) if dn > less else _ONE
            value = value if value < _MASKED else np.uint16(65534)
            has_data = _MASKED if dn > _NONE else _NONE
            is_clear = np.uint16(_NONE - np.uint16(seen[column]))  # 0 or all bits
            into[column] = np.uint16(into[column] | np.uint16(value & np.uint16(has_data & is_clear)))


@numba.njit(nogil=True, cache=True)
def _place(values: np.ndarray, clear: np.ndarray, factor: float, offset: float, layer: np.ndarray) -> None:
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            if clear[row, column] and values[row, column] > 0:
                value = np.rint(values[row, column] * factor + offset)
                layer[row, column] = np.uint16(min(max(value, 1.0), 65534.0))


def percentiles(stack: np.ndarray, percents: list[int]) -> np.ndarray:
    """Percentiles (percent, row, column) over dates of `stack` (date, row, column; uint16), zeros left out.

    0 where none is left. Between two looks they are interpolated and rounded down, as `numpy.percentile` with method
    `linear`; 50 is the median. Looks are sorted once, however many percentiles are asked for.
    """
    result = np.zeros((len(percents), *stack.shape[1:]), np.uint16)
    if len(stack) and percents:
        _percentiles(stack, _network(len(stack)), np.array(percents), result)
    return result


@numba.njit(nogil=True, inline="always")
def _in_order(first: np.ndarray, second: np.ndarray) -> None:
    """Swap the values of two rows where the first is the larger."""
    for column in range(first.size):
        a, b = first[column], second[column]
        if a > b:
            low, high = b, a
        else:
            low, high = a, b
        first[column] = low
        second[column] = high


@numba.njit(nogil=True, cache=True)
def _percentiles(stack: np.ndarray, network: np.ndarray, percents: np.ndarray, result: np.ndarray) -> None:
    dates, rows, columns = stack.shape
    looks = np.empty((dates, columns), np.uint16)
    count, below = np.empty(columns, np.uint16), np.empty(columns, np.uint16)
    above, share = np.empty(columns, np.uint16), np.empty(columns, np.uint16)
    low, high = np.empty(columns, np.uint16), np.empty(columns, np.uint16)
    for row in range(rows):
        count[:] = 0
        for date in range(dates):
            given, into = stack[date, row], looks[date]
            for column in range(columns):
                value = given[column]
                into[column] = value if value > _NONE else _MASKED
                count[column] += _ONE if value > _NONE else _NONE
        for pair in range(network.shape[0]):
            _in_order(looks[network[pair, 0]], looks[network[pair, 1]])
        for number in range(len(percents)):
            for column in range(columns):  # where between which two looks the percentile lies
                position = np.uint32(count[column] - _ONE if count[column] > _NONE else _NONE) * np.uint32(
                    percents[number]
                )
                whole = position // np.uint32(100)
                rest = position - whole * np.uint32(100)
                below[column], share[column] = np.uint16(whole), np.uint16(rest)
                above[column] = np.uint16(whole) + (_ONE if rest > 0 else _NONE)
            low[:] = 0
            high[:] = 0
            for date in range(dates):
                given, this = looks[date], np.uint16(date)
                for column in range(columns):
                    value = given[column]
                    low[column] = value if below[column] == this else low[column]
                    high[column] = value if above[column] == this else high[column]
            into = result[number, row]
            for column in range(columns):
                part = np.uint32(share[column])
                value = (
                    np.uint32(low[column]) * (np.uint32(100) - part) + np.uint32(high[column]) * part
                ) // np.uint32(100)
                into[column] = np.uint16(value) if count[column] > _NONE else _NONE


@numba.njit(nogil=True, cache=True)
def count_looks(stack: np.ndarray) -> np.ndarray:
    """How many dates of `stack` (date, row, column; uint16) are not 0 at each pixel (row, column; uint8)."""
    result = np.zeros(stack.shape[1:], np.uint8)
    for row in range(stack.shape[1]):
        count = result[row]
        for date in range(stack.shape[0]):
            given = stack[date, row]
            for column in range(stack.shape[2]):
                count[column] += np.uint8(1) if given[column] > _NONE else np.uint8(0)
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

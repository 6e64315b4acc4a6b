"""A pixel's looks become one value: exactly what numpy computes, look by look."""

import numpy as np
import pytest

from kilnscan.looks import first_clear, percentiles, place

PERCENTS = [0, 25, 50, 90, 100]


@pytest.mark.parametrize("dates", [1, 2, 5, 6, 8, 13, 64])
def test_percentiles_of_the_looks_agree_with_numpy(dates):
    rng = np.random.default_rng(dates)
    stack = rng.integers(1, 60_000, (dates, 5, 33)).astype(np.uint16)
    stack[rng.random(stack.shape) < 0.4] = 0
    expected = np.zeros((len(PERCENTS), 5, 33))
    for place_ in np.ndindex(5, 33):
        seen = stack[(slice(None), *place_)]
        if (seen > 0).any():
            expected[(slice(None), *place_)] = np.floor(np.percentile(seen[seen > 0], PERCENTS) + 1e-6)
    assert (percentiles(stack, PERCENTS) == expected).all()
    for percent, alone in zip(PERCENTS, expected, strict=True):
        assert (percentiles(stack, [percent])[0] == alone).all()


def test_no_date_at_all_gives_nothing():
    assert not percentiles(np.zeros((0, 3, 3), np.uint16), [50]).any()


@pytest.mark.parametrize(("factor", "offset"), [(1.0, 0.0), (1.0, -1000.0), (0.5, 10.25)])
def test_reflectance_is_placed_where_it_was_seen_and_kept_in_range(factor, offset):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 65536, (20, 40)).astype(np.uint16)
    clear = rng.random(values.shape) < 0.5
    layer = np.zeros(values.shape, np.uint16)
    place(values, clear, factor, offset, layer)
    expected = np.clip(np.rint(values * factor + offset), 1, 65534)
    assert (layer == np.where(clear & (values > 0), expected, 0)).all()


def test_the_least_cloudy_date_comes_first_where_it_saw_anything():
    stack = np.array([[[1, 0, 3]], [[4, 5, 0]], [[0, 0, 0]]], np.uint16)
    assert first_clear(stack, [1, 0, 2]).tolist() == [[4, 5, 3]]

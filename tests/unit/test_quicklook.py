"""The small picture of a tile can be looked at, whatever the screen reads."""

import numpy as np
import pytest

from kilnscan.screen import _shrink_into


@pytest.mark.parametrize(("dtype", "lift"), [("uint16", 0), ("int16", 32768)])
@pytest.mark.parametrize(
    ("bands", "shown"),
    [(["B02", "B03", "B04", "B08"], [2, 1, 0]), (["A00", "A01", "A02", "A03"], [0, 1, 2]), (["A00"], [0, 0, 0])],
)
def test_the_quicklook_is_unsigned_and_keeps_order_and_holes(dtype, lift, bands, shown):
    low = -9000 if lift else 100
    pixels = np.random.default_rng(0).integers(low, 9000, (len(bands), 8, 12)).astype(dtype)
    valid = np.ones((8, 12), bool)
    valid[:4, :4] = False
    overview = np.zeros((3, 4, 3), np.uint16)
    _shrink_into(overview, pixels, valid, 8, bands)
    means = np.rint(pixels[shown].reshape(3, 2, 4, 3, 4).mean(axis=(2, 4)) + lift)
    means[:, 0, 0] = 0
    assert (overview[:, 2:] == means).all() and not overview[:, :2].any() and (overview[:, 2:].max() > lift)

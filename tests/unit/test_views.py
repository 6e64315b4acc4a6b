"""What a turned and mirrored view says is brought back to where it belongs."""

import numpy as np
import pytest

from kilnscan.views import align, turn


@pytest.mark.parametrize("view", range(8))
def test_what_a_turned_view_says_is_turned_back(view: int):
    places = np.arange(4 * 4 + 2 * 2, dtype=float)  # two levels, 4 x 4 and 2 x 2, each place with its own score
    levels = [places[:16].reshape(4, 4), places[16:].reshape(2, 2)]
    seen = np.concatenate([turn(level, view).ravel() for level in levels])
    picture = np.zeros((32, 32))
    picture[5, 20:24] = 1  # a line along x
    rows, columns = np.nonzero(turn(picture, view))
    angle = 0.0 if np.ptp(columns) else np.pi / 2
    box = np.array([columns.mean() + 0.5, rows.mean() + 0.5, 4.0, 1.0])
    raw = np.vstack([np.repeat(box[:, None], 20, axis=1), seen, np.full(20, angle)])
    back = align(raw, view, size=32)
    assert all(box == pytest.approx([22, 5.5, 4, 1]) for box in back[:4].T)
    assert np.sin(back[-1]) == pytest.approx(0, abs=1e-9)
    assert np.array_equal(back[4], places)

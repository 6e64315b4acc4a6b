"""A detector sees the land at the scale it was trained at, however large its windows are."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy import ndimage

from kilnscan.detector import DETECTION
from kilnscan.pieces import detect_in_pictures, starts


@dataclass
class Brightest:
    """Finds every patch of white, as an upright box; remembers what it was shown."""

    window_px: int
    resolution_m: float = 0.5
    fill: int = 114
    classes: tuple[str, ...] = ("kiln",)
    label_shift_m: tuple[float, float] = (0.0, 0.0)
    seen: list = field(default_factory=list)

    def detect(self, windows, min_score=None, threads=1):
        tables = []
        for window in windows:
            assert window.shape == (self.window_px, self.window_px, 3)
            self.seen.append(window)
            places = ndimage.find_objects(ndimage.label(window[..., 0] == 255)[0])
            rows = [
                (
                    (x.start + x.stop) / 2,
                    (y.start + y.stop) / 2,
                    x.stop - x.start,
                    y.stop - y.start,
                    0,
                    # the more of it is seen, the better the score
                    (x.stop - x.start) * (y.stop - y.start) / 1e5,
                    0,
                )
                for y, x in places
            ]
            tables.append(np.array(rows, DETECTION))
        return tables


def picture(side: int, *kilns: tuple[int, int]) -> np.ndarray:
    """Black land with white kilns of 100 by 60 pixels around the given places (x, y)."""
    made = np.zeros((side, side, 3), np.uint8)
    for x, y in kilns:
        made[y - 30 : y + 30, x - 50 : x + 50] = 255
    return made


@pytest.mark.parametrize(
    ("side", "size", "expected"),
    [
        (320, 320, [0]),
        (320, 640, [0]),
        (640, 320, [0, 160, 320]),
        (640, 480, [0, 160]),
        (640, 639, [0, 1]),
        (533, 320, [0, 106, 213]),
    ],
)
def test_where_windows_begin(side, size, expected):
    assert starts(side, size) == expected


def test_windows_overlap_by_half_and_reach_both_ends():
    for side in range(1, 900, 7):
        for size in (64, 320, 333, 1024):
            begins = starts(side, size)
            assert begins[0] == 0
            assert begins[-1] == max(side - size, 0)
            assert max(np.diff(begins), default=0) <= size / 2 + 1


def test_a_picture_of_the_right_size_is_handed_over_as_it_is():
    detector, pictures = Brightest(320), picture(320, (160, 160))[None]
    (found,) = detect_in_pictures(detector, pictures)
    assert np.array_equal(detector.seen[0], pictures[0])
    assert found[["x", "y", "length", "width"]].tolist() == [(160, 160, 100, 60)]


@pytest.mark.parametrize("x", range(60, 590, 53))
@pytest.mark.parametrize("y", [40, 163, 240, 320, 597])
def test_small_windows_find_each_kiln_once_and_whole(x, y):
    (found,) = detect_in_pictures(Brightest(320), picture(640, (x, y))[None])
    assert found[["x", "y", "length", "width"]].tolist() == [(x, y, 100, 60)]


def test_neighbours_stay_apart_in_small_windows():
    places = [(200, 200), (310, 200), (310, 270), (500, 500)]
    (found,) = detect_in_pictures(Brightest(320), picture(640, *places)[None])
    assert sorted(found[["x", "y"]].tolist()) == sorted(places)


def test_a_large_window_holds_the_picture_in_its_middle_at_its_scale():
    detector = Brightest(1024)
    (found,) = detect_in_pictures(detector, picture(640, (100, 40))[None])
    assert found[["x", "y", "length", "width"]].tolist() == [(100, 40, 100, 60)]
    assert (detector.seen[0][:192] == 114).all() and (detector.seen[0][192:832, 192:832] != 114).all()


def test_what_is_found_outside_of_the_picture_is_dropped():
    class Anywhere(Brightest):
        def detect(self, windows, min_score=None, threads=1):
            return [np.array([(x, 512, 9, 9, 0, 0.9, 0) for x in (191, 193, 831, 833)], DETECTION) for _ in windows]

    (found,) = detect_in_pictures(Anywhere(1024), picture(640)[None])
    assert found["x"].tolist() == [1, 639]


def test_each_picture_has_its_own_answer():
    pictures = np.stack([picture(640, (100, 100)), picture(640), picture(640, (500, 300), (200, 300))])
    found = detect_in_pictures(Brightest(320), pictures)
    assert [len(table) for table in found] == [1, 0, 2]

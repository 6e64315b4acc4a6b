"""Boxes found in windows are put back on the map where they belong."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from kilnscan.detect import detect_tile
from kilnscan.detector import DETECTION
from kilnscan.store import Folder
from tests.unit.test_pieces import Brightest

WINDOW = (2812, 13125)  # centred on 449 920, 2 100 000


@dataclass
class Canned:
    """A detector that finds the given boxes in every window and remembers what it was shown."""

    boxes: list[tuple]
    classes: tuple[str, ...] = ("FCBK", "zigzag")
    window_px: int = 160
    resolution_m: float = 2.0
    label_shift_m: tuple[float, float] = (0.0, 0.0)
    seen: list = field(default_factory=list)

    def detect(self, windows, min_score=None, threads=1):
        self.seen += list(windows)
        return [np.array(self.boxes, DETECTION) for _ in windows]


@pytest.fixture
def imagery(tmp_path):
    """imagery.json of one window; its chips at 0.5 m are 10, 20, 30 and 40 bright from west to east, south first."""

    def write(missing=()):
        chips = []
        for value, (i, j) in enumerate([(2811, 13124), (2812, 13124), (2811, 13125), (2812, 13125)], start=1):
            if (i, j) in missing:
                continue
            place = Affine(0.5, 0, i * 160, 0, -0.5, (j + 1) * 160)
            profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "height": 320, "width": 320, "transform": place}
            with rasterio.open(tmp_path / f"{i}-{j}.tif", "w", crs="EPSG:32645", **profile) as target:
                target.write(np.full((3, 320, 320), value * 10, np.uint8))
            chips.append([i, j, f"{i}-{j}"])
        return {"tile": "45QVA", "epsg": 32645, "windows": [list(WINDOW)], "chips": chips}

    return write


def test_a_box_in_the_middle_lies_on_the_windows_centre(imagery, tmp_path):
    # 50 by 22 pixels of 2 m, along the picture's x axis: from east to west
    found = detect_tile(imagery(), Folder(tmp_path), Canned([(80, 80, 50, 22, 0.0, 0.9, 1)]), None)
    assert found[["type", "x", "y", "length_m", "width_m", "azimuth_deg"]].values.tolist() == [
        ["zigzag", 449_920, 2_100_000, 100, 44, 90]
    ]
    assert found.geometry.iloc[0].equals(shapely.box(449_870, 2_099_978, 449_970, 2_100_022))
    assert found.crs.to_epsg() == 32645


def test_angles_turn_clockwise_from_north(imagery, tmp_path):
    # down the picture and to the right is to the south-east: azimuth 135
    found = detect_tile(imagery(), Folder(tmp_path), Canned([(100, 60, 50, 22, np.pi / 4, 0.9, 0)]), None)
    assert found["azimuth_deg"].tolist() == [135]
    assert (found["x"].iloc[0], found["y"].iloc[0]) == (449_960, 2_100_040)
    east = found.geometry.iloc[0].exterior.coords
    assert max(east)[1] < 2_100_040  # its easternmost corner lies south of its centre


def test_the_detector_sees_north_up_at_its_own_resolution(imagery, tmp_path):
    detector = Canned([])
    detect_tile(imagery(missing=[(2811, 13124)]), Folder(tmp_path), detector, None)
    (picture,) = detector.seen
    assert picture.shape == (160, 160, 3)
    corners = [picture[r, c, 0] for r, c in ((0, 0), (0, 159), (159, 0), (159, 159))]
    assert corners == [30, 40, 0, 20]


def test_a_box_cut_by_the_windows_edge_is_left_to_another_window(imagery, tmp_path):
    found = detect_tile(
        imagery(), Folder(tmp_path), Canned([(15, 80, 50, 22, 0.0, 0.9, 0), (25, 80, 50, 22, 0.0, 0.9, 0)]), None
    )
    assert len(found) == 1


@pytest.mark.parametrize("window_px", [320, 480, 640, 1024], ids=["160 m", "240 m", "320 m", "512 m"])
def test_a_kiln_has_its_size_whatever_the_detectors_windows(imagery, tmp_path, window_px):
    described, (i, j) = imagery(), WINDOW
    with rasterio.open(tmp_path / f"{i}-{j}.tif", "r+") as chip:  # the north-eastern one: 100 by 50 m from its corner
        pixels = chip.read()
        pixels[:, 200:300, 10:210] = 255
        chip.write(pixels)
    found = detect_tile(described, Folder(tmp_path), Brightest(window_px), None)
    assert found[["x", "y", "length_m", "width_m"]].values.tolist() == [[449_975, 2_100_035, 100, 50]]


@pytest.mark.parametrize("windows", [[], [list(WINDOW)]], ids=["no candidates", "no imagery"])
def test_nothing_to_look_at_gives_an_empty_table(imagery, tmp_path, windows):
    found = detect_tile(imagery() | {"windows": windows, "chips": []}, Folder(tmp_path), Canned([]), None)
    full = detect_tile(imagery(), Folder(tmp_path), Canned([(80, 80, 50, 22, 0.0, 0.9, 1)]), None)
    assert len(found) == 0 and (found.dtypes == full.dtypes).all()


def test_boxes_lie_where_the_labels_would_have_put_them_unless_told_to_stay(imagery, tmp_path):
    detector = Canned([(80, 80, 50, 22, 0.0, 0.9, 1)], label_shift_m=(4.0, -7.0))  # added to the labels in training
    moved = detect_tile(imagery(), Folder(tmp_path), detector, None)
    assert moved[["x", "y"]].values.tolist() == [[449_916, 2_100_007]]
    assert moved.geometry.iloc[0].equals(shapely.box(449_866, 2_099_985, 449_966, 2_100_029))
    stayed = detect_tile(imagery(), Folder(tmp_path), detector, None, on_pixels=True)
    assert stayed[["x", "y"]].values.tolist() == [[449_920, 2_100_000]]

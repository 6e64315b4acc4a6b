from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from PIL import Image

from kilnscan import obb
from kilnscan.detector import DETECTION
from kilnscan.errors import VectorError
from kilnscan.training_chips import add_mistakes, make_chips, sweep

KILNS = np.array([[500_600.0, 3_100_700.0, 120.0, 60.0, 0.6], [501_400.0, 3_100_300.0, 100.0, 50.0, 2.0]])


class Plain:
    """Imagery of 2 km x 1 km: dark ground, kilns bright red."""

    epsg = 32643
    bands = ("B04", "B03", "B02")
    bounds = (500_000.0, 3_100_000.0, 502_000.0, 3_101_000.0)

    def read(self, bounds, resolution_m=10.0):
        left, bottom, right, top = bounds
        xs = np.arange(left, right, resolution_m) + resolution_m / 2
        ys = np.arange(top, bottom, -resolution_m) - resolution_m / 2
        x, y = np.meshgrid(xs, ys)
        kiln = shapely.contains_xy(shapely.union_all(obb.polygons(KILNS)), x, y)
        valid = (x > self.bounds[0]) & (x < self.bounds[2]) & (y > self.bounds[1]) & (y < self.bounds[3])
        pixels = np.full((3, *x.shape), 50, np.uint8)
        pixels[0][kiln] = 250
        return np.where(valid, pixels, 0).astype(np.uint8), valid


def kilns() -> gpd.GeoDataFrame:
    table = gpd.GeoDataFrame({"kiln_type": ["FCBK", "Zigzag"]}, geometry=obb.polygons(KILNS), crs=32643)
    return table.to_crs(4326)


def make(folder: Path, **more) -> Path:
    settings = {"classes": ["FCBK", "zigzag"], "resolution_m": 5.0, "window_px": 64, "backgrounds_per_km2": 5.0}
    return make_chips({"plain": Plain()}, {"plain": kilns()}, folder, **{**settings, **more})


def drawn(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Picture and label rows (class, then corners in shares) of each chip."""
    chips = {}
    for path in sorted((folder / "images" / "train").glob("*.png")):
        text = (folder / "labels" / "train" / f"{path.stem}.txt").read_text()
        chips[path.stem] = np.asarray(Image.open(path)), np.array(text.split(), float).reshape(-1, 9)
    return chips


def test_labels_lie_on_the_kilns_of_the_picture(tmp_path: Path):
    make(tmp_path)
    chips = drawn(tmp_path)
    assert {name.split("-")[0] for name in chips} == {"kiln", "background"}
    for picture, rows in chips.values():
        quads = rows[:, 1:].reshape(-1, 4, 2) * picture.shape[0]
        y, x = np.mgrid[: picture.shape[0], : picture.shape[1]] + 0.5
        labelled = np.zeros(picture.shape[:2], bool)
        for quad in quads:
            labelled |= shapely.contains_xy(shapely.Polygon(quad), x, y)
        red = picture[..., 0] > 100
        assert not (labelled & ~red).any()


def test_each_kiln_is_cut_several_times_with_its_own_class(tmp_path: Path):
    make(tmp_path, per_kiln=4)
    rows = [rows for name, (_, rows) in drawn(tmp_path).items() if name.startswith("kiln-")]
    assert len(rows) == 8
    assert {int(kind) for table in rows for kind in table[:, 0]} == {0, 1}


def test_a_known_shift_moves_the_labels_against_the_pixels(tmp_path: Path):
    make(tmp_path, shift_m=(0.0, 20.0))
    picture, rows = drawn(tmp_path)["kiln-plain-00000"]
    label = rows[0, 1:].reshape(-1, 2).mean(axis=0) * picture.shape[0]
    red = np.argwhere(picture[..., 0] > 100).mean(axis=0)[::-1] + 0.5
    assert label - red == pytest.approx([0, -4], abs=0.7)  # 20 m north: 4 pixels up


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path):
    for name in ("one", "two"):
        make(tmp_path / name, seed=7)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.*")} for name in ("one", "two"))
    assert one == two


def test_a_place_that_people_rejected_is_cut_without_a_label_and_changes_no_other_chip(tmp_path: Path):
    make(tmp_path / "without")
    nothing = gpd.GeoDataFrame(geometry=[shapely.box(501_000, 3_100_750, 501_100, 3_100_800)], crs=32643)
    make(tmp_path / "with", negatives={"plain": nothing})
    without, chips = drawn(tmp_path / "without"), drawn(tmp_path / "with")
    assert set(chips) - set(without) == {"rejected-plain-00000"} and len(chips["rejected-plain-00000"][1]) == 0
    assert all(np.array_equal(chips[name][0], picture) for name, (picture, _) in without.items())


class Finder:
    """Stands in for a detector: sees the centre of all red, in whichever window it lies."""

    window_px, resolution_m, classes = 64, 5.0, ("FCBK", "zigzag")

    def detect(self, windows, valid=None, **_):
        found = []
        for window in windows:
            rows, columns = np.nonzero(window[..., 0] > 100)
            whole = len(rows) > 100 and np.ptp(rows) < 30
            table = [(columns.mean() + 0.5, rows.mean() + 0.5, 24.0, 12.0, 0.0, 0.9, 0)] if whole else []
            found.append(np.array(table, DETECTION))
        return found


def test_a_sweep_finds_each_kiln_once_where_it_is():
    found = sweep(Finder(), Plain()).sort_values("x")
    assert len(found) == 2
    assert found[["x", "y"]].to_numpy() == pytest.approx(KILNS[:, :2], abs=5)
    assert found["length"].tolist() == [120, 120]


def test_what_is_found_but_not_labelled_is_cut_as_a_mistake(tmp_path: Path):
    make(tmp_path)
    assert add_mistakes(Finder(), {"plain": Plain()}, {"plain": kilns()}, tmp_path) == {"plain": 0}
    assert add_mistakes(Finder(), {"plain": Plain()}, {"plain": kilns()[:1]}, tmp_path) == {"plain": 1}
    assert "hard-plain-00000" in drawn(tmp_path)


def test_a_type_that_is_not_among_the_classes_is_named(tmp_path: Path):
    with pytest.raises(VectorError, match="'Zigzag', which is none of FCBK"):
        make(tmp_path, classes=["FCBK"])

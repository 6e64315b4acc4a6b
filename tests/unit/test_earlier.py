"""A picture of each kiln's place from an earlier composite."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from PIL import Image
from pydantic import ValidationError
from pyproj import Transformer

from kilnscan.config_impact import Earlier, Map
from kilnscan.dictionary import check_columns
from kilnscan.earlier_pictures import write_earlier
from kilnscan.errors import ImageryError
from kilnscan.products import _with_earlier

EPSG, X, Y = 32645, 450_000.0, 2_100_000.0
RIGHTS = {"date": "2018", "attribution": "Somebody", "licence": "CC0"}


def kilns(*places, epsg=EPSG):
    """Boxes of 60 x 30 m at places in metres of a UTM zone."""
    to_degrees = Transformer.from_crs(epsg, 4326, always_xy=True).transform
    boxes = [shapely.box(x - 30, y - 15, x + 30, y + 15) for x, y in places]
    boxes = [shapely.transform(box, to_degrees, interleaved=False) for box in boxes]
    lon, lat = to_degrees(*np.array(places, float).reshape(-1, 2).T)
    table = pd.DataFrame({"id": [f"K{k}" for k in range(len(places))], "lon": lon, "lat": lat})
    return gpd.GeoDataFrame(table, geometry=boxes, crs=4326)


def composite(raster, name="old.tif", bright=None, hole=None, dtype="uint16", **where):
    """100 x 100 pixels of 10 m; a bright square of 30 m whose middle is `bright` (metres east, south), a hole."""
    pixels = np.full((3, 100, 100), 1000, dtype)
    pixels += np.random.default_rng(1).integers(0, 100, pixels.shape).astype(dtype)
    if bright:
        row, column = int(bright[1] // 10), int(bright[0] // 10)
        pixels[:, row - 1 : row + 2, column - 1 : column + 2] = 4000
    if hole:
        pixels[:, hole[0], hole[1]] = 0
    return raster(name, pixels, **{"epsg": EPSG, "left": X, "top": Y, "nodata": 0} | where)


def shown(folder, name):
    with Image.open(folder / name) as picture:
        return np.asarray(picture.convert("L")).astype(int)


def earlier(path, **more):
    return Earlier(path=path, **RIGHTS, **more)


def test_a_picture_shows_160_m_around_the_kiln_and_its_box(raster, tmp_path):
    path = composite(raster, bright=(545, 475))
    (name,) = write_earlier(tmp_path, kilns((X + 505, Y - 515)), earlier(path))
    picture = shown(tmp_path, name)
    assert name == "K0-before.jpg" and picture.shape == (320, 320)
    middle = 160 + 2 * np.array([-40, 40])  # rows down, columns right: 40 m north and east
    assert picture[middle[0] - 20 : middle[0] + 20, middle[1] - 20 : middle[1] + 20].mean() > 230
    assert picture[240:, :80].mean() < 80
    for edge in (picture[127:133, 110:210], picture[187:193, 110:210], picture[140:180, 97:103].T):
        assert edge.max(axis=0).mean() > 180  # the box's sides
    assert picture[135:185, 105:115].mean() < 100


def test_kilns_off_the_composite_or_in_its_holes_have_none(raster, tmp_path):
    path = composite(raster, hole=(slice(40, 60), slice(40, 60)))
    places = (X + 500, Y - 500), (X + 250, Y - 250), (X + 5000, Y), (X + 1060, Y - 500)
    assert write_earlier(tmp_path, kilns(*places), earlier(path)) == ["", "K1-before.jpg", "", ""]
    assert [file.name for file in tmp_path.glob("*.jpg")] == ["K1-before.jpg"]


def test_each_pixel_is_of_the_first_file_that_has_it(raster, tmp_path):
    holed = composite(raster, "a.tif", bright=(500, 500), hole=(slice(0, 100), slice(50, 100)))
    whole = composite(raster, "b.tif")
    (name,) = write_earlier(tmp_path, kilns((X + 505, Y - 500)), earlier([holed, whole]))
    picture = shown(tmp_path, name)
    assert picture[160, 130:145].mean() > 200 and picture[160, 180:].mean() < 200


def test_bands_go_by_name(raster, tmp_path):
    pixels = np.full((4, 100, 100), 100, np.uint8)
    pixels[:, ::2] = 120
    pixels[3] += 100  # red
    path = raster("bgnr.tif", pixels, epsg=EPSG, left=X, top=Y)
    config = earlier(path, bands=["B02", "B03", "B08", "B04"])
    (name,) = write_earlier(tmp_path, kilns((X + 500, Y - 500)), config)
    with Image.open(tmp_path / name) as picture:
        red, green, blue = np.asarray(picture)[260:300, 20:60].mean(axis=(0, 1))
    assert red > 200 and green < 60 and blue < 60


@pytest.mark.parametrize(
    ("epsg", "left", "top"),
    [(32735, 500_000, 6_200_000), (32701, 166_500, 8_118_000), (32760, 833_000, 8_118_000)],
    ids=["south", "east of the antimeridian", "west of it"],
)
def test_any_place_will_do(raster, tmp_path, epsg, left, top):
    path = composite(raster, epsg=epsg, left=left, top=top)
    assert write_earlier(tmp_path, kilns((left + 500, top - 500), epsg=epsg), earlier(path)) == ["K0-before.jpg"]


def test_degrees_and_floats_will_do(raster, tmp_path):
    some = kilns((X + 500, Y - 500))
    pixels = np.random.default_rng(1).random((3, 100, 100)).astype(np.float32)
    left, top = some["lon"][0] - 0.005, some["lat"][0] + 0.005
    path = raster("degrees.tif", pixels, epsg=4326, left=left, top=top, pixel=1e-4)
    assert write_earlier(tmp_path, some, earlier(path)) == ["K0-before.jpg"]
    assert shown(tmp_path, "K0-before.jpg").std() > 20


def test_without_kilns_there_are_no_pictures(raster, tmp_path):
    assert write_earlier(tmp_path, kilns((X, Y)).iloc[:0], earlier(composite(raster))) == []


def test_a_composite_that_cannot_be_used_is_refused(raster, tmp_path):
    some = kilns((X + 500, Y - 500))
    with pytest.raises(ImageryError, match="matches no file"):
        write_earlier(tmp_path, some, earlier(f"{tmp_path}/*.tif"))
    with pytest.raises(ImageryError, match=r"nowhere\.tif"):
        write_earlier(tmp_path, some, earlier("nowhere.tif"))
    narrow = raster("one.tif", np.ones((1, 10, 10), np.uint8))
    with pytest.raises(ImageryError, match="has 1 band"):
        write_earlier(tmp_path, some, earlier(narrow))


@pytest.mark.parametrize("lacking", ["date", "attribution", "licence", "path"])
def test_what_the_map_must_say_must_be_given(lacking):
    told = {"path": "a.tif", **RIGHTS}
    del told[lacking]
    with pytest.raises(ValidationError, match=lacking):
        Map(earlier=told)


def test_colours_must_be_among_the_bands():
    with pytest.raises(ValidationError, match="B02 is not among the bands"):
        earlier("a.tif", bands=["B04", "B03", "B08"])
    assert Map(earlier=earlier("a.tif")).files[-1] == "a.tif"


def test_the_atlas_names_the_pictures_beside_todays(raster, tmp_path):
    some = kilns((X + 500, Y - 500), (X + 5000, Y)).assign(chip="", licence="CC0")
    told = _with_earlier(some, earlier(composite(raster)), tmp_path)
    assert told["chip_before"].tolist() == ["chips/K0-before.jpg", ""]
    assert told.columns.get_loc("chip_before") == told.columns.get_loc("chip") + 1
    check_columns("kilns", told)
